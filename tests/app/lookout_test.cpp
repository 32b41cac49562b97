#include "app/lookout.h"

#include <array>
#include <nlohmann/json.hpp>

#include "app/connections_page.h"
#include "front/stage.h"

namespace weir::app {
namespace {

using front::Stage;
using namespace std::chrono_literals;

struct Told final : Lookout::Listener {
  void on_sight(const Sight& s) override {
    ++times;
    sight = s;
  }
  Sight sight;
  int times = 0;
};

front::Settings hasty() {
  front::Settings s;
  s.delivery.look_every = 20ms;
  return s;
}

}  // namespace

TEST_CASE("a lookout tells of all workers, everybody who asked, and names who is silent") {
  Stage busy(hasty());
  Stage hung;  // its Loop does not run
  front::Client stuck = busy.owed();
  busy.pass(1100ms);
  std::array<LookoutPost, 2> posts;
  posts[0].open(busy.loop, busy.frontend);
  posts[1].open(hung.loop, hung.frontend);
  {
    Lookout lookout(busy.loop, posts);
    Told first;
    Told second;
    Told gone;
    for (Told* told : {&first, &gone, &second}) lookout.ask(*told);
    lookout.forget(gone);
    REQUIRE(busy.until([&] { return first.times == 1; }));
    CHECK(second.times == 1);
    CHECK(gone.times == 0);
    CHECK(first.sight.missing == std::vector<std::uint32_t>{1});
    REQUIRE(first.sight.connections.size() == 1);
    CHECK(first.sight.connections[0].worker == 0);
    CHECK(first.sight.connections[0].view.request == "GET a/100000");
  }
  for (LookoutPost& post : posts) post.close();
}

TEST_CASE("when all workers tell, the lookout does not wait") {
  Stage one(hasty());
  std::array<LookoutPost, 1> posts;
  posts[0].open(one.loop, one.frontend);
  {
    Lookout lookout(one.loop, posts);
    Told told;
    const TimePoint begin = one.loop.now();
    for (int i = 1; i <= 3; ++i) {
      lookout.ask(told);
      REQUIRE(one.until([&] { return told.times == i; }));
    }
    CHECK(one.loop.now() - begin < Lookout::kPatience);
    CHECK(told.sight.missing.empty());
  }
  posts[0].close();
}

TEST_CASE("the page of connections says who, what and what comes") {
  Sight sight{.now = TimePoint{1h}, .connections = {}, .missing = {3}};
  front::ConnectionView view{.number = 7, .phase = delivery::Phase::kSending, .held = 4096};
  view.client = "192.0.2.1:4711";
  view.request = "GET a/\xff";
  view.rate = 12.5;
  view.still = 30s;
  view.will = "zero_window";
  view.at = TimePoint{1h} + 90s;
  sight.connections.push_back({.worker = 1, .view = view});
  view.will = {};
  sight.connections.push_back({.worker = 0, .view = view});
  const auto page = nlohmann::json::parse(connections_page(sight));
  CHECK(page.at("missing_workers") == nlohmann::json::array({3}));
  const auto& first = page.at("connections").at(0);
  CHECK(first.at("client") == "192.0.2.1:4711");
  CHECK(first.at("worker") == 1);
  CHECK(first.at("phase") == "sending");
  CHECK(first.at("held_bytes") == 4096);
  CHECK(first.at("acked_bytes_per_second") == 12.5);
  CHECK(first.at("still_seconds") == 30);
  CHECK(first.at("will").at("reason") == "zero_window");
  CHECK(first.at("will").at("in_seconds") == 90);
  CHECK(first.at("will").at("text").get<std::string>().size() > 10);
  CHECK(page.at("connections").at(1).at("will").is_null());
}

}  // namespace weir::app
