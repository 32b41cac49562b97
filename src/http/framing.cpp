#include "http/framing.h"

#include <limits>
#include <optional>

#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::uint64_t kMaxLength = std::numeric_limits<std::int64_t>::max();

enum class Coding : std::uint8_t { kChunked, kOther, kInvalid };

// kChunked only for the single element `chunked` in all lines together. `chunked` before anything
// else is kInvalid (RFC 9112 §6.1: it is the last coding and applied once), and so is no coding.
Coding transfer_coding(const Fields& fields) {
  std::size_t codings = 0;
  bool chunked_first = false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != FieldId::kTransferEncoding) continue;
    std::string_view rest = fields[i].value;
    while (const auto coding = next_element(rest)) {
      if (codings++ == 0) chunked_first = iequals(*coding, "chunked");
    }
  }
  if (codings == 0 || (codings > 1 && chunked_first)) return Coding::kInvalid;
  return chunked_first ? Coding::kChunked : Coding::kOther;
}

std::optional<std::uint64_t> parse_length(std::string_view value) {
  const auto length = parse_decimal(value, kMaxLength + 1);
  return length && *length <= kMaxLength ? length : std::nullopt;
}

// Several equal lines become one, so that it is stored and forwarded once.
bool unify_length(Fields& fields) {
  const std::string_view first = *fields.get(FieldId::kContentLength);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id == FieldId::kContentLength && fields[i].value != first) return false;
  }
  if (fields.count(FieldId::kContentLength) > 1) fields.set(FieldId::kContentLength, first);
  return true;
}

bool has_no_body(Method to, int status) {
  return to == Method::kHead || to == Method::kConnect || status < 200 || status == 204 ||
         status == 304;
}

}  // namespace

Result<void> frame_request(Request& head) {
  const bool length = head.fields.has(FieldId::kContentLength);
  if (head.fields.has(FieldId::kTransferEncoding)) {
    if (length || head.version < kHttp11) return fail(Errc::kBadFraming);
    const Coding coding = transfer_coding(head.fields);
    if (coding == Coding::kInvalid) return fail(Errc::kBadFraming);
    if (coding == Coding::kOther) return fail(Errc::kUnsupportedCoding);
    head.framing = Framing::kChunked;
  } else if (length) {
    if (head.fields.count(FieldId::kContentLength) > 1) return fail(Errc::kBadFraming);
    const auto bytes = parse_length(*head.fields.get(FieldId::kContentLength));
    if (!bytes) return fail(Errc::kBadFraming);
    head.framing = Framing::kLength;
    head.length = *bytes;
  }
  return {};
}

Result<void> frame_response(Method to, Response& head) {
  head.framing = Framing::kUntilClose;
  const bool length = head.fields.has(FieldId::kContentLength);
  if (head.fields.has(FieldId::kTransferEncoding)) {
    if (length || head.version < kHttp11 || transfer_coding(head.fields) != Coding::kChunked) {
      return fail(Errc::kOriginBadResponse);
    }
    head.framing = Framing::kChunked;
  } else if (length) {
    const auto bytes = parse_length(*head.fields.get(FieldId::kContentLength));
    if (!bytes || !unify_length(head.fields)) return fail(Errc::kOriginBadResponse);
    head.framing = Framing::kLength;
    head.length = *bytes;
  }
  if (has_no_body(to, head.status)) {
    head.framing = Framing::kNone;
    head.length = 0;
  }
  return {};
}

bool wants_keep_alive(const Fields& fields, Version version) {
  bool keep = version >= kHttp11;
  if (!fields.has(FieldId::kConnection)) return keep;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != FieldId::kConnection) continue;
    std::string_view rest = fields[i].value;
    while (const auto option = next_element(rest)) {
      if (iequals(*option, "close")) return false;
      if (iequals(*option, "keep-alive")) keep = true;
    }
  }
  return keep;
}

}  // namespace weir::http
