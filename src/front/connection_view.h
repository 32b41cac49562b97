#pragma once
// ConnectionView: what an operator would want to know of one client's connection. Values.

#include <cstdint>
#include <string>
#include <string_view>

#include "delivery/patience.h"
#include "delivery/sample.h"

namespace weir::front {

struct ConnectionView {
  std::uint64_t number = 0;  // among the worker's connections
  std::string client{};      // "192.0.2.1:4711"
  bool http2 = false;
  bool tls = false;
  delivery::Phase phase = delivery::Phase::kIdle;
  std::size_t requests = 0;  // under way
  std::string request{};     // the oldest of them, "GET example.org/film", cut to kRequestMost
  Duration request_age{0};   // since its first byte
  std::uint64_t held = 0;    // bytes written for the client that it has not acknowledged
  std::uint64_t acked = 0;   // bytes, since the connection began, as of the last look
  double rate = 0;           // acknowledged bytes a second, lately, while something is owed
  Duration still{0};         // without progress of the client or, while it waits, of the origin
  std::string_view will{};   // what it will be ended for if nothing moves; empty: nothing
  TimePoint at = TimePoint::max();  // when

  static constexpr std::size_t kRequestMost = 200;
};

}  // namespace weir::front
