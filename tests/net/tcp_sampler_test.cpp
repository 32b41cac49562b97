#include "net/tcp_sampler.h"

#include <cerrno>
#include <string>

#include "loopback.h"

using namespace weir;
using net::sample_tcp;

namespace {

std::size_t fill(int fd) {
  const std::string text(65536, 'x');
  std::size_t sent = 0;
  for (ssize_t n; (n = send(fd, text.data(), text.size(), MSG_NOSIGNAL)) > 0;) {
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

}  // namespace

TEST_CASE("what was sent and taken counts as acknowledged, and our FIN as one more") {
  const test::Pair pair;
  const int fd = pair.near.get();
  REQUIRE(sample_tcp(fd));
  CHECK(sample_tcp(fd)->bytes_acked == 0);
  CHECK(sample_tcp(fd)->state == TCP_ESTABLISHED);
  REQUIRE(send(fd, "hello", 5, 0) == 5);
  CHECK(test::receive(pair.far.get()) == "hello");
  shutdown(pair.far.get(), SHUT_WR);
  shutdown(fd, SHUT_WR);
  const auto s = *sample_tcp(fd);
  CHECK(s.bytes_acked == 6);
  CHECK(s.queued == 0);
  CHECK(s.unacked == 0);
  CHECK(s.retransmits == 0);
  CHECK(s.segs_in > 0);
  CHECK(s.rtt > Duration(0));
}

TEST_CASE("a client that does not read shows as a shut window and a queue") {
  const test::Pair pair;
  const int fd = pair.near.get();
  std::size_t sent = 0;
  const auto window_shut = [&] {
    sent += fill(fd);  // the kernel sends at a pace of its own
    return sample_tcp(fd)->snd_wnd == 0;
  };
  net::Loop loop;
  REQUIRE(test::run_until(loop, window_shut));
  const auto s = *sample_tcp(fd);
  CHECK(s.bytes_acked + s.queued == sent);
  CHECK(s.notsent == s.queued);
  CHECK(s.unacked == 0);
  // Its own side knows the window that it offers, where the kernel tells it (Linux 6.2).
  const auto far = *sample_tcp(pair.far.get());
  CHECK((far.rcv_wnd == net::kUnknownWindow || far.rcv_wnd == 0));
}

TEST_CASE("after a reset the state is CLOSE and no queue is told") {
  test::Pair pair;
  fill(pair.near.get());
  pair.far.close_with_reset();
  const auto s = *sample_tcp(pair.near.get());
  CHECK(s.state == TCP_CLOSE);
  CHECK(s.queued == 0);
}

TEST_CASE("what is no TCP socket gives nothing") {
  CHECK(!sample_tcp(-1));
  int pipes[2];
  REQUIRE(pipe(pipes) == 0);
  const test::Fd in(pipes[0]), out(pipes[1]);
  CHECK(!sample_tcp(in.get()));
}
