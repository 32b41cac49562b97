#include "http/cache_control.h"

#include <algorithm>

#include "http/structured.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::int64_t kMaxDelta = std::int64_t{1} << 31;  // RFC 9111 §1.2.2

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
  const auto value = parse_decimal(*directive.argument, static_cast<std::uint64_t>(kMaxDelta));
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

// ---- targeted fields

using Type = StructuredValue::Type;

// delta-seconds as an Integer. False: it is something else.
bool apply_seconds(const StructuredValue& value, std::optional<Seconds>& slot) {
  if (value.type != Type::kInteger) return false;
  slot = Seconds{std::clamp<std::int64_t>(value.integer, 0, kMaxDelta)};
  return true;
}

bool apply_flag(const StructuredValue& value, bool& flag) {
  if (value.type != Type::kBoolean) return false;
  flag = value.boolean;
  return true;
}

// no-cache, private: also with names.
bool apply_flag_or_names(const StructuredValue& value, bool& whole,
                         std::vector<std::string>& names) {
  if (value.type != Type::kString && value.type != Type::kToken) return apply_flag(value, whole);
  restrict({.name = {}, .argument = value.text}, whole, names);
  return true;
}

bool apply_targeted(const StructuredMember& member, CacheControl& cc) {
  const std::string_view key = member.key;
  const StructuredValue& value = member.value;
  if (key == "max-age") return apply_seconds(value, cc.max_age);
  if (key == "s-maxage") return apply_seconds(value, cc.s_maxage);
  if (key == "stale-while-revalidate") return apply_seconds(value, cc.stale_while_revalidate);
  if (key == "stale-if-error") return apply_seconds(value, cc.stale_if_error);
  if (key == "no-cache") return apply_flag_or_names(value, cc.no_cache, cc.no_cache_fields);
  if (key == "private") return apply_flag_or_names(value, cc.is_private, cc.private_fields);
  if (key == "no-store") return apply_flag(value, cc.no_store);
  if (key == "no-transform") return apply_flag(value, cc.no_transform);
  if (key == "must-revalidate") return apply_flag(value, cc.must_revalidate);
  if (key == "proxy-revalidate") return apply_flag(value, cc.proxy_revalidate);
  if (key == "public") return apply_flag(value, cc.is_public);
  if (key == "must-understand") return apply_flag(value, cc.must_understand);
  if (key == "immutable") return apply_flag(value, cc.immutable);
  return true;  // others are not for us
}

// ---- Cache-Control

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

std::optional<CacheControl> parse_targeted_cache_control(const Fields& fields,
                                                         std::string_view name) {
  const auto text = fields.joined(name);
  const auto members = text ? parse_dictionary(*text) : std::nullopt;
  if (!members || members->empty()) return std::nullopt;
  CacheControl cc;
  cc.present = cc.targeted = true;
  for (const StructuredMember& member : *members) {
    if (!apply_targeted(member, cc)) return std::nullopt;
  }
  return cc;
}

}  // namespace weir::http
