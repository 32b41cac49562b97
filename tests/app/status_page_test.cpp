#include "app/status_page.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "app/full_snapshot.h"
#include "app/status_command.h"

namespace weir::app {
namespace {

TEST_CASE("the status is JSON with the numbers of the snapshot") {
  Durations lag;
  const auto page = nlohmann::json::parse(status_page(*full_snapshot(lag)));
  CHECK(page.at("version") == "1.2.3");
  CHECK(page.at("kernel_tls") ==
        nlohmann::json{{"kernel", "not found"}, {"openssl", "found"}, {"used", false}});
  CHECK(page.at("state") == "serving");
  CHECK(page.at("started") == "2023-11-14T22:13:20Z");
  CHECK(page.at("uptime_seconds") == 90);
  CHECK(page.at("connections").at("open") == 7);
  CHECK(page.at("connections").at("phases").at("sending") == 4);
  CHECK(page.at("connections").at("closed") == nlohmann::json{{"zero_window", 6}});
  CHECK(page.at("requests").at("hit") == 30);
  CHECK(page.at("requests").at("reasons") ==
        nlohmann::json::array({{{"result", "miss"}, {"reason", "cacheable"}, {"count", 10}}}));
  CHECK(page.at("requests").at("refused").at("bad_host") == 8);
  CHECK(page.at("times").at("first_byte").at("p99_seconds") == 0.0025);
  const auto& origin = page.at("origins").at(0);
  CHECK(origin.at("running").at("client") == 3);
  CHECK(origin.at("fetches").at("fill").at("failed") == 1);
  CHECK(origin.at("fetches").at("failures").at("origin_cut") == 1);
  CHECK(origin.at("servers").at(0).at("state") == "up");
  CHECK(origin.at("servers").at(1).at("state") == "unhealthy");
  CHECK(page.at("listen").at(0).at("queues").size() == 2);
  CHECK(page.at("workers").at(1).at("lag_max_seconds") == 0.25);
  CHECK(page.at("workers").at(1).at("cpu_seconds") == 1.5);
  CHECK(page.at("workers").at(1).at("connections") == 3);
}

TEST_CASE("names with bytes that are no UTF-8 do not break the status") {
  Durations lag;
  const auto snapshot = full_snapshot(lag);
  snapshot->origins[0].name = "\xff\"\n";
  CHECK(nlohmann::json::parse(status_page(*snapshot), nullptr, false).is_object());
}

TEST_CASE("the screen says what is in the JSON") {
  Durations lag;
  const auto screen = status_screen(status_page(*full_snapshot(lag)));
  REQUIRE(screen.has_value());
  for (const char* text :
       {"weir 1.2.3   serving   pid 42   up 1 min 30 s   resident 10.0 MiB\n", "7 open of 100",
        "sending 4", "closed: zero_window 6", "hit 30 (75.0 %)", "refused: bad_host 8",
        "to clients 3.0 MiB", "1.0 MiB of 1.0 GiB",
        "running: client 3   revalidation 1   waiting: client 2\n",
        "server b:1 unhealthy   outstanding 0   requests 4   failures 0", "fill: failed 1",
        "failures: origin_cut 1", "1 (most 2 of 4096)", "overflows 11, drops 12",
        "done 3   failed 1 (the last one)   values that wait for a restart 2",
        "longest lag:   5 ms   250 ms"}) {
    CAPTURE(std::string(text));
    CAPTURE(*screen);
    CHECK(screen->find(text) != std::string::npos);
  }
}

TEST_CASE("what is no status is told, not shown") {
  for (const char* text : {"", "{", "{}", "[]", "{\"version\": 1}"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(status_screen(text).has_value());
  }
}

}  // namespace
}  // namespace weir::app
