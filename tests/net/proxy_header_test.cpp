#include "net/proxy_header.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir::net;

namespace {

using Status = ProxyHeaderDecoder::Status;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

// Version 2: command, family, then what follows the length.
std::string v2(unsigned char command, unsigned char family, const std::string& rest) {
  std::string out = kSignature;
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 0xff);
  return out + rest;
}

const std::string kFour("\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x50", 12);
const std::string kSix(
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
    "\xff\xff\x01\xbb",
    36);
const std::string kMapped(
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x08\x00\x01\x00\x02",
    36);

struct Told {
  Status status = Status::kMore;
  std::size_t used = 0;
  std::string source, destination;  // empty: none
  bool operator==(const Told&) const = default;
};

// In pieces of `piece` bytes.
Told told_by(const std::string& in, std::size_t piece) {
  ProxyHeaderDecoder decoder;
  Told told;
  while (told.status == Status::kMore && told.used < in.size()) {
    const auto bytes = std::as_bytes(std::span(in)).subspan(told.used);
    const auto step = decoder.feed(bytes.first(std::min(piece, bytes.size())));
    told.used += step.used;
    told.status = step.status;
  }
  if (told.status != Status::kDone) return told;
  if (decoder.source()) told.source = decoder.source()->text();
  if (decoder.destination()) told.destination = decoder.destination()->text();
  return told;
}

TEST_CASE("a PROXY header says where a connection came from, however it is cut") {
  struct Row {
    std::string header;
    std::string source;
    std::string destination;
  };
  const Row rows[] = {
      // Version 1, §2.1.
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n", "192.0.2.1:1234", "192.0.2.2:80"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255:65535",
       "255.255.255.255:0"},
      {"PROXY TCP6 2001:db8::1 2001:db8::2 65535 443\r\n", "[2001:db8::1]:65535",
       "[2001:db8::2]:443"},
      {"PROXY UNKNOWN\r\n", "", ""},
      {"PROXY UNKNOWN ffff::1 anything at all\r\n", "", ""},
      // Version 2, §2.2.
      {v2(0x21, 0x11, kFour), "192.0.2.1:1234", "192.0.2.2:80"},
      {v2(0x21, 0x21, kSix), "[2001:db8::1]:65535", "[2001:db8::2]:443"},
      {v2(0x21, 0x21, kMapped), "192.0.2.7:1", "192.0.2.8:2"},  // one client, one name
      {v2(0x21, 0x11, kFour + std::string("\x04\x00\x01\x00", 4)), "192.0.2.1:1234",
       "192.0.2.2:80"},  // with a TLV, §2.2.7
      {v2(0x21, 0x11, kFour + std::string(5000, 'x')), "192.0.2.1:1234", "192.0.2.2:80"},
      {v2(0x20, 0x00, ""), "", ""},     // LOCAL
      {v2(0x20, 0x11, kFour), "", ""},  // LOCAL: the addresses are to be forgotten
      {v2(0x20, 0x77, "abc"), "", ""},
      {v2(0x21, 0x00, "tlv"), "", ""},                  // AF_UNSPEC
      {v2(0x21, 0x31, std::string(216, 'u')), "", ""},  // AF_UNIX
  };
  for (const Row& row : rows) {
    CAPTURE(row.header);
    const Told wanted{Status::kDone, row.header.size(), row.source, row.destination};
    for (const std::size_t piece : {1U, 2U, 5U, 16U, 17U, 10'000U}) {
      CAPTURE(piece);
      CHECK(told_by(row.header, piece) == wanted);
      CHECK(told_by(row.header + "GET / HTTP/1.1\r\n", piece) == wanted);
    }
    for (std::size_t n = 0; n < row.header.size(); ++n) {
      CHECK(told_by(row.header.substr(0, n), 7).status == Status::kMore);
    }
  }
}

TEST_CASE("what is no PROXY header is not believed, as early as that is known") {
  struct Row {
    std::string header;
    std::size_t used;  // when it was known
  };
  const std::string four = "PROXY TCP4 192.0.2.1 192.0.2.2 ";
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n", 1},
      {"\x16\x03\x01", 1},  // a TLS handshake
      {"PROXZ", 5},
      {"proxy TCP4", 1},
      {"\r\n\r\nX", 5},
      {four + "1234 80\n", 0},  // §2.1: CRLF
      {four + "1234\r\n", 0},
      {four + "1234 \r\n", 0},
      {four + " 1234 80\r\n", 0},
      {four + "1234 80 \r\n", 0},
      {four + "1234 80 1\r\n", 0},
      {four + "01234 80\r\n", 0},
      {four + "65536 80\r\n", 0},
      {four + "-1 80\r\n", 0},
      {four + "+1 80\r\n", 0},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", 0},
      {"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", 0},
      {"PROXY TCP4 192.0.2.1 a.example 1 2\r\n", 0},
      {"PROXY TCP4 * * 1 2\r\n", 0},
      {"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", 0},
      {"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 0},
      {"PROXY \r\n", 0},
      {"PROXY UNKNOWNS\r\n", 0},
      {"PROXY UNKNOWN " + std::string(200, 'x'), 108},  // §2.1: 107 bytes at most
      {v2(0x11, 0x11, kFour), 16},                      // version 1 in the form of 2
      {v2(0x22, 0x11, kFour), 16},                      // no such command
      {v2(0x21, 0x12, kFour), 16},                      // a datagram came by TCP
      {v2(0x21, 0x41, kFour), 16},
      {v2(0x21, 0x11, kFour.substr(1)), 16},  // shorter than its addresses
      {v2(0x21, 0x21, kFour), 16},
  };
  for (const Row& row : rows) {
    CAPTURE(row.header);
    for (const std::size_t piece : {1U, 3U, 10'000U}) {
      const Told told = told_by(row.header, piece);
      CHECK(told.status == Status::kBad);
      CHECK(told.used == (row.used != 0 ? row.used : row.header.size()));
    }
  }
}

TEST_CASE("what is printed is read back") {
  const auto at = [](const char* text) { return parse_address(text); };
  struct Row {
    std::optional<Address> source, destination;
    std::string header;
  };
  const Row rows[] = {
      {at("192.0.2.1:1234"), at("192.0.2.2:80"), v2(0x21, 0x11, kFour)},
      {at("[2001:db8::1]:65535"), at("[2001:db8::2]:443"), v2(0x21, 0x21, kSix)},
      {at("[2001:db8::1]:65535"), at("192.0.2.2:80"), v2(0x20, 0x00, "")},
      {at("192.0.2.1:1234"), {}, v2(0x20, 0x00, "")},
      {{}, {}, v2(0x20, 0x00, "")},
  };
  for (const Row& row : rows) CHECK(print_proxy_header(row.source, row.destination) == row.header);
}

}  // namespace
