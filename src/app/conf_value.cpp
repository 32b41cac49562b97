#include "app/conf_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "app/conf_rule.h"
#include "net/address.h"
#include "net/network.h"
#include "net/unix_socket.h"

namespace weir::app {
namespace {

constexpr std::uint64_t kMostWeight = 1000;
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 1123 §2.1, and "_" which is common in private names. A last label of digits is no name: what
// has one is an IP address, or was meant to be.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; })) return false;
  while (true) {
    const std::size_t end = std::min(name.find('.'), name.size());
    const std::string_view label = name.substr(0, end);
    const auto part = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
    if (label.empty() || label.size() > 63 || !std::ranges::all_of(label, part)) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    if (end == name.size()) return true;
    name.remove_prefix(end + 1);
  }
}

bool is_ip(std::string_view host) {
  const bool v6 = host.find(':') != host.npos;
  return net::parse_address(v6 ? fmt::format("[{}]:1", host) : fmt::format("{}:1", host))
             .has_value() &&
         !host.empty() && host != "*";
}

std::string unit_names(Kind kind) {
  std::string out;
  for (const Unit& u : units_of(kind)) {
    out += out.empty() ? "" : ", ";
    out += u.name;
  }
  return out;
}

std::optional<NumberFault> check_bounds(const Param& row, std::string_view text,
                                        std::uint64_t value) {
  const Literal least = number_literal(row.kind, row.min);
  const Literal most = number_literal(row.kind, row.max);
  if (least.ok && value < least.value) {
    return NumberFault{fmt::format("{} is below the least, {}", text, row.min), {}};
  }
  if (most.ok && value > most.value) {
    return NumberFault{fmt::format("{} is above the most, {}", text, row.max), {}};
  }
  return {};
}

NumberFault bad_unit(const Param& row, const Quantity& q) {
  if (q.unit.front() == '.' || q.unit.front() == ',') return {"must be a whole number", {}};
  const std::string_view likely = likely_unit(q.unit, units_of(row.kind));
  return {fmt::format("unknown unit \"{}\", known are {}", q.unit, unit_names(row.kind)),
          likely.empty() ? std::string() : fmt::format("{} {}", q.number, likely)};
}

NumberFault no_unit(const Param& row, std::string_view number) {
  const Quantity initial = parse_quantity(row.initial, units_of(row.kind));
  return {fmt::format("needs a unit: {}", unit_names(row.kind)),
          fmt::format("{} {}", number, initial.unit)};
}

void to_lower(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
}

}  // namespace

Fault check_name(std::string& text) {
  const auto part = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (!text.empty() && text.size() <= 64 && std::ranges::all_of(text, part)) return {};
  return "must be a name of letters, digits, \"-\", \"_\" and \".\"";
}

Fault check_address(std::string& text) {
  const auto address = net::parse_address(text);
  if (!address) return "must be an IP address and a port, as \"127.0.0.1:8080\" or \"[::1]:8080\"";
  text = address->text();
  return {};
}

Fault check_admin(std::string& text) {
  if (text == "off" || net::parse_unix_address(text) || !check_address(text)) return {};
  return "must be an IP address and a port, as \"127.0.0.1:6180\", a path, as "
         "\"unix:/run/weir/admin.sock\", or \"off\"";
}

Fault check_unix_path(const std::string& text) {
  if (text.empty() || net::parse_unix_address(text)) return {};
  return "must be a path of at most 107 bytes, as \"unix:/run/weir/handover.sock\"";
}

Fault check_server(std::string& text) {
  const auto server = net::split_host_port(text);
  if (!server || server->port == 0 || !(is_host_name(server->host) || is_ip(server->host))) {
    return "must be host:port, as \"10.0.0.1:9000\", \"[2001:db8::1]:9000\" or \"app.example:80\"";
  }
  return {};
}

namespace {

// "https://host" and the like, into host:port.
void take_address(std::string_view word, ServerText& into) {
  into.tls = word.starts_with(kHttps);
  const bool url = into.tls || word.starts_with(kHttp);
  if (url) word.remove_prefix(into.tls ? kHttps.size() : kHttp.size());
  into.address = word;
  const std::size_t colon = word.rfind(':');
  const bool has_port = colon != word.npos && word.find(']', colon) == word.npos;
  if (url && !has_port) into.address += into.tls ? ":443" : ":80";
}

}  // namespace

Fault split_server(std::string_view text, ServerText& into) {
  into = {};
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.empty()) continue;
    std::uint64_t weight = 0;
    if (into.address.empty()) {
      take_address(word, into);
    } else if (word == "backup") {
      into.backup = true;
    } else if (!word.starts_with("weight=")) {
      return fmt::format("has an unknown option \"{}\": known are weight=N and backup", word);
    } else if (!parse_digits(word.substr(7), weight) || weight < 1 || weight > kMostWeight) {
      return fmt::format("needs a weight of 1 to {}", kMostWeight);
    } else {
      into.weight = static_cast<std::uint32_t>(weight);
    }
  }
  return check_server(into.address);
}

Fault check_server_text(std::string& text) {
  ServerText parts;
  return split_server(text, parts);
}

Fault check_host(std::string& text) {
  to_lower(text);
  std::string_view host = text;
  if (host == "*") return {};
  if (host.starts_with('[') && host.ends_with(']')) {
    if (is_ip(host.substr(1, host.size() - 2))) return {};
  } else {
    if (host.find(':') == host.npos && is_ip(host)) return {};
    if (host.starts_with("*.")) host.remove_prefix(2);
    if (is_host_name(host)) return {};
  }
  return "must be a host without port, as \"example.org\", \"*.example.org\" or \"*\"";
}

Fault check_network(std::string& text) {
  const auto network = net::parse_network(text);
  if (!network) return "must be an IP address or a network, as \"10.0.0.0/8\" or \"2001:db8::1\"";
  const std::string plain = network->text();
  if (text.find('/') != text.npos &&
      net::parse_network(text.substr(0, text.find('/')))->first != network->first) {
    return fmt::format("has bits behind its prefix: write \"{}\"", plain);
  }
  text = plain;
  return {};
}

Fault check_text(Kind kind, std::string& text) {
  switch (kind) {
    case Kind::kName:
      return check_name(text);
    case Kind::kAddress:
      return check_address(text);
    case Kind::kAdmin:
      return check_admin(text);
    case Kind::kUnixPath:
      return check_unix_path(text);
    case Kind::kServers:
      return check_server_text(text);
    case Kind::kHosts:
      return check_host(text);
    case Kind::kNetworks:
      return check_network(text);
    case Kind::kRuleName:
      return text.empty() ? Fault{} : check_name(text);
    case Kind::kPaths:
      return check_path_pattern(text);
    case Kind::kMethods:
      return check_method(text);
    case Kind::kNames:
      return check_parameter_name(text);
    case Kind::kFieldNames:
      return check_field_pattern(text);
    case Kind::kFieldTests:
      return check_field_test(text);
    case Kind::kCodings:
      return check_coding(text);
    case Kind::kMediaTypes:
      return check_media_type(text);
    case Kind::kFieldLines:
      return check_field_line(text);
    case Kind::kLocation:
      return check_location(text);
    case Kind::kText:
    case Kind::kSecret:
    case Kind::kCount:
    case Kind::kBytes:
    case Kind::kRate:
    case Kind::kDuration:
    case Kind::kBool:
    case Kind::kChoice:
      break;
  }
  if (text.find_first_of(std::string_view("\0\r\n", 3)) == text.npos) return {};
  return "must be one line";
}

std::optional<NumberFault> check_number(const Param& row, std::string_view text,
                                        std::uint64_t& value) {
  if (row.kind == Kind::kCount) {
    const bool digits = parse_digits(text, value);
    return NumberFault{"must be a whole number, without quotes", std::string(digits ? text : "")};
  }
  const Quantity q = parse_quantity(text, units_of(row.kind));
  value = q.value;
  switch (q.fault) {
    case QuantityFault::kNone:
      return check_bounds(row, text, value);
    case QuantityFault::kNoNumber:
      return NumberFault{fmt::format("must be a number and a unit, as \"{}\"", row.initial), {}};
    case QuantityFault::kNoUnit:
      return no_unit(row, q.number);
    case QuantityFault::kUnknownUnit:
      return bad_unit(row, q);
    case QuantityFault::kTooLarge:
      break;
  }
  return NumberFault{fmt::format("{} is too large", text), {}};
}

std::optional<NumberFault> check_number(const Param& row, std::int64_t bare, std::uint64_t& value) {
  if (bare < 0) return NumberFault{"must not be negative", {}};
  value = static_cast<std::uint64_t>(bare);
  const std::string text = std::to_string(bare);
  return row.kind == Kind::kCount ? check_bounds(row, text, value) : no_unit(row, text);
}

}  // namespace weir::app
