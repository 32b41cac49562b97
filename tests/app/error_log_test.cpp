#include "app/error_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <regex>
#include <thread>

#include "app/pipe.h"
#include "base/log_level.h"

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

TEST_CASE("the level may change while the log is open") {
  const ScratchDir dir;
  {
    const auto log = ErrorLog::open(to_file(dir.file("log"), LogLevel::kWarn));
    REQUIRE(log.has_value());
    CHECK(log_level() == LogLevel::kWarn);
    log_info("no");
    set_log_level(LogLevel::kDebug);
    log_debug("yes");
    set_log_level(LogLevel::kError);
    log_warn("no");
  }
  CHECK(dir.content("log").ends_with(" debug yes\n"));
  CHECK(dir.content("log").find(" no\n") == std::string::npos);
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

TEST_CASE(
    "who logs into a full pipe does not wait; what is lost is counted, and told once it moves") {
  const ScratchDir dir;
  const std::string path = dir.file("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  const auto log = ErrorLog::open(to_file(path, LogLevel::kInfo));
  REQUIRE(log.has_value());
  SUBCASE("started") { (*log)->start(); }
  SUBCASE("not started yet") {}
  constexpr std::uint64_t kLines = 50'000;  // more than pipe and queue hold
  for (std::uint64_t i = 0; i < kLines; ++i) log_info("n={}", i);
  while ((*log)->dropped() == 0) std::this_thread::yield();

  std::string text(1 << 20, '\0');
  const auto told = [&] {
    const ssize_t n = ::read(reader, text.data(), text.size());
    const std::string_view got(text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return got.find(" warn error_log target=" + path + " dropped=") != got.npos;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool seen = false;
  while (!(seen = told()) && std::chrono::steady_clock::now() < until) {
    log_info("moves=again");
    std::this_thread::yield();
  }
  CHECK(seen);
  CHECK((*log)->written() > 0);
  ::close(reader);
}

TEST_CASE("every line is written or counted when the output is broken") {
  const auto log = ErrorLog::open(to_file("/dev/full", LogLevel::kInfo));
  REQUIRE(log.has_value());
  SUBCASE("started") { (*log)->start(); }
  SUBCASE("not started yet") {}
  for (int i = 0; i < 10'000; ++i) log_info("n={}", i);
  while ((*log)->dropped() < 10'000) std::this_thread::yield();
  CHECK((*log)->dropped() == 10'000);
}

}  // namespace
}  // namespace weir::app
