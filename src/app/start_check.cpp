#include "app/start_check.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "app/certificates.h"
#include "app/log_target.h"
#include "app/machine.h"
#include "app/restriction.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnix = "unix:";

class StartCheck {
 public:
  StartCheck(const LoadedConfig& loaded, Findings& out)
      : config_(loaded.config), places_(loaded.places), out_(out) {}

  void files();
  void disks();
  void spool();
  void user();
  void memory();
  void certificates();

 private:
  void error(std::string_view path, std::string text, std::string hint = {}) {
    out_.errors.push_back({place_of(places_, path), std::move(text), std::move(hint)});
  }
  void warning(std::string_view path, std::string text) {
    out_.warnings.push_back({place_of(places_, path), std::move(text), {}});
  }
  void file(std::string_view name, const std::string& path);
  std::string wrong_with(const DiskConf& disk) const;

  const Config& config_;
  const Places& places_;
  Findings& out_;
};

fs::path parent_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

// Empty, or why there is no such directory.
std::string no_directory(const fs::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) == 0)
    return S_ISDIR(s.st_mode) ? "" : fmt::format("{} is no directory", path.string());
  if (errno != ENOENT && errno != ENOTDIR) return {};
  return fmt::format("there is no directory {}", path.string());
}

// A manager makes those at the start, and they are gone meanwhile.
bool is_made_at_start(const fs::path& directory) {
  const std::string text = directory.lexically_normal().string();
  return text.starts_with("/run/") || text.starts_with("/var/run/");
}

// The file itself may be made.
void StartCheck::file(std::string_view name, const std::string& path) {
  const fs::path directory = parent_of(path);
  const std::string missing = no_directory(directory);
  struct stat s {};
  if (!missing.empty() && is_made_at_start(directory)) {
    warning(name, fmt::format("{} now: Weir will not start here unless it is made before "
                              "(RuntimeDirectory= of systemd)",
                              missing));
  } else if (!missing.empty()) {
    error(name, missing + ": Weir will not start here");
  } else if (::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode)) {
    error(name, fmt::format("{} is a directory: Weir will not start here", path));
  }
}

void StartCheck::files() {
  const std::pair<std::string_view, const std::string&> logs[] = {
      {"log.access", config_.log.access},
      {"log.error", config_.log.error},
      {"delivery.record", config_.delivery.record}};
  for (const auto& [name, target] : logs) {
    if (!target.empty() && is_log_file(target)) file(name, target);
  }
  if (!config_.server.pid_file.empty()) file("server.pid_file", config_.server.pid_file);
  const std::pair<std::string_view, const std::string&> sockets[] = {
      {"server.admin", config_.server.admin}, {"server.handover", config_.server.handover}};
  for (const auto& [name, socket] : sockets) {
    if (socket.starts_with(kUnix)) file(name, socket.substr(kUnix.size()));
  }
}

std::string StartCheck::wrong_with(const DiskConf& disk) const {
  struct stat s {};
  if (::stat(disk.path.c_str(), &s) == 0)
    return S_ISDIR(s.st_mode) ? "" : disk.path + " is no directory";
  fs::path path = disk.path;
  if (!path.has_filename()) path = path.parent_path();  // "/a/b/"
  return no_directory(parent_of(path));
}

// A disk that cannot be used is left out; with none at all Weir does not start.
void StartCheck::disks() {
  std::vector<std::pair<std::string, std::string>> wrong;
  const std::vector<DiskConf>& disks = config_.storage.disks;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    if (std::string why = wrong_with(disks[i]); !why.empty())
      wrong.emplace_back(fmt::format("storage.disk[{}].path", i), std::move(why));
  }
  const bool none = wrong.size() == disks.size();
  for (const auto& [path, why] : wrong) {
    if (none) {
      error(path, why + ": Weir will not start here");
    } else {
      warning(path, why + ": Weir will go on without this disk");
    }
  }
}

void StartCheck::spool() {
  if (config_.storage.spool == 0 || config_.storage.spool_max == 0) return;
  const std::string missing = no_directory(config_.storage.spool_directory);
  if (!missing.empty()) warning("storage.spool_directory", missing + ": there will be no spool");
}

// Nobody but root becomes another user.
void StartCheck::user() {
  const std::string& user = config_.server.user;
  errno = 0;
  if (user.empty() || ::getpwnam(user.c_str()) || (errno != 0 && errno != ENOENT)) return;
  const std::string text = fmt::format("there is no user \"{}\"", user);
  if (::geteuid() == 0) {
    error("server.user", text + ": Weir will not start here");
  } else {
    warning("server.user", text + ": started as root, Weir will not start here");
  }
}

void StartCheck::memory() {
  const std::uint64_t memory = machine_memory();
  if (memory == 0 || config_.storage.memory <= memory) return;
  error("storage.memory",
        fmt::format("this machine has {} MiB: Weir will not start here", memory >> 20));
}

// Serves all the same, but hardly anybody.
void StartCheck::certificates() {
  const WallTime now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  for (std::size_t i = 0; i < config_.listens.size(); ++i) {
    const Listen& listen = config_.listens[i];
    if (listen.tls.empty()) continue;
    const auto server = read_certificates(listen);
    if (!server) continue;  // told by parse_config already
    const auto& expiries = (*server)->expiries();
    for (std::size_t k = 0; k < listen.tls.size(); ++k) {
      const std::string& file = listen.tls[k].certificate;
      const auto until = expiries.find(file);
      if (until == expiries.end()) continue;
      const std::string doubt = doubt_about_end(until->second, now);
      if (!doubt.empty())
        warning(fmt::format("listen[{}].tls[{}].certificate", i, k), file + " " + doubt);
    }
  }
}

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void check_start(const LoadedConfig& loaded, Findings& out) {
  StartCheck check(loaded, out);
  check.user();
  check.files();
  check.memory();
  check.spool();
  check.disks();
  check.certificates();
}

int check_command(const LoadedConfig& loaded, std::ostream& out, std::ostream& err) {
  Findings found;
  check_start(loaded, found);
  const std::string text = text_of(loaded.file);
  const ConfText source(loaded.file, text);
  err << source.show(found.warnings, "warning") << source.show(found.errors, "error") << std::flush;
  if (!found.errors.empty()) return 1;
  out << loaded.file << ": ok\n"
      << loaded.file << ": once it runs: " << restriction_plan(loaded.config) << "\n";
  return 0;
}

}  // namespace weir::app
