#include "app/conf_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/config_rows.h"
#include "http/fields.h"
#include "http/head.h"
#include "http/syntax.h"

namespace weir::app {
namespace {

using http::FieldId;

// Fields that say how a message is framed, where it goes or which part of a body it carries: Weir
// makes them itself.
bool is_ours(std::string_view name) {
  const FieldId id = http::field_id(name);
  return http::is_hop_by_hop(id) || id == FieldId::kHost || id == FieldId::kContentLength ||
         id == FieldId::kContentRange;
}

Fault refused_as_ours(std::string_view name) {
  return fmt::format("names {}, which Weir makes itself{}", name,
                     http::iequals(name, "Host") ? " (see host of [[origin]])" : "");
}

bool is_field_name(std::string_view name) { return http::is_token(name); }

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

struct Split {
  std::string_view name;
  std::string_view value;
  bool has_value;
};
Split split_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos) return {text, {}, false};
  return {text.substr(0, colon), http::trim(text.substr(colon + 1)), true};
}

bool is_value(std::string_view value) {
  return http::run_of(value, http::kTextChar) == value.size();
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), http::to_lower);
  return out;
}

std::vector<proxy::Glob> globs(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

std::vector<proxy::Glob> field_globs(const std::vector<std::string>& texts) {
  std::vector<proxy::Glob> out;
  for (const std::string& text : texts) out.emplace_back(lower(text));
  return out;
}

std::vector<std::string> lowered(std::vector<std::string> texts) {
  for (std::string& text : texts) text = lower(text);
  return texts;
}

std::vector<proxy::FieldTest> tests(const std::vector<std::string>& texts) {
  std::vector<proxy::FieldTest> out;
  for (std::string_view text : texts) {
    const bool absent = text.starts_with('!');
    if (absent) text.remove_prefix(1);
    const Split field = split_field(text);
    proxy::FieldTest& test = out.emplace_back();
    test.name = field.name;
    test.absent = absent;
    if (field.has_value) test.value.emplace(field.value);
  }
  return out;
}

proxy::FieldEdits edits(const std::vector<std::string>& remove,
                        const std::vector<std::string>& set) {
  proxy::FieldEdits out{field_globs(remove), {}};
  for (const std::string& text : set) {
    const Split field = split_field(text);
    out.set.push_back({std::string(field.name), std::string(field.value)});
  }
  return out;
}

std::optional<Seconds> seconds(const std::optional<Duration>& d) {
  return d ? std::optional(std::chrono::floor<Seconds>(*d)) : std::nullopt;
}

bool is_redirect(std::uint64_t status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Whether it does anything but match.
bool acts(const SiteRule& rule) {
  SiteRule plain;
  plain.name = rule.name;
  plain.hosts = rule.hosts;
  plain.paths = rule.paths;
  plain.methods = rule.methods;
  plain.fields = rule.fields;
  return rule != plain;
}

}  // namespace

Fault check_path_pattern(std::string& text) {
  if (text.find('?') != text.npos) return "is compared with the path alone, which has no \"?\"";
  if (!text.empty() && (text[0] == '/' || text[0] == '*') && is_visible(text)) return {};
  return "must be a path that begins with \"/\" or \"*\", as \"/static/*\" or \"*.jpg\"";
}

Fault check_method(std::string& text) {
  std::string upper = text;
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  if (!http::is_token(text)) return "must be a method, as \"GET\"";
  if (upper == text || http::parse_method(upper) == http::Method::kOther) return {};
  return fmt::format("is no method that anybody uses: did you mean \"{}\"?", upper);
}

Fault check_parameter_name(std::string& text) {
  if (!text.empty() && is_visible(text) && text.find_first_of("=&;,#\"") == text.npos) return {};
  return "must be a name, or the begin of one and \"*\", as \"utm_*\"";
}

Fault check_field_pattern(std::string& text) {
  if (!is_field_name(text) || text == "*") {
    return "must be the name of a field, or the begin of one and \"*\", as \"X-Debug-*\"";
  }
  return is_ours(text) ? refused_as_ours(text) : Fault{};
}

Fault check_field_test(std::string& text) {
  const bool absent = text.starts_with('!');
  const Split field = split_field(std::string_view(text).substr(absent ? 1 : 0));
  const bool sound = is_field_name(field.name) && is_value(field.value);
  if (!sound || (field.has_value && field.value.empty())) {
    return "must be \"Name\", \"!Name\" or \"Name: value\", as \"User-Agent: *bot*\"";
  }
  if (absent && field.has_value) return "says that the field is absent: it can have no value";
  return {};
}

Fault check_field_line(std::string& text) {
  const Split field = split_field(text);
  if (!field.has_value || !is_field_name(field.name) || !is_value(field.value)) {
    return "must be \"Name: value\"";
  }
  return is_ours(field.name) ? refused_as_ours(field.name) : Fault{};
}

Fault check_coding(std::string& text) {
  if (text == "off" || text == name(http::Coding::kGzip) || text == name(http::Coding::kBrotli))
    return {};
  if (text == "brotli") return "is no content coding: did you mean \"br\"?";
  return "must be \"br\", \"gzip\" or \"off\"";
}

Fault check_media_type(std::string& text) {
  const std::size_t slash = text.find('/');
  const bool sound = slash != text.npos &&
                     http::is_token(std::string_view(text).substr(0, slash)) &&
                     http::is_token(std::string_view(text).substr(slash + 1));
  if (!sound || text.find('*') != text.rfind('*')) {
    return "must be a media type, with one \"*\" at most, as \"text/*\" or \"application/*+json\"";
  }
  text = lower(text);
  return {};
}

std::vector<http::Coding> codings(const std::vector<std::string>& texts) {
  std::vector<http::Coding> out;
  for (const std::string& text : texts) {
    const auto coding = text == "br" ? http::Coding::kBrotli : http::Coding::kGzip;
    if (text != "off" && std::ranges::find(out, coding) == out.end()) out.push_back(coding);
  }
  return out;
}

bool mixes_off(const std::vector<std::string>& texts) {
  return texts.size() > 1 && std::ranges::find(texts, "off") != texts.end();
}

Fault check_location(std::string& text) {
  constexpr std::array<std::string_view, 4> kParts = {"scheme", "host", "path", "target"};
  if (text.empty() || !is_visible(text)) return "must be a URI, as \"https://{host}{target}\"";
  for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    const std::string_view rest = std::string_view(text).substr(at + 1);
    const std::string_view name = rest.substr(0, rest.find('}'));
    if (name.size() == rest.size()) return "has \"{\" without \"}\"";
    if (std::ranges::find(kParts, name) != kParts.end()) continue;
    const std::string likely = did_you_mean(nearest(name, kParts));
    return fmt::format("has \"{{{}}}\": known are {{scheme}}, {{host}}, {{path}}, {{target}}{}",
                       name, likely.empty() ? "" : "; " + likely);
  }
  return {};
}

std::vector<RuleFault> check_rule(const SiteRule& rule) {
  std::vector<RuleFault> out;
  if (!acts(rule))
    out.push_back({"", "this rule does nothing", "set what it shall do, as pass = true"});
  const bool redirects = !rule.respond || is_redirect(*rule.respond);
  if (rule.location && !redirects) {
    out.push_back({"respond", fmt::format("a location needs a redirect, not {}", *rule.respond),
                   "301, 302, 303, 307 or 308"});
  }
  if (rule.respond && is_redirect(*rule.respond) && !rule.location) {
    out.push_back({"respond", fmt::format("{} needs a location", *rule.respond),
                   "as: location = \"https://{host}{target}\""});
  }
  if (rule.text && !rule.respond && !rule.location) {
    out.push_back({"text", "text needs respond", "as: respond = 403"});
  }
  if (!rule.fields.empty() &&
      (!rule.query_ignore.empty() || !rule.query_strip.empty() || rule.query_sort)) {
    out.push_back({"fields",
                   "what of the query counts cannot depend on fields: a purge of a URL would not "
                   "find what is stored",
                   "use hosts, paths or methods"});
  }
  if (mixes_off(rule.compress)) out.push_back({"compress", "\"off\" stands alone", {}});
  for (const auto& [names, parameter] :
       {std::pair(&rule.key_fields, "key_fields"), std::pair(&rule.key_cookies, "key_cookies")}) {
    const auto starred = [](const std::string& name) { return name.find('*') != name.npos; };
    if (std::ranges::any_of(*names, starred)) {
      out.push_back({parameter, fmt::format("{} takes whole names, without \"*\"", parameter), {}});
    }
  }
  return out;
}

proxy::Rule compiled(const SiteRule& rule, std::size_t number) {
  proxy::Rule out;
  out.reason = fmt::format("rule:{}", rule.name.empty() ? std::to_string(number) : rule.name);
  out.hosts = rule.hosts;
  out.paths = globs(rule.paths);
  out.methods = rule.methods;
  out.fields = tests(rule.fields);
  out.pass = rule.pass;
  out.ttl = seconds(rule.ttl);
  out.negative_ttl = seconds(rule.negative_ttl);
  out.grace = seconds(rule.grace);
  out.keep = seconds(rule.keep);
  out.query_ignore = globs(rule.query_ignore);
  out.query_strip = globs(rule.query_strip);
  out.query_sort = rule.query_sort;
  out.key_fields = lowered(rule.key_fields);
  out.key_cookies = rule.key_cookies;
  out.strip_cookies = globs(rule.strip_cookies);
  out.set_cookie = rule.set_cookie;
  out.ranges = rule.ranges;
  out.request = edits(rule.request_remove, rule.request_set);
  out.origin = edits(rule.origin_remove, rule.origin_set);
  out.response = edits(rule.response_remove, rule.response_set);
  if (!rule.compress.empty()) out.compress = codings(rule.compress);
  out.compress_types = rule.compress_types;
  out.compress_min = rule.compress_min;
  out.compress_max = rule.compress_max;
  if (rule.respond) out.respond = static_cast<int>(*rule.respond);
  if (rule.location && !rule.respond) out.respond = 302;
  out.location = rule.location.value_or("");
  out.text = rule.text.value_or("");
  out.last = rule.last.value_or(false);
  return out;
}

}  // namespace weir::app
