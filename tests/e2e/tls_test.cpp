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

// As openssl prints it: "0A1B...".
std::string serial(const std::string& certificate) {
  const Finished said =
      run({"/usr/bin/openssl", "x509", "-noout", "-serial", "-in", certificate + ".pem"});
  const std::size_t at = said.out.find('=') + 1;
  return said.out.substr(at, said.out.find('\n') - at);
}

// What its signer, itself, answers about it today. Returns the file.
std::string make_staple(const ScratchDirectory& directory, const std::string& certificate) {
  const std::string index = directory.write(
      "index", "V\t491231235959Z\t\t" + serial(certificate) + "\tunknown\t/CN=a.example\n");
  const std::string pem = certificate + ".pem";
  const Finished made = run({"/usr/bin/openssl", "ocsp", "-index", index, "-CA", pem, "-issuer",
                             pem, "-cert", pem, "-rsigner", pem, "-rkey", certificate + ".key",
                             "-ndays", "1", "-noverify", "-respout", certificate + ".ocsp"});
  CAPTURE(made.err);
  REQUIRE(made.exit == Exit{0, 0});
  return certificate + ".ocsp";
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

TEST_CASE("Handshakes are counted by version, and whether a ticket spared the most of them") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, tls(certificate)));
  const std::string url = "https://a.example:" + std::to_string(weir.port());
  CHECK(curl(weir, "a.example", "/2?size=9", certificate,
             {"--http1.1", "-H", "Connection: close", url + "/1?size=9"})
            .exit == Exit{0, 0});
  CHECK(curl(weir, "a.example", "/3?size=9", certificate, {"--tls-max", "1.2"}).exit == Exit{0, 0});
  const std::string page = get(weir.admin_port(), "/metrics").body;
  for (const char* line :
       {"version=\"TLSv1.2\",kind=\"full\"} 1\n", "version=\"TLSv1.2\",kind=\"resumed\"} 0\n",
        "version=\"TLSv1.3\",kind=\"full\"} 1\n", "version=\"TLSv1.3\",kind=\"resumed\"} 1\n"}) {
    CAPTURE(std::string(line));
    CAPTURE(page.substr(page.find("weir_tls_handshakes_total{"), 250));
    CHECK(page.find(std::string("weir_tls_handshakes_total{") + line) != std::string::npos);
  }
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
  CHECK(weir.process().wait_for_line("reload=failed conf=unchanged").has_value());
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

TEST_CASE("RSA and ECDSA stand side by side, each with its OCSP response, as clients ask") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string ec = make_certificate(files, "a.example");
  const std::string rsa = make_certificate(files, "a.example", "RSA");
  const std::string ec_staple = make_staple(files, ec);
  const std::string rsa_staple = make_staple(files, rsa);
  const auto both = [&](const std::string& first, const std::string& second) {
    return conf(origin,
                tls(ec) + "ocsp = \"" + first + "\"\n" + tls(rsa) + "ocsp = \"" + second + "\"\n");
  };
  Weir weir(both(ec_staple, rsa_staple));
  for (const auto& [kind, certificate] : {std::pair{"ECDSA", ec}, std::pair{"RSA", rsa}}) {
    CAPTURE(std::string(kind));
    const Finished said = run(
        {"/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(weir.port()),
         "-servername", "a.example", "-status", "-tls1_2", "-CAfile", certificate + ".pem",
         "-cipher", std::string("ECDHE-") + kind + "-AES128-GCM-SHA256", "-verify_return_error"});
    CAPTURE(said.out);
    CHECK(said.out.find("OCSP Response Status: successful") != std::string::npos);
    CHECK(said.out.find("Cert Status: good") != std::string::npos);
    CHECK(said.out.find("Verify return code: 0") != std::string::npos);
    CHECK(said.out.find(serial(certificate)) != std::string::npos);
  }
  // About another certificate, or about nothing: an error of the conf.
  const Finished swapped = run_weir({"check"}, both(rsa_staple, ec_staple));
  CHECK(swapped.exit == Exit{2, 0});
  CHECK(swapped.err.find(rsa_staple + ": not about the certificate") != std::string::npos);
  const Finished wrong = run_weir({"check"}, both(ec + ".pem", rsa_staple));
  CHECK(wrong.err.find(ec + ".pem: no OCSP response (DER)") != std::string::npos);
}

TEST_CASE("Clients that have to show a certificate and do not are refused") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const std::string mine = make_certificate(files, "client.example");
  const std::string other = make_certificate(files, "other.example");
  Weir weir(conf(origin, "tls_client_ca = \"" + mine + ".pem\"\n" + tls(certificate)));
  const auto with = [&](const std::string& shown) {
    return curl(weir, "a.example", "/1?size=10", certificate,
                {"--cert", shown + ".pem", "--key", shown + ".key"});
  };
  CHECK(with(mine).exit == Exit{0, 0});
  CHECK_FALSE(with(other).exit == Exit{0, 0});
  CHECK_FALSE(curl(weir, "a.example", "/1?size=10", certificate).exit == Exit{0, 0});
  CHECK(origin.requests("/1?size=10") == 1);
}

TEST_CASE("The status says whether the kernel could make records") {
  const Origin origin;
  Weir weir(origin);
  const nlohmann::json found = weir.status().at("kernel_tls");
  CHECK((found.at("kernel") == "found" || found.at("kernel") == "not found"));
  CHECK(found.at("used") == false);
}

TEST_CASE("A certificate that has expired, or soon will, is warned of by check, start and reload") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string soon = make_certificate(files, "soon.example");  // two days
  const std::string late = (files.path() / "late").string();
  const Finished asked = run({"/usr/bin/openssl", "req", "-new", "-key", soon + ".key", "-subj",
                              "/CN=late.example", "-out", late + ".csr"});
  REQUIRE(asked.exit == Exit{0, 0});
  const Finished signed_now = run({"/usr/bin/openssl", "x509", "-req", "-in", late + ".csr",
                                   "-signkey", soon + ".key", "-days", "0", "-out", late + ".pem"});
  CAPTURE(signed_now.err);
  REQUIRE(signed_now.exit == Exit{0, 0});
  const std::string tables = tls(soon) + "[[listen.tls]]\ncertificate = \"" + late +
                             ".pem\"\nkey = \"" + soon + ".key\"\n";
  const Finished checked = run_weir({"check"}, conf(origin, tables));
  CAPTURE(checked.err);
  CHECK(checked.exit == Exit{0, 0});
  CHECK(checked.err.find("warning: " + soon + ".pem expires on ") != std::string::npos);
  CHECK(checked.err.find("warning: " + late + ".pem has expired: since ") != std::string::npos);
  Weir weir(conf(origin, tables));
  CHECK(weir.process().wait_for_line("warn certificate=" + late + ".pem has expired").has_value());
  CHECK(weir.process().wait_for_line("warn certificate=" + soon + ".pem expires on").has_value());
  const auto warned = [&] {
    const std::string err = weir.process().err();
    const std::size_t first = err.find(late + ".pem has expired");
    return err.find(late + ".pem has expired", first + 1) != std::string::npos;
  };
  CHECK_FALSE(warned());
  weir.process().signal(SIGHUP);
  CHECK(eventually(warned));
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
