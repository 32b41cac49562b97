#include <doctest/doctest.h>

#include <csignal>

#include "support/fixtures.h"

namespace weir::test {

namespace {

std::string short_conf(const Origin& origin, std::string_view more) {
  return "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() + "\"\n" + std::string(more);
}

}  // namespace

Weir::Weir(const Origin& origin, std::string_view more) : Weir(short_conf(origin, more)) {}

Weir::Weir(std::string_view conf)
    : process_({WEIR_BINARY, "run", "-c", directory_.write("weir.conf", conf)},
               directory_.path() / "stderr"),
      port_(listening_port(process_)) {}

Weir::~Weir() {
  if (process_.ended()) {
    return;
  }
  process_.signal(SIGTERM);
  const auto exit = process_.wait(Millis(3000));
  if (exit && *exit != Exit{0, 0}) {
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
