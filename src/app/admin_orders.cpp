#include "app/admin_orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "app/conf_text.h"
#include "app/config_rows.h"
#include "http/authority.h"
#include "http/syntax.h"
#include "net/address.h"
#include "proxy/hosts.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
template <class T>
using Or = std::expected<T, std::string>;

// "scheme://authority/target", the authority in lower case and without a default port.
struct Url {
  std::string scheme, authority, target;

  std::string text() const { return fmt::format("{}://{}{}", scheme, authority, target); }
};

Or<Url> parse_url(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(fmt::format("the URL \"{}\" {}", text, why));
  };
  const std::size_t colon = text.find("://");
  Url url;
  url.scheme = text.substr(0, std::min(colon, text.size()));
  if (url.scheme != "http" && url.scheme != "https") {
    return wrong("must begin with http:// or https://");
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::string_view host = rest.substr(0, rest.find_first_of("/?"));
  std::string authority;
  if (!http::parse_authority(host, http::Port::kOptional, authority))
    return wrong("has no valid host");
  url.authority = http::without_default_port(url.scheme, authority);
  url.target = rest.substr(host.size());
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  if (http::run_of(url.target, http::kTargetChar) != url.target.size()) {
    return wrong("has characters that no request can have");
  }
  return url;
}

Or<Json> parse_object(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::unexpected("the body must be a JSON object");
  return json;
}

std::string unknown_key(const Json& json, std::span<const std::string_view> known) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::string likely = did_you_mean(nearest(key, known));
    return fmt::format("unknown key \"{}\"{}{}", key, likely.empty() ? "" : ": ", likely);
  }
  return {};
}

// A text, or a list of some.
Or<std::vector<std::string>> texts(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  const Json& value = json.at(std::string(key));
  const bool list = value.is_array() && !value.empty();
  for (const Json& one : list ? value : Json::array({value})) {
    if (!one.is_string() || one.get_ref<const std::string&>().empty()) {
      return std::unexpected(fmt::format("\"{}\" must be a text or a list of texts", key));
    }
    out.push_back(one.get<std::string>());
  }
  return out;
}

Or<void> add_urls(const std::vector<std::string>& all, const proxy::SiteTable& sites,
                  cache::PurgeOrder& order) {
  for (const std::string& text : all) {
    const Or<Url> url = parse_url(text);
    if (!url) return std::unexpected(url.error());
    const proxy::Site* site = sites.find(url->authority);
    if (!site) return std::unexpected(fmt::format("no site serves the host of \"{}\"", text));
    order.urls.push_back(url_in_cache(*site, url->text()));
  }
  return {};
}

Or<void> add_tags(std::vector<std::string> all, cache::PurgeOrder& order) {
  for (const std::string& tag : all) {
    if (tag.find_first_of(" \t") != tag.npos) {
      return std::unexpected(fmt::format("the tag \"{}\" has blanks, which no tag can have", tag));
    }
  }
  order.tags = std::move(all);
  return {};
}

Or<void> set_ban(const std::vector<std::string>& conditions, cache::PurgeOrder& order) {
  auto ban = cache::Ban::parse(conditions);
  if (!ban) return std::unexpected(ban.error());
  order.ban = std::move(*ban);
  return {};
}

Or<void> set_prefix(const std::vector<std::string>& all, cache::PurgeOrder& order) {
  if (all.size() != 1) return std::unexpected("one \"prefix\" at a time");
  const Or<Url> url = parse_url(all.front());
  if (!url) return std::unexpected(url.error());
  return set_ban({fmt::format("url ^= {}", url->text())}, order);
}

}  // namespace

Or<PurgeRequest> parse_purge(std::string_view text, const proxy::SiteTable& sites) {
  using enum proxy::PurgeKind;
  constexpr std::array<std::string_view, 5> kKeys = {"url", "tag", "prefix", "ban", "soft"};
  constexpr std::array kKinds = {kUrl, kTag, kPrefix, kBan};
  const Or<Json> json = parse_object(text);
  if (!json) return std::unexpected(json.error());
  const std::string unknown = unknown_key(*json, kKeys);
  if (!unknown.empty()) return std::unexpected(unknown);
  PurgeRequest out;
  if (const auto soft = json->find("soft"); soft != json->end()) {
    if (!soft->is_boolean()) return std::unexpected("\"soft\" must be true or false");
    if (soft->get<bool>()) out.order.mode = cache::PurgeMode::kSoft;
  }
  std::size_t which = kKinds.size();
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (!json->contains(std::string(kKeys[i]))) continue;
    if (which != kKinds.size()) {
      return std::unexpected(fmt::format("\"{}\" or \"{}\", not both", kKeys[which], kKeys[i]));
    }
    which = i;
  }
  if (which == kKinds.size())
    return std::unexpected("what to purge: \"url\", \"tag\", \"prefix\" or \"ban\"?");
  out.kind = kKinds[which];
  const auto all = texts(*json, kKeys[which]);
  if (!all) return std::unexpected(all.error());
  const Or<void> done = out.kind == kUrl      ? add_urls(*all, sites, out.order)
                        : out.kind == kTag    ? add_tags(*all, out.order)
                        : out.kind == kPrefix ? set_prefix(*all, out.order)
                                              : set_ban(*all, out.order);
  if (!done) return std::unexpected(done.error());
  return out;
}

Or<Question> make_question(std::string_view text, std::string_view method,
                           const std::vector<std::string>& fields) {
  const Or<Url> url = parse_url(text);
  if (!url) return std::unexpected(url.error());
  if (!http::is_token(method)) return std::unexpected(fmt::format("\"{}\" is no method", method));
  Question out{url->scheme, {}};
  http::Request& request = out.request;
  request.method = http::parse_method(method);
  request.method_text = method;
  request.authority = url->authority;
  request.target = url->target;
  request.fields.add(http::FieldId::kHost, url->authority);
  for (const std::string& line : fields) {
    const std::size_t colon = line.find(':');
    const std::string_view name = std::string_view(line).substr(0, colon);
    const std::string_view value = colon == line.npos
                                       ? std::string_view()
                                       : http::trim(std::string_view(line).substr(colon + 1));
    if (colon == line.npos || !http::is_token(name) ||
        http::run_of(value, http::kTextChar) != value.size()) {
      return std::unexpected(fmt::format("the field \"{}\" must be \"Name: value\"", line));
    }
    request.fields.add(name, value);
  }
  return out;
}

Or<Question> parse_question(std::string_view text) {
  constexpr std::array<std::string_view, 3> kKeys = {"url", "method", "fields"};
  const Or<Json> json = parse_object(text);
  if (!json) return std::unexpected(json.error());
  const std::string unknown = unknown_key(*json, kKeys);
  if (!unknown.empty()) return std::unexpected(unknown);
  std::string one[2] = {"", "GET"};
  for (std::size_t i = 0; i < std::size(one); ++i) {
    const auto value = json->find(std::string(kKeys[i]));
    if (value == json->end()) continue;
    if (!value->is_string()) return std::unexpected(fmt::format("\"{}\" must be a text", kKeys[i]));
    one[i] = value->get<std::string>();
  }
  std::vector<std::string> fields;
  if (json->contains("fields") && json->at("fields") != Json::array()) {
    auto all = texts(*json, "fields");
    if (!all) return std::unexpected(all.error());
    fields = std::move(*all);
  }
  return make_question(one[0], one[1], fields);
}

Or<RecordRequest> parse_record(std::string_view text) {
  constexpr std::array<std::string_view, 3> kKeys = {"record", "sample", "max_size"};
  constexpr std::uint64_t kMostEvery = 1'000'000;
  const Or<Json> json = parse_object(text);
  if (!json) return std::unexpected(json.error());
  const std::string unknown = unknown_key(*json, kKeys);
  if (!unknown.empty()) return std::unexpected(unknown);
  const Json what = json->value("record", Json());
  if (what != "on" && what != "off") return std::unexpected("\"record\" must be \"on\" or \"off\"");
  RecordRequest out{.on = what == "on", .order = {}};
  if (!out.on && json->size() > 1) return std::unexpected("\"off\" stands alone");
  std::uint64_t numbers[2] = {};
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    const auto value = json->find(std::string(kKeys[i + 1]));
    if (value == json->end()) continue;
    if (!value->is_number_unsigned() || *value == 0)
      return std::unexpected(fmt::format("\"{}\" must be a number above 0", kKeys[i + 1]));
    numbers[i] = value->get<std::uint64_t>();
  }
  if (numbers[0] > kMostEvery) return std::unexpected("\"sample\" is above 1000000");
  out.order = {.most = numbers[1], .every = static_cast<std::uint32_t>(numbers[0])};
  return out;
}

Or<std::string> parse_reload(std::string_view text) {
  constexpr std::array<std::string_view, 1> kKeys = {"conf"};
  const Or<Json> json = parse_object(text);
  if (!json) return std::unexpected(json.error());
  const std::string unknown = unknown_key(*json, kKeys);
  if (!unknown.empty()) return std::unexpected(unknown);
  const auto given = json->find("conf");
  if (given == json->end()) return {};
  if (!given->is_string()) return std::unexpected("\"conf\" must be a text");
  return given->get<std::string>();
}

Or<LogLevel> parse_level(std::string_view text) {
  constexpr std::array<std::string_view, 1> kKeys = {"level"};
  const Or<Json> json = parse_object(text);
  if (!json) return std::unexpected(json.error());
  const std::string unknown = unknown_key(*json, kKeys);
  if (!unknown.empty()) return std::unexpected(unknown);
  const auto given = json->find("level");
  if (given == json->end() || !given->is_string())
    return std::unexpected("\"level\" must be a text");
  std::vector<std::string_view> names;
  for (const Choice& choice : kChoicesOf<LogLevel>) {
    if (*given == choice.name) return static_cast<LogLevel>(choice.value);
    names.push_back(choice.name);
  }
  const std::string name = given->get<std::string>();
  const std::string likely = did_you_mean(nearest(name, names));
  return std::unexpected(fmt::format("\"{}\" is none of {}{}{}", name, fmt::join(names, ", "),
                                     likely.empty() ? "" : ": ", likely));
}

bool is_own_host(std::string_view authority) {
  const std::string_view host = proxy::without_port(authority);
  if (host == "localhost" || host.empty()) return true;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return net::parse_address(std::string(bracketed ? host.substr(1, host.size() - 2) : host), 0)
      .has_value();
}

}  // namespace weir::app
