// HTTP/2 with real clients, over TLS by ALPN and behind a PROXY header: curl, nghttp and h2load.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/certificates.h"
#include "support/content.h"
#include "support/fixtures.h"
#include "support/http2_wire.h"

namespace weir::test {
namespace {

std::string conf(const Origin& origin, const std::string& certificate, const char* more = "") {
  return "origin = \"" + origin.address() + "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n" + more +
         "[[listen.tls]]\ncertificate = \"" + certificate + ".pem\"\nkey = \"" + certificate +
         ".key\"\n[log]\naccess = \"stdout\"\nformat = \"json\"\n";
}

struct Curl {
  std::string version;  // "2", "1.1"
  std::string body;
};

Curl curl(const Weir& weir, const std::string& target, const std::string& certificate,
          std::vector<std::string> more = {}) {
  const ScratchDirectory scratch;
  const std::string body = (scratch.path() / "body").string();
  const std::string port = std::to_string(weir.port());
  std::vector<std::string> command{"/usr/bin/curl",
                                   "-s",
                                   "-S",
                                   "--cacert",
                                   certificate + ".pem",
                                   "--resolve",
                                   "a.example:" + port + ":127.0.0.1",
                                   "-o",
                                   body,
                                   "-w",
                                   "%{http_version}"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back("https://a.example:" + port + target);
  const Finished got = run(command);
  CAPTURE(got.err);
  CHECK(got.exit == Exit{0, 0});
  std::ifstream in(body, std::ios::binary);
  return {got.out, {std::istreambuf_iterator<char>(in), {}}};
}

bool installed(const char* program) {
  if (std::filesystem::exists(program)) return true;
  MESSAGE("SKIPPED: ", std::string(program), " is not there");
  return false;
}

}  // namespace

TEST_CASE("HTTP/2 over TLS: ALPN chooses it, every byte comes, and the log knows what arrived") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, certificate));
  const std::string target = "/film?size=24MiB&n=5&cc=max-age=60";
  for (const char* how : {"--http1.1", "--http2"}) {
    const Curl got = curl(weir, target, certificate, {how});
    CHECK(got.version == (std::string(how) == "--http2" ? "2" : "1.1"));
    REQUIRE(got.body.size() == 24 << 20);
    CHECK(check_content(5, 0, got.body) == got.body.size());
  }
  CHECK(origin.requests(target) == 1);
  CHECK(origin.last_field("X-Forwarded-Proto") == "https");
  const nlohmann::json line = weir.log_line("\"HTTP/2.0\"");
  REQUIRE(line.is_object());
  CHECK(line.value("acked", 0) == 24 << 20);
  CHECK(line.value("delivered", false));
}

TEST_CASE("HTTP/2 over TLS: an upload comes back") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, certificate));
  std::string body(3'000'000, ' ');
  fill_content(9, 0, body);
  const std::string file = files.write("upload", body);
  const Curl got =
      curl(weir, "/e?echo=body", certificate, {"--http2", "--data-binary", "@" + file});
  CHECK(got.version == "2");
  CHECK(got.body == body);
}

TEST_CASE("HTTP/2 over TLS: a listener without it offers HTTP/1.1 alone") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const Weir weir(conf(origin, certificate, "http2 = false\n"));
  CHECK(curl(weir, "/x?size=3", certificate, {"--http2"}).version == "1.1");
}

TEST_CASE("HTTP/2: a PROXY header stands in front of it, with TLS and without") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const char* const trusted = "proxy_protocol = [\"127.0.0.1\"]\n";
  const Weir over_tls(conf(origin, certificate, trusted));
  CHECK(curl(over_tls, "/x?size=3", certificate, {"--http2", "--haproxy-protocol"}).version == "2");
  const Weir plain("origin = \"" + origin.address() +
                   "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n" + trusted);
  Http2Wire wire(plain.port());
  wire.tell("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + h2::hello() +
            h2::headers(1, h2::get("/y?size=3")));
  REQUIRE(wire.wait_for([](const h2::Frame& f) { return f.type == h2::kData; }));
  CHECK(origin.last_field("X-Forwarded-For") == "192.0.2.1");
}

TEST_CASE("HTTP/2: h2load and nghttp get all they ask for, with TLS and without") {
  if (!installed("/usr/bin/h2load") || !installed("/usr/bin/nghttp")) return;
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const Weir over_tls(conf(origin, certificate));
  const Weir plain(origin);
  for (const std::string& base : {"https://127.0.0.1:" + std::to_string(over_tls.port()),
                                  "http://127.0.0.1:" + std::to_string(plain.port())}) {
    CAPTURE(base);
    const Finished small = run({"/usr/bin/h2load", "-n", "5000", "-c", "5", "-m", "50",
                                base + "/s?size=1KiB&cc=max-age=600"});
    CHECK(small.out.find("5000 succeeded, 0 failed") != std::string::npos);
    const Finished large = run({"/usr/bin/h2load", "-n", "40", "-c", "2", "-m", "10",
                                base + "/l?size=5MiB&cc=max-age=600"});
    CHECK(large.out.find("40 succeeded, 0 failed") != std::string::npos);
    const Finished page =
        run({"/usr/bin/nghttp", "-n", "-s", base + "/s?size=1KiB&cc=max-age=600"});
    CHECK(page.out.find(" 200 ") != std::string::npos);
  }
}

}  // namespace weir::test
