#include "net/network.h"

#include <doctest/doctest.h>

namespace weir::net {
namespace {

TEST_CASE("a network holds the addresses that begin as it does") {
  struct Row {
    const char* network;
    const char* address;
    bool inside;
  };
  for (const Row& row : {
           Row{"10.0.0.0/8", "10.255.1.2", true},
           Row{"10.0.0.0/8", "11.0.0.0", false},
           Row{"192.0.2.128/25", "192.0.2.128", true},
           Row{"192.0.2.128/25", "192.0.2.127", false},
           Row{"192.0.2.7", "192.0.2.7", true},
           Row{"192.0.2.7", "192.0.2.6", false},
           Row{"192.0.2.6/31", "192.0.2.7", true},
           Row{"0.0.0.0/0", "203.0.113.9", true},
           Row{"0.0.0.0/0", "::1", false},
           Row{"::/0", "10.0.0.1", false},
           Row{"2001:db8::/32", "2001:db8:ffff::1", true},
           Row{"2001:db8::/33", "2001:db8:8000::1", false},
           Row{"::1", "::1", true},
           Row{"::1", "::2", false},
       }) {
    CAPTURE(std::string(row.network));
    CAPTURE(std::string(row.address));
    const auto network = parse_network(row.network);
    REQUIRE(network.has_value());
    CHECK(network->contains(parse_address(row.address, 80).value()) == row.inside);
  }
}

TEST_CASE("a network has one spelling") {
  struct Row {
    const char* text;
    const char* plain;  // null: none
  };
  for (const Row& row : {
           Row{"10.1.2.3/8", "10.0.0.0/8"},
           Row{"10.1.2.3", "10.1.2.3/32"},
           Row{"2001:DB8::1/32", "2001:db8::/32"},
           Row{"::1", "::1/128"},
           Row{"10.0.0.0/33", nullptr},
           Row{"::/129", nullptr},
           Row{"10.0.0.0/", nullptr},
           Row{"10.0.0.0/8x", nullptr},
           Row{"10.0.0.0/-1", nullptr},
           Row{"10.0.0/8", nullptr},
           Row{"example.org", nullptr},
           Row{"", nullptr},
           Row{"/8", nullptr},
       }) {
    CAPTURE(std::string(row.text));
    const auto network = parse_network(row.text);
    REQUIRE(network.has_value() == (row.plain != nullptr));
    if (network) CHECK(network->text() == row.plain);
  }
}

}  // namespace
}  // namespace weir::net
