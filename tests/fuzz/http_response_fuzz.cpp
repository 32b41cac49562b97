// Responses: as http_request_fuzz.cpp.

#include "http/print.h"
#include "http_input.h"

using namespace weir;
using namespace weir::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input = fuzz::read_input(data, size);
  const Method to = size > 0 && data[0] % 8 == 0 ? Method::kHead : Method::kGet;
  const std::string whole = test::response_outcome(input.text, {}, to, input.limits);
  WEIR_CHECK(test::response_outcome(input.text, input.cuts, to, input.limits) == whole);

  ResponseParser parser(input.limits);
  Response head;
  const auto step = parser.feed(input.text, to, head);
  if (!step || !step->complete) return 0;
  WEIR_CHECK(head.status >= 100 && head.status <= 999);
  WEIR_CHECK(head.fields.count(FieldId::kContentLength) <= 1);
  if (!head.fields.has(FieldId::kContentLength)) {  // equal ones became one
    fuzz::check_head(input.text.substr(0, step->used), head.fields.size());
  }
  if (head.version == kHttp10) return 0;
  std::string printed;
  print_status_line(head.status, head.reason, printed);
  print_fields(head.fields, printed);
  printed += "\r\n";
  WEIR_CHECK(test::response_outcome(printed, {}, to) ==
             fmt::format("{} /{}", test::show(head), printed.size()));
  return 0;
}
