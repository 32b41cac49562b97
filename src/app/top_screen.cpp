#include "app/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

enum class Style : std::uint8_t { kPlain, kBold, kDim, kGood, kWarn, kBad, kBar };
constexpr std::array<std::string_view, 7> kSequences = {"",   "1",  "2", "32",
                                                        "33", "31", "7"};  // SGR, by Style

// A line under construction: texts with their looks, cut where the terminal ends.
class Line {
 public:
  explicit Line(const TopOptions& options) : width_(options.width), color_(options.color) {}

  Line& add(std::string_view text, Style style = Style::kPlain) {
    const std::string_view fits = text.substr(0, width_ - used_);
    used_ += fits.size();
    const std::string_view sequence = color_ ? kSequences[static_cast<std::size_t>(style)] : "";
    if (sequence.empty() || fits.empty()) {
      out_ += fits;
    } else {
      out_ += fmt::format("\x1b[{}m{}\x1b[0m", sequence, fits);
    }
    return *this;
  }
  // Left or right in a column of that width, and a blank behind it.
  Line& left(std::string_view text, std::size_t width, Style style = Style::kPlain) {
    return add(fmt::format("{:<{}.{}} ", text, width, width), style);
  }
  Line& right(std::string_view text, std::size_t width, Style style = Style::kPlain) {
    return add(fmt::format("{:>{}.{}} ", text, width, width), style);
  }
  Line& title(std::string_view text) { return left(text, 8, Style::kDim); }
  std::size_t room() const { return width_ - used_; }
  std::string take() { return std::move(out_); }

 private:
  std::size_t width_;
  bool color_;
  std::size_t used_ = 0;
  std::string out_;
};

// A client's request must not be able to move the cursor.
std::string plain(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}
std::string text_of(const Json& object, const char* key) {
  return plain(object.at(key).get<std::string>());
}
double number(const Json& object, const char* key) { return object.at(key).get<double>(); }

std::string scaled(double n, double step, std::initializer_list<std::string_view> units) {
  auto unit = units.begin();
  while (n >= step && unit + 1 != units.end()) {
    n /= step;
    ++unit;
  }
  const int digits = unit == units.begin() || n >= 99.95 ? 0 : 1;
  return fmt::format("{:.{}f}{}", n, digits, *unit);
}
std::string bytes(double n) {
  return scaled(n, 1024, {" B", " KiB", " MiB", " GiB", " TiB", " PiB"});
}
std::string count(double n) {
  return n < 10'000 ? fmt::format("{:.0f}", n) : scaled(n, 1000, {"", "k", "M", "G"});
}
std::string time(double s) {
  if (s < 1) return fmt::format("{:.0f} ms", s * 1000);
  if (s < 120) return fmt::format("{:.0f} s", s);
  if (s < 7200) return fmt::format("{:.0f} min", std::floor(s / 60));
  if (s < 172'800) return fmt::format("{:.0f} h", std::floor(s / 3600));
  return fmt::format("{:.0f} d", std::floor(s / 86'400));
}
std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string words(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}
// "[#####-----]"
std::string gauge(double used, double limit, std::size_t width) {
  const double share = limit > 0 ? std::clamp(used / limit, 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  return "[" + std::string(full, '#') + std::string(width - full, '-') + "]";
}

constexpr std::array kResults = {"hit", "join", "miss", "pass", "error", "own"};

class Screen {
 public:
  Screen(const TopInput& input, const TopOptions& options)
      : options_(options),
        now_(Json::parse(input.status)),
        connections_(Json::parse(input.connections)) {
    if (input.before.empty()) return;
    before_ = Json::parse(input.before);
    seconds_ = number(now_, "uptime_seconds") - number(before_, "uptime_seconds");
    const bool same = now_.at("pid") == before_.at("pid") && seconds_ > 0;
    if (!same) seconds_ = 0;
  }

  std::vector<std::string> take() {
    head();
    clients();
    traffic();
    store();
    for (std::size_t i = 0; i < now_.at("origins").size(); ++i) origin(i);
    workers();
    table();
    if (lines_.size() > options_.height) lines_.resize(options_.height);
    return std::move(lines_);
  }

 private:
  bool wide() const { return options_.width >= TopOptions::kWide; }
  Line line() const { return Line(options_); }
  void put(Line& line) { lines_.push_back(line.take()); }

  // Per second since `before`; nothing: there is no before.
  std::optional<double> rate(const Json::json_pointer& at) const {
    if (seconds_ <= 0 || !before_.contains(at)) return std::nullopt;
    return std::max(0.0, now_.at(at).get<double>() - before_.at(at).get<double>()) / seconds_;
  }
  std::string byte_rate(const char* at) const {
    const auto r = rate(Json::json_pointer(at));
    return r ? bytes(*r) + "/s" : "-";
  }
  static std::string per_second(std::optional<double> r) { return r ? count(*r) + "/s" : "-"; }

  void head() {
    Line l = line();
    const std::string state = text_of(now_, "state");
    l.add("weir " + text_of(now_, "version"), Style::kBold);
    l.add("  ").add(state, state == "serving" ? Style::kGood : Style::kWarn);
    l.add(
        fmt::format("  pid {}  up {}", number(now_, "pid"), time(number(now_, "uptime_seconds"))));
    if (options_.paused) l.add("  ").add("PAUSED", Style::kWarn);
    const std::string keys = fmt::format("q quit  s sort: {}  p pause", name(options_.sort));
    if (l.room() > keys.size() + 1) l.add(std::string(l.room() - keys.size(), ' '));
    l.add(keys, Style::kDim);
    put(l);
    if (options_.trouble.empty()) return;
    Line trouble = line();
    trouble.add(plain(options_.trouble), Style::kBad);
    put(trouble);
  }

  void clients() {
    const Json& all = now_.at("connections");
    Line l = line();
    l.title("clients").add(count(number(all, "open")), Style::kBold);
    if (wide() && all.at("max") != 0) l.add(" of " + count(number(all, "max")));
    for (const char* phase : {"sending", "awaiting_origin", "reading", "lingering", "idle"}) {
      l.add(fmt::format("  {} {}", words(phase), count(number(all.at("phases"), phase))));
    }
    put(l);
  }

  void traffic() {
    Line l = line();
    l.title("traffic").add(byte_rate("/bytes/acknowledged"), Style::kBold).add(" to clients  ");
    l.add(byte_rate("/bytes/from_origins"), Style::kBold).add(" from origins");
    double asked = 0;
    double hits = 0;
    std::string each;
    for (const char* result : kResults) {
      const auto r = rate(Json::json_pointer(std::string("/requests/") + result));
      if (std::string_view(result) != "own") asked += r.value_or(0);
      if (std::string_view(result) == "hit") hits = r.value_or(0);
      each += fmt::format("  {} {}", result, per_second(r));
    }
    const std::string ratio = asked > 0 ? "hit " + percent(hits / asked) : "hit -";
    if (wide()) {
      l.add("  ").add(ratio, Style::kBold);
      put(l);
      l = line();
      l.title("answers").add(each.substr(2));
    } else {
      put(l);
      l = line();
      l.title("answers").add(ratio, Style::kBold).add(each.substr(each.find("  join")));
    }
    put(l);
  }

  void store() {
    const Json& store = now_.at("store");
    const std::size_t width = wide() ? 20 : 10;
    const auto show = [&](Line& l, std::string_view title, double used, double limit) {
      l.add(fmt::format("{} {} of {} {}  ", title, bytes(used), bytes(limit),
                        gauge(used, limit, width)));
    };
    Line l = line();
    l.title("storage");
    show(l, "memory", number(store, "used_bytes"), number(store, "limit_bytes"));
    for (const Json& disk : now_.at("disks").at("disks")) {
      show(l, "disk", number(disk, "used_bytes"), number(disk, "size_bytes"));
      if (!disk.at("in_use").get<bool>()) l.add("TAKEN OUT  ", Style::kBad);
    }
    put(l);
  }

  void origin(std::size_t i) {
    const Json& origin = now_.at("origins").at(i);
    const auto all = [](const Json& lanes) {
      double sum = 0;
      for (const auto& [lane, n] : lanes.items()) sum += n.get<double>();
      return count(sum);
    };
    Line l = line();
    l.title("origin").left(text_of(origin, "name"), wide() ? 20 : 12);
    l.add(fmt::format("asking {}  queue {}  {}", all(origin.at("running")),
                      all(origin.at("waiting")),
                      byte_rate(fmt::format("/origins/{}/received_bytes", i).c_str())));
    std::size_t up = 0;
    for (const Json& server : origin.at("servers")) up += server.at("state") == "up";
    l.add(fmt::format("  {} of {} up", up, origin.at("servers").size()));
    for (const Json& server : origin.at("servers")) {
      if (server.at("state") == "up") continue;
      l.add(fmt::format("  {} {}", text_of(server, "name"), text_of(server, "state")), Style::kBad);
    }
    put(l);
  }

  void workers() {
    Line l = line();
    l.title("workers");
    for (std::size_t i = 0; i < now_.at("workers").size(); ++i) {
      const Json& worker = now_.at("workers").at(i);
      const auto cpu = rate(Json::json_pointer(fmt::format("/workers/{}/cpu_seconds", i)));
      const double late = number(worker, "lag_seconds");
      l.add(fmt::format("{}: {}", i, cpu ? fmt::format("{:.0f} %", 100 * *cpu) : "-"));
      if (wide())
        l.add(" " + per_second(rate(Json::json_pointer(fmt::format("/workers/{}/requests", i)))));
      if (late >= 0.1) l.add(" late " + time(late), Style::kWarn);
      if (number(worker, "silent_seconds") > 3) l.add(" SILENT", Style::kBad);
      l.add("   ");
    }
    put(l);
  }

  std::vector<Json> rows() const {
    std::vector<Json> out(connections_.at("connections").begin(),
                          connections_.at("connections").end());
    // Who is owed nothing has no rate.
    const auto rate_of = [](const Json& row) {
      return number(row, "held_bytes") > 0 ? number(row, "acked_bytes_per_second") : INFINITY;
    };
    const auto held_of = [](const Json& row) { return -number(row, "held_bytes"); };
    const auto still_of = [](const Json& row) { return -number(row, "still_seconds"); };
    switch (options_.sort) {
      case TopSort::kStill:
        std::ranges::stable_sort(out, {}, still_of);
        break;
      case TopSort::kRate:
        std::ranges::stable_sort(out, {}, rate_of);
        break;
      case TopSort::kHeld:
        std::ranges::stable_sort(out, {}, held_of);
        break;
    }
    return out;
  }

  void table() {
    const std::size_t client = wide() ? 28 : 21;
    const std::size_t then = wide() ? 28 : 24;
    lines_.emplace_back();
    Line l = line();
    std::string titles = fmt::format("{:<{}} {:<15} {:>9} {:>11} {:>7} {:<{}} {}", "CLIENT", client,
                                     "STATE", "HELD", "RATE", "STILL", "THEN", then, "REQUEST");
    if (!wide())
      titles = fmt::format("{:<{}} {:<15} {:>9} {:>7} {}", "CLIENT", client, "STATE", "HELD",
                           "STILL", "THEN");
    titles.resize(options_.width, ' ');
    l.add(titles, Style::kBar);
    put(l);
    for (const Json& row : rows()) {
      if (lines_.size() >= options_.height) return;
      l = line();
      const double held = number(row, "held_bytes");
      const double still = number(row, "still_seconds");
      l.left(text_of(row, "client"), client).left(words(text_of(row, "phase")), 15);
      l.right(bytes(held), 9);
      if (wide()) l.right(held > 0 ? bytes(number(row, "acked_bytes_per_second")) + "/s" : "-", 11);
      l.right(still < 1 ? "-" : time(still), 7, still > 10 ? Style::kWarn : Style::kPlain);
      const Json& will = row.at("will");
      if (will.is_null()) {
        l.left(row.at("phase") == "awaiting_origin" ? "waits for the origin" : "stays", then,
               Style::kDim);
      } else {
        const double in = number(will, "in_seconds");
        l.left(fmt::format("{} in {}", words(text_of(will, "reason")), time(in)), then,
               in < 15 ? Style::kBad : Style::kPlain);
      }
      if (wide()) l.add(text_of(row, "request"));
      put(l);
    }
    if (connections_.at("connections").empty())
      lines_.emplace_back("nobody is owed anything, asks or waits");
  }

  const TopOptions& options_;
  const Json now_;
  const Json connections_;
  Json before_;
  double seconds_ = 0;  // between before_ and now_; 0: not known
  std::vector<std::string> lines_;
};

}  // namespace

std::string_view name(TopSort sort) {
  switch (sort) {
    case TopSort::kStill:
      return "still";
    case TopSort::kRate:
      return "rate";
    case TopSort::kHeld:
      break;
  }
  return "held";
}

TopSort next(TopSort sort) {
  return sort == TopSort::kHeld ? TopSort::kStill
                                : static_cast<TopSort>(static_cast<std::uint8_t>(sort) + 1);
}

std::expected<std::vector<std::string>, std::string> top_screen(const TopInput& input,
                                                                const TopOptions& options) {
  try {
    return Screen(input, options).take();
  } catch (const Json::exception& e) {
    return std::unexpected(fmt::format("the status cannot be read: {}", e.what()));
  }
}

}  // namespace weir::app
