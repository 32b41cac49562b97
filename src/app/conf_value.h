#pragma once
// What the texts of a conf must look like. Each check answers what is wrong, or nothing, and may
// bring the text into its one spelling. Pure: no name is looked up.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/param.h"

namespace weir::app {

using Fault = std::optional<std::string>;

Fault check_name(std::string& text);             // letters, digits, "-", "_", "."
Fault check_address(std::string& text);          // an IP address and a port
Fault check_admin(std::string& text);            // the same, "unix:/path" or "off"
Fault check_server(std::string& text);           // host:port, host a name or an IP address
Fault check_server_text(std::string& text);      // the same, with weight=N and backup behind it
Fault check_host(std::string& text);             // a host pattern; ends up in lower case
Fault check_network(std::string& text);          // ends up without bits behind the prefix
Fault check_text(Kind kind, std::string& text);  // the one of these, or of conf_rule.h, for `kind`

// "https://host:port weight=N backup" in its parts.
struct ServerText {
  std::string address;  // host:port
  bool tls = false;     // "https://", whose port is 443 where none is said
  std::uint32_t weight = 1;
  bool backup = false;
};
Fault split_server(std::string_view text, ServerText& into);

struct NumberFault {
  std::string text;    // "needs a unit"
  std::string likely;  // what was probably meant, or empty
};
// The value of a number, from a string or from a bare whole number of the conf: units as the kind
// wants them, within the bounds of the row.
std::optional<NumberFault> check_number(const Param& row, std::string_view text,
                                        std::uint64_t& value);
std::optional<NumberFault> check_number(const Param& row, std::int64_t bare, std::uint64_t& value);

}  // namespace weir::app
