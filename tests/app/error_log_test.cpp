#include "app/error_log.h"

#include <doctest/doctest.h>

#include <regex>
#include <thread>

#include "app/pipe.h"
#include "base/log.h"

namespace weir::app {
namespace {

LogConf to_file(const std::string& path, LogLevel level) {
  LogConf conf;
  conf.error = path;
  conf.level = level;
  return conf;
}

TEST_CASE("lines have time, level and text, and those below the level are left out") {
  const ScratchDir dir;
  {
    const auto log = ErrorLog::open(to_file(dir.file("log"), LogLevel::kInfo));
    REQUIRE(log.has_value());
    log_debug("hidden=1");
    log_info("start workers={}", 2);
    log_warn("late ms={}", 3);
    log_error("gone");
    CHECK((*log)->dropped() == 0);
  }
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  const std::regex expected(time + "info start workers=2\n" + time + "warn late ms=3\n" + time +
                            "error gone\n");
  CAPTURE(dir.content("log"));
  CHECK(std::regex_match(dir.content("log"), expected));
}

TEST_CASE("what the network sent cannot forge a line") {
  const ScratchDir dir;
  {
    const auto log = ErrorLog::open(to_file(dir.file("log"), LogLevel::kInfo));
    REQUIRE(log.has_value());
    log_info("host=\"{}\"", "a\r\nb\x1b[2J");
  }
  CHECK(dir.content("log").ends_with(" info host=\"a\\x0d\\x0ab\\x1b[2J\"\n"));
}

TEST_CASE("without a log lines go nowhere, and another may be opened later") {
  const ScratchDir dir;
  log_error("nobody listens");
  {
    const auto log = ErrorLog::open(to_file(dir.file("one"), LogLevel::kError));
    REQUIRE(log.has_value());
    log_warn("no");
    log_error("first");
  }
  log_error("nobody listens");
  {
    const auto log = ErrorLog::open(to_file(dir.file("two"), LogLevel::kDebug));
    REQUIRE(log.has_value());
    log_debug("second");
  }
  CHECK(dir.content("one").ends_with(" error first\n"));
  CHECK(dir.content("two").ends_with(" debug second\n"));
}

TEST_CASE("an error log that cannot be opened fails with the reason") {
  const auto log = ErrorLog::open(to_file("/no/such/dir/log", LogLevel::kInfo));
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().sys == ENOENT);
}

TEST_CASE("every line is written or counted when the output is broken") {
  const auto log = ErrorLog::open(to_file("/dev/full", LogLevel::kInfo));
  REQUIRE(log.has_value());
  for (int i = 0; i < 10'000; ++i) log_info("n={}", i);
  while ((*log)->dropped() < 10'000) std::this_thread::yield();
  CHECK((*log)->dropped() == 10'000);
}

}  // namespace
}  // namespace weir::app
