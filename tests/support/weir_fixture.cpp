#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/fixtures.h"

namespace weir::test {

namespace {

// Below drain_timeout: a test's clients are gone by then, and nothing keeps Weir but a fault.
constexpr Millis kEndsWithin(20'000);

std::vector<std::string> with_runner(std::vector<std::string> runner,
                                     const std::vector<std::string>& command) {
  runner.insert(runner.end(), command.begin(), command.end());
  return runner;
}

std::string short_conf(const Origin& origin, std::string_view more) {
  return "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() + "\"\n" + std::string(more);
}

// With an admin address of its own, unless it says something about one: Weirs of tests that run
// side by side would all want the default. And with all that keeps it from what it does not need,
// if WEIR_TEST_RESTRICTED is set.
std::string with_server(std::string_view conf) {
  std::string out(conf);
  std::string more;
  if (out.find("admin =") == std::string::npos) more += "admin = \"127.0.0.1:0\"\n";
  if (std::getenv("WEIR_TEST_RESTRICTED") && out.find("landlock =") == std::string::npos)
    more += "landlock = \"on\"\nseccomp = \"on\"\n";
  if (more.empty()) return out;
  constexpr std::string_view kServer = "[server]\n";
  const std::size_t at = out.find(kServer);
  if (at != std::string::npos) {
    // At the table's end: lines of the test keep their numbers.
    const std::size_t next = out.find("\n[", at + kServer.size() - 1);
    if (next == std::string::npos) return out.append("\n").append(more);
    return out.insert(next + 1, more);
  }
  return out.append("\n").append(kServer).append(more);
}

}  // namespace

std::string weir_program() {
  const char* other = std::getenv("WEIR_PROGRAM");
  return other != nullptr && *other != '\0' ? other : WEIR_BINARY;
}

bool is_sanitized(const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return bytes.find("__asan_init") != std::string::npos ||
         bytes.find("__tsan_init") != std::string::npos;
}

Weir::Weir(const Origin& origin, std::string_view more, std::vector<std::string> runner)
    : Weir(short_conf(origin, more), std::move(runner)) {}

Weir::Weir(std::string_view conf, std::vector<std::string> runner)
    : process_(with_runner(std::move(runner), {weir_program(), "run", "-c",
                                               directory_.write("weir.conf", with_server(conf))}),
               directory_.path() / "stderr"),
      port_(listening_port(process_)) {}

std::uint16_t Weir::admin_port() {
  const auto port = process_.wait_for_line("admin on 127.0.0.1:");
  return port ? static_cast<std::uint16_t>(std::stoi(*port)) : std::uint16_t{0};
}

nlohmann::json Weir::status() { return nlohmann::json::parse(get(admin_port(), "/status").body); }

void Weir::rewrite(std::string_view conf) { directory_.write("weir.conf", with_server(conf)); }

Response Weir::reload(std::string_view conf) {
  rewrite(conf);
  return Client(admin_port())
      .exchange({.method = "POST",
                 .target = "/reload",
                 .fields = {{"Content-Type", "application/json"}},
                 .body = "{}"});
}

nlohmann::json Weir::log_line(std::string_view part) {
  nlohmann::json found;
  eventually([&] {
    std::istringstream lines(process_.out());
    for (std::string line; std::getline(lines, line);) {
      if (line.find(part) == std::string::npos) continue;
      found = nlohmann::json::parse(line, nullptr, false);
      return found.is_object();
    }
    return false;
  });
  return found.is_object() ? found : nlohmann::json::object();
}

Weir::~Weir() {
  if (process_.ended()) {
    return;
  }
  process_.signal(SIGTERM);
  const auto exit = process_.wait(kEndsWithin);
  if (!exit) {
    ADD_FAIL_CHECK_AT(__FILE__, __LINE__,
                      "weir did not end within " << kEndsWithin.count() << " ms of SIGTERM:\n"
                                                 << process_.err());
  } else if (*exit != Exit{0, 0}) {
    ADD_FAIL_CHECK_AT(__FILE__, __LINE__,
                      "weir ended with code " << exit->code << ", signal " << exit->signal << ":\n"
                                              << process_.err());
  }
}

Finished run_weir(std::vector<std::string> command, std::string_view conf) {
  const ScratchDirectory directory;
  command.insert(command.begin(), weir_program());
  command.insert(command.end(), {"-c", directory.write("weir.conf", conf)});
  return run(std::move(command));
}

}  // namespace weir::test
