#include "app/log_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

// Reads a FIFO, until it goes.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    REQUIRE(fd_ >= 0);
  }
  ~Reader() { ::close(fd_); }
  Reader(const Reader&) = delete;

  std::string read() {
    char piece[100];
    const ssize_t n = ::read(fd_, piece, sizeof piece);
    return {piece, n > 0 ? static_cast<std::size_t>(n) : 0};
  }

 private:
  const int fd_;
};

TEST_CASE(
    "a FIFO without a reader loses lines, is not waited for, and is written once there is one") {
  ::signal(SIGPIPE, SIG_IGN);
  const ScratchDir dir;
  REQUIRE(::mkfifo(dir.file("log").c_str(), 0600) == 0);
  auto out = LogOutput::open(dir.file("log"));
  REQUIRE(out.has_value());
  for (int i = 0; i < 2; ++i)
    CHECK(out->write("lost\n") == std::unexpected(Error{Errc::kSystem, ENXIO}));
  {
    Reader reader(dir.file("log"));
    CHECK(out->write("too soon\n") == std::unexpected(Error{Errc::kSystem, ENXIO}));
    CHECK(out->reopen().has_value());  // which does not wait for a second to pass
    CHECK(out->write("first\n") == 6U);
    CHECK(reader.read() == "first\n");
    CHECK(out->write("left\n") == 5U);
  }
  CHECK(out->write("lost\n") == std::unexpected(Error{Errc::kSystem, EPIPE}));
  CHECK(out->reopen().has_value());
  Reader reader(dir.file("log"));
  CHECK(out->write("second\n") == 7U);
  CHECK(reader.read() == "left\nsecond\n");
}

TEST_CASE("a FIFO in the place of a file is written to as soon as it is read, and a new one too") {
  ::signal(SIGPIPE, SIG_IGN);
  const ScratchDir dir;
  auto out = LogOutput::open(dir.file("log"));
  REQUIRE(out.has_value());
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove(dir.file("log"));
    REQUIRE(::mkfifo(dir.file("log").c_str(), 0600) == 0);
    CHECK(out->reopen().has_value());
    Reader reader(dir.file("log"));
    CHECK(out->write("here\n") == 5U);
    CHECK(reader.read() == "here\n");
  }
  // And without being told, where the one before has lost its reader.
  std::filesystem::remove(dir.file("log"));
  REQUIRE(::mkfifo(dir.file("log").c_str(), 0600) == 0);
  Reader reader(dir.file("log"));
  CHECK(out->write("here\n") == 5U);
  CHECK(reader.read() == "here\n");
}

TEST_CASE("a socket is no log") {
  const ScratchDir dir;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  dir.file("log").copy(at.sun_path, sizeof at.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  const auto out = LogOutput::open(dir.file("log"));
  ::close(fd);
  REQUIRE_FALSE(out.has_value());
  CHECK(out.error().sys == ENXIO);
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
