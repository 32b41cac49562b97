#pragma once
// What the texts of [[site.rule]] must look like, and what becomes of them. Checks as in
// app/conf_value.h.

#include <string>
#include <vector>

#include "app/conf_value.h"
#include "app/config.h"
#include "proxy/rule.h"

namespace weir::app {

Fault check_path_pattern(std::string& text);    // "/static/*"
Fault check_method(std::string& text);          // "GET"
Fault check_parameter_name(std::string& text);  // of a cookie or query parameter, with "*"
Fault check_field_pattern(std::string& text);   // "X-Debug-*"; none that frames or routes
Fault check_field_test(std::string& text);      // "Name", "!Name" or "Name: value"
Fault check_field_line(std::string& text);      // "Name: value"; none that frames or routes
Fault check_coding(std::string& text);          // "br", "gzip" or "off"
Fault check_media_type(std::string& text);      // ends up in lower case
Fault check_location(std::string& text);        // a URI with {scheme}, {host}, {path}, {target}

// What is wrong with a rule as a whole, at which of its parameters ("": all of it).
struct RuleFault {
  std::string_view parameter;
  std::string text;
  std::string hint;
};
std::vector<RuleFault> check_rule(const SiteRule& rule);

// Of rules that passed all of these checks. `number` counts from 1.
proxy::Rule compiled(const SiteRule& rule, std::size_t number);

// Of `compress`: in order, each once; "off" is none.
std::vector<http::Coding> codings(const std::vector<std::string>& texts);
bool mixes_off(const std::vector<std::string>& texts);

}  // namespace weir::app
