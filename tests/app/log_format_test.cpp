#include "app/log_format.h"

#include <doctest/doctest.h>

#include <string>

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using proxy::AccessEntry;

// 2026-11-21T20:31:02Z
constexpr WallTime kWall{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 20h + 31min +
                         2s};

AccessEntry hit() {
  AccessEntry e;
  e.wall = kWall;
  e.wall_fraction = 123'456'789ns;
  e.worker = 1;
  e.client = "192.0.2.7";
  e.client_port = 51234;
  e.method = "GET";
  e.target = "/a?b=1";
  e.host = "example.org";
  e.version = "HTTP/1.1";
  e.user_agent = "curl/7.88";
  e.status = 200;
  e.head_bytes = 312;
  e.body_bytes = 65536;
  e.complete = true;
  e.cache = "hit";
  e.reason = "fresh";
  e.acked_known = true;
  e.acked = 65536;
  e.delivered = true;
  e.time_to_last_ack = std::chrono::microseconds(1200250);
  e.standstill = std::chrono::milliseconds(500);
  e.delivery_proof = "next_request";
  e.time_to_first_byte = 85us;
  e.duration = 1234567us;
  e.rtt_us = 420;
  return e;
}

std::string line(LogFormat format, const AccessEntry& e) {
  LineFormat lines(format);
  LogBuffer to;
  lines.append(to, e);
  return std::string(to.view());
}

TEST_CASE("a JSON line says what is known and leaves out what is not") {
  CHECK(line(LogFormat::kJson, hit()) ==
        R"({"time":"2026-11-21T20:31:02.123Z","client":"192.0.2.7","port":51234,"method":"GET",)"
        R"("host":"example.org","target":"/a?b=1","version":"HTTP/1.1","status":200,)"
        R"("cache":"hit","reason":"fresh","head_bytes":312,"body_bytes":65536,"complete":true,)"
        R"("acked":65536,"delivered":true,"delivery":"next_request","ttfb_ms":0.085,)"
        R"("last_ack_ms":1200.250,"standstill_ms":500.000,"duration_ms":1234.567,)"
        R"("rtt_us":420,"retransmits":0,"user_agent":"curl/7.88","worker":1})"
        "\n");
  AccessEntry e;
  e.wall = kWall;
  e.client = "2001:db8::1";
  e.status = 400;
  e.close = "bad_request";
  CHECK(line(LogFormat::kJson, e) ==
        R"({"time":"2026-11-21T20:31:02.000Z","client":"2001:db8::1","port":0,"status":400,)"
        R"("head_bytes":0,"body_bytes":0,"complete":false,"ttfb_ms":0.000,"duration_ms":0.000,)"
        R"("retransmits":0,"close":"bad_request","worker":0})"
        "\n");
}

TEST_CASE("a JSON line of a range says which") {
  AccessEntry e = hit();
  e.status = 206;
  e.range = proxy::AccessRange{100, 199};
  e.origin = "10.0.0.1:9000";
  const std::string text = line(LogFormat::kJson, e);
  CHECK(text.find(R"("origin":"10.0.0.1:9000","range_first":100,"range_last":199,)") != text.npos);
}

TEST_CASE("a combined line is as other servers write it") {
  AccessEntry e = hit();
  CHECK(line(LogFormat::kCombined, e) ==
        "192.0.2.7 - - [21/Nov/2026:20:31:02 +0000] \"GET /a?b=1 HTTP/1.1\" 200 65536 \"-\" "
        "\"curl/7.88\"\n");
  e.referer = "http://example.org/\"x\\\n";
  e.user_agent = {};
  CHECK(line(LogFormat::kCombined, e) ==
        "192.0.2.7 - - [21/Nov/2026:20:31:02 +0000] \"GET /a?b=1 HTTP/1.1\" 200 65536 "
        "\"http://example.org/\\x22x\\x5c\\x0a\" \"-\"\n");
}

TEST_CASE(
    "an extended line is a combined line with the receipt behind it, every key in its place") {
  CHECK(line(LogFormat::kExtended, hit()) ==
        "192.0.2.7 - - [21/Nov/2026:20:31:02 +0000] \"GET /a?b=1 HTTP/1.1\" 200 65536 \"-\" "
        "\"curl/7.88\" cache=hit reason=fresh origin=- complete=yes acked=65536 delivered=yes "
        "delivery=next_request ttfb_ms=0.085 last_ack_ms=1200.250 standstill_ms=500.000 "
        "duration_ms=1234.567 rtt_us=420 retransmits=0 close=-\n");
  AccessEntry e;
  e.wall = kWall;
  e.client = "192.0.2.7";
  e.status = 400;
  e.close = "bad_request";
  CHECK(line(LogFormat::kExtended, e) ==
        "192.0.2.7 - - [21/Nov/2026:20:31:02 +0000] \"-\" 400 0 \"-\" \"-\" cache=- reason=- "
        "origin=- "
        "complete=no acked=- delivered=- delivery=- ttfb_ms=0.000 last_ack_ms=0.000 "
        "standstill_ms=0.000 duration_ms=0.000 rtt_us=0 retransmits=0 close=bad_request\n");
}

TEST_CASE("a combined line of a request that could not be read has a dash for it") {
  AccessEntry e;
  e.wall = kWall;
  e.client = "192.0.2.7";
  e.status = 400;
  CHECK(line(LogFormat::kCombined, e) ==
        "192.0.2.7 - - [21/Nov/2026:20:31:02 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

TEST_CASE("any bytes are escaped so that the line stays JSON in UTF-8") {
  struct Row {
    std::string_view bytes;
    std::string_view json;
  };
  const Row rows[] = {
      {"plain ~", "plain ~"},
      {"a\"b\\c", R"(a\"b\\c)"},
      {"\n\r\t\x01\x1f\x7f", R"(\u000a\u000d\u0009\u0001\u001f\u007f)"},
      {std::string_view("\0", 1), R"(\u0000)"},
      {"\xc3\xa4", "\xc3\xa4"},                             // two bytes
      {"\xe2\x82\xac", "\xe2\x82\xac"},                     // three
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},             // four
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},             // U+10FFFF, the last
      {"\xff\xfe", R"(\u00ff\u00fe)"},                      // never in UTF-8
      {"\x80", R"(\u0080)"},                                // continuation without a lead
      {"\xc3", R"(\u00c3)"},                                // lead at the end
      {"\xc3(", R"(\u00c3()"},                              // lead without continuation
      {"\xe2\x82", R"(\u00e2\u0082)"},                      // cut
      {"\xc0\xaf", R"(\u00c0\u00af)"},                      // RFC 3629 §3: overlong
      {"\xe0\x80\xaf", R"(\u00e0\u0080\u00af)"},            // overlong
      {"\xf0\x80\x80\xaf", R"(\u00f0\u0080\u0080\u00af)"},  // overlong
      {"\xed\xa0\x80", R"(\u00ed\u00a0\u0080)"},            // surrogate
      {"\xf4\x90\x80\x80", R"(\u00f4\u0090\u0080\u0080)"},  // above U+10FFFF
      {"\xf5\x80\x80\x80", R"(\u00f5\u0080\u0080\u0080)"},
  };
  for (const Row& row : rows) {
    AccessEntry e;
    e.wall = kWall;
    e.method = row.bytes;
    const std::string text = line(LogFormat::kJson, e);
    CAPTURE(text);
    CHECK(text.find("\"method\":\"" + std::string(row.json) + "\",") != text.npos);
  }
}

TEST_CASE("a special byte is found at every place of a text") {
  for (int c = 0; c < 0x80; ++c) {
    const bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    for (std::size_t at = 0; at < 20; ++at) {
      std::string method(20, 'm');
      method[at] = static_cast<char>(c);
      AccessEntry e;
      e.method = method;
      CHECK((line(LogFormat::kCombined, e).find("\\x") == std::string::npos) == plain);
    }
  }
}

TEST_CASE("lines follow each other and the second changes when it does") {
  LineFormat lines(LogFormat::kJson);
  LogBuffer to;
  AccessEntry e = hit();
  lines.append(to, e);
  e.wall += 58s;
  e.wall_fraction = 999'999'999ns;
  lines.append(to, e);
  const std::string_view text = to.view();
  CHECK(text.find("\"time\":\"2026-11-21T20:31:02.123Z\"") == 1);
  CHECK(text.find("\"time\":\"2026-11-21T20:32:00.999Z\"") == text.find('\n') + 2);
}

TEST_CASE("a line of the worst bytes fits") {
  const std::string worst(64 << 10, '\xff');
  AccessEntry e = hit();
  e.target = e.host = e.referer = e.user_agent = worst;
  e.head_bytes = e.body_bytes = e.acked = ~0ULL;
  e.range = proxy::AccessRange{~0ULL, ~0ULL};
  e.rtt_us = e.retransmits = e.worker = ~0U;
  e.duration = e.time_to_first_byte = Duration::max();
  LogBuffer to;
  LineFormat json(LogFormat::kJson);
  LineFormat combined(LogFormat::kCombined);
  json.append(to, e);
  combined.append(to, e);
  CHECK(to.size() > 6 * worst.size());
  CHECK(to.size() <= to.capacity());
}

TEST_CASE("a buffer keeps its bytes when it grows") {
  LogBuffer b;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    char* at = b.room(3);
    *at++ = static_cast<char>('a' + i % 26);
    *at++ = '\n';
    b.advance(at);
    expected += static_cast<char>('a' + i % 26);
    expected += '\n';
  }
  CHECK(b.view() == expected);
  b.clear();
  CHECK(b.size() == 0);
  CHECK(b.capacity() >= expected.size());
}

}  // namespace
}  // namespace weir::app
