#include "body/fake_source.h"
#include "front/http1_intake.h"
#include "net/loopback.h"

using namespace weir;
using namespace weir::front;
using Pull = Http1Intake::Pull;
using State = Http1Intake::State;

namespace {

http::Request head_of(http::Framing framing, std::uint64_t length = 0) {
  http::Request head;
  head.framing = framing;
  head.length = length;
  return head;
}

struct Upload final : net::Conn::Owner {
  void on_ready(net::Conn&, net::Ready) override {}
  void tell(std::string_view text) {
    REQUIRE(send(pair.far.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    test::run_rounds(loop, 5);
  }
  Pull pull() { return intake.pull(conn, scratch, surplus); }
  // All that can be read of the body, and what stopped it.
  std::string read() {
    std::string text;
    for (;;) {
      const body::Next next = reader->next(body::kChunkSize);
      const auto* lease = std::get_if<body::Lease>(&next);
      if (!lease) return text + "|" + body::text_of(next);
      text.append(reinterpret_cast<const char*>(lease->bytes.data()), lease->bytes.size());
      reader->advance(lease->bytes.size());
    }
  }
  void start(const http::Request& head, std::uint64_t window = 1 << 20) {
    intake.start(head, source, window, bell);
    if (intake.body()) reader.emplace(intake.body(), 0, body::kUnlimited, bell);
  }

  net::Loop loop;
  test::Pair pair;
  net::Conn conn{loop, pair.near.release(), net::Address(), *this};
  body::FakeSource source;
  body::Bell bell;
  const http::HeadLimits limits;
  Http1Intake intake{limits};
  std::optional<body::BodyReader> reader;
  std::vector<std::byte> scratch = std::vector<std::byte>(4096);
  std::string surplus;
};

}  // namespace

TEST_CASE("a body ends where its framing says, and what is behind it is another request's") {
  struct Row {
    const char* what;
    http::Framing framing;
    std::uint64_t length;
    std::string_view in;
    std::size_t used;
    const char* body;
  };
  const Row rows[] = {
      {"length", http::Framing::kLength, 5, "helloGET /", 5, "hello|end"},
      {"length 0", http::Framing::kLength, 0, "GET /", 0, "|end"},
      {"length, a part", http::Framing::kLength, 5, "hel", 3, "hel|wait"},
      {"chunks", http::Framing::kChunked, 0, "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nGET /", 20,
       "hello|end"},
      {"chunks, a part", http::Framing::kChunked, 0, "3\r\nhe", 5, "he|wait"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Upload upload;
    upload.start(head_of(row.framing, row.length));
    CHECK(upload.intake.feed(test::bytes_of(row.in)) == row.used);
    CHECK(upload.read() == row.body);
    CHECK(upload.intake.whole() == std::string_view(row.body).ends_with("end"));
  }
  Upload none;
  none.start(head_of(http::Framing::kNone));
  CHECK(none.intake.whole());
  CHECK_FALSE(none.intake.body());
}

TEST_CASE("it is read from the connection no further than its end") {
  Upload upload;
  upload.start(head_of(http::Framing::kLength, 6));
  upload.tell("abc");
  CHECK(upload.pull() == Pull::kDrained);
  CHECK(upload.read() == "abc|wait");
  upload.tell("defGET /");
  CHECK(upload.pull() == Pull::kEnded);
  CHECK(upload.intake.state() == State::kWhole);
  CHECK(upload.read() == "def|end");
  CHECK(upload.surplus.empty());  // not even read

  Upload chunked;
  chunked.start(head_of(http::Framing::kChunked));
  chunked.tell("3\r\nabc\r\n0\r\n\r\nGET /");
  CHECK(chunked.pull() == Pull::kEnded);
  CHECK(chunked.read() == "abc|end");
  CHECK(chunked.surplus == "GET /");  // is kept
}

TEST_CASE("it waits for whoever reads it, in bounded memory") {
  Upload upload;
  upload.start(head_of(http::Framing::kLength, 100'000'000), 64 * 1024);
  const std::string block(32 * 1024, 'b');
  Pull last = Pull::kDrained;
  for (int i = 0; i < 100 && last == Pull::kDrained; ++i) {
    upload.tell(block);
    last = upload.pull();
  }
  CHECK(last == Pull::kNoRoom);
  CHECK(upload.intake.received() <= 128 * 1024);
  upload.bell.take();
  CHECK(upload.read().ends_with("|wait"));
  CHECK(upload.bell.take() > 0);
  CHECK(upload.pull() == Pull::kDrained);
}

TEST_CASE("a body that is cut, wrong or given up fails, and is never whole") {
  struct Row {
    const char* what;
    http::Framing framing;
    std::function<void(Upload&)> end;
    const char* body;
  };
  const auto fin = [](Upload& u) {
    shutdown(u.pair.far.get(), SHUT_WR);
    test::run_rounds(u.loop, 5);
    CHECK(u.pull() == Pull::kEnded);
  };
  const auto reset = [](Upload& u) {
    u.pair.far.close_with_reset();
    test::run_rounds(u.loop, 5);
    CHECK(u.pull() == Pull::kGone);
  };
  const auto wrong = [](Upload& u) {
    u.tell("\r\nzz\r\n");
    CHECK(u.pull() == Pull::kEnded);
  };
  const auto give_up = [](Upload& u) { u.intake.give_up(Error{Errc::kRequestTimeout}); };
  const Row rows[] = {
      {"FIN", http::Framing::kLength, fin, "|error client_body_cut"},
      {"FIN in a chunk", http::Framing::kChunked, fin, "|error client_body_cut"},
      {"reset", http::Framing::kLength, reset, "|error client_gone"},
      {"bad chunk", http::Framing::kChunked, wrong, "|error bad_framing"},
      {"given up", http::Framing::kLength, give_up, "|error request_timeout"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Upload upload;
    upload.start(head_of(row.framing, 10));
    upload.tell(row.framing == http::Framing::kChunked ? "3\r\nabc" : "abc");
    CHECK(upload.pull() == Pull::kDrained);
    CHECK(upload.read() == "abc|wait");
    row.end(upload);
    CHECK(upload.intake.state() == State::kBroken);
    CHECK_FALSE(upload.intake.whole());
    CHECK(upload.read() == row.body);
  }
}
