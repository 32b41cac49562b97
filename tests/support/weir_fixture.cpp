#include <doctest/doctest.h>

#include <csignal>

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

}  // namespace

Weir::Weir(const Origin& origin, std::string_view more, std::vector<std::string> runner)
    : Weir(short_conf(origin, more), std::move(runner)) {}

Weir::Weir(std::string_view conf, std::vector<std::string> runner)
    : process_(with_runner(std::move(runner),
                           {WEIR_BINARY, "run", "-c", directory_.write("weir.conf", conf)}),
               directory_.path() / "stderr"),
      port_(listening_port(process_)) {}

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
  command.insert(command.begin(), WEIR_BINARY);
  command.insert(command.end(), {"-c", directory.write("weir.conf", conf)});
  return run(std::move(command));
}

}  // namespace weir::test
