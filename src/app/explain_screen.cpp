// The JSON of POST /explain as a page.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/explain.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

void row(std::string& out, std::string_view title, std::string_view text) {
  out += fmt::format("{:<10} {}\n", title, text);
}

std::string joined(const Json& list, std::string_view none) {
  std::string out;
  for (const Json& one : list) out += (out.empty() ? "" : ", ") + one.get<std::string>();
  return out.empty() ? std::string(none) : out;
}

// "max-age", one line for each name of Vary: "accept-encoding: gzip".
std::string indented(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ',');
  return text;
}

std::string freshness(const Json& o) {
  const auto ttl = o.at("ttl").get<std::int64_t>();
  const std::string until = o.at("fresh_until").get<std::string>();
  std::string out = ttl > 0 ? fmt::format("fresh until {}, for {} s", until, ttl)
                            : fmt::format("stale since {}, for {} s", until, -ttl);
  out += fmt::format(" (lifetime from: {})", o.at("lifetime_from").get<std::string>());
  if (o.at("purged_soft") == true) out += ", made stale by a purge";
  return out;
}

std::string limits(const Json& o) {
  std::string out;
  const auto add = [&](std::string_view text) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", text);
  };
  if (o.at("no_cache") == true) add("no-cache");
  if (o.at("must_revalidate") == true) add("must-revalidate");
  for (const char* name : {"stale_while_revalidate", "stale_if_error"}) {
    if (o.at(name) != 0) add(fmt::format("{} {} s", name, o.at(name).get<std::int64_t>()));
  }
  return out;
}

std::string body(const Json& b) {
  const std::string total =
      b.contains("total") ? b.at("total").dump() : std::string("an unknown length");
  std::string out = fmt::format("{} of {} bytes are here", b.at("present").dump(), total);
  if (b.at("complete") == false && !b.at("parts").empty()) {
    out += ":";
    for (const Json& p : b.at("parts")) out += fmt::format(" {}-{}", p[0].dump(), p[1].dump());
  }
  return out + (b.at("filling") == true ? ", more is coming" : "");
}

void object(std::string& out, std::size_t number, const Json& o) {
  out += fmt::format("\n{}. {}, {} s old{}\n", number, o.at("status").dump(), o.at("age").dump(),
                     o.at("chosen") == true ? ": the one for this request" : "");
  const auto line = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) row(out, fmt::format("   {}", title), text);
  };
  line("is", freshness(o));
  line("limits", limits(o));
  line("ETag", o.value("etag", ""));
  line("Vary", joined(o.at("vary"), ""));
  line("variant", indented(o.at("variant").get<std::string>()));
  line("tags", o.at("tags").get<std::string>());
  line("body", body(o.at("body")));
}

std::string screen(const Json& j) {
  std::string out;
  row(out, "request",
      fmt::format("{} {}", j.at("method").get<std::string>(), j.at("url").get<std::string>()));
  if (j.contains("site")) {
    const Json& site = j.at("site");
    row(out, "site",
        fmt::format("{} (origin {})", joined(site.at("hosts"), ""),
                    site.at("origin").get<std::string>()));
    row(out, "rules", joined(j.at("rules"), "none act"));
    if (j.contains("asked_as")) row(out, "asked as", j.at("asked_as").get<std::string>());
    row(out, "key", j.at("key").get<std::string>());
  }
  const Json& verdict = j.at("verdict");
  row(out, "verdict",
      fmt::format("{}: {}", verdict.at("what").get<std::string>(),
                  verdict.at("reason").get<std::string>()));
  if (!j.contains("stored")) return out;
  row(out, "fetches",
      fmt::format("{} under way{}", j.at("fetches").dump(),
                  j.at("hit_for_miss") == true ? ", and a hit-for-miss mark" : ""));
  const std::size_t stored = j.at("stored").size();
  row(out, "stored", fmt::format("{} variant{}", stored, stored == 1 ? "" : "s"));
  std::size_t number = 0;
  for (const Json& o : j.at("stored")) object(out, ++number, o);
  return out;
}

}  // namespace

std::expected<std::string, std::string> explain_screen(std::string_view json) {
  try {
    return screen(Json::parse(json));
  } catch (const Json::exception& e) {
    return std::unexpected(fmt::format("the answer cannot be read: {}", e.what()));
  }
}

}  // namespace weir::app
