#include "support/http2_wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "support/http2_client.h"

namespace weir::test {

using Clock = std::chrono::steady_clock;

Http2Wire::Http2Wire(std::uint16_t port) : fd_(Http2Client::connect(port)) {}
Http2Wire::~Http2Wire() { ::close(fd_); }

void Http2Wire::tell(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Http2Wire::half_close() { shutdown(fd_, SHUT_WR); }

// False: the end, or too late.
bool Http2Wire::read_more(Clock::time_point until) {
  if (ended_) return false;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd ready{fd_, POLLIN, 0};
  if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
  std::array<char, 64 * 1024> buffer;
  const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    ended_ = true;
    return false;
  }
  rest_.append(buffer.data(), static_cast<std::size_t>(n));
  for (h2::Frame& frame : h2::frames(rest_)) {
    rest_.erase(0, 9 + frame.payload.size());
    frames_.push_back(std::move(frame));
  }
  return true;
}

std::optional<h2::Frame> Http2Wire::wait_for(const std::function<bool(const h2::Frame&)>& holds) {
  const auto until = Clock::now() + kPatience;
  std::size_t seen = 0;
  do {
    for (; seen < frames_.size(); ++seen) {
      if (holds(frames_[seen])) return frames_[seen];
    }
  } while (read_more(until));
  return std::nullopt;
}

bool Http2Wire::wait_for_end() {
  const auto until = Clock::now() + kPatience;
  while (read_more(until)) {
  }
  return ended_;
}

bool Http2Wire::lives() {
  tell(h2::frame(h2::kPing, 0, 0, "alive???"));
  return wait_for([](const h2::Frame& f) {
           return f.type == h2::kPing && (f.flags & h2::kAck) != 0 && f.payload == "alive???";
         })
      .has_value();
}

}  // namespace weir::test
