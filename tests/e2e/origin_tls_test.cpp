// TLS towards origins.

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "e2e/certificates.h"
#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

// An origin that has the certificate of a.example, and 127.0.0.1.
struct World {
  explicit World(const std::vector<std::string>& more = {}) : origin(0, with(certificate, more)) {}
  static std::vector<std::string> with(const std::string& certificate,
                                       std::vector<std::string> more) {
    more.insert(more.end(),
                {"--tls-certificate", certificate + ".pem", "--tls-key", certificate + ".key"});
    return more;
  }
  // One worker, so that it is known who keeps a connection; and an [[origin]] of TLS with `more`.
  std::string conf(const std::string& more) const {
    return "listen = \"127.0.0.1:0\"\n[server]\nworkers = 1\n[[origin]]\nname = \"main\"\n"
           "servers = [\"https://" +
           origin.address() + "\"]\n" + more;
  }
  std::string ca() const { return "tls_ca = \"" + certificate + ".pem\"\n"; }

  ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Origin origin;
};

TEST_CASE("An origin over TLS: what it sends comes whole, over a connection that is kept") {
  const World w;
  Weir weir(w.conf(w.ca() + "host = \"a.example\"\n"));
  for (const char* target : {"/a?size=24MiB&n=5&cc=no-store", "/b?size=3MiB&n=5&chunked=1"}) {
    const Response got = get(weir.port(), target, {.content = 5});
    CAPTURE(got.summary());
    CHECK(got.right());
  }
  const Response posted =
      fetch(weir.port(), {.method = "POST", .target = "/p?echo=body", .body = "to be said again"});
  CHECK(posted.body == "to be said again");
  CHECK(w.origin.count("tls") == 1);  // one handshake for the three
  CHECK(w.origin.count("connections") == 1);
  CHECK(w.origin.counts().at("tls_name") == "a.example");  // the Host that is sent is asked for
  CHECK(w.origin.last_field("Host") == "a.example");
}

TEST_CASE("A second connection to an origin resumes the session of the first") {
  const World w;
  Weir weir(w.conf(w.ca() + "idle_connections = 0\n"));  // by address: no SNI
  for (const char* target : {"/1?size=9", "/2?size=9", "/3?size=9"})
    CHECK(get(weir.port(), target).status == 200);
  CHECK(w.origin.count("tls") == 3);
  CHECK(w.origin.count("tls_resumed") == 2);
  CHECK(w.origin.counts().at("tls_name") == "");
}

TEST_CASE("An origin whose certificate is not believed is asked for nothing, and the reason said") {
  const World w;
  const std::string other = make_certificate(w.files, "b.example");
  struct Row {
    std::string conf;
    int status;
    std::string reason;
  };
  const Row rows[] = {
      {w.ca(), 200, ""},
      {w.ca() + "tls_name = \"a.example\"\n", 200, ""},
      {w.ca() + "tls_name = \"b.example\"\n", 502, "origin_wrong_name"},
      {w.ca() + "host = \"b.example:81\"\n", 502, "origin_wrong_name"},
      {w.ca() + "host = \"b.example\"\ntls_name = \"a.example\"\n", 200, ""},
      {"tls_ca = \"" + other + ".pem\"\n", 502, "origin_untrusted"},
      {"", 502, "origin_untrusted"},  // this machine trusts nobody who signs himself
      {"tls_verify = false\n", 200, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.conf);
    Weir weir(w.conf(row.conf));
    w.origin.reset();
    const Response got = get(weir.port(), "/x?size=9");
    CHECK(got.status == row.status);
    CHECK(w.origin.requests("/x?size=9") == (row.status == 200 ? 1 : 0));
    if (row.reason.empty()) continue;
    CHECK(got.body.find(row.reason) != std::string::npos);
    CHECK(got.field("Cache-Status").find(row.reason) != std::string::npos);
    CHECK(weir.log_line("/x?size=9").at("reason") == row.reason);
  }
}

TEST_CASE("A server that is not believed is passed over for one that is") {
  const World good;
  const World bad;
  Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"https://" +
            bad.origin.address() + "\", \"https://" + good.origin.address() + "\"]\n" + good.ca());
  for (const char* target : {"/1?size=9", "/2?size=9", "/3?size=9", "/4?size=9"})
    CHECK(get(weir.port(), target).status == 200);
  CHECK(good.origin.count("total") == 4);
  CHECK(bad.origin.count("total") == 0);
}

TEST_CASE("An origin that wants a certificate of Weir's gets it, or refuses") {
  const ScratchDirectory files;
  const std::string mine = make_certificate(files, "weir.example");
  const World w({"--tls-client-ca", mine + ".pem"});
  {
    Weir weir(w.conf(w.ca() + "tls_certificate = \"" + mine + ".pem\"\ntls_key = \"" + mine +
                     ".key\"\n"));
    CHECK(get(weir.port(), "/x?size=9").status == 200);
    CHECK(w.origin.counts().at("tls_client") == "weir.example");
  }
  Weir weir(w.conf(w.ca() + "retry_for = \"0 s\"\n"));
  const Response got = get(weir.port(), "/x?size=9");
  CHECK(got.status == 502);
  CHECK(got.body.find("origin_tls_failed") != std::string::npos);
}

TEST_CASE("A handshake that stands still ends with connect_timeout") {
  const int mute = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(mute, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(mute, 16) == 0);
  ::getsockname(mute, reinterpret_cast<sockaddr*>(&address), &size);
  Weir weir(
      "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"https://127.0.0.1:" +
      std::to_string(ntohs(address.sin_port)) +
      "\"]\nconnect_timeout = \"200 ms\"\nretry_for = \"0 s\"\n");
  const Response got = get(weir.port(), "/x");
  CHECK(got.status == 504);
  CHECK(got.body.find("origin_tls_timeout") != std::string::npos);
  ::close(mute);
}

TEST_CASE("An end without close_notify is a cut: resumed where that is safe, else shown") {
  const World w;
  Weir weir(w.conf(w.ca()));
  const auto ask = [&](const std::string& more) {
    return get(weir.port(), "/x?size=900KiB&n=3&close=1&cc=max-age=60" + more, {.content = 3});
  };
  CHECK(ask("").right());  // with close_notify the end of the connection is the end
  const Response resumed = ask("&cut_at=300KiB");
  CAPTURE(resumed.summary());
  CHECK(resumed.right());
  CHECK(w.origin.count("ranges") >= 1);
  const Response cut = ask("&cut_at=300KiB&etag=none");
  CAPTURE(cut.summary());
  CHECK_FALSE(cut.complete());
  CHECK_FALSE(cut.wrong_at);
  // Nothing of it was kept as if it were whole.
  CHECK_FALSE(ask("&cut_at=300KiB&etag=none").complete());
}

TEST_CASE("Health checks speak TLS, and new files are taken up without an end") {
  const World w;
  const std::string trusted = (w.files.path() / "trusted.pem").string();
  const std::string other = make_certificate(w.files, "b.example");
  std::filesystem::copy_file(other + ".pem", trusted);
  Weir weir(w.conf("tls_ca = \"" + trusted +
                   "\"\nhealth_check = \"/health?size=1\"\nhealth_interval = \"20 ms\"\n"
                   "health_fall = 1\nhealth_rise = 1\n"));
  const auto reason = [&] { return get(weir.port(), "/x?size=9").body; };
  CHECK(eventually([&] { return reason().find("servers_unhealthy") != std::string::npos; }));
  CHECK(w.origin.requests("/health?size=1") == 0);
  std::filesystem::copy_file(w.certificate + ".pem", trusted,
                             std::filesystem::copy_options::overwrite_existing);
  weir.process().signal(SIGHUP);
  CHECK(eventually([&] { return get(weir.port(), "/y?size=9").status == 200; }));
  CHECK(w.origin.requests("/health?size=1") > 0);
}

TEST_CASE("What is said about TLS towards an origin is checked with the conf") {
  const ScratchDirectory files;
  struct Row {
    std::string origin;
    std::string error;
  };
  const Row rows[] = {
      {"servers = [\"https://a:1\"]\ntls_ca = \"/nowhere.pem\"\n",
       ":2:1: error: /nowhere.pem: No such file or directory"},
      {"servers = [\"a:1\"]\ntls_name = \"b\"\n",
       ":5:12: error: tls_name says nothing without a server of TLS"},
      {"servers = [\"https://a:1\"]\ntls_key = \"x.key\"\n",
       ":5:11: error: tls_certificate and tls_key need each other"},
      {"servers = [\"https://a:1\"]\ntls_verify = false\n",
       ":5:14: warning: whoever is in between can answer for this origin unnoticed"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.origin);
    const Finished checked =
        run_weir({"check"}, "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\n" + row.origin);
    CAPTURE(checked.err);
    CHECK((checked.out + checked.err).find(row.error) != std::string::npos);
  }
}

}  // namespace
}  // namespace weir::test
