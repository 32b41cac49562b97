#include "net/conn.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "loopback.h"

using namespace weir;
using namespace weir::net;
using test::bytes_of;
using test::pattern;
using test::run_rounds;
using test::run_until;

namespace {

static_assert(sizeof(Conn) <= 384, "an idle connection stays within 2 KiB with all it has");

struct Near final : Conn::Owner {
  explicit Near(Loop& l) : loop(l), conn(new Conn(l, pair.near.release(), Address(), *this)) {
    REQUIRE(run_until(loop, [&] { return writable > 0; }));  // the edge of registration
    calls = writable = 0;
  }
  void on_ready(Conn&, Ready what) override {
    ++calls;
    readable += what.readable;
    writable += what.writable;
    closed += what.closed;
    if (then) then();
  }
  std::string read_all() { return test::read_all(*conn, last); }

  Loop& loop;
  test::Pair pair;
  std::unique_ptr<Conn> conn;
  std::function<void()> then;
  IoResult last;
  int calls = 0, readable = 0, writable = 0, closed = 0;
};

void tell(const test::Fd& fd, std::string_view text) {
  REQUIRE(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

// A memfd that holds `text`, as a slab does.
test::Fd file_with(std::string_view text) {
  test::Fd fd(memfd_create("test", MFD_CLOEXEC));
  REQUIRE(pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return fd;
}

// Writes all pieces as a session does: again from where the kernel stopped, the far side reading.
std::string write_all(Near& near, std::vector<Piece> pieces, int& full) {
  std::string received;
  full = 0;
  for (;;) {
    const IoResult r = near.conn->write(pieces);
    std::size_t skip = r.bytes;
    for (Piece& piece : pieces) {
      const std::size_t n = std::min(skip, piece.bytes.size());
      piece.bytes = piece.bytes.subspan(n);
      piece.file_offset += n;
      skip -= n;
    }
    REQUIRE(r.state != IoState::kError);
    if (r.state == IoState::kDone) break;
    ++full;
    near.writable = 0;
    REQUIRE(run_until(near.loop, [&] {
      received += test::receive(near.pair.far.get());
      return near.writable > 0;
    }));
  }
  near.conn->shutdown_write();
  REQUIRE(run_until(near.loop, [&] {
    received += test::receive(near.pair.far.get());
    char c;
    return recv(near.pair.far.get(), &c, 1, MSG_PEEK) == 0;
  }));
  return received;
}

}  // namespace

TEST_CASE("bytes are read as far as they came, then kAgain, then an edge for the next ones") {
  Loop loop;
  Near near(loop);
  std::byte buffer[16];
  CHECK(near.conn->read(buffer).state == IoState::kAgain);
  tell(near.pair.far, "hello");
  REQUIRE(run_until(loop, [&] { return near.readable == 1; }));
  IoResult r = near.conn->read(buffer);
  CHECK(r.bytes == 5);
  CHECK(r.state == IoState::kDone);
  tell(near.pair.far, "again");
  REQUIRE(run_until(loop, [&] { return near.readable == 2; }));
  CHECK(near.read_all() == "again");
  CHECK(near.last.state == IoState::kAgain);
  CHECK(near.conn->bytes_read() == 10);
}

TEST_CASE("a PROXY header is taken before the owner hears of anything, and nothing behind it is") {
  const std::string header = "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
  for (const std::size_t piece : {std::size_t{1}, header.size(), std::size_t{1000}}) {
    CAPTURE(piece);
    Loop loop;
    Near near(loop);
    near.conn->expect_proxy_header();
    std::byte buffer[16];
    const Piece early{bytes_of("x")};
    CHECK(near.conn->read(buffer).state == IoState::kAgain);
    CHECK(near.conn->write({&early, 1}).state == IoState::kAgain);
    const std::string all = header + "hello";
    for (std::size_t at = 0; at < all.size(); at += piece) {
      if (at < header.size()) CHECK(near.calls == 0);
      tell(near.pair.far, all.substr(at, piece));
      run_rounds(loop, 3);
    }
    REQUIRE(run_until(loop, [&] { return near.readable > 0; }));
    CHECK_FALSE(near.conn->introducing());
    CHECK(near.conn->peer().text() == "192.0.2.1:1234");
    CHECK(near.conn->local().text() == "192.0.2.2:80");
    CHECK(near.read_all() == "hello");
  }
}

TEST_CASE("without a PROXY header where one has to be, a connection has failed") {
  struct Row {
    std::string sent;
    int error;
  };
  for (const Row& row : {Row{"GET / HTTP/1.1\r\n", EBADMSG}, Row{"PROXY TC", ECONNRESET}}) {
    Loop loop;
    Near near(loop);
    near.conn->expect_proxy_header();
    tell(near.pair.far, row.sent);
    shutdown(near.pair.far.get(), SHUT_WR);
    REQUIRE(run_until(loop, [&] { return near.calls > 0; }));
    std::byte buffer[16];
    const Piece late{bytes_of("x")};
    CHECK(near.conn->read(buffer).error == row.error);
    CHECK(near.conn->write({&late, 1}).error == row.error);
    CHECK(near.conn->introducing());
    run_rounds(loop, 50);
    CHECK(near.calls <= 2);  // no spin
  }
}

TEST_CASE("a FIN behind unread bytes is told once, and the bytes can still be read") {
  Loop loop;
  Near near(loop);
  tell(near.pair.far, "abc");
  shutdown(near.pair.far.get(), SHUT_WR);
  REQUIRE(run_until(loop, [&] { return near.closed > 0; }));
  const int calls = near.calls;
  CHECK(calls <= 2);
  run_rounds(loop, 50);
  CHECK(near.calls == calls);  // no spin
  CHECK(near.conn->peer_closed());
  CHECK(near.read_all() == "abc");
  CHECK(near.last.state == IoState::kEnd);
  const Piece answer{bytes_of("still served")};
  CHECK(near.conn->write({&answer, 1}).state == IoState::kDone);
  CHECK(test::receive(near.pair.far.get()) == "still served");
}

TEST_CASE("a FIN that an edge did not tell is told by the read") {
  Loop loop;
  Near near(loop);
  shutdown(near.pair.far.get(), SHUT_WR);
  CHECK(near.read_all().empty());
  CHECK(near.last.state == IoState::kEnd);
  CHECK(near.conn->peer_closed());
}

TEST_CASE("a reset is told once, as an error of the next read, and stays one") {
  Loop loop;
  Near near(loop);
  near.pair.far.close_with_reset();
  REQUIRE(run_until(loop, [&] { return near.readable > 0; }));
  run_rounds(loop, 50);
  CHECK(near.calls == 1);
  CHECK(near.writable == 1);
  std::byte buffer[4];
  for (int i = 0; i < 2; ++i) {
    const IoResult r = near.conn->read(buffer);
    CHECK(r.state == IoState::kError);
    CHECK(r.error == ECONNRESET);
  }
  const Piece piece{bytes_of("x")};
  CHECK(near.conn->write({&piece, 1}).error == ECONNRESET);
  CHECK(near.conn->failure() == ECONNRESET);
}

TEST_CASE("a request that a reset follows can be read, and failure() tells of the reset") {
  Loop loop;
  Near near(loop);
  CHECK(near.conn->failure() == 0);
  tell(near.pair.far, "GET");
  near.pair.far.close_with_reset();
  REQUIRE(run_until(loop, [&] { return near.readable > 0; }));
  std::byte buffer[16];
  CHECK(near.conn->read(buffer).bytes == 3);
  CHECK(near.conn->failure() == ECONNRESET);
  CHECK(near.conn->read(buffer).error == ECONNRESET);
}

TEST_CASE("more pieces than one gather write takes, empty ones among them, arrive in order") {
  Loop loop;
  Near near(loop);
  const std::string text = pattern(3000);
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < text.size(); ++i) {
    pieces.push_back({bytes_of(std::string_view(text).substr(i, 1))});
    if (i % 7 == 0) pieces.push_back({});
  }
  const IoResult r = near.conn->write(pieces);
  CHECK(r.state == IoState::kDone);
  CHECK(r.bytes == text.size());
  CHECK(near.conn->bytes_written() == text.size());
  CHECK(test::receive(near.pair.far.get()) == text);
  CHECK(near.conn->write({}).state == IoState::kDone);
}

TEST_CASE("the last bytes leave at once, those before `more` wait for them") {
  Loop loop;
  Near near(loop);
  const int on = 1;
  setsockopt(near.conn->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const Piece head{bytes_of("head ")};
  CHECK(near.conn->write({&head, 1}, true).state == IoState::kDone);
  CHECK(test::receive(near.pair.far.get()).empty());
  const Piece body[] = {{bytes_of("body")}, {}, {}};
  CHECK(near.conn->write(body).state == IoState::kDone);
  CHECK(test::receive(near.pair.far.get()) == "head body");
}

TEST_CASE("a writer that fills the kernel goes on at the edge and nothing is lost") {
  Loop loop;
  Near near(loop);
  const std::string text = pattern(24 << 20);
  int full = 0;
  CHECK(write_all(near, {{bytes_of(text)}}, full) == text);
  CHECK(full > 0);
  CHECK(near.conn->bytes_written() == text.size());
}

TEST_CASE("memory and pieces of files arrive in order, by sendfile or copied") {
  const std::string small = pattern(1000, 2), large = pattern(8 << 20, 3), tail = pattern(5000, 4);
  const test::Fd file = file_with(small + large + tail);
  for (const bool sendfile : {true, false}) {
    CAPTURE(sendfile);
    Loop loop;
    Near near(loop);
    near.conn->set_sendfile(sendfile);
    const std::vector<Piece> pieces = {
        {bytes_of("head")},
        {bytes_of(small), file.get(), 0},
        {bytes_of(large), file.get(), small.size()},
        {bytes_of("between")},
        {},
        {bytes_of(large), file.get(), small.size()},
        {bytes_of(tail), file.get(), small.size() + large.size()},
        {bytes_of("end")},
    };
    std::string wanted;
    for (const Piece& p : pieces) {
      wanted.append(reinterpret_cast<const char*>(p.bytes.data()), p.bytes.size());
    }
    int full = 0;
    CHECK(write_all(near, pieces, full) == wanted);
    CHECK(full > 0);
    CHECK(near.conn->bytes_written() == wanted.size());
  }
}

TEST_CASE("sendfile is used from its least size on, and only when allowed") {
  // The file holds other bytes than the memory, so what arrives tells the way it went.
  const std::string memory(Conn::kSendfileLeast, 'm');
  const std::string content(Conn::kSendfileLeast, 'f');
  const test::Fd file = file_with(content);
  struct Row {
    std::size_t size;
    bool allowed;
    char wanted;
  };
  for (const Row& row :
       {Row{Conn::kSendfileLeast, true, 'f'}, Row{Conn::kSendfileLeast, false, 'm'},
        Row{Conn::kSendfileLeast - 1, true, 'm'}}) {
    Loop loop;
    Near near(loop);
    near.conn->set_sendfile(row.allowed);
    int full = 0;
    const std::string got =
        write_all(near, {{bytes_of(memory).first(row.size), file.get(), 0}}, full);
    CHECK(got == std::string(row.size, row.wanted));
  }
}

TEST_CASE("a file shorter than its piece is an error, not an endless wait") {
  Loop loop;
  Near near(loop);
  const std::string text = pattern(Conn::kSendfileLeast * 2);
  const test::Fd file = file_with(std::string_view(text).substr(0, 1000));
  const Piece piece{bytes_of(text), file.get(), 0};
  const IoResult r = near.conn->write({&piece, 1});
  CHECK(r.bytes == 1000);
  CHECK(r.error == EIO);
}

TEST_CASE("writing to who reset the connection is an error by either way, not a signal") {
  const std::string text = pattern(Conn::kSendfileLeast);
  const test::Fd file = file_with(text);
  for (const int fd : {-1, file.get()}) {
    Loop loop;
    Near near(loop);
    near.pair.far.close_with_reset();
    const Piece piece{bytes_of(text), fd, 0};
    CHECK(near.conn->write({&piece, 1}).state == IoState::kError);
    CHECK(near.conn->write({&piece, 1}).state == IoState::kError);
  }
}

TEST_CASE("reset() is a RST at the other side, and the Conn is done") {
  Loop loop;
  Near near(loop);
  CHECK(near.conn->open());
  near.conn->reset();
  near.conn->reset();
  CHECK(!near.conn->open());
  std::byte buffer[4];
  CHECK(near.conn->read(buffer).state == IoState::kError);
  char c;
  CHECK(recv(near.pair.far.get(), &c, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("read_discard forgets up to so many bytes and sees the end") {
  Loop loop;
  Near near(loop);
  tell(near.pair.far, pattern(1000));
  shutdown(near.pair.far.get(), SHUT_WR);
  IoResult r = near.conn->read_discard(600);
  CHECK(r.bytes == 600);
  CHECK(r.state == IoState::kDone);
  r = near.conn->read_discard(600);
  CHECK(r.bytes == 400);
  CHECK(r.state == IoState::kEnd);
}

TEST_CASE("an owner may destroy the Conn in its callback, also one that has an event due") {
  Loop loop;
  Near a(loop), b(loop);
  a.then = b.then = [&] {
    a.conn.reset();
    b.conn.reset();
  };
  tell(a.pair.far, "x");
  tell(b.pair.far, "x");
  REQUIRE(run_until(loop, [&] { return a.calls + b.calls > 0; }));
  run_rounds(loop, 10);
  CHECK(a.calls + b.calls == 1);
}

TEST_CASE("a Conn given to another owner tells that one") {
  Loop loop;
  Near first(loop), second(loop);
  first.conn->set_owner(second);
  tell(first.pair.far, "x");
  REQUIRE(run_until(loop, [&] { return second.readable == 1; }));
  CHECK(first.calls == 0);
}

TEST_CASE("the options of a client's connection are set, and are left alone when not wanted") {
  constexpr int kRtoMaxMs = 44;  // TCP_RTO_MAX_MS, Linux 6.15
  const test::Pair pair;
  const int fd = pair.near.get();
  set_client_options(fd, {});
  CHECK(test::option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 128 * 1024);
  CHECK(test::option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(test::option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(test::option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 5);
  CHECK(test::option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  const int far = pair.far.get();
  if (test::option(far, IPPROTO_TCP, kRtoMaxMs) > 0) {
    CHECK(test::option(fd, IPPROTO_TCP, kRtoMaxMs) == 10'000);
  }
  const int lowat = test::option(far, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
  const int rto_max = test::option(far, IPPROTO_TCP, kRtoMaxMs);
  set_client_options(far, {.notsent_lowat = 0, .rto_max = Duration(0), .keepalive = false});
  CHECK(test::option(far, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == lowat);
  CHECK(test::option(far, IPPROTO_TCP, kRtoMaxMs) == rto_max);
  CHECK(test::option(far, SOL_SOCKET, SO_KEEPALIVE) == 0);
}
