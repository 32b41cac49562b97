// TLS at the edge, with real clients: curl and openssl.

#include <doctest/doctest.h>
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "e2e/certificates.h"
#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

std::string tls(const std::string& certificate) {
  return "[[listen.tls]]\ncertificate = \"" + certificate + ".pem\"\nkey = \"" + certificate +
         ".key\"\n";
}

std::string conf(const Origin& origin, const std::string& listen) {
  return "origin = \"" + origin.address() + "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n" + listen;
}

// What curl got from https://NAME:PORT/TARGET with that certificate believed; its exit code and, in
// `out`, what `-w` asked for.
Finished curl(const Weir& weir, const std::string& name, const std::string& target,
              const std::string& certificate, std::vector<std::string> more = {}) {
  const std::string port = std::to_string(weir.port());
  std::vector<std::string> command{"/usr/bin/curl",
                                   "-s",
                                   "-S",
                                   "--cacert",
                                   certificate + ".pem",
                                   "--resolve",
                                   name + ":" + port + ":127.0.0.1"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back("https://" + name + ":" + port + target);
  return run(command);
}

TEST_CASE(
    "An object comes whole over TLS, as a miss and as a hit, and the log knows what arrived") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, tls(certificate)));
  for (const char* cache : {"fwd=uri-miss", "hit"}) {
    const std::string body = (files.path() / "body").string();
    const std::string head = (files.path() / "head").string();
    const Finished got = curl(weir, "a.example", "/film?size=24MiB&n=5&cc=max-age=60", certificate,
                              {"-o", body, "-D", head});
    CAPTURE(got.err);
    REQUIRE(got.exit == Exit{0, 0});
    std::ifstream in(body, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    REQUIRE(bytes.size() == 24 << 20);
    CHECK(check_content(5, 0, bytes) == bytes.size());
    std::ifstream head_in(head);
    const std::string fields{std::istreambuf_iterator<char>(head_in), {}};
    CHECK(fields.find(cache) != std::string::npos);
  }
  CHECK(origin.requests("/film?size=24MiB&n=5&cc=max-age=60") == 1);
  const nlohmann::json line = weir.log_line("\"hit\"");
  REQUIRE(line.is_object());
  CHECK(line.at("acked") == 24 << 20);
  CHECK(line.at("delivered") == true);
  // The origin is told what the client spoke.
  CHECK(origin.last_field("X-Forwarded-Proto") == "https");
}

TEST_CASE("Each name has its certificate, and new files are taken up without an end") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string a = make_certificate(files, "a.example");
  const std::string b = make_certificate(files, "b.example");
  Weir weir(conf(origin, tls(a) + tls(b)));
  CHECK(curl(weir, "a.example", "/1?size=10", a).exit == Exit{0, 0});
  CHECK(curl(weir, "b.example", "/1?size=10", b).exit == Exit{0, 0});
  CHECK(curl(weir, "b.example", "/1?size=10", a).exit == Exit{60, 0});  // not believed

  for (const char* end : {".pem", ".key"}) std::filesystem::copy_file(b + end, b + ".old" + end);
  make_certificate(files, "b.example");  // in its place
  CHECK(curl(weir, "b.example", "/1?size=10", b + ".old").exit == Exit{0, 0});
  weir.process().signal(SIGHUP);
  CHECK(eventually([&] { return curl(weir, "b.example", "/1?size=10", b).exit == Exit{0, 0}; }));
  CHECK(curl(weir, "b.example", "/1?size=10", b + ".old").exit == Exit{60, 0});

  // What cannot be used leaves all as it was.
  std::ofstream(b + ".key") << "nothing";
  weir.process().signal(SIGHUP);
  CHECK(weir.process().wait_for_line("certificates=unchanged").has_value());
  CHECK(curl(weir, "b.example", "/1?size=10", b).exit == Exit{0, 0});
}

TEST_CASE("Who does not speak TLS, or stops in the handshake, is let go for a named reason") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, tls(certificate)) + "[http]\nhandshake_timeout = \"300 ms\"\n");
  Client plain(weir.port());
  plain.send(Request{.target = "/"});
  CHECK(plain.receive().status == 0);
  Client silent(weir.port());
  CHECK(silent.receive().status == 0);
  const auto closed = [&](const char* reason) {
    return weir.status().at("connections").at("closed").value(reason, 0);
  };
  CHECK(eventually([&] { return closed("tls_failed") == 1 && closed("tls_timeout") == 1; }));
}

TEST_CASE("A certificate that cannot be used is an error of the conf, with its place") {
  const std::string text =
      "origin = \"127.0.0.1:9\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n"
      "tls = { certificate = \"/nowhere.pem\", key = \"/nowhere.key\" }\n";
  const Finished checked = run_weir({"check"}, text);
  CHECK(checked.exit == Exit{2, 0});
  CHECK(checked.err.find(":4:7: error: /nowhere.pem: No such file or directory") !=
        std::string::npos);
}

}  // namespace
}  // namespace weir::test
