#include "front/refusal.h"

#include <fmt/format.h>

#include "body/text_body.h"
#include "http/date.h"

namespace weir::front {

Reply refusal(Error error, WallTime now, body::ChunkSource& source, http::Fields& extra) {
  const ErrorInfo& why = info(error);
  extra.add(http::FieldId::kDate, http::print_date(now));
  extra.add(http::FieldId::kContentType, "text/plain");
  const std::string text = fmt::format("{} {}\n{}: {}\n", why.status,
                                       http::reason_phrase(why.status), why.name, why.text);
  // No memory for a few bytes: then the status must do.
  Ref<body::Body> body = body::text_body(source, text);
  const std::uint64_t length = body ? text.size() : 0;
  return {.status = why.status, .body = std::move(body), .length = length};
}

}  // namespace weir::front
