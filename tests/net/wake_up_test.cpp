#include "net/wake_up.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <thread>

namespace weir::net {

using namespace std::chrono_literals;
using Why = WakeUp::Why;

TEST_CASE("who waits hears of what comes, of the time, and of being woken before either") {
  WakeUp wake_up;
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  CHECK(wake_up.wait(fds[0], 1ms) == Why::kTime);
  CHECK(wake_up.wait(-1, 1ms) == Why::kTime);
  REQUIRE(write(fds[1], "x", 1) == 1);
  CHECK(wake_up.wait(fds[0], kForever) == Why::kReady);
  wake_up.wake();
  wake_up.wake();
  CHECK(wake_up.wait(fds[0], kForever) == Why::kWoken);
  CHECK(wake_up.wait(-1, kForever) == Why::kWoken);
  for (const int fd : fds) close(fd);
}

TEST_CASE("a thread that waits for ever is woken by another") {
  WakeUp wake_up;
  Why why = Why::kTime;
  std::thread waits([&] { why = wake_up.wait(-1, kForever); });
  wake_up.wake();
  waits.join();
  CHECK(why == Why::kWoken);
}

}  // namespace weir::net
