#include "front/http2_outbox.h"

#include "body/text_body.h"
#include "stage.h"

using namespace weir;
using namespace weir::front;
using Kind = Http2Outbox::Kind;

namespace {

struct Silent final : net::Conn::Owner {
  void on_ready(net::Conn&, net::Ready) override {}
};
struct Nobody final : body::Waiter {
  void wake() noexcept override {}
};

}  // namespace

TEST_CASE("frames leave in order, accounts are kept, and a client that stands still pins nothing") {
  net::Loop loop;
  body::FakeSource source;
  Silent owner;
  Nobody waiter;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  const int small = 4096;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  net::Conn conn(loop, ends[0], net::Address{}, owner);
  Client client{.fd = test::Fd(ends[1])};

  const std::string text(300'000, 'b');
  body::BodyReader reader(body::text_body(source, text), 0, body::kUnlimited, waiter);
  Http2Outbox out;
  Http2Outbox::Account account;
  std::string expected;
  {
    body::Next next = reader.next(text.size());
    body::Lease& lease = std::get<body::Lease>(next);
    for (int i = 0; i < 10; ++i) {
      out.add_text("head", Kind::kHead, &account);
      out.add_body(lease, 20'000, account);
      out.add_body(lease, 10, account);
      expected += "head" + std::string(20'010, 'b');
    }
  }
  CHECK(account.queued == expected.size());
  REQUIRE(out.write(conn).state == net::IoState::kAgain);
  CHECK(account.moved);
  CHECK(account.queued == out.bytes());
  out.let_go();
  client.read();
  while (!out.empty()) {
    const net::IoResult r = out.write(conn);
    REQUIRE(r.state != net::IoState::kError);
    client.read();
  }
  CHECK(client.got == expected);
  CHECK(account.queued == 0);
  CHECK(account.head == 40);
  CHECK(account.body == 200'100);
}

TEST_CASE("what is forgotten goes out on nobody's account") {
  Http2Outbox out;
  Http2Outbox::Account one;
  Http2Outbox::Account two;
  out.add_text("one", Kind::kHead, &one);
  out.add_text("two", Kind::kBody, &two);
  out.forget(one);
  out.clear();
  CHECK(two.queued == 0);
  CHECK(out.empty());
}
