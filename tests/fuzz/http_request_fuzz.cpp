// Requests: cutting the input changes nothing; what passes is plain for a naive reader too, and
// means the same when it is printed and read again.

#include "http/print.h"
#include "http_input.h"

using namespace weir;
using namespace weir::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input = fuzz::read_input(data, size);
  const std::string whole = test::request_outcome(input.text, {}, input.limits);
  WEIR_CHECK(test::request_outcome(input.text, input.cuts, input.limits) == whole);

  RequestParser parser(input.limits);
  Request head;
  const auto step = parser.feed(input.text, head);
  if (!step || !step->complete) return 0;
  const std::string_view text = input.text.substr(0, step->used);
  fuzz::check_head(text.substr(std::min(text.find_first_not_of("\r\n"), text.size())),
                   head.fields.size());
  WEIR_CHECK(head.version == kHttp10 || !head.authority.empty());
  WEIR_CHECK(head.fields.count(FieldId::kContentLength) <= 1);
  WEIR_CHECK(head.framing != Framing::kUntilClose);
  if (head.version == kHttp10) return 0;
  std::string printed;
  print_request(head, printed);
  WEIR_CHECK(test::request_outcome(printed, {}) ==
             fmt::format("{} /{}", test::show(head), printed.size()));
  return 0;
}
