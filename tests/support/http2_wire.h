#pragma once
// A connection of HTTP/2 by hand: what is told goes out as it is, right or wrong (http2_frames.h),
// and what comes back is taken frame by frame. Blocking; to 127.0.0.1. Shares nothing with src/ nor
// with nghttp2. One thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/http2_frames.h"

namespace weir::test {

class Http2Wire {
 public:
  static constexpr std::chrono::milliseconds kPatience{10'000};

  explicit Http2Wire(std::uint16_t port);
  ~Http2Wire();
  Http2Wire(const Http2Wire&) = delete;

  // What the peer does not take any more is lost.
  void tell(std::string_view bytes);
  void half_close();
  // The first frame that came and for which this holds, seen before or not. Nothing: the connection
  // has ended without it, or it did not come in time.
  std::optional<h2::Frame> wait_for(const std::function<bool(const h2::Frame&)>& holds);
  // Until the peer's end. False: it did not come in time.
  bool wait_for_end();
  // Whether a PING is answered now, behind all that was told before.
  bool lives();
  const std::vector<h2::Frame>& frames() const { return frames_; }  // all so far
  const std::string& unread() const { return rest_; }               // no whole frame

 private:
  bool read_more(std::chrono::steady_clock::time_point until);

  int fd_;
  bool ended_ = false;
  std::string rest_;
  std::vector<h2::Frame> frames_;
};

}  // namespace weir::test
