#include "support/fixtures.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace weir::test {

namespace {

constexpr std::string_view kListening = "listening on 127.0.0.1:";

}  // namespace

std::uint16_t listening_port(Process& process) {
  const auto port = process.wait_for_line(kListening);
  if (!port) {
    throw std::runtime_error("the program does not listen; it said: " + process.out() +
                             process.err());
  }
  return static_cast<std::uint16_t>(std::stoi(*port));
}

bool eventually(const std::function<bool()>& holds, Millis timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(Millis(5));
  }
  return true;
}

ScratchDirectory::ScratchDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("mkdtemp " + name);
  }
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::write(std::string_view file_name, std::string_view text) const {
  const std::filesystem::path file = path_ / file_name;
  std::ofstream(file) << text;
  return file.string();
}

namespace {

std::vector<std::string> origin_command(std::uint16_t port, const std::vector<std::string>& more) {
  std::vector<std::string> command{WEIR_ORIGIN_BINARY, "--listen",
                                   "127.0.0.1:" + std::to_string(port)};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

}  // namespace

Origin::Origin(std::uint16_t port, const std::vector<std::string>& more)
    : process_(origin_command(port, more)), port_(listening_port(process_)) {}

nlohmann::json Origin::counts() const {
  const Response answer = get(port_, "/_control/counts", {.keep = SIZE_MAX});
  return nlohmann::json::parse(answer.body);
}

std::uint64_t Origin::requests(const std::string& target) const {
  return counts().at("requests").value(target, std::uint64_t{0});
}

std::optional<std::string> Origin::last_field(std::string_view field_name) const {
  const nlohmann::json all = counts();
  for (const auto& field : all.at("last_request").at("fields")) {
    if (equal_ignoring_case(field.at(0).get<std::string>(), field_name)) {
      return field.at(1).get<std::string>();
    }
  }
  return std::nullopt;
}

void Origin::order(const std::string& query) const {
  fetch(port_, {.method = "POST", .target = "/_control/script?" + query});
}

void Origin::reset() const { fetch(port_, {.method = "POST", .target = "/_control/reset"}); }

std::uint16_t free_port() {
  constexpr std::uint32_t kFirst = 10'000;  // to 32,767: the kernel gives clients what is above
  constexpr std::uint32_t kPorts = 22'768;
  static std::uint32_t next = static_cast<std::uint32_t>(::getpid()) * 101;
  for (std::uint32_t tries = 0; tries < kPorts; ++tries) {
    const auto port = static_cast<std::uint16_t>(kFirst + next++ % kPorts);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int failed = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::close(fd);
    if (failed == 0) return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace weir::test
