#include "app/log_output.h"

#include <doctest/doctest.h>

#include <csignal>

#include "app/pipe.h"

namespace weir::app {
namespace {

TEST_CASE("a path is appended to") {
  const ScratchDir dir;
  for (int i = 0; i < 2; ++i) {
    auto out = LogOutput::open(dir.file("log"));
    REQUIRE(out.has_value());
    CHECK(out->write("line\n") == 5U);
  }
  CHECK(dir.content("log") == "line\nline\n");
}

TEST_CASE("a path that cannot be opened fails with the reason") {
  const auto out = LogOutput::open("/no/such/dir/log");
  REQUIRE_FALSE(out.has_value());
  CHECK(out.error() == Error{Errc::kSystem, ENOENT});
}

TEST_CASE("a full pipe takes what fits and never makes the writer wait") {
  Pipe pipe;
  LogOutput out = LogOutput::adopt(pipe.take_writer());
  const std::string text(10'000, 'x');
  CHECK(out.write(text) == 4096U);
  CHECK(out.write(text) == 0U);
  CHECK(pipe.read().size() == 4096);
  CHECK(out.write("abc") == 3U);
}

TEST_CASE("a pipe without a reader is an error") {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LogOutput out = LogOutput::adopt(pipe.take_writer());
  pipe.close_reader();
  const auto taken = out.write("x");
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().sys == EPIPE);
}

TEST_CASE("reopen writes to a new file after the old one was renamed") {
  const ScratchDir dir;
  auto out = LogOutput::open(dir.file("log"));
  REQUIRE(out.has_value());
  CHECK(out->write("old\n") == 4U);
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  CHECK(out->write("late\n") == 5U);
  CHECK(out->reopen().has_value());
  CHECK(out->write("new\n") == 4U);
  CHECK(dir.content("log.1") == "old\nlate\n");
  CHECK(dir.content("log") == "new\n");
}

TEST_CASE("a full disk is an error") {
  auto out = LogOutput::open("/dev/full");
  REQUIRE(out.has_value());
  const auto taken = out->write("x");
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().sys == ENOSPC);
}

}  // namespace
}  // namespace weir::app
