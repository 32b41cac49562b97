#include "net/listen_drops.h"

#include <doctest/doctest.h>

using weir::net::parse_listen_drops;
using weir::net::read_listen_drops;

TEST_CASE("the two counters are found by their names, wherever they stand") {
  const auto got = parse_listen_drops(
      "IpExt: InNoRoutes\nIpExt: 7\n"
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\nTcpExt: 1 35 36 99\n");
  REQUIRE(got.has_value());
  CHECK(got->overflows == 35);
  CHECK(got->drops == 36);
}

TEST_CASE("what is not of that form is nothing") {
  for (const char* text :
       {"", "TcpExt: ListenOverflows\n", "TcpExt: ListenOverflows ListenDrops\nUdp: 1 2\n",
        "TcpExt: ListenOverflows\nTcpExt: 5\n",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: x y\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_listen_drops(text).has_value());
  }
}

TEST_CASE("this kernel tells them") { CHECK(read_listen_drops().has_value()); }
