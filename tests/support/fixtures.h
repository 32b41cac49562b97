#pragma once
// What an end-to-end test stands on: a weir-origin of its own, and a Weir in front of it.
//
//   Origin origin;
//   Weir weir(origin, "[storage]\nmemory = \"64 MiB\"\n");
//   const Response answer = get(weir.port(), "/a?size=1MiB&n=7", {.content = 7});
//
// WEIR_ORIGIN_BINARY and WEIR_BINARY say which programs; CMake sets them. The environment's
// WEIR_PROGRAM comes before the latter: a release build's tests run a sanitized program so.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/client.h"
#include "support/process.h"

namespace weir::test {

// True as soon as `holds` is; false when it never was within `timeout`. For what another process
// does in its own time: never for a fixed wait.
bool eventually(const std::function<bool()>& holds, Millis timeout = Millis(10'000));

// The port of the first line that says "listening on 127.0.0.1:PORT". Throws, with what the program
// said, when there is none.
std::uint16_t listening_port(Process& process);

// The Weir under test; see above.
std::string weir_program();
// True for a program with the address or the thread sanitizer, whose shadow and quarantine are many
// times the memory that it asks for.
bool is_sanitized(const std::string& program);

// A directory of its own under the system's temporary one; removed with all in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes a file and returns its path.
  std::string write(std::string_view file_name, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

class Origin {
 public:
  // `port` 0: any. `more`: switches of weir-origin.
  explicit Origin(std::uint16_t port = 0, const std::vector<std::string>& more = {});

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The counts of /_control/counts, see support/origin/counts.h.
  nlohmann::json counts() const;
  std::uint64_t count(const char* key) const { return counts().at(key).get<std::uint64_t>(); }
  // How often this path and query was asked for.
  std::uint64_t requests(const std::string& target) const;
  // The value of a field of the last request, or nothing.
  std::optional<std::string> last_field(std::string_view field_name) const;
  void reset() const;
  // Script keys that act on every later request, as if they stood at its query's end.
  void order(const std::string& query) const;

  Process& process() { return process_; }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

class Weir {
 public:
  // Two lines of conf: any port of 127.0.0.1, and this origin; `more` follows them.
  // `runner`: a program, with its path, that becomes Weir, as {"/usr/bin/prlimit", "--nofile=100"}.
  explicit Weir(const Origin& origin, std::string_view more = {},
                std::vector<std::string> runner = {});
  // The whole conf. The port is that of the first listener that reports.
  explicit Weir(std::string_view conf, std::vector<std::string> runner = {});
  // SIGTERM and a wait. A Weir that does not end, or ends with anything but 0, fails the test and
  // shows its stderr (so a sanitizer's report does), unless the test has waited for the end itself.
  ~Weir();

  std::uint16_t port() const { return port_; }
  // Of its admin address; 0 when it has none. The conf gets a free one unless it names one itself.
  std::uint16_t admin_port();
  nlohmann::json status();              // GET /status there
  void rewrite(std::string_view conf);  // its conf
  // The same, and has it read: the answer of POST /reload there.
  Response reload(std::string_view conf);
  // The first line of its access log, on stdout, that contains `part`, once it is there; else {}.
  nlohmann::json log_line(std::string_view part);
  Process& process() { return process_; }

 private:
  ScratchDirectory directory_;
  Process process_;
  std::uint16_t port_ = 0;
};

// `weir check -c` and the like, with a conf of that text: {"check"} runs `weir check -c FILE`.
Finished run_weir(std::vector<std::string> command, std::string_view conf);

// A port of 127.0.0.1 on which nobody listens now.
std::uint16_t free_port();  // below those that the kernel gives to clients

}  // namespace weir::test
