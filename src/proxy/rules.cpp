#include "proxy/rules.h"

#include <algorithm>

#include "http/syntax.h"
#include "proxy/hosts.h"
#include "proxy/target.h"

namespace weir::proxy {
namespace {

bool holds(const FieldTest& test, const http::Fields& fields) {
  bool there = false;
  bool matches = false;
  for (std::size_t i = 0; i < fields.size() && !matches; ++i) {
    const http::Field field = fields[i];
    if (!http::iequals(field.name, test.name)) continue;
    there = true;
    matches = !test.value || test.value->matches(field.value);
  }
  return test.absent ? !there : matches;
}

// `path` is filled in when it is first needed.
bool matches(const Rule& rule, const http::Request& request, std::string_view& path) {
  if (!rule.methods.empty() &&
      std::ranges::find(rule.methods, request.method_text) == rule.methods.end()) {
    return false;
  }
  if (!rule.hosts.empty() && !any_host_matches(rule.hosts, without_port(request.authority))) {
    return false;
  }
  if (!rule.paths.empty()) {
    thread_local std::string spelled;
    if (path.empty()) path = plain_path(request.target, spelled);
    if (!any_matches(rule.paths, path)) return false;
  }
  return std::ranges::all_of(rule.fields,
                             [&](const FieldTest& t) { return holds(t, request.fields); });
}

template <class T>
void replace(T& value, const std::optional<T>& by) {
  if (by) value = *by;
}

void apply_policy(const Rule& rule, policy::Rules& to) {
  if (rule.ttl) to.ttl = rule.ttl;
  if (rule.negative_ttl) to.negative_ttl = rule.negative_ttl;
  replace(to.grace, rule.grace);
  replace(to.keep, rule.keep);
  if (rule.set_cookie) to.store_set_cookie = *rule.set_cookie == SetCookie::kStore;
}

void apply(const Rule& rule, Ruling& to) {
  to.acting.push_back(&rule);
  apply_policy(rule, to.policy);
  if (rule.pass) to.pass = *rule.pass ? &rule : nullptr;
  if (rule.respond) to.respond = &rule;
  if (rule.set_cookie) {
    to.refuses_cookies = *rule.set_cookie == SetCookie::kUncacheable ? &rule : nullptr;
    to.strips_set_cookie = *rule.set_cookie == SetCookie::kStrip;
  }
  if (rule.ranges) {
    to.ranges = *rule.ranges;
    to.passes_ranges = *rule.ranges == Ranges::kPass ? &rule : nullptr;
  }
  replace(to.sorts_query, rule.query_sort);
  to.edits_request |= !rule.request.empty() || !rule.query_strip.empty() ||
                      !rule.strip_cookies.empty() || to.ranges == Ranges::kIgnore || to.sorts_query;
  to.edits_origin |= !rule.origin.empty() || to.strips_set_cookie;
  to.edits_response |= !rule.response.empty();
  to.edits_key |= !rule.query_ignore.empty() || !rule.key_fields.empty() ||
                  !rule.key_cookies.empty() || rule.splits_key();
}

// The next "name=value" of a Cookie field (RFC 6265 §4.2.1), or nothing.
std::optional<std::string_view> next_cookie(std::string_view& rest) {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view pair = http::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!pair.empty()) return pair;
  }
  return {};
}

std::string_view cookie_name(std::string_view pair) {
  return http::trim(pair.substr(0, pair.find('=')));
}

bool is_stripped(const Ruling& ruling, std::string_view cookie) {
  return std::ranges::any_of(ruling.acting, [&](const Rule* rule) {
    return any_matches(rule->strip_cookies, cookie_name(cookie));
  });
}

// The cookies that stay as one Cookie field, or none.
void strip_cookies(const Ruling& ruling, http::Fields& fields) {
  thread_local std::string kept;
  kept.clear();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != http::FieldId::kCookie) continue;
    std::string_view rest = fields[i].value;
    while (const auto cookie = next_cookie(rest)) {
      if (!is_stripped(ruling, *cookie)) kept.append(kept.empty() ? "" : "; ").append(*cookie);
    }
  }
  fields.remove(http::FieldId::kCookie);
  if (!kept.empty()) fields.add(http::FieldId::kCookie, kept);
}

void drop_parameters(std::string& target, const std::vector<Glob>& dropped, bool sorted) {
  thread_local std::string edited;
  edited.clear();
  edit_query(target, dropped, sorted, edited);
  target.assign(edited);
}

void edit_target(const Ruling& ruling, std::string& target) {
  for (const Rule* rule : ruling.acting) {
    if (!rule->query_strip.empty()) drop_parameters(target, rule->query_strip, false);
  }
  if (ruling.sorts_query) drop_parameters(target, {}, true);
}

void add_escaped(std::string_view value, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '%') {
      out.push_back(c);
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
}

void add_field(const http::Fields& fields, std::string_view name, std::string& out) {
  bool first = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!http::iequals(fields[i].name, name)) continue;
    if (first) out.append(" field:").append(name).append("=");
    if (!first) out.append(",%20");
    add_escaped(fields[i].value, out);
    first = false;
  }
}

void add_cookie(const http::Fields& fields, std::string_view name, std::string& out) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != http::FieldId::kCookie) continue;
    std::string_view rest = fields[i].value;
    while (const auto cookie = next_cookie(rest)) {
      if (cookie_name(*cookie) != name) continue;
      const std::size_t equals = std::min(cookie->find('='), cookie->size());
      out.append(" cookie:").append(name).append("=");
      add_escaped(cookie->substr(std::min(equals + 1, cookie->size())), out);
    }
  }
}

}  // namespace

void Ruling::begin(const policy::Rules& site) {
  acting.clear();
  policy = site;
  pass = respond = refuses_cookies = passes_ranges = nullptr;
  ranges = Ranges::kServe;
  strips_set_cookie = edits_request = edits_origin = edits_response = edits_key = sorts_query =
      false;
}

policy::CompressionRules Ruling::compression(policy::CompressionRules site) const {
  for (const Rule* rule : acting) {
    if (rule->compress) set_codings(*rule->compress, site);
    if (!rule->compress_types.empty()) site.types = &rule->compress_types;
    replace(site.min, rule->compress_min);
    replace(site.max, rule->compress_max);
  }
  return site;
}

void set_codings(const std::vector<http::Coding>& from, policy::CompressionRules& to) {
  to.count = 0;
  for (const http::Coding coding : from) {
    if (to.count < to.codings.size()) to.codings[to.count++] = coding;
  }
}

void RuleSet::judge(const http::Request& request, Ruling& into) const {
  std::string_view path;
  for (const Rule& rule : rules_) {
    if (!matches(rule, request, path)) continue;
    apply(rule, into);
    if (rule.respond || rule.last) return;
  }
}

void edit_request(const Ruling& ruling, const http::Request& from, http::Request& to) {
  to = from;
  edit_target(ruling, to.target);
  const auto strips = [](const Rule* rule) { return !rule->strip_cookies.empty(); };
  if (std::ranges::any_of(ruling.acting, strips)) strip_cookies(ruling, to.fields);
  if (ruling.ranges == Ranges::kIgnore) {
    to.fields.remove(http::FieldId::kRange);
    to.fields.remove(http::FieldId::kIfRange);
  }
  for (const Rule* rule : ruling.acting) edit(to.fields, rule->request);
}

void make_key(const Ruling& ruling, std::string_view scheme, const http::Request& asked,
              const http::Request& edited, cache::Key& into) {
  thread_local std::string target, parts;
  target.assign(edited.target);
  parts.clear();
  for (const Rule* rule : ruling.acting) {
    if (!rule->query_ignore.empty()) drop_parameters(target, rule->query_ignore, false);
    for (const std::string& name : rule->key_fields) add_field(asked.fields, name, parts);
    for (const std::string& name : rule->key_cookies) add_cookie(asked.fields, name, parts);
    if (rule->splits_key()) parts.append(" ").append(rule->reason);
  }
  cache::make_key(scheme, edited.authority, target, into, parts);
}

void edit_origin_response(const Ruling& ruling, http::Fields& fields) {
  http::Fields edited = fields;
  if (ruling.strips_set_cookie) edited.remove(http::FieldId::kSetCookie);
  for (const Rule* rule : ruling.acting) edit(edited, rule->origin);
  fields.clear();  // made anew, without the text of what went: it may be kept for long
  for (std::size_t i = 0; i < edited.size(); ++i) fields.add(edited[i].name, edited[i].value);
}

std::string filled_in(std::string_view text, std::string_view scheme,
                      const http::Request& request) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    out.append(text.substr(0, open));
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    if (close == text.npos) break;
    const std::string_view name = text.substr(0, close + 1);
    if (name == "{scheme}") out.append(scheme);
    if (name == "{host}") out.append(request.authority);
    if (name == "{path}") out.append(path_of(request.target));
    if (name == "{target}") out.append(request.target);
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace weir::proxy
