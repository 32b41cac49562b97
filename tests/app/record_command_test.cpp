#include "app/record_command.h"

#include <doctest/doctest.h>

#include "app/admin_orders.h"
#include "app/record_page.h"

namespace weir::app {
namespace {

TEST_CASE("sample and size are read in the ways in which people write them") {
  struct Row {
    const char* sample;
    const char* size;
    bool good;
    std::uint32_t every;
    std::uint64_t most;
  };
  for (const Row& row : {
           Row{"", "", true, 0, 0},
           Row{"1/100", "64M", true, 100, 64 << 20},
           Row{"1", "64 MiB", true, 1, 64 << 20},
           Row{"7", "5MB", true, 7, 5'000'000},
           Row{"1/0", "", false, 0, 0},
           Row{"2/3", "", false, 0, 0},
           Row{"1/1000001", "", false, 0, 0},
           Row{"", "64", false, 0, 0},
           Row{"", "0 B", false, 0, 0},
           Row{"", "large", false, 0, 0},
           Row{"", "5 parsecs", false, 0, 0},
       }) {
    CAPTURE(row.sample);
    CAPTURE(row.size);
    const auto order = parse_record_arguments({"on", row.sample, row.size});
    CHECK(order.has_value() == row.good);
    if (!order) continue;
    CHECK(order->every == row.every);
    CHECK(order->most == row.most);
  }
}

TEST_CASE("an order to record is one of on and off, and never names a file") {
  struct Row {
    const char* json;
    const char* says;  // null: it is good
  };
  for (const Row& row : {
           Row{R"({"record": "on"})", nullptr},
           Row{R"({"record": "on", "sample": 100, "max_size": 1000})", nullptr},
           Row{R"({"record": "off"})", nullptr},
           Row{R"({"record": "off", "sample": 3})", "stands alone"},
           Row{R"({"record": "maybe"})", "must be"},
           Row{R"({})", "must be"},
           Row{R"([])", "object"},
           Row{R"({"record": "on", "sample": 0})", "above 0"},
           Row{R"({"record": "on", "sample": "1/3"})", "above 0"},
           Row{R"({"record": "on", "sample": -1})", "above 0"},
           Row{R"({"record": "on", "sample": 1000001})", "above 1000000"},
           Row{R"({"record": "on", "file": "/etc/passwd"})", "unknown key \"file\""},
           Row{R"({"record": "on", "maxsize": 3})", "did you mean \"max_size\"?"},
       }) {
    CAPTURE(row.json);
    const auto order = parse_record(row.json);
    CHECK(order.has_value() == (row.says == nullptr));
    if (!order) CHECK(order.error().find(row.says) != std::string::npos);
  }
  CHECK(parse_record(R"({"record": "on", "sample": 9, "max_size": 7})")->order.every == 9);
}

TEST_CASE("each state is told in a sentence") {
  using State = Recorder::State;
  Recorder::Status s{.state = State::kOn,
                     .path = "/v/samples",
                     .error = {},
                     .bytes = 2048,
                     .most = 64 << 20,
                     .every = 100};
  CHECK(record_screen(record_page(s)) ==
        "recording one of 100 connections to /v/samples: 2 KiB of at most 64 MiB\n");
  s.state = State::kFull;
  CHECK(record_screen(record_page(s)) ==
        "not recording: /v/samples has reached its limit, 64 MiB\n");
  s.state = State::kFailed;
  s.error = {Errc::kSystem, ENOSPC};
  CHECK(record_screen(record_page(s))->find("No space left") != std::string::npos);
  s.state = State::kOff;
  CHECK(record_screen(record_page(s)) == "not recording: /v/samples\n");
  CHECK_FALSE(record_screen("rubbish").has_value());
}

}  // namespace
}  // namespace weir::app
