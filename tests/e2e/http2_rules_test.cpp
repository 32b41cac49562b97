// RFC 9113, section by section, frame by frame: what a client does, and what has to follow. In the
// manner of h2spec, with a client that writes every frame by hand.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/fixtures.h"
#include "support/http2_wire.h"

namespace weir::test {
namespace {

using namespace std::string_literals;
using namespace h2;

enum class Then : std::uint8_t {
  kLives,     // nothing happens, the connection goes on
  kAnswered,  // the stream is answered 200 and ended, the connection goes on
  kReset,     // RST_STREAM with that code, the connection goes on
  kGoaway,    // GOAWAY with that code, and the connection ends (§5.4.1)
};
struct Row {
  const char* rule;
  std::string bytes;  // behind the preface and empty SETTINGS
  Then then;
  std::uint32_t code = 0;
  std::uint32_t stream = 1;
};

const std::string kTarget = "/x?size=3&cc=max-age=600";

std::string ask(std::uint32_t id) { return headers(id, get(kTarget)); }
std::vector<Header> post_head() {
  std::vector<Header> head = get("/e?echo=body");
  head[0].second = "POST";
  return head;
}
// The head of a request whose body follows.
std::string post(std::uint32_t id, std::vector<Header> more = {}) {
  std::vector<Header> head = post_head();
  head.insert(head.end(), more.begin(), more.end());
  return headers(id, head, kEndHeaders);
}
std::string data(std::uint32_t id, std::string_view bytes, int flags = kEndStream) {
  return frame(kData, flags, id, bytes);
}
std::string settings(std::uint32_t name, std::uint32_t value) {
  return frame(kSettings, 0, 0, number(name, 2) + number(value));
}
std::string credit(std::uint32_t id, std::uint32_t bytes) {
  return frame(kWindowUpdate, 0, id, number(bytes));
}
std::string with(std::vector<Header> more) {
  std::vector<Header> head = get(kTarget);
  head.insert(head.end(), more.begin(), more.end());
  return headers(1, head);
}
std::string without(std::string_view name) {
  std::vector<Header> head = get(kTarget);
  std::erase_if(head, [&](const Header& h) { return h.first == name; });
  return headers(1, head);
}
// A request's block, cut into a HEADERS and that many CONTINUATION frames.
std::string in_pieces(std::uint32_t id, std::size_t pieces) {
  const std::string block = hpack(get(kTarget));
  const std::size_t size = block.size() / (pieces + 1);
  std::string out = frame(kHeaders, kEndStream, id, block.substr(0, size));
  for (std::size_t i = 1; i < pieces; ++i)
    out += frame(kContinuation, 0, id, block.substr(i * size, size));
  return out + frame(kContinuation, kEndHeaders, id, block.substr(pieces * size));
}
std::string open_head(std::uint32_t id) {
  return frame(kHeaders, kEndStream, id, hpack(get(kTarget)));
}
// An indexed field or anything else of HPACK, behind a good head.
std::string coded(std::string_view more) {
  return frame(kHeaders, kEndHeaders | kEndStream, 1, hpack(get(kTarget)).append(more));
}

bool answered(Http2Wire& wire, std::uint32_t id) {
  const auto head =
      wire.wait_for([id](const Frame& f) { return f.type == kHeaders && f.id == id; });
  if (!head || head->payload.empty() || head->payload[0] != '\x88') return false;  // :status 200
  return wire
      .wait_for([id](const Frame& f) {
        return f.id == id && (f.type == kData || f.type == kHeaders) && (f.flags & kEndStream) != 0;
      })
      .has_value();
}

void check(const Weir& weir, const Row& row) {
  CAPTURE(std::string(row.rule));
  Http2Wire wire(weir.port());
  wire.tell(hello() + row.bytes);
  switch (row.then) {
    case Then::kLives:
      CHECK(wire.lives());
      return;
    case Then::kAnswered:
      CHECK(answered(wire, row.stream));
      CHECK(wire.lives());
      return;
    case Then::kReset: {
      const auto reset =
          wire.wait_for([&](const Frame& f) { return f.type == kRstStream && f.id == row.stream; });
      REQUIRE(reset);
      CHECK(number_at(reset->payload, 0) == row.code);
      CHECK(wire.lives());
      return;
    }
    case Then::kGoaway: {
      const auto goaway = wire.wait_for([](const Frame& f) { return f.type == kGoaway; });
      REQUIRE(goaway);
      CHECK(goaway->id == 0);
      CHECK(number_at(goaway->payload, 4) == row.code);
      CHECK(wire.wait_for_end());
      return;
    }
  }
}

void check_all(const std::vector<Row>& rows) {
  const Origin origin;
  Weir weir(origin);
  std::uint64_t broken = 0;
  for (const Row& row : rows) {
    check(weir, row);
    broken += row.then == Then::kGoaway ? 1 : 0;
  }
  CHECK(eventually([&] {
    return weir.status().at("connections").at("closed").value("http2_error", std::uint64_t{0}) ==
           broken;
  }));
}

constexpr std::uint32_t kFrameSizeError = 6;
constexpr std::uint32_t kCompressionError = 9;
constexpr std::uint32_t kMost = 0x7fffffff;

}  // namespace

TEST_CASE("RFC 9113 §3: how a connection begins") {
  const Origin origin;
  const Weir weir(origin);
  {
    Http2Wire wire(weir.port());
    wire.tell(hello());
    REQUIRE(wire.lives());
    CHECK(wire.frames().front().type == kSettings);  // §3.4: ours come first
    CHECK(wire.frames().front().flags == 0);
    CHECK(wire.wait_for([](const Frame& f) { return f.type == kSettings && f.flags == kAck; }));
  }
  {
    Http2Wire wire(weir.port());
    wire.tell(kPreface + frame(kPing, 0, 0, "12345678"));  // §3.4: the client's come first, too
    const auto goaway = wire.wait_for([](const Frame& f) { return f.type == kGoaway; });
    REQUIRE(goaway);
    CHECK(number_at(goaway->payload, 4) == kProtocolError);
    CHECK(wire.wait_for_end());
  }
  for (const std::string& no_preface : {"INVALID CONNECTION PREFACE\r\n\r\n"s,
                                        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"s, hello().substr(1)}) {
    Http2Wire wire(weir.port());
    wire.tell(no_preface);
    CHECK(wire.wait_for_end());
    CHECK(wire.frames().empty());
    CHECK(wire.unread().starts_with("HTTP/1.1 400"));
  }
}

TEST_CASE("RFC 9113 §4: frames and heads") {
  check_all({
      {"§4.1 a frame of an unknown type is ignored", frame(0x16, 0xff, 0, "whatever"),
       Then::kLives},
      {"§4.1 flags without a meaning are ignored", frame(kPing, 0xfe, 0, "12345678"), Then::kLives},
      {"§4.1 the reserved bit is ignored",
       headers(0x80000001, get(kTarget)) + frame(kPing, 0, 0x80000000, "12345678"),
       Then::kAnswered},
      {"§4.2 a frame of 2^14 bytes is taken", post(1) + data(1, std::string(16384, 'x')),
       Then::kAnswered},
      {"§4.2 one byte more is not: DATA", post(1) + data(1, std::string(16385, 'x')), Then::kGoaway,
       kFrameSizeError},
      {"§4.2 one byte more is not: HEADERS", frame(kHeaders, 5, 1, std::string(16385, '\x82')),
       Then::kGoaway, kFrameSizeError},
      {"§4.3 a block that cannot be decoded", coded("\xff\xff\xff\xff\xff\xff"), Then::kGoaway,
       kCompressionError},
      {"§4.3 PRIORITY within a block",
       open_head(1) + frame(kPriority, 0, 1, std::string(5, '\0')) + frame(kContinuation, 4, 1),
       Then::kGoaway, kProtocolError},
      {"§4.3 HEADERS of another stream within a block", open_head(1) + ask(3), Then::kGoaway,
       kProtocolError},
      {"§5.5 an unknown frame within a block", open_head(1) + frame(0x16, 0, 1, "x"), Then::kGoaway,
       kProtocolError},
  });
}

TEST_CASE("RFC 7541: what a block of fields may not be") {
  check_all({
      {"§2.3.3 an index beyond the tables", coded("\xc6"), Then::kGoaway, kCompressionError},
      {"§6.1 the index 0", coded("\x80"), Then::kGoaway, kCompressionError},
      {"§5.1 an integer without an end", coded(std::string(20, '\xff')), Then::kGoaway,
       kCompressionError},
      {"§5.2 Huffman padding of a whole byte", coded("\0\x01x\x82\x1f\xff"s), Then::kGoaway,
       kCompressionError},
      {"§5.2 Huffman padding of zeros", coded("\0\x01x\x81\x18"s), Then::kGoaway,
       kCompressionError},
      {"§5.2 EOS within a string", coded("\0\x01x\x84\xff\xff\xff\xff"s), Then::kGoaway,
       kCompressionError},
      {"§4.2 a size update behind a field", coded("\x20"), Then::kGoaway, kCompressionError},
      {"§6.3 a size update above what we said",
       frame(kHeaders, 5, 1, "\x3f\xe2\x1f" + hpack(get(kTarget))), Then::kGoaway,
       kCompressionError},
      {"§6.3 a size update to zero is taken", frame(kHeaders, 5, 1, "\x20" + hpack(get(kTarget))),
       Then::kAnswered},
  });
}

TEST_CASE("RFC 9113 §5: streams") {
  check_all({
      {"§5.1 idle: DATA", data(1, "x"), Then::kGoaway, kProtocolError},
      {"§5.1 idle: RST_STREAM", rst(1), Then::kGoaway, kProtocolError},
      {"§5.1 idle: WINDOW_UPDATE", credit(1, 100), Then::kGoaway, kProtocolError},
      {"§5.1 idle: CONTINUATION", frame(kContinuation, 4, 1, hpack(get(kTarget))), Then::kGoaway,
       kProtocolError},
      {"§5.1 half-closed: DATA", headers(1, get("/x?size=3&delay=300ms")) + data(1, "x"),
       Then::kGoaway, kStreamClosed},
      {"§5.1 half-closed: HEADERS",
       headers(1, get("/x?size=3&delay=300ms")) + headers(1, {{"x", "y"}}), Then::kGoaway,
       kStreamClosed},
      {"§5.1 half-closed: CONTINUATION", ask(1) + frame(kContinuation, 4, 1, hpack({{"x", "y"}})),
       Then::kGoaway, kProtocolError},
      {"§5.1 half-closed: WINDOW_UPDATE, PRIORITY and RST_STREAM are taken",
       headers(1, get("/x?size=3&delay=300ms")) + credit(1, 9) +
           frame(kPriority, 0, 1, std::string(5, '\0')) + rst(1),
       Then::kLives},
      // A reset may have crossed with what it resets: that is discarded (§5.1, closed).
      {"§5.1 closed: DATA behind RST_STREAM", post(1) + rst(1) + data(1, "x"), Then::kLives},
      {"§5.1 closed: HEADERS behind RST_STREAM", post(1) + rst(1) + headers(1, {{"x", "y"}}),
       Then::kLives},
      {"§5.1 closed: RST_STREAM and WINDOW_UPDATE again", post(1) + rst(1) + rst(1) + credit(1, 9),
       Then::kLives},
      {"§5.1.1 an even number", ask(2), Then::kGoaway, kProtocolError},
      {"§5.1.1 the number 0", headers(0, get(kTarget)), Then::kGoaway, kProtocolError},
      {"§5.1.1 numbers that are left out", ask(1) + ask(5) + ask(99), Then::kAnswered, 0, 99},
      // It asks for PROTOCOL_ERROR; but it cannot be told from trailers of a stream that was reset.
      {"§5.1.1 a lower number than before is not answered", ask(5) + ask(3), Then::kAnswered, 0, 5},
      // §5.3 is no more: none of it is looked at but for its form.
      {"§5.3.2 a stream that depends on itself, as RFC 7540 has it",
       frame(kHeaders, 0x20 | 5, 1, number(1) + "\x0f" + hpack(get(kTarget))), Then::kGoaway,
       kProtocolError},
      {"§5.3.2 PRIORITY of a stream that is not there",
       frame(kPriority, 0, 7, std::string(5, '\0')), Then::kLives},
      {"§5.5 unknown frames on a stream", post(1) + frame(0x20, 0, 1, "x") + data(1, "y"),
       Then::kAnswered},
      {"§5.5 unknown settings", settings(0x77, 1), Then::kLives},
  });
}

TEST_CASE("RFC 9113 §5.1.2: no more streams at once than were allowed") {
  const Origin origin;
  Weir weir(origin);
  const std::string slow = "/slow?size=3&delay=1s&cc=max-age=60";
  for (const bool acknowledged : {false, true}) {
    CAPTURE(acknowledged);
    Http2Wire wire(weir.port());
    wire.tell(hello());
    REQUIRE(wire.lives());
    if (acknowledged) wire.tell(frame(kSettings, kAck, 0));
    std::string all;
    for (std::uint32_t i = 0; i <= 128; ++i) all += headers(2 * i + 1, get(slow));
    wire.tell(all);
    const auto said = wire.wait_for(
        [](const Frame& f) { return f.type == kGoaway || (f.type == kRstStream && f.id == 257); });
    REQUIRE(said);
    const bool reset = said->type == kRstStream;
    CHECK(reset == !acknowledged);
    CHECK(number_at(said->payload, reset ? 0 : 4) == (reset ? kRefusedStream : kProtocolError));
    if (reset) CHECK(answered(wire, 255));
  }
}

TEST_CASE("RFC 9113 §6: the frames, one by one") {
  check_all({
      {"§6.1 DATA on stream 0", data(0, "x"), Then::kGoaway, kProtocolError},
      {"§6.1 DATA with padding",
       post(1) + frame(kData, 9, 1,
                       "\x03"
                       "abc\0\0\0"s),
       Then::kAnswered},
      {"§6.1 DATA with more padding than bytes",
       post(1) + frame(kData, 9, 1,
                       "\x06"
                       "abc"),
       Then::kGoaway, kProtocolError},
      {"§6.2 HEADERS on stream 0", headers(0, get(kTarget)), Then::kGoaway, kProtocolError},
      {"§6.2 HEADERS with padding",
       frame(kHeaders, 5 | kPadded, 1, "\x02" + hpack(get(kTarget)) + "\0\0"s), Then::kAnswered},
      {"§6.2 HEADERS with more padding than bytes",
       frame(kHeaders, 5 | kPadded, 1, "\xff" + hpack(get(kTarget))), Then::kGoaway,
       kProtocolError},
      {"§6.3 PRIORITY on stream 0", frame(kPriority, 0, 0, std::string(5, '\0')), Then::kGoaway,
       kProtocolError},
      {"§6.3 PRIORITY of 4 bytes", frame(kPriority, 0, 1, "1234"), Then::kGoaway, kFrameSizeError},
      {"§6.4 RST_STREAM on stream 0", rst(0), Then::kGoaway, kProtocolError},
      {"§6.4 RST_STREAM of 3 bytes", post(1) + frame(kRstStream, 0, 1, "123"), Then::kGoaway,
       kFrameSizeError},
      {"§6.5 an ACK with something", frame(kSettings, kAck, 0, "123456"), Then::kGoaway,
       kFrameSizeError},
      {"§6.5 SETTINGS on a stream", frame(kSettings, 0, 1), Then::kGoaway, kProtocolError},
      {"§6.5 SETTINGS of 3 bytes", frame(kSettings, 0, 0, "123"), Then::kGoaway, kFrameSizeError},
      {"§6.5.2 ENABLE_PUSH 2", settings(2, 2), Then::kGoaway, kProtocolError},
      {"§6.5.2 INITIAL_WINDOW_SIZE 2^31", settings(4, 0x80000000), Then::kGoaway,
       kFlowControlError},
      {"§6.5.2 MAX_FRAME_SIZE below 2^14", settings(5, 16383), Then::kGoaway, kProtocolError},
      {"§6.5.2 MAX_FRAME_SIZE 2^24", settings(5, 1 << 24), Then::kGoaway, kProtocolError},
      {"§6.5.3 the same setting twice: the last one counts",
       settings(4, 0) + settings(4, 9) + ask(1), Then::kAnswered},
      {"§6.6 PUSH_PROMISE", ask(1) + frame(kPushPromise, 4, 1, number(2) + hpack(get(kTarget))),
       Then::kGoaway, kProtocolError},
      {"§6.7 PING on a stream", frame(kPing, 0, 1, "12345678"), Then::kGoaway, kProtocolError},
      {"§6.7 PING of 6 bytes", frame(kPing, 0, 0, "123456"), Then::kGoaway, kFrameSizeError},
      {"§6.7 an ACK for nothing is ignored", frame(kPing, kAck, 0, "12345678"), Then::kLives},
      {"§6.8 GOAWAY on a stream", frame(kGoaway, 0, 1, number(0) + number(0)), Then::kGoaway,
       kProtocolError},
      {"§6.8 GOAWAY of 4 bytes", frame(kGoaway, 0, 0, number(0)), Then::kGoaway, kFrameSizeError},
      {"§6.9 no credit for the connection", credit(0, 0), Then::kGoaway, kProtocolError},
      {"§6.9 no credit for a stream", post(1) + credit(1, 0), Then::kGoaway, kProtocolError},
      {"§6.9 WINDOW_UPDATE of 3 bytes", frame(kWindowUpdate, 0, 0, "123"), Then::kGoaway,
       kFrameSizeError},
      {"§6.9.1 more than 2^31-1 for the connection", credit(0, kMost), Then::kGoaway,
       kFlowControlError},
      {"§6.9.1 more than 2^31-1 for a stream", post(1) + credit(1, kMost), Then::kReset,
       kFlowControlError},
      // It asks for an end of the connection; nghttp2 ends the streams that it concerns.
      {"§6.9.2 a window that grows beyond by SETTINGS", post(1) + credit(1, 1) + settings(4, kMost),
       Then::kReset, kFlowControlError},
      {"§6.10 one CONTINUATION", in_pieces(1, 1), Then::kAnswered},
      {"§6.10 seven", in_pieces(1, 7), Then::kAnswered},
      {"§6.10 an empty one",
       frame(kHeaders, 1, 1, hpack(get(kTarget))) + frame(kContinuation, 4, 1), Then::kAnswered},
      {"§6.10 DATA within a block", open_head(1) + data(1, "x"), Then::kGoaway, kProtocolError},
      {"§6.10 CONTINUATION on stream 0", open_head(1) + frame(kContinuation, 4, 0), Then::kGoaway,
       kProtocolError},
      {"§6.10 CONTINUATION of another stream", open_head(1) + frame(kContinuation, 4, 3),
       Then::kGoaway, kProtocolError},
      {"§6.10 CONTINUATION behind END_HEADERS", post(1) + frame(kContinuation, 4, 1), Then::kGoaway,
       kProtocolError},
      {"§6.10 CONTINUATION behind DATA", post(1) + data(1, "x", 0) + frame(kContinuation, 4, 1),
       Then::kGoaway, kProtocolError},
      {"§7 an unknown code resets all the same", post(1) + rst(1, 0xff), Then::kLives},
  });
}

TEST_CASE("RFC 9113 §6.7: a PING comes back as it was") {
  const Origin origin;
  const Weir weir(origin);
  Http2Wire wire(weir.port());
  wire.tell(hello() + frame(kPing, 0, 0, "\0\1\2\3\4\5\6\7"s));
  const auto pong = wire.wait_for([](const Frame& f) { return f.type == kPing; });
  REQUIRE(pong);
  CHECK(pong->flags == kAck);
  CHECK(pong->payload == "\0\1\2\3\4\5\6\7"s);
}

TEST_CASE("RFC 9113 §6.8: who says GOAWAY, with whatever code, gets what was asked before") {
  const Origin origin;
  const Weir weir(origin);
  for (const std::uint32_t code : {0U, 0xffU}) {
    Http2Wire wire(weir.port());
    wire.tell(hello() + headers(1, get("/x?size=3&delay=300ms")) +
              frame(kGoaway, 0, 0, number(0) + number(code)));
    CHECK(answered(wire, 1));
    CHECK(wire.wait_for_end());
  }
}

TEST_CASE("RFC 9113 §6.9: no more is sent than there is credit for") {
  const Origin origin;
  const Weir weir(origin);
  const auto received = [](const Http2Wire& wire) {
    std::size_t bytes = 0;
    for (const Frame& f : wire.frames()) bytes += f.type == kData ? f.payload.size() : 0;
    return bytes;
  };
  const auto wait_for_bytes = [&](Http2Wire& wire, std::size_t bytes) {
    return wire.wait_for([&](const Frame&) { return received(wire) >= bytes; }).has_value();
  };
  {
    Http2Wire wire(weir.port());
    wire.tell(kPreface + settings(4, 1) + headers(1, get("/w?size=4")));  // §6.9.1
    REQUIRE(wait_for_bytes(wire, 1));
    wire.tell(credit(1, 2));
    REQUIRE(wait_for_bytes(wire, 3));
    wire.tell(settings(4, 0));  // §6.9.2: now it is -1 + ...: one byte of credit changes nothing
    wire.tell(credit(1, 1));
    CHECK(wire.lives());
    CHECK(received(wire) == 3);
    wire.tell(settings(4, 1));
    CHECK(answered(wire, 1));
    CHECK(received(wire) == 4);
  }
  {
    Http2Wire wire(weir.port());  // §6.9.1: of the connection, 65535 at first
    wire.tell(kPreface + settings(4, kMost) + headers(1, get("/w?size=100000")));
    REQUIRE(wait_for_bytes(wire, 65535));
    CHECK(wire.lives());
    CHECK(received(wire) == 65535);
    wire.tell(credit(0, 100'000));
    CHECK(answered(wire, 1));
    CHECK(received(wire) == 100'000);
    for (const Frame& f : wire.frames()) CHECK(f.payload.size() <= 16384);  // §4.2
  }
}

TEST_CASE("RFC 9113 §8: requests, and what is none") {
  const std::string trailers = headers(1, {{"x-sum", "7"}});
  check_all({
      {"§8.1 a body and trailers", post(1) + data(1, "abc", 0) + trailers, Then::kAnswered},
      {"§8.1 trailers that end nothing",
       post(1) + data(1, "abc", 0) + headers(1, {{"x-sum", "7"}}, kEndHeaders), Then::kReset,
       kProtocolError},
      {"§8.1 trailers with a pseudo-field",
       post(1) + data(1, "abc", 0) + headers(1, {{":path", "/"}}), Then::kReset, kProtocolError},
      {"§8.1.1 a length that is not met", post(1, {{"content-length", "5"}}) + data(1, "abc"),
       Then::kReset, kProtocolError},
      {"§8.1.1 a length that is not met by two",
       post(1, {{"content-length", "5"}}) + data(1, "abc", 0) + data(1, "d"), Then::kReset,
       kProtocolError},
      {"§8.1.1 a length that is passed", post(1, {{"content-length", "2"}}) + data(1, "abc"),
       Then::kReset, kProtocolError},
      {"§8.1.1 a length without a body", with({{"content-length", "1"}}), Then::kReset,
       kProtocolError},
      {"§8.1.1 a length that is met", post(1, {{"content-length", "3"}}) + data(1, "abc"),
       Then::kAnswered},
      {"§8.1.1 two lengths",
       post(1, {{"content-length", "3"}, {"content-length", "4"}}) + data(1, "abc"), Then::kReset,
       kProtocolError},
      {"§8.2 a name with a space", with({{"a b", "c"}}), Then::kReset, kProtocolError},
      {"§8.2.1 a name in upper case", with({{"X-Upper", "c"}}), Then::kReset, kProtocolError},
      {"§8.2.1 a colon in a name", with({{"a:b", "c"}}), Then::kReset, kProtocolError},
      {"§8.2.1 an empty name", with({{"", "c"}}), Then::kReset, kProtocolError},
      {"§8.2.1 NUL", with({{"a", "b\0c"s}}), Then::kReset, kProtocolError},
      {"§8.2.1 CR", with({{"a", "b\rc"}}), Then::kReset, kProtocolError},
      {"§8.2.1 LF", with({{"a", "b\nHost: evil"}}), Then::kReset, kProtocolError},
      {"§8.2.1 space before a value", with({{"a", " b"}}), Then::kReset, kProtocolError},
      {"§8.2.1 tab behind a value", with({{"a", "b\t"}}), Then::kReset, kProtocolError},
      {"§8.2.2 Connection", with({{"connection", "x"}}), Then::kReset, kProtocolError},
      {"§8.2.2 Proxy-Connection", with({{"proxy-connection", "x"}}), Then::kReset, kProtocolError},
      {"§8.2.2 Keep-Alive", with({{"keep-alive", "5"}}), Then::kReset, kProtocolError},
      {"§8.2.2 Transfer-Encoding", with({{"transfer-encoding", "chunked"}}), Then::kReset,
       kProtocolError},
      {"§8.2.2 Upgrade", with({{"upgrade", "h2c"}}), Then::kReset, kProtocolError},
      {"§8.2.2 TE: gzip", with({{"te", "trailers, deflate;q=0.5"}}), Then::kReset, kProtocolError},
      {"§8.2.2 TE: trailers", with({{"te", "trailers"}}), Then::kAnswered},
      {"§8.3 an unknown pseudo-field", with({{":test", "ok"}}), Then::kReset, kProtocolError},
      {"§8.3 a pseudo-field of responses", with({{":status", "200"}}), Then::kReset,
       kProtocolError},
      {"§8.3 a pseudo-field behind a field",
       headers(1, {{":method", "GET"}, {":scheme", "http"}, {"a", "b"}, {":path", "/"}}),
       Then::kReset, kProtocolError},
      {"§8.3.1 an empty path",
       headers(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}}),
       Then::kReset, kProtocolError},
      {"§8.3.1 no method", without(":method"), Then::kReset, kProtocolError},
      {"§8.3.1 no scheme", without(":scheme"), Then::kReset, kProtocolError},
      {"§8.3.1 no path", without(":path"), Then::kReset, kProtocolError},
      {"§8.3.1 two methods", with({{":method", "GET"}}), Then::kReset, kProtocolError},
      {"§8.3.1 two schemes", with({{":scheme", "http"}}), Then::kReset, kProtocolError},
      {"§8.3.1 two paths", with({{":path", "/"}}), Then::kReset, kProtocolError},
      {"§8.3.1 two authorities", with({{":authority", "a"}}), Then::kReset, kProtocolError},
      {"§8.3.1 Host alone",
       headers(1, {{":method", "GET"}, {":scheme", "http"}, {":path", kTarget}, {"host", "a"}}),
       Then::kAnswered},
      {"§8.3.1 Host that agrees", with({{"host", "A"}}), Then::kAnswered},
      {"§8.4 a client pushes nothing", frame(kPushPromise, 4, 1, number(2)), Then::kGoaway,
       kProtocolError},
  });
}

}  // namespace weir::test
