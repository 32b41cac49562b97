#include "policy/cache_status.h"

#include <array>
#include <charconv>

#include "base/check.h"

namespace weir::policy {
namespace {

std::string_view name_of(Forward forward) {
  switch (forward) {
    case Forward::kNone:
      return "";
    case Forward::kBypass:
      return "bypass";
    case Forward::kMethod:
      return "method";
    case Forward::kUriMiss:
      return "uri-miss";
    case Forward::kVaryMiss:
      return "vary-miss";
    case Forward::kMiss:
      return "miss";
    case Forward::kRequest:
      return "request";
    case Forward::kStale:
      return "stale";
    case Forward::kPartial:
      return "partial";
  }
  check_failed("a Forward without a name", __FILE__, __LINE__);
}

void append_number(std::int64_t value, std::string& out) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// An sf-string (RFC 9651 §4.1.6); what cannot stand in one is left out.
void append_string(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) continue;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

void print_cache_status(const CacheStatus& status, std::string& out) {
  WEIR_DCHECK(!status.hit || status.forward == Forward::kNone);  // RFC 9211 §2.1, §2.2
  out.append("weir");
  if (status.hit) {
    out.append("; hit");
  } else if (status.forward != Forward::kNone) {
    out.append("; fwd=").append(name_of(status.forward));
    if (status.forward_status) {
      out.append("; fwd-status=");
      append_number(*status.forward_status, out);
    }
    if (status.stored) out.append("; stored");
    if (status.collapsed) out.append("; collapsed");
  }
  if (status.ttl) {
    out.append("; ttl=");
    append_number(status.ttl->count(), out);
  }
  if (!status.key.empty()) append_string(status.key, out.append("; key="));
  if (!status.detail.empty()) out.append("; detail=").append(status.detail);
}

}  // namespace weir::policy
