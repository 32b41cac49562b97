#include "http/cache_control.h"

#include <algorithm>

#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::uint64_t kMaxDelta = std::uint64_t{1} << 31;  // RFC 9111 §1.2.2

struct Directive {
  std::string_view name;
  std::optional<std::string_view> argument;  // without quotes; absent without "="
  bool malformed = false;                    // blanks around "=", or quotes that do not pair up
};

Directive split(std::string_view element) {
  const std::size_t equals = element.find('=');
  Directive directive{.name = trim(element.substr(0, equals)), .argument = {}};
  if (equals == std::string_view::npos) return directive;
  std::string_view argument = element.substr(equals + 1);
  directive.malformed = directive.name.size() != equals || argument != trim(argument);
  if (argument.starts_with('"')) {
    argument.remove_prefix(1);
    directive.malformed |= !argument.ends_with('"');
    if (!directive.malformed) argument.remove_suffix(1);
  }
  directive.malformed |= argument.find('"') != std::string_view::npos;
  directive.argument = argument;
  return directive;
}

std::optional<Seconds> seconds(const Directive& directive) {
  if (!directive.argument || directive.malformed) return std::nullopt;
  const auto value = parse_decimal(*directive.argument, kMaxDelta);
  if (!value) return std::nullopt;
  return Seconds{static_cast<Seconds::rep>(*value)};
}

// Of several, the one that allows least.
void keep_least(std::optional<Seconds>& slot, std::optional<Seconds> value) {
  if (value) slot = slot ? std::min(*slot, *value) : *value;
}
void keep_most(std::optional<Seconds>& slot, std::optional<Seconds> value) {
  if (value) slot = slot ? std::max(*slot, *value) : *value;
}

// no-cache and private: with a valid list of names only those fields are meant, otherwise all.
void restrict(const Directive& directive, bool& whole, std::vector<std::string>& names) {
  std::string_view rest = directive.argument.value_or("");
  const std::size_t before = names.size();
  while (const auto name = next_element(rest)) {
    if (is_token(*name)) {
      names.emplace_back(*name);
    } else {
      whole = true;
    }
  }
  whole |= names.size() == before || directive.malformed;
}

void apply_request(const Directive& directive, CacheControl& cc) {
  const auto is = [&directive](std::string_view name) { return iequals(directive.name, name); };
  if (is("max-age")) {
    keep_least(cc.max_age, seconds(directive));
  } else if (is("max-stale")) {
    cc.any_max_stale |= !directive.argument;
    keep_least(cc.max_stale, seconds(directive));
  } else if (is("min-fresh")) {
    keep_most(cc.min_fresh, seconds(directive));
  } else if (is("stale-if-error")) {
    keep_least(cc.stale_if_error, seconds(directive));
  } else if (is("no-cache")) {
    cc.no_cache = true;
  } else if (is("no-store")) {
    cc.no_store = true;
  } else if (is("no-transform")) {
    cc.no_transform = true;
  } else if (is("only-if-cached")) {
    cc.only_if_cached = true;
  }
}

bool apply_response_times(const Directive& directive, CacheControl& cc) {
  const auto is = [&directive](std::string_view name) { return iequals(directive.name, name); };
  if (is("max-age")) {
    keep_least(cc.max_age, seconds(directive).value_or(Seconds{0}));
  } else if (is("s-maxage")) {
    keep_least(cc.s_maxage, seconds(directive).value_or(Seconds{0}));
  } else if (is("stale-while-revalidate")) {
    keep_least(cc.stale_while_revalidate, seconds(directive));
  } else if (is("stale-if-error")) {
    keep_least(cc.stale_if_error, seconds(directive));
  } else {
    return false;
  }
  return true;
}

void apply_response(const Directive& directive, CacheControl& cc) {
  const auto is = [&directive](std::string_view name) { return iequals(directive.name, name); };
  if (apply_response_times(directive, cc)) return;
  if (is("no-cache")) {
    restrict(directive, cc.no_cache, cc.no_cache_fields);
  } else if (is("private")) {
    restrict(directive, cc.is_private, cc.private_fields);
  } else if (is("no-store")) {
    cc.no_store = true;
  } else if (is("no-transform")) {
    cc.no_transform = true;
  } else if (is("must-revalidate")) {
    cc.must_revalidate = true;
  } else if (is("proxy-revalidate")) {
    cc.proxy_revalidate = true;
  } else if (directive.argument) {
    return;  // those below allow something, and take no argument
  } else if (is("public")) {
    cc.is_public = true;
  } else if (is("must-understand")) {
    cc.must_understand = true;
  } else if (is("immutable")) {
    cc.immutable = true;
  }
}

using Apply = void (*)(const Directive&, CacheControl&);

// An unterminated quoted string would swallow all that follows: then quotes mean nothing.
void apply_element(std::string_view element, Apply apply, CacheControl& cc) {
  const Directive directive = split(element);
  apply(directive, cc);
  if (!directive.malformed) return;
  for (std::size_t comma; (comma = element.find(',')) != std::string_view::npos;) {
    element.remove_prefix(comma + 1);
    apply(split(trim(element.substr(0, element.find(',')))), cc);
  }
}

CacheControl parse(const Fields& fields, Apply apply) {
  CacheControl cc;
  if (!fields.has(FieldId::kCacheControl)) return cc;
  cc.present = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id != FieldId::kCacheControl) continue;
    std::string_view rest = fields[i].value;
    while (const auto element = next_element(rest)) apply_element(*element, apply, cc);
  }
  return cc;
}

}  // namespace

CacheControl parse_request_cache_control(const Fields& fields) {
  return parse(fields, apply_request);
}

CacheControl parse_response_cache_control(const Fields& fields) {
  return parse(fields, apply_response);
}

}  // namespace weir::http
