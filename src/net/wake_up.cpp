#include "net/wake_up.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace weir::net {

WakeUp::WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { WEIR_CHECK(fd_ >= 0); }

WakeUp::~WakeUp() { close(fd_); }

void WakeUp::wake() {
  const std::uint64_t one = 1;
  WEIR_CHECK(write(fd_, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

WakeUp::Why WakeUp::wait(int fd, Duration patience) const {
  pollfd both[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                   {.fd = fd, .events = POLLIN, .revents = 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(
      std::min<Duration>(patience, std::chrono::hours(24)));
  const int most = patience == kForever ? -1 : static_cast<int>(ms.count());
  const int n = poll(both, 2, most);
  if (both[0].revents != 0) return Why::kWoken;
  return n > 0 ? Why::kReady : Why::kTime;
}

}  // namespace weir::net
