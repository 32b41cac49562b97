#include "app/top_screen.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "app/connections_page.h"
#include "app/full_snapshot.h"
#include "app/status_page.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

front::ConnectionView stuck(std::uint64_t held, double rate, Duration still) {
  front::ConnectionView view{.phase = delivery::Phase::kSending, .held = held};
  view.client = "192.0.2.1:" + std::to_string(held);
  view.request = "GET a.example/\x1b[2Jfilm";
  view.rate = rate;
  view.still = still;
  view.will = "zero_window";
  view.at = TimePoint{1h} + 90s;
  return view;
}

// Two looks at a Weir, ten seconds apart.
TopInput input() {
  Durations lag;
  const auto s = full_snapshot(lag);
  TopInput out;
  out.before = status_page(*s);
  s->uptime += 10s;
  s->sum.front.acked_bytes.add(10 << 20);
  s->sum.proxy.requests.add(proxy::How::kHit, "", 90);
  s->sum.proxy.requests.add(proxy::How::kMiss, "cacheable", 10);
  s->workers[1].cpu += 5s;
  s->workers[1].late = 250ms;
  s->disks.disks[0].in_use = false;
  out.status = status_page(*s);
  Sight sight{.now = TimePoint{1h}, .connections = {}, .missing = {}};
  sight.connections.push_back({0, stuck(1000, 900, 40s)});
  sight.connections.push_back({1, stuck(3000, 50, 20s)});
  front::ConnectionView waiting{.phase = delivery::Phase::kAwaitingOrigin};
  waiting.client = "192.0.2.9:9";
  sight.connections.push_back({1, waiting});
  out.connections = connections_page(sight);
  return out;
}

std::vector<std::string> lines(const TopOptions& options) {
  const auto screen = top_screen(input(), options);
  REQUIRE(screen.has_value());
  return *screen;
}

std::string text(const TopOptions& options) {
  std::string out;
  for (const std::string& line : lines(options)) out += line + "\n";
  return out;
}

TopOptions wide() { return {.width = 140, .height = 40, .color = false, .trouble = {}}; }
TopOptions narrow() { return {.width = 80, .height = 40, .color = false, .trouble = {}}; }

}  // namespace

TEST_CASE("top shows a wide terminal what happens each second") {
  const std::string screen = text(wide());
  for (const char* part :
       {"weir 1.2.3  serving  pid 42  up 100 s", "q quit  s sort: still  p pause",
        "clients  7 of 100  sending 4  awaiting origin 0", "traffic  1.0 MiB/s to clients",
        "hit 90.0 %", "answers  hit 9/s  join 0/s  miss 1/s", "memory 1.0 MiB of 1.0 GiB [----",
        "disk 1.0 MiB of 2.0 MiB [##########----------]", "TAKEN OUT",
        "main                 asking 4  queue 2  0 B/s  1 of 2 up  b:1 unhealthy",
        "1: 50 % 0/s late 250 ms", "zero window in 90 s", "waits for the origin",
        "GET a.example/?[2Jfilm"}) {
    CAPTURE(std::string(part));
    CAPTURE(screen);
    CHECK(screen.find(part) != screen.npos);
  }
}

TEST_CASE("no line is wider, and there are no more, than the terminal has") {
  for (const std::size_t width : {20U, 60U, 80U, 109U, 110U, 200U}) {
    for (const std::size_t height : {1U, 5U, 10U, 50U}) {
      CAPTURE(width);
      CAPTURE(height);
      const auto all = lines({.width = width, .height = height, .color = false, .trouble = "why"});
      CHECK(all.size() <= height);
      for (const std::string& line : all) {
        CAPTURE(line);
        CHECK(line.size() <= width);
      }
    }
  }
}

TEST_CASE("a narrow terminal has what matters of each client") {
  const std::string screen = text(narrow());
  CAPTURE(screen);
  CHECK(screen.find("CLIENT                STATE                HELD   STILL THEN") != screen.npos);
  CHECK(
      screen.find("192.0.2.1:1000        sending            1000 B    40 s zero window in 90 s") !=
      screen.npos);
  CHECK(screen.find("REQUEST") == screen.npos);
}

TEST_CASE("rows are sorted as asked, those without a rate last") {
  const auto first_port = [](TopSort sort) {
    TopOptions options = wide();
    options.sort = sort;
    const std::string screen = text(options);
    const std::size_t at = screen.find("192.0.2.");
    return screen.substr(at, screen.find(' ', at) - at);
  };
  CHECK(first_port(TopSort::kStill) == "192.0.2.1:1000");
  CHECK(first_port(TopSort::kRate) == "192.0.2.1:3000");
  CHECK(first_port(TopSort::kHeld) == "192.0.2.1:3000");
  CHECK(next(next(next(TopSort::kStill))) == TopSort::kStill);
}

TEST_CASE("before the second look, and when Weir began anew, nothing is told per second") {
  TopInput one = input();
  one.before.clear();
  const auto first = top_screen(one, wide());
  REQUIRE(first.has_value());
  CHECK(first->at(2).find("traffic  - to clients") == 0);
  TopInput other = input();
  auto json = nlohmann::json::parse(other.before);
  json["pid"] = 41;
  other.before = json.dump();
  const auto anew = top_screen(other, wide());
  REQUIRE(anew.has_value());
  CHECK(anew->at(2).find("traffic  - to clients") == 0);
}

TEST_CASE("colors take no column, and what is paused or old says so") {
  TopOptions options = wide();
  options.paused = true;
  options.trouble = "nobody\nanswers";
  const auto plain = lines(options);
  CHECK(plain[0].find("PAUSED") != std::string::npos);
  CHECK(plain[1] == "nobody?answers");
  options.color = true;
  const auto colored = lines(options);
  REQUIRE(colored.size() == plain.size());
  CHECK(colored[1] == "\x1b[31mnobody?answers\x1b[0m");
}

TEST_CASE("what is no status is told, not shown") {
  for (const char* wrong : {"", "{", "{}", "[]"}) {
    CHECK_FALSE(top_screen({wrong, "", "{}"}, {}).has_value());
  }
}

}  // namespace weir::app
