#pragma once
// What tests of HTTP/2 sessions share: settings that wait for nothing long, and a client that moves
// while the Stage's Loop runs.

#include "front/http2_session.h"
#include "stage.h"
#include "support/http2_client.h"
#include "support/http2_frames.h"

namespace weir::front {

namespace h2 = weir::test::h2;

inline Settings hasty() {
  Settings s;
  s.delivery.look_every = 20ms;
  s.delivery.linger_timeout = 100ms;
  return s;
}

// A client of HTTP/2 that moves while the Stage's Loop runs.
struct H2 {
  explicit H2(Stage& s, test::Http2Client::Options options = {})
      : stage(s), client(test::Http2Client::connect(s.address.port()), options) {}
  bool until(const std::function<bool()>& holds) {
    return stage.until([&] { return client.pump(), holds(); });
  }
  std::int32_t get(std::string path) { return client.ask({.path = std::move(path)}); }

  Stage& stage;
  test::Http2Client client;
};

inline std::uint64_t closed(const Stage& stage, delivery::CloseReason why) {
  return stage.stats.closed[static_cast<std::size_t>(why)].get();
}

}  // namespace weir::front
