// What a running Weir may still do. WEIR_TEST_RESTRICTED=1 has every Weir of these tests run with
// landlock and seccomp on (support/weir_fixture.cpp).

#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "e2e/certificates.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Those of its threads whose status lacks one of these lines.
std::string others(Weir& weir, const std::vector<std::string>& lines) {
  std::string out;
  const std::string tasks = "/proc/" + std::to_string(weir.process().pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const std::string status = text_of(task.path() / "status");
    for (const std::string& line : lines) {
      if (status.find(line + "\n") != std::string::npos) continue;
      const std::size_t at = status.find(line.substr(0, line.find('\t')));
      out += status.substr(0, status.find('\n')) + ": not " + line + " but " +
             status.substr(at, status.find('\n', at) - at) + "\n";
    }
  }
  return out;
}

const std::vector<std::string> kNone = {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
                                        "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                                        "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"};

bool says(Weir& weir, const std::string& text) {
  return eventually([&] { return weir.process().err().find(text) != std::string::npos; });
}

// LeakSanitizer looks into its own process as a debugger does, which seccomp refuses.
const std::vector<std::string> kWithoutLeaks = {"/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0"};

}  // namespace

TEST_CASE("No thread has a capability left, or may get one") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root has capabilities to lose");
    return;
  }
  const Origin origin;
  for (const char* user : {"", "nobody"}) {
    Weir weir(origin,
              "[server]\nuser = \"" + std::string(user) + "\"\n[storage]\nspool = \"64 MiB\"\n");
    CHECK(get(weir.port(), "/a?size=1").complete());
    CHECK(others(weir, kNone) == "");
    CHECK(says(weir, "capabilities=none no_new_privs=yes"));
  }
}

TEST_CASE("A conf with a low port keeps the capability that it needs for another one") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root may listen on low ports");
    return;
  }
  const Origin origin;
  Weir weir("listen = [\"127.0.0.1:0\", \"127.0.0.1:1022\"]\norigin = \"" + origin.address() +
            "\"\n[server]\nuser = \"nobody\"\n");
  CHECK(says(weir, "capabilities=net_bind_service"));
  CHECK(others(weir, {"CapPrm:\t0000000000000400", "CapEff:\t0000000000000400",
                      "CapBnd:\t0000000000000400", "CapAmb:\t0000000000000000"}) == "");
}

TEST_CASE(
    "With landlock and seccomp on, logs and certificates are reloaded, and the rest refused") {
  const Finished plan = run_weir({"check"},
                                 "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\n"
                                 "landlock = \"on\"\nseccomp = \"on\"\n");
  CAPTURE(plan.out);
  if (plan.out.find("landlock on (") == std::string::npos) {
    MESSAGE("SKIPPED: this kernel has no landlock, or it is not switched on");
    return;
  }
  const Origin origin;
  const ScratchDirectory logs, certificates, elsewhere;
  const std::string access = (logs.path() / "access").string();
  const std::string certificate = make_certificate(certificates, "one.example");
  Weir weir("origin = \"" + origin.address() + "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n" +
                "[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen.tls]]\ncertificate = \"" +
                certificate + ".pem\"\nkey = \"" + certificate +
                ".key\"\n[server]\nlandlock = \"on\"\nseccomp = \"on\"\npid_file = \"" +
                (elsewhere.path() / "pid").string() + "\"\n[log]\naccess = \"" + access + "\"\n",
            kWithoutLeaks);
  CHECK(says(weir, "landlock=on version="));
  CHECK(says(weir, "seccomp=on"));
  CHECK(others(weir, {"NoNewPrivs:\t1", "Seccomp:\t2"}) == "");
  CHECK(get(weir.port(), "/one?size=1").complete());
  std::filesystem::rename(access, access + ".1");
  for (const char* suffix : {".pem", ".key"}) std::filesystem::remove(certificate + suffix);
  make_certificate(certificates, "one.example");
  weir.process().signal(SIGHUP);
  CHECK(eventually([&] { return std::filesystem::exists(access); }));
  CHECK(get(weir.port(), "/two?size=1").complete());
  CHECK(eventually([&] { return text_of(access).find("/two") != std::string::npos; }));
  CHECK(weir.process().err().find("certificates=unchanged") == std::string::npos);
  CHECK(get(weir.admin_port(), "/metrics").status == 200);
  weir.process().signal(SIGTERM);
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  CHECK_FALSE(std::filesystem::exists(elsewhere.path() / "pid"));
}

}  // namespace weir::test
