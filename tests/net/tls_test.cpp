#include "net/tls.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "loopback.h"
#include "net/conn.h"
#include "net/tcp_sampler.h"
#include "tls_peer.h"

using namespace weir;
using namespace weir::net;
using test::bytes_of;
using test::make_certificate;
using test::pattern;
using test::RawClient;
using test::run_rounds;
using test::run_until;

namespace {

std::shared_ptr<TlsServer> server_of(const TlsServer::Settings& settings) {
  auto made = TlsServer::make(settings);
  INFO((made ? std::string() : made.error()));
  REQUIRE(made.has_value());
  return *made;
}

// A Conn that speaks TLS, and a client of it.
struct Talk final : Conn::Owner {
  Talk(Loop& l, std::shared_ptr<TlsServer> server, const RawClient::Options& options = {})
      : loop(l),
        conn(std::make_unique<Conn>(l, pair.near.release(), Address(), *this)),
        client(pair.far.get(), options) {
    conn->start_tls(std::make_unique<Tls>(std::move(server), conn->fd()));
  }
  void on_ready(Conn&, Ready what) override {
    ++calls;
    writable += what.writable;
  }
  bool shake() {
    return run_until(loop,
                     [&] {
                       const bool done = client.shake();
                       return (done && conn->tls()->open()) || client.failed() || failure != 0 ||
                              broken();
                     }) &&
           client.shake() && conn->tls()->open();
  }
  bool broken() {
    if (conn->tls()->open() || calls == 0) return false;
    std::byte one[1];
    failure = conn->read(one).error;
    return true;
  }
  std::string read_near() { return test::read_all(*conn, last); }
  // Sends it all while the client reads, and returns what the client got.
  std::string send_all(std::string_view text) {
    std::string got;
    std::size_t sent = 0;
    REQUIRE(run_until(loop, [&] {
      if (sent < text.size()) {
        const Piece piece{bytes_of(text.substr(sent))};
        sent += conn->write({&piece, 1}).bytes;
      }
      got += client.read();
      return got.size() == text.size();
    }));
    return got;
  }

  Loop& loop;
  test::Pair pair;
  std::unique_ptr<Conn> conn;
  RawClient client;
  IoResult last;
  int calls = 0, writable = 0, failure = 0;
};

struct World {
  World() { certificate = make_certificate(folder, "first", {"a.example", "*.b.example"}); }
  TlsServer::Settings settings() const { return {.certificates = {certificate}}; }
  Loop loop;
  test::Folder folder;
  TlsCertificate certificate;
};

TEST_CASE("bytes go both ways once the handshake is over, and the owner hears of nothing before") {
  World w;
  Talk t(w.loop, server_of(w.settings()));
  std::byte one[1];
  const Piece early{bytes_of("x")};
  run_rounds(w.loop, 3);
  CHECK(t.calls == 0);
  CHECK(t.conn->handshaking());
  CHECK(t.conn->read(one).state == IoState::kAgain);
  CHECK(t.conn->write({&early, 1}).state == IoState::kAgain);
  REQUIRE(t.shake());
  CHECK_FALSE(t.conn->handshaking());
  CHECK(t.writable > 0);
  CHECK(t.conn->tls()->version() == "TLSv1.3");

  REQUIRE(t.client.write("hello"));
  std::string heard;
  REQUIRE(run_until(w.loop, [&] { return (heard += t.read_near()).size() == 5; }));
  CHECK(heard == "hello");
  CHECK(t.send_all("good day") == "good day");
}

TEST_CASE("a body larger than every buffer arrives whole, in pieces of any size") {
  World w;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Talk t(w.loop, server_of(w.settings()), {.name = "a.example", .version = version});
    REQUIRE(t.shake());
    const std::string body = pattern(12 << 20);
    const std::string head = pattern(300, 7);
    std::string got;
    std::size_t sent = 0;
    const std::size_t all = head.size() + body.size();
    REQUIRE(run_until(w.loop, [&] {
      std::vector<Piece> pieces;
      if (sent < head.size()) pieces.push_back({bytes_of(head).subspan(sent)});
      const std::size_t at = sent < head.size() ? 0 : sent - head.size();
      for (std::size_t from = at, step = 1000; from < body.size() && pieces.size() < 9; step *= 3) {
        const std::size_t n = std::min(step, body.size() - from);
        pieces.push_back({bytes_of(body).subspan(from, n)});
        from += n;
      }
      if (sent < all) sent += t.conn->write(pieces).bytes;
      got += t.client.read();
      return got.size() == all;
    }));
    CHECK(got == head + body);
    // What went over the wire is what bytes_written() says: the rules of delivery rest on it.
    CHECK(run_until(w.loop, [&] {
      const auto sample = sample_tcp(t.conn->fd());
      return sample && sample->bytes_acked == t.conn->bytes_written();
    }));
  }
}

// The sizes of the records that wait in a socket (RFC 8446 §5.1).
std::vector<std::size_t> records_in(int fd) {
  std::string wire(1 << 20, '\0');
  const ssize_t n = recv(fd, wire.data(), wire.size(), MSG_PEEK);
  wire.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at + 5 <= wire.size(); at += 5 + sizes.back()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(wire[at + i]); };
    CHECK(byte(0) == 0x17);  // application data
    sizes.push_back(std::size_t{byte(3)} * 256 + byte(4));
  }
  return sizes;
}

TEST_CASE("records are small at first, so that what came can be used, and full later") {
  World w;
  Talk t(w.loop, server_of(w.settings()));
  REQUIRE(t.shake());
  t.send_all("tickets are read with it");
  constexpr std::size_t kOwn = 17;  // type and tag of TLS 1.3
  const std::string body = pattern(40'000);
  for (const std::size_t most : {std::size_t{4096}, std::size_t{16384}}) {
    const Piece piece{bytes_of(body)};
    REQUIRE(t.conn->write({&piece, 1}).bytes == body.size());
    std::vector<std::size_t> sizes;
    REQUIRE(run_until(w.loop, [&] {
      sizes = records_in(t.pair.far.get());
      return std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) >
             body.size() + (sizes.size() - 1) * kOwn;
    }));
    CHECK(sizes.size() == body.size() / most + 1);
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) CHECK(sizes[i] == most + kOwn);
    t.client.read();
    if (most == 4096) t.send_all(body);
  }
}

TEST_CASE(
    "who writes more than the kernel takes is told to wait, and what was taken leaves by itself") {
  World w;
  Talk t(w.loop, server_of(w.settings()));
  REQUIRE(t.shake());
  const std::string body = pattern(32 << 20);
  std::size_t sent = 0;
  IoResult r;
  do {
    const Piece piece{bytes_of(body).subspan(sent)};
    r = t.conn->write({&piece, 1});
    sent += r.bytes;
  } while (r.state == IoState::kDone && sent < body.size());
  REQUIRE(r.state == IoState::kAgain);
  REQUIRE(sent < body.size());
  // Nobody writes any more: the end of what was taken, and close_notify, leave all the same.
  t.conn->shutdown_write();
  std::string got;
  REQUIRE(run_until(w.loop, [&] {
    got += t.client.read();
    return t.client.ended();
  }));
  CHECK(got == body.substr(0, sent));
}

TEST_CASE("a certificate is chosen by name") {
  World w;
  TlsServer::Settings settings = w.settings();
  settings.certificates.push_back(
      make_certificate(w.folder, "second", {"c.example", "x.b.example"}));
  const auto server = server_of(settings);
  struct Row {
    const char* name;
    const char* certificate;
  };
  const Row rows[] = {
      {"a.example", "first"},     {"c.example", "second"},
      {"y.b.example", "first"},    // RFC 6125 §6.4.3: the star is one label
      {"x.b.example", "second"},   // exact wins over a star
      {"C.Example", "second"},     // RFC 4343: case does not matter
      {"z.y.b.example", "first"},  // unknown: the default
      {"b.example", "first"},     {"", "first"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Talk t(w.loop, server, {.name = row.name});
    REQUIRE(t.shake());
    CHECK(t.client.common_name() == row.certificate);
  }
}

TEST_CASE("RSA and ECDSA stand side by side: the client's abilities choose") {
  World w;
  TlsServer::Settings settings;
  settings.certificates = {make_certificate(w.folder, "rsa", {"a.example"}, "RSA"),
                           make_certificate(w.folder, "ec", {"a.example"}, "EC")};
  const auto server = server_of(settings);
  for (const auto& [ciphers, name] : {std::pair{"ECDHE-RSA-AES128-GCM-SHA256", "rsa"},
                                      std::pair{"ECDHE-ECDSA-AES128-GCM-SHA256", "ec"}}) {
    Talk t(w.loop, server, {.name = "a.example", .version = TLS1_2_VERSION, .ciphers = ciphers});
    REQUIRE(t.shake());
    CHECK(t.client.common_name() == name);
  }
}

TEST_CASE("when certificates stop being valid is known by file") {
  World w;
  const auto now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  TlsServer::Settings settings;
  settings.certificates = {
      make_certificate(w.folder, "old", {"a.example"}, "RSA", {.begins = -20, .ends = -10}),
      make_certificate(w.folder, "new", {"a.example"}, "EC", {.ends = 1000})};
  const auto server = server_of(settings);
  REQUIRE(server->expiries().size() == 2);
  for (const auto& [i, seconds] : {std::pair{0, -10}, std::pair{1, 1000}}) {
    const Seconds left = server->expiries().at(settings.certificates[i].certificate) - now;
    CHECK(std::abs(left.count() - seconds) <= 5);
  }
}

TEST_CASE("ALPN: the server's liking decides, and nothing in common ends the handshake") {
  World w;
  TlsServer::Settings settings = w.settings();
  settings.protocols = {"h2", "http/1.1"};
  const auto server = server_of(settings);
  Talk both(w.loop, server, {.name = "a.example", .protocols = {"http/1.1", "h2"}});
  REQUIRE(both.shake());
  CHECK(both.conn->tls()->protocol() == "h2");
  Talk silent(w.loop, server);
  REQUIRE(silent.shake());
  CHECK(silent.conn->tls()->protocol() == "");
  Talk strange(w.loop, server, {.name = "a.example", .protocols = {"smtp"}});
  CHECK_FALSE(strange.shake());
}

TEST_CASE("old versions are refused, as the profile says") {
  World w;
  TlsServer::Settings modern = w.settings();
  modern.profile = TlsProfile::kModern;
  const auto usual = server_of(w.settings());
  const auto strict = server_of(modern);
  CHECK(Talk(w.loop, usual, {.name = "a.example", .version = TLS1_2_VERSION}).shake());
  CHECK_FALSE(Talk(w.loop, strict, {.name = "a.example", .version = TLS1_2_VERSION}).shake());
  CHECK(Talk(w.loop, strict, {.name = "a.example", .version = TLS1_3_VERSION}).shake());
  CHECK_FALSE(Talk(w.loop, usual, {.name = "a.example", .version = TLS1_1_VERSION}).shake());
}

TEST_CASE("who does not speak TLS is an error, told once the handshake fails") {
  World w;
  Talk t(w.loop, server_of(w.settings()));
  const std::string plain = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  REQUIRE(send(t.pair.far.get(), plain.data(), plain.size(), MSG_NOSIGNAL) > 0);
  REQUIRE(run_until(w.loop, [&] { return t.calls > 0; }));
  std::byte one[1];
  const IoResult r = t.conn->read(one);
  CHECK(r.state == IoState::kError);
  CHECK(r.error == EPROTO);
  const Piece piece{bytes_of("x")};
  CHECK(t.conn->write({&piece, 1}).state == IoState::kError);
}

TEST_CASE("a client that leaves in the handshake is an error") {
  World w;
  Talk t(w.loop, server_of(w.settings()));
  t.pair.far.close();
  REQUIRE(run_until(w.loop, [&] { return t.calls > 0; }));
  std::byte one[1];
  CHECK(t.conn->read(one).state == IoState::kError);
}

TEST_CASE("close_notify is an end; a FIN without it is an end that may be a cut") {
  World w;
  for (const bool polite : {true, false}) {
    Talk t(w.loop, server_of(w.settings()));
    REQUIRE(t.shake());
    REQUIRE(t.client.write("last words"));
    if (polite) SSL_shutdown(t.client.ssl());
    shutdown(t.pair.far.get(), SHUT_WR);
    std::string heard;
    REQUIRE(run_until(w.loop, [&] {
      heard += t.read_near();
      return t.last.state == IoState::kEnd;
    }));
    CHECK(heard == "last words");
    CHECK(t.conn->tls()->cut() == !polite);
    CHECK(t.conn->peer_closed());
    // A half-closed client can still be served (RFC 8446 §6.1).
    CHECK(t.send_all("served") == "served");
  }
}

TEST_CASE("a ticket resumes on any connection, until its key was rotated away") {
  World w;
  const auto server = server_of(w.settings());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_SESSION* session = nullptr;
    {
      Talk t(w.loop, server, {.name = "a.example", .version = version});
      REQUIRE(t.shake());
      CHECK_FALSE(t.conn->tls()->resumed());
      t.send_all("tickets come with it");
      session = SSL_get1_session(t.client.ssl());
    }
    const auto resumes = [&] {
      Talk t(w.loop, server, {.name = "a.example", .version = version, .session = session});
      REQUIRE(t.shake());
      return t.conn->tls()->resumed();
    };
    CHECK(resumes());
    server->rotate_tickets();
    CHECK(resumes());
    server->rotate_tickets();
    CHECK_FALSE(resumes());
    SSL_SESSION_free(session);
  }
}

TEST_CASE("what is wrong with files is said by name") {
  World w;
  const auto error = [](const TlsServer::Settings& s) {
    auto made = TlsServer::make(s);
    return made ? std::string("made") : made.error();
  };
  const TlsCertificate other = make_certificate(w.folder, "other", {"a.example"});
  CHECK(error({.certificates = {{"/nowhere.pem", w.certificate.key}}}) ==
        "/nowhere.pem: No such file or directory");
  CHECK(error({.certificates = {{w.certificate.certificate, other.key}}}).starts_with(other.key));
  CHECK(error({.certificates = {{w.certificate.key, w.certificate.key}}}) ==
        w.certificate.key + ": no start line");
  TlsServer::Settings ca = w.settings();
  ca.client_ca = "/nowhere.pem";
  CHECK(error(ca) == "/nowhere.pem: No such file or directory");
}

// Both sides are ours.
struct Two final : Conn::Owner {
  Two(World& w, const TlsServer::Settings& server, const TlsClient::Settings& client,
      const std::string& name)
      : Two(w.loop, server_of(server), client_of(client), name) {}
  Two(Loop& l, std::shared_ptr<TlsServer> server, std::shared_ptr<TlsClient> client,
      const std::string& name)
      : loop(l),
        served(std::make_unique<Conn>(l, pair.near.release(), Address(), *this)),
        asking(std::make_unique<Conn>(l, pair.far.release(), Address(), *this)) {
    served->start_tls(std::make_unique<Tls>(std::move(server), served->fd()));
    asking->start_tls(std::make_unique<Tls>(std::move(client), TlsPeer{name, name}, asking->fd()));
  }
  static std::shared_ptr<TlsClient> client_of(const TlsClient::Settings& settings) {
    auto made = TlsClient::make(settings);
    REQUIRE(made.has_value());
    return *made;
  }
  void on_ready(Conn& conn, Ready) override { (&conn == asking.get() ? asked : answered) = true; }
  // Whether `text` came over. With TLS 1.3 the server has its word only after the client believes
  // to be through.
  bool carries(std::string_view text) {
    std::string got;
    const Piece piece{bytes_of(text)};
    std::byte buffer[4096];
    bool sent = false, broken = false;
    run_until(loop, [&] {
      if (!asking->handshaking() && !sent) sent = asking->write({&piece, 1}).bytes == text.size();
      if (asked && asking->handshaking()) broken = asking->read(buffer).state == IoState::kError;
      if (answered) {
        const IoResult r = served->read(buffer);
        got.append(reinterpret_cast<const char*>(buffer), r.bytes);
        broken |= r.state == IoState::kError;
      }
      return broken || got == text;
    });
    return got == text;
  }
  Loop& loop;
  test::Pair pair;
  std::unique_ptr<Conn> served, asking;
  bool asked = false, answered = false;
};

TEST_CASE("a server is believed by whom signed for it and for which name, or not at all") {
  World w;
  const TlsCertificate other = make_certificate(w.folder, "other", {"a.example"});
  const TlsCertificate old =
      make_certificate(w.folder, "old", {"a.example"}, "EC", {.begins = -7200, .ends = -3600});
  struct Row {
    const char* name;
    std::string ca;
    bool verify;
    TlsDoubt doubt;
    TlsCertificate shown = {};  // none: the usual
  };
  const std::string ca = w.certificate.certificate;
  const Row rows[] = {
      {"a.example", ca, true, TlsDoubt::kNone},
      {"x.b.example", ca, true, TlsDoubt::kNone},
      {"c.example", ca, true, TlsDoubt::kName},                   // RFC 9525 §6: another name
      {"a.example", other.certificate, true, TlsDoubt::kSigner},  // somebody else signed
      {"c.example", ca, false, TlsDoubt::kNone},
      {"127.0.0.1", ca, true, TlsDoubt::kName},  // RFC 9525 §6.4: the certificate names no address
      {"a.example", old.certificate, true, TlsDoubt::kTime, old},  // RFC 5280 §4.1.2.5
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    TlsServer::Settings server = w.settings();
    if (!row.shown.certificate.empty()) server.certificates = {row.shown};
    Two t(w, server, {.verify = row.verify, .ca = row.ca}, row.name);
    CHECK(t.carries("request") == (row.doubt == TlsDoubt::kNone));
    CHECK(t.asking->tls()->doubt() == row.doubt);
  }
}

TEST_CASE("a client shows its certificate where the server wants one") {
  World w;
  const TlsCertificate mine = make_certificate(w.folder, "mine", {"client"});
  TlsServer::Settings strict = w.settings();
  strict.client_ca = mine.certificate;
  const TlsClient::Settings with{.verify = false, .own = mine};
  CHECK(Two(w, strict, with, "a.example").carries("hello"));
  CHECK_FALSE(Two(w, strict, {.verify = false}, "a.example").carries("hello"));
}

TEST_CASE("a client resumes the session that it had with that name") {
  World w;
  const auto server = server_of(w.settings());
  const auto client = Two::client_of({.verify = true, .ca = w.certificate.certificate});
  for (const auto& [name, resumed] : {std::pair{"a.example", false}, std::pair{"a.example", true},
                                      std::pair{"x.b.example", false}}) {
    CAPTURE(std::string(name));
    Two t(w.loop, server, client, name);
    REQUIRE(t.carries("hello"));
    CHECK(t.asking->tls()->resumed() == resumed);
    std::byte one[1];  // takes the tickets in
    REQUIRE(run_until(w.loop, [&] { return t.asking->read(one).state == IoState::kAgain; }));
    run_rounds(w.loop, 3);
    t.asking->read(one);
  }
}

}  // namespace
