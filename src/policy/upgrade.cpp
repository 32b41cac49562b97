#include "policy/upgrade.h"

#include <algorithm>

#include "policy/forwarding.h"

namespace weir::policy {
namespace {

using http::FieldId;

// f(member) for each member of all fields of that name, until it says true.
template <class F>
bool any_member(const http::Fields& fields, FieldId id, F&& f) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != id) continue;
    std::string_view rest = fields[i].value;
    while (const auto member = http::next_element(rest)) {
      if (f(*member)) return true;
    }
  }
  return false;
}

bool says_upgrade(const http::Fields& fields) {
  return fields.has(FieldId::kUpgrade) &&
         any_member(fields, FieldId::kConnection,
                    [](std::string_view option) { return http::iequals(option, "upgrade"); });
}

bool may_leave_http(const http::Request& request) {
  return request.method == http::Method::kGet && request.version == http::kHttp11 &&
         request.framing == http::Framing::kNone && says_upgrade(request.fields);
}

bool is_allowed(std::string_view protocol, std::span<const std::string> allowed) {
  return !http::iequals(protocol, "h2c") && std::ranges::any_of(allowed, [&](std::string_view a) {
    return http::iequals(a, protocol);
  });
}

bool has_member(std::string_view list, std::string_view member) {
  while (const auto other = http::next_element(list)) {
    if (http::iequals(*other, member)) return true;
  }
  return false;
}

}  // namespace

std::string upgrades_to_ask(const http::Request& request, std::span<const std::string> allowed) {
  std::string out;
  if (!may_leave_http(request)) return out;
  any_member(request.fields, FieldId::kUpgrade, [&](std::string_view protocol) {
    if (is_allowed(protocol, allowed)) out.append(out.empty() ? "" : ", ").append(protocol);
    return false;
  });
  return out;
}

bool wants_upgrade(const http::Request& request, std::span<const std::string> allowed) {
  return may_leave_http(request) &&
         any_member(request.fields, FieldId::kUpgrade,
                    [&](std::string_view protocol) { return is_allowed(protocol, allowed); });
}

void ask_upgrade(std::string_view protocols, http::Request& to) {
  to.fields.set(FieldId::kConnection, "Upgrade");
  to.fields.set(FieldId::kUpgrade, protocols);
}

bool is_switch(const http::Response& response, std::string_view asked) {
  const auto strange = [&](std::string_view protocol) { return !has_member(asked, protocol); };
  const auto to = response.fields.joined(FieldId::kUpgrade);
  return response.status == 101 && says_upgrade(response.fields) && to && !to->empty() &&
         !any_member(response.fields, FieldId::kUpgrade, strange);
}

void clean_switch(http::Response& response, bool via, WallTime received) {
  const std::string to = response.fields.joined(FieldId::kUpgrade).value_or("");
  clean_response(response, via, received);
  response.fields.add(FieldId::kConnection, "Upgrade");
  response.fields.add(FieldId::kUpgrade, to);
}

}  // namespace weir::policy
