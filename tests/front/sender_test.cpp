#include <functional>

#include "body/fake_source.h"
#include "body/text_body.h"
#include "front/http1_sender.h"
#include "net/loopback.h"

using namespace weir;
using namespace weir::front;
using Blocked = Http1Sender::Blocked;
using State = Http1Sender::State;

namespace {

struct Wire final : net::Conn::Owner {
  void on_ready(net::Conn&, net::Ready) override {}
  // What the sender says, and what has arrived since.
  Blocked pump() {
    const Blocked why = sender.pump(conn);
    test::run_rounds(loop, 5);
    got += test::receive(pair.far.get());
    return why;
  }
  // The answer behind its head.
  std::string body() const { return got.substr(got.find("\r\n\r\n") + 4); }
  bool says(std::string_view field) const { return got.find(field) != std::string::npos; }

  net::Loop loop;
  test::Pair pair;
  net::Conn conn{loop, pair.near.release(), net::Address(), *this};
  body::FakeSource source;
  body::Bell bell;
  Http1Sender sender{bell};
  http::Fields extra;
  std::string got;
};

}  // namespace

TEST_CASE("a response is framed as its length, version, method and status ask") {
  struct Row {
    const char* what;
    int status;
    bool length;
    Http1Sender::Framing framing;
    bool kept;
    const char* field;
    const char* body;
  };
  const Http1Sender::Framing keep{.keep_alive = true};
  const Row rows[] = {
      // RFC 9112 §6, §9
      {"length", 200, true, keep, true, "Content-Length: 5\r\n", "hello"},
      {"length, last", 200, true, {}, false, "Connection: close\r\n", "hello"},
      {"chunks", 200, false, keep, true, "Transfer-Encoding: chunked\r\n",
       "5\r\nhello\r\n0\r\n\r\n"},
      {"1.0, length",
       200,
       true,
       {.http10 = true, .keep_alive = true},
       true,
       "Connection: keep-alive\r\n",
       "hello"},
      {"1.0, no length",
       200,
       false,
       {.http10 = true, .keep_alive = true},
       false,
       "Connection: close\r\n",
       "hello"},
      {"HEAD",
       200,
       true,
       {.head_only = true, .keep_alive = true},
       true,
       "Content-Length: 5\r\n",
       ""},
      {"HEAD, no length",
       200,
       false,
       {.head_only = true, .keep_alive = true},
       true,
       "Transfer-Encoding: chunked\r\n",
       ""},
      {"204", 204, true, keep, true, "HTTP/1.1 204 ", ""},
      {"304", 304, true, keep, true, "HTTP/1.1 304 ", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Wire line;
    Reply reply{.status = row.status, .body = body::text_body(line.source, "hello")};
    if (row.length) reply.length = 5;
    CHECK(line.sender.start(reply, line.extra, row.framing) == row.kept);
    CHECK(line.pump() == Blocked::kNo);
    CHECK(line.sender.over());
    CHECK(line.says(row.field));
    CHECK(line.body() == row.body);
    if (row.status != 200) CHECK_FALSE(line.says("Content-Length"));
    CHECK(line.sender.head_bytes() == line.got.size() - line.body().size());
  }
}

TEST_CASE("a body that comes in parts is sent in parts, and one that ends short fails") {
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    Wire line;
    const auto body = make_ref<body::Body>(line.source, body::BodyOptions{});
    body::BodyWriter writer(body, 0, body::kUnlimited, line.bell);
    line.sender.start({.body = body, .length = 2000}, line.extra, {.keep_alive = true});
    body::write_upto(writer, 500);
    CHECK(line.pump() == Blocked::kBody);
    CHECK(line.body().size() == 500);
    CHECK(line.sender.state() == State::kSending);
    body::write_upto(writer, whole ? 2000 : 1000);
    std::move(writer).finish();
    CHECK(line.pump() == Blocked::kNo);
    CHECK(line.sender.over() == whole);
    CHECK(line.sender.state() == (whole ? State::kDone : State::kFailed));
    CHECK(line.sender.body_bytes() == (whole ? 2000 : 1000));
    CHECK_FALSE(line.sender.cut_is_invisible());
  }
}

TEST_CASE("a full kernel stops it, and it goes on where it stopped") {
  Wire line;
  const auto body = make_ref<body::Body>(line.source, body::BodyOptions{.total = 20'000'000});
  body::BodyWriter writer(body, 0, body::kUnlimited, line.bell);
  body::write_upto(writer, 20'000'000);
  std::move(writer).finish();
  line.sender.start({.body = body}, line.extra, {.http10 = true});
  CHECK(line.sender.cut_is_invisible());  // only the end of the connection ends it
  Blocked why = line.sender.pump(line.conn);
  while (why == Blocked::kTurnOver) why = line.sender.pump(line.conn);
  CHECK(why == Blocked::kSocket);
  while (!line.sender.over()) line.pump();
  REQUIRE(test::run_until(line.loop, [&] {
    line.got += test::receive(line.pair.far.get());
    return line.body().size() >= 20'000'000;
  }));
  const std::string text = line.body();
  CHECK(text.size() == 20'000'000);
  CHECK(body::is_content(test::bytes_of(text), 0));
}

TEST_CASE("1xx heads leave before the response; those that the client does not read are dropped") {
  Wire line;
  http::Fields hints;
  hints.add("Link", "</style.css>; rel=preload");
  line.sender.inform(103, hints);
  CHECK(line.pump() == Blocked::kNo);
  CHECK(line.got == "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n");
  for (int i = 0; i < 100'000; ++i) line.sender.inform(103, hints);
  line.sender.start({.status = 204}, line.extra, {.keep_alive = true});
  line.got.clear();
  CHECK(line.pump() == Blocked::kNo);
  CHECK(line.got.size() < 20'000);
  CHECK(line.got.find("HTTP/1.1 204 ") == line.got.size() - line.sender.head_bytes());
}

TEST_CASE("parts of a body are sent behind their texts, and counted with them") {
  Wire line;
  Reply reply;
  reply.status = 206;
  reply.body = body::text_body(line.source, "0123456789");
  reply.parts = {{"<a>", 0, 2}, {"<b>", 5, 9}, {"<end>", 0, 0}};
  reply.length = 3 + 2 + 3 + 4 + 5;
  CHECK(line.sender.start(reply, line.extra, {.keep_alive = true}));
  CHECK(line.pump() == Blocked::kNo);
  CHECK(line.sender.state() == State::kDone);
  CHECK(line.says("Content-Length: 17\r\n"));
  CHECK(line.body() == "<a>01<b>5678<end>");
  CHECK(line.sender.body_bytes() == 17);
}
