#include "policy/forwarding.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "http/authority.h"
#include "http/date.h"
#include "http/syntax.h"
#include "policy/admission.h"

namespace weir::policy {
namespace {

using http::field_bit;
using http::FieldId;
using http::Fields;

constexpr std::uint64_t kHopByHop = 0
#define WEIR_FIELD(id, name, hop) | ((hop) != 0 ? field_bit(FieldId::k##id) : 0)
#include "http/fields.def"
#undef WEIR_FIELD
    ;

// "The recipient's maximum supported value" of Max-Forwards (RFC 9110 §7.6.2).
constexpr std::uint64_t kMaxHops = 1'000'000;

constexpr std::uint64_t kOfTheClient =
    field_bit(FieldId::kRange) | field_bit(FieldId::kIfRange) | field_bit(FieldId::kIfMatch) |
    field_bit(FieldId::kIfNoneMatch) | field_bit(FieldId::kIfModifiedSince) |
    field_bit(FieldId::kIfUnmodifiedSince) | field_bit(FieldId::kExpect);

bool says(Forwarded rule, Forwarded which) { return rule == which || rule == Forwarded::kBoth; }

// The known names that are not copied: removed for good, or written anew.
std::uint64_t not_copied(const ForwardRules& rules, bool for_storing) {
  std::uint64_t mask = kHopByHop | field_bit(FieldId::kContentLength) | field_bit(FieldId::kHost);
  if (for_storing) mask |= kOfTheClient;
  if (rules.via) mask |= field_bit(FieldId::kVia);
  if (says(rules.forwarded, Forwarded::kXForwardedFor)) {
    mask |= field_bit(FieldId::kXForwardedFor) | field_bit(FieldId::kXForwardedProto) |
            field_bit(FieldId::kXForwardedHost);
  }
  if (says(rules.forwarded, Forwarded::kForwarded)) mask |= field_bit(FieldId::kForwarded);
  return mask;
}

// Whether an option of Connection takes this field away; only ever one that we do not know.
bool named_in_connection(const Fields& fields, const http::Field& field) {
  if (field.id != FieldId::kUnknown || !fields.has(FieldId::kConnection)) return false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const http::Field line = fields[i];
    if (line.id != FieldId::kConnection) continue;
    std::string_view rest = line.value;
    while (const auto option = http::next_element(rest)) {
      if (http::iequals(*option, field.name)) return true;
    }
  }
  return false;
}

// "what came, ours"
std::string appended(const Fields& fields, FieldId id, std::string_view ours) {
  std::string all = fields.joined(id).value_or("");
  if (!all.empty()) all.append(", ");
  return all.append(ours);
}

// RFC 9110 §7.6.3: the version in which the message was received.
std::string via(http::Version received) {
  return std::to_string(received.major) + '.' + std::to_string(received.minor) + " weir";
}

void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// RFC 7239 §4, §6: for="[2001:db8::1]";host="example.org:8080";proto=https
std::string forwarded_element(const ClientFacts& client, std::string_view host) {
  const bool v6 = client.address.find(':') != std::string_view::npos;
  std::string out = "for=";
  out.append(v6 ? "\"[" : "").append(client.address).append(v6 ? "]\"" : "");
  out.append(";host=");
  append_quoted(host, out);
  return out.append(";proto=").append(client.scheme);
}

void add_client(const http::Request& from, const ForwardRules& rules, const ClientFacts& client,
                std::string_view host, Fields& to) {
  if (says(rules.forwarded, Forwarded::kXForwardedFor)) {
    to.add(FieldId::kXForwardedFor, appended(from.fields, FieldId::kXForwardedFor, client.address));
    to.add(FieldId::kXForwardedProto, client.scheme);
    to.add(FieldId::kXForwardedHost, host);
  }
  if (says(rules.forwarded, Forwarded::kForwarded)) {
    to.add(FieldId::kForwarded,
           appended(from.fields, FieldId::kForwarded, forwarded_element(client, host)));
  }
}

void remove_named_in_connection(Fields& fields) {
  const auto options = fields.joined(FieldId::kConnection);
  if (!options) return;
  std::string_view rest = *options;
  while (const auto option = http::next_element(rest)) {
    if (http::field_id(*option) == FieldId::kUnknown) fields.remove(*option);
  }
}

}  // namespace

std::optional<std::uint64_t> hops_left(const http::Request& request) {
  const bool counts =
      request.method == http::Method::kOptions || request.method == http::Method::kTrace;
  const auto text = counts ? request.fields.get(FieldId::kMaxForwards) : std::nullopt;
  return text ? http::parse_decimal(*text, kMaxHops) : std::nullopt;
}

void forward_request(const http::Request& from, const ForwardRules& rules,
                     const ClientFacts& client, bool for_storing, http::Request& to) {
  to.clear();
  to.method = from.method;
  to.method_text = from.method_text;
  to.target = from.target;
  // As it stands in the key: what the key does not tell apart must be the same to the origin.
  const std::string_view host = http::without_default_port(client.scheme, from.authority);
  to.authority = rules.host.empty() ? host : rules.host;
  to.version = http::kHttp11;
  to.fields.add(FieldId::kHost, to.authority);

  const std::uint64_t left_out = not_copied(rules, for_storing);
  for (std::size_t i = 0; i < from.fields.size(); ++i) {
    const http::Field field = from.fields[i];
    if ((left_out & field_bit(field.id)) != 0 || named_in_connection(from.fields, field)) continue;
    to.fields.add(field.name, field.value);
  }
  if (const auto hops = hops_left(from); hops.value_or(0) > 0) {
    to.fields.set(FieldId::kMaxForwards, std::to_string(*hops - 1));
  }
  add_client(from, rules, client, host, to.fields);
  if (rules.via) {
    to.fields.add(FieldId::kVia, appended(from.fields, FieldId::kVia, via(from.version)));
  }
}

void add_validators(const http::Response& stored, http::Request& to) {
  if (!can_be_validated(stored.status)) return;
  if (const auto tag = stored.fields.get(FieldId::kETag); tag && !tag->empty()) {
    to.fields.set(FieldId::kIfNoneMatch, *tag);
  }
  if (const auto date = stored.fields.get(FieldId::kLastModified); date && !date->empty()) {
    to.fields.set(FieldId::kIfModifiedSince, *date);
  }
}

void clean_response(http::Response& response, bool add_via, WallTime received) {
  Fields& fields = response.fields;
  remove_named_in_connection(fields);
  for (std::uint64_t hops = fields.known() & kHopByHop; hops != 0; hops &= hops - 1) {
    fields.remove(static_cast<FieldId>(std::countr_zero(hops)));
  }
  fields.remove("Proxy-Authentication-Info");
  fields.remove(FieldId::kContentLength);
  if (add_via) fields.set(FieldId::kVia, appended(fields, FieldId::kVia, via(response.version)));

  const auto date = fields.get(FieldId::kDate);
  if (!date || !http::parse_date(*date, received)) {
    fields.set(FieldId::kDate, http::print_date(received));
  }
}

}  // namespace weir::policy
