#include "net/fd_channel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    one.emplace(FdChannel::adopt(fds[0]));
    two.emplace(FdChannel::adopt(fds[1]));
  }
  std::optional<FdChannel> one;
  std::optional<FdChannel> two;
};

}  // namespace

TEST_CASE("messages come whole, in their order, with the files that were sent along") {
  Pair pair;
  int pipe_fds[2];
  REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0);
  REQUIRE(pair.one->send("first", {}, 1s));
  REQUIRE(pair.one->send("with files", pipe_fds, 1s));
  REQUIRE(pair.one->send(std::string(FdChannel::kTextMost, 'x'), {}, 1s));
  CHECK(pair.two->receive(1s)->text == "first");
  const auto files = pair.two->receive(1s);
  CHECK(files->text == "with files");
  REQUIRE(files->fds.size() == 2);
  REQUIRE(write(pipe_fds[1], "y", 1) == 1);
  char byte = 0;
  CHECK(read(files->fds[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  CHECK((fcntl(files->fds[0], F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(pair.two->receive(1s)->text.size() == FdChannel::kTextMost);
  for (const int fd : {pipe_fds[0], pipe_fds[1], files->fds[0], files->fds[1]}) close(fd);
}

TEST_CASE("as many files as are allowed go along with one message") {
  Pair pair;
  const std::vector<int> many(FdChannel::kFdsMost, STDERR_FILENO);
  REQUIRE(pair.one->send("many", many, 1s));
  const auto got = pair.two->receive(1s);
  REQUIRE(got);
  CHECK(got->fds.size() == FdChannel::kFdsMost);
  for (const int fd : got->fds) close(fd);
}

TEST_CASE("who waits in vain is told so, and who waits for one that is gone, too") {
  Pair pair;
  CHECK(pair.two->receive(1ms).error().sys == ETIMEDOUT);
  const std::string large(FdChannel::kTextMost, 'x');
  Result<void> sent{};
  for (int i = 0; i < 100 && sent; ++i) sent = pair.one->send(large, {}, 1ms);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().sys == ETIMEDOUT);
  pair.one.reset();
  Result<FdChannel::Message> last = pair.two->receive(1s);
  while (last && !last->text.empty()) last = pair.two->receive(1s);
  REQUIRE(last);
  CHECK(last->text.empty());
  CHECK(pair.two->send("x", {}, 1s).error().sys == EPIPE);
}

TEST_CASE("a channel knows whose process is at its other end") {
  Pair pair;
  CHECK(*pair.one->peer_user() == getuid());
}

TEST_CASE("where nobody listens nobody is found") {
  const auto there = FdChannel::connect(*parse_address("127.0.0.1:1"));
  CHECK_FALSE(there);
}

}  // namespace weir::net
