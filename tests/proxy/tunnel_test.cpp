// The pure parts; the tunnel itself needs two connections and is tested by
// tests/e2e/tunnel_test.cpp.
#include "proxy/tunnel.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "proxy/tunnel_limit.h"

namespace weir::proxy {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("a tunnel's buffer gives back what was kept, from where it was taken") {
  TunnelBuffer buffer;
  CHECK(buffer.empty());
  buffer.keep(bytes_of("abcdef"));
  buffer.taken(2);
  CHECK(text_of(buffer.bytes()) == "cdef");
  buffer.taken(3);
  CHECK(text_of(buffer.bytes()) == "f");
  CHECK_FALSE(buffer.empty());
  buffer.taken(1);
  CHECK(buffer.empty());
  buffer.keep(bytes_of("g"));
  CHECK(text_of(buffer.bytes()) == "g");
}

TEST_CASE("there are never more tunnels than may be, and a place that is given up is free") {
  TunnelLimit limit(2);
  TunnelLimit::Place a = limit.take();
  TunnelLimit::Place b = limit.take();
  CHECK(a);
  CHECK(b);
  CHECK_FALSE(limit.take());
  CHECK(limit.open() == 2);
  b = std::move(a);  // what b held is free
  CHECK(limit.open() == 1);
  CHECK(limit.take());
  b.free();
  b.free();
  CHECK(limit.open() == 0);
  TunnelLimit none(0);
  TunnelLimit::Place c = none.take();
  CHECK(c);
}

}  // namespace
}  // namespace weir::proxy
