#include "app/replay_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/config.h"
#include "app/settings.h"

namespace weir::app {
namespace {

using delivery::Settings;

// What patience machines over samples know of the conf.
struct Knob {
  std::string_view name;
  void (*copy)(Settings& to, const Settings& from);
};
constexpr Knob kKnobs[] = {
    {"delivery.stall_timeout",
     [](Settings& to, const Settings& from) { to.stall_timeout = from.stall_timeout; }},
    {"delivery.half_closed_stall_timeout",
     [](Settings& to, const Settings& from) {
       to.half_closed_stall_timeout = from.half_closed_stall_timeout;
     }},
    {"delivery.zero_window_timeout",
     [](Settings& to, const Settings& from) { to.zero_window_timeout = from.zero_window_timeout; }},
    {"delivery.trickle_rate",
     [](Settings& to, const Settings& from) { to.trickle_rate = from.trickle_rate; }},
    {"delivery.min_rate", [](Settings& to, const Settings& from) { to.min_rate = from.min_rate; }},
    {"http.linger_timeout",
     [](Settings& to, const Settings& from) {
       to.linger_timeout = from.linger_timeout;
       to.linger_max = from.linger_max;
     }},
};

// Of a conf that says nothing else.
constexpr std::string_view kRestOfConf =
    "listen = \"127.0.0.1:8080\"\norigin = \"127.0.0.1:9000\"\n";

std::string no_part(std::string_view name) {
  std::array<std::string_view, std::size(kKnobs)> names;
  std::ranges::transform(kKnobs, names.begin(), &Knob::name);
  std::string_view likely = nearest(name, names);
  for (const std::string_view knob : names) {
    if (knob.substr(knob.find('.') + 1) == name) likely = knob;
  }
  return fmt::format(
      "--set: error: \"{}\" has no part in a replay\n{}\n", name,
      likely.empty() ? fmt::format("what has: {}", fmt::join(names, ", ")) : did_you_mean(likely));
}

// A line of a conf; what is no name in TOML either is refused.
std::expected<std::string, std::string> conf_line(std::string_view given) {
  const std::size_t equals = given.find('=');
  const std::string_view name = given.substr(0, equals);
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  if (equals == given.npos || name.empty() || !plain) {
    return std::unexpected(fmt::format(
        "--set: error: \"{}\" is not NAME=VALUE\nas: --set delivery.stall_timeout=30s\n", given));
  }
  const std::string_view table = name.substr(0, name.find('.'));
  if (table != "delivery" && table != "http") return std::unexpected(no_part(name));
  std::string value;
  for (const char c : given.substr(equals + 1)) {
    if (c == '"' || c == '\\') value += '\\';
    value += c;
  }
  return fmt::format("{} = \"{}\"\n", name, value);
}

}  // namespace

std::expected<Overrides, std::string> Overrides::parse(const std::vector<std::string>& given,
                                                       std::string& warnings) {
  Overrides out;
  std::string conf;
  for (const std::string& one : given) {
    const auto line = conf_line(one);
    if (!line) return std::unexpected(line.error());
    conf += *line;
  }
  const auto loaded = parse_config(conf + std::string(kRestOfConf), "--set");
  if (!loaded) return std::unexpected(loaded.error());
  warnings += loaded->warnings;
  out.values_ = delivery_settings(loaded->config);
  for (const std::string& one : given) {
    const std::string_view name = std::string_view(one).substr(0, one.find('='));
    const auto knob = std::ranges::find(kKnobs, name, &Knob::name);
    if (knob == std::end(kKnobs)) return std::unexpected(no_part(name));
    out.named_.push_back(static_cast<std::size_t>(knob - std::begin(kKnobs)));
  }
  return out;
}

Settings Overrides::on(Settings base) const {
  for (const std::size_t i : named_) kKnobs[i].copy(base, values_);
  return base;
}

}  // namespace weir::app
