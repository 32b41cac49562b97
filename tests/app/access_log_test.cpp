#include "app/access_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "app/pipe.h"
#include "base/log.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using Step = LineLog::Step;

proxy::AccessEntry entry(std::string_view target = "/a") {
  proxy::AccessEntry e;
  e.wall = WallTime(1000s);
  e.client = "192.0.2.1";
  e.method = "GET";
  e.target = target;
  e.version = "HTTP/1.1";
  e.status = 200;
  return e;
}

constexpr std::string_view kLine =
    "192.0.2.1 - - [01/Jan/1970:00:16:40 +0000] \"GET /a HTTP/1.1\" 200 0 \"-\" \"-\"\n";

// Small limits: a batch is 10 lines, two batches may be outstanding.
constexpr LineLog::Limits kSmall{10 * kLine.size(), 20 * kLine.size()};

std::size_t lines_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST_CASE("lines are written when a buffer is full or flushed") {
  const ScratchDir dir;
  LineLog log("log", LogOutput::open(dir.file("log")).value(), kSmall);
  AccessWriter writer(&log, LogFormat::kCombined);
  for (int i = 0; i < 9; ++i) writer.write(entry());
  CHECK(log.step() == Step::kIdle);
  writer.write(entry());
  CHECK(log.step() == Step::kWrote);
  CHECK(lines_of(dir.content("log")) == 10);
  writer.write(entry());
  writer.flush();
  CHECK(log.step() == Step::kWrote);
  CHECK(log.step() == Step::kIdle);
  CHECK(lines_of(dir.content("log")) == 11);
  CHECK(dir.content("log").starts_with(kLine));
  CHECK(log.written() == 11);
  CHECK(log.dropped() == 0);
}

TEST_CASE("when nobody writes, lines beyond the limit are dropped and counted") {
  const ScratchDir dir;
  LineLog log("log", LogOutput::open(dir.file("log")).value(), kSmall);
  AccessWriter writer(&log, LogFormat::kCombined);
  for (int i = 0; i < 55; ++i) writer.write(entry());
  CHECK(log.dropped() == 30);  // five batches, of which two wait; five lines are still the worker's
  while (log.step() != Step::kIdle) {
  }
  CHECK(log.written() == 20);
  writer.flush();
  CHECK(log.step() == Step::kWrote);
  CHECK(lines_of(dir.content("log")) == 25);
}

TEST_CASE("a pipe that nobody reads holds up nothing but the log, and goes on when it is read") {
  Pipe pipe;
  LineLog log("log", LogOutput::adopt(pipe.take_writer()),
              {100 * kLine.size(), 200 * kLine.size()});
  AccessWriter writer(&log, LogFormat::kCombined);
  for (int i = 0; i < 200; ++i) writer.write(entry());
  CHECK(log.step() == Step::kWrote);  // what fits of the first batch
  CHECK(log.step() == Step::kStuck);
  CHECK(log.step() == Step::kStuck);
  for (int i = 0; i < 100; ++i) writer.write(entry());
  CHECK(log.dropped() == 100);
  std::string read;
  while (log.written() < 200) {
    read += pipe.read();
    while (log.step() == Step::kWrote) {
    }
  }
  read += pipe.read();
  CHECK(read.size() == 200 * kLine.size());
  CHECK(read.find(std::string(kLine) + std::string(kLine)) == 0);
  CHECK(log.dropped() == 100);
}

TEST_CASE("a broken output loses what was handed over, counts it and tries again") {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LineLog log("log", LogOutput::adopt(pipe.take_writer()), kSmall);
  AccessWriter writer(&log, LogFormat::kCombined);
  pipe.close_reader();
  for (int i = 0; i < 20; ++i) writer.write(entry());
  CHECK(log.step() == Step::kWrote);
  CHECK(log.dropped() == 10);
  CHECK(log.step() == Step::kWrote);
  CHECK(log.dropped() == 20);
  CHECK(log.step() == Step::kIdle);
  CHECK(log.written() == 0);
}

TEST_CASE("a batch that breaks in the middle counts the lines that were written") {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LineLog log("log", LogOutput::adopt(pipe.take_writer()), {100 * kLine.size(), 1 << 20});
  AccessWriter writer(&log, LogFormat::kCombined);
  for (int i = 0; i < 100; ++i) writer.write(entry());
  CHECK(log.step() == Step::kWrote);
  const std::size_t whole = lines_of(pipe.read());
  pipe.close_reader();
  CHECK(log.step() == Step::kWrote);
  CHECK(log.written() == whole);
  CHECK(log.written() + log.dropped() == 100);
}

TEST_CASE("reopen follows a renamed file, between batches") {
  const ScratchDir dir;
  LineLog log("log", LogOutput::open(dir.file("log")).value(), kSmall);
  AccessWriter writer(&log, LogFormat::kCombined);
  writer.write(entry());
  writer.flush();
  CHECK(log.step() == Step::kWrote);
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  log.reopen();
  writer.write(entry());
  writer.flush();
  CHECK(log.step() == Step::kWrote);
  CHECK(lines_of(dir.content("log.1")) == 1);
  CHECK(lines_of(dir.content("log")) == 1);
}

TEST_CASE("its own thread writes all that was handed over before it stops") {
  const ScratchDir dir;
  LineLog log("log", LogOutput::open(dir.file("log")).value(), kSmall);
  log.start();
  {
    std::vector<std::thread> workers;
    for (int w = 0; w < 3; ++w) {
      workers.emplace_back([&log] {
        AccessWriter writer(&log, LogFormat::kCombined);
        for (int i = 0; i < 5000; ++i) writer.write(entry());
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  log.stop(1min);
  CHECK(log.written() + log.dropped() == 15000);
  CHECK(lines_of(dir.content("log")) == log.written());
}

TEST_CASE("stop gives up on a pipe that nobody reads and counts what is left") {
  Pipe pipe;
  LineLog log("log", LogOutput::adopt(pipe.take_writer()), {100 * kLine.size(), 1 << 20});
  AccessWriter writer(&log, LogFormat::kCombined);
  log.start();
  for (int i = 0; i < 300; ++i) writer.write(entry());
  log.stop(0s);
  CHECK(log.written() == 0);
  CHECK(log.dropped() == 300);
}

TEST_CASE("a log that is off takes no lines") {
  LogConf conf;
  conf.access = "off";
  const auto log = open_access_log(conf);
  REQUIRE(log.has_value());
  CHECK(*log == nullptr);
  AccessWriter writer(nullptr, LogFormat::kCombined);
  writer.write(entry());
  writer.flush();
}

TEST_CASE("one huge line is a batch of its own") {
  const ScratchDir dir;
  LineLog log("log", LogOutput::open(dir.file("log")).value(), {4096, 4 << 20});
  AccessWriter writer(&log, LogFormat::kJson);
  const std::string target(100'000, '\xff');
  writer.write(entry(target));
  CHECK(log.step() == Step::kWrote);
  writer.write(entry());
  writer.flush();
  CHECK(log.step() == Step::kWrote);
  CHECK(dir.content("log").size() > 6 * target.size());
  CHECK(lines_of(dir.content("log")) == 2);
}

}  // namespace
}  // namespace weir::app
