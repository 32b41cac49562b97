#include "policy/request_class.h"

#include "http/cache_control.h"
#include "policy/upgrade.h"

namespace weir::policy {
namespace {

using http::field_bit;
using http::FieldId;

constexpr std::uint64_t kMatters = field_bit(FieldId::kCacheControl) | field_bit(FieldId::kPragma) |
                                   field_bit(FieldId::kAuthorization) |
                                   field_bit(FieldId::kUpgrade);

RequestClass pass(std::string_view reason) {
  RequestClass c;
  c.use = Use::kPass;
  c.reason = reason;
  return c;
}

bool has_content(const http::Request& request) {
  return request.framing == http::Framing::kChunked ||
         (request.framing == http::Framing::kLength && request.length > 0);
}

// The fields of that name, member by member, until `yes` says so.
template <class Predicate>
bool any_member(const http::Fields& fields, FieldId id, Predicate yes) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != id) continue;
    std::string_view rest = fields[i].value;
    while (const auto member = http::next_element(rest)) {
      if (yes(*member)) return true;
    }
  }
  return false;
}

void read_directives(const http::Request& request, RequestClass& c) {
  if (request.fields.has(FieldId::kCacheControl)) {
    const http::CacheControl cc = http::parse_request_cache_control(request.fields);
    c.must_validate = cc.no_cache || cc.max_age == Seconds{0};
    c.no_store = cc.no_store;
    c.only_if_cached = cc.only_if_cached;
    c.max_age = cc.max_age;
    c.min_fresh = cc.min_fresh;
    c.max_stale = cc.max_stale;
    c.any_max_stale = cc.any_max_stale;
    c.stale_if_error = cc.stale_if_error;
  } else {  // RFC 9111 §5.4: Pragma counts only without Cache-Control
    c.must_validate = any_member(request.fields, FieldId::kPragma, [](std::string_view directive) {
      return http::iequals(directive, "no-cache");
    });
  }
}

}  // namespace

RequestClass classify(const http::Request& request, const Rules& rules) {
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  if (reads && has_content(request)) return pass("request_body");
  if (reads && (request.fields.known() & kMatters) == 0) return {};
  if (reads && wants_upgrade(request, rules.upgrades)) {
    RequestClass c = pass("upgrade");
    c.upgrade = true;
    return c;
  }

  RequestClass c = reads ? RequestClass{} : pass("method");
  c.invalidates = !http::is_safe(request.method);
  c.authorization = request.fields.has(FieldId::kAuthorization);
  if (rules.honour_request_no_cache) read_directives(request, c);
  return c;
}

}  // namespace weir::policy
