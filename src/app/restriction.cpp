#include "app/restriction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/admin_socket.h"
#include "app/capabilities.h"
#include "app/log_target.h"
#include "app/seccomp.h"
#include "net/address.h"
#include "store/file_system.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kFirstFreePort = 1024;

// Name resolution, time zones, whom TLS trusts, libraries that the C library loads late, and what
// is said about this process and machine. Files that are replaced (resolv.conf) are read at start.
constexpr std::string_view kSystemReads[] = {
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group", "/etc/localtime",
    "/etc/ld.so.cache", "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
    "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/share/zoneinfo",
    "/usr/lib", "/lib", "/lib64", "/usr/lib64",
    // All of it: what is below is made anew by the
    // kernel, and a rule is for what there was.
    "/proc", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/dev/urandom", "/dev/random"};

class FileRules {
 public:
  void add(const fs::path& path, FileUse use) {
    if (path.empty()) return;
    const FileRule rule{path.string(), use};
    if (std::ranges::find(rules_, rule) == rules_.end()) rules_.push_back(rule);
  }
  // The directory of a file that may be replaced, and of the one that it is a link to.
  void add_around(const std::string& file, FileUse use) {
    if (file.empty()) return;
    add(parent(file), use);
    std::error_code failed;
    const fs::path real = fs::canonical(file, failed);
    if (!failed) add(real.parent_path(), use);
  }
  // Where OpenSSL is told of other places for that: a file, and a list of directories.
  void add_trusted() {
    if (const char* const file = std::getenv("SSL_CERT_FILE")) add_around(file, FileUse::kRead);
    const char* const list = std::getenv("SSL_CERT_DIR");
    for (std::string_view rest = list ? list : ""; !rest.empty();) {
      const std::string_view one = rest.substr(0, rest.find(':'));
      add(one, FileUse::kRead);
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    }
  }
  // What is there and is no file, as a pipe or /dev/full, is meant itself.
  void add_log(const std::string& target) {
    if (!is_log_file(target)) return;
    std::error_code ignored;
    const fs::file_status status = fs::status(target, ignored);
    if (fs::exists(status) && !fs::is_regular_file(status)) return add(target, FileUse::kWrite);
    add_around(target, FileUse::kWrite);
  }
  static fs::path parent(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
  }
  std::vector<FileRule> take() { return std::move(rules_); }

 private:
  std::vector<FileRule> rules_;
};

void add_certificates(const Config& config, FileRules& to) {
  for (const Listen& listen : config.listens) {
    to.add_around(listen.tls_client_ca, FileUse::kRead);
    for (const ListenTls& tls : listen.tls) {
      for (const std::string& file : {tls.certificate, tls.key, tls.ocsp})
        to.add_around(file, FileUse::kRead);
    }
  }
  for (const OriginConf& o : config.origins) {
    for (const std::string& file : {o.tls_ca, o.tls_certificate, o.tls_key})
      to.add_around(file, FileUse::kRead);
  }
}

bool is_low(const net::Address& address) {
  return address.family() != AF_UNIX && address.port() != 0 && address.port() < kFirstFreePort;
}

// "off", "on" with `how`, or "unavailable"; the error is why "on" cannot be.
using Outcome = std::expected<std::string, std::string>;

Outcome outcome_of(Restriction wanted, const std::string& why, std::string in_force) {
  if (why.empty()) return in_force;
  if (wanted == Restriction::kAuto) return "unavailable";
  return std::unexpected(why);
}

Outcome restrict_files_as(const LoadedConfig& loaded) {
  const Restriction wanted = loaded.config.server.landlock;
  if (wanted == Restriction::kOff) return "off";
  // Else the disk could not be made, since its parent is not Weir's.
  for (const DiskConf& disk : loaded.config.storage.disks) {
    static_cast<void>(store::posix_files().make_directory(disk.path));  // the store says what fails
  }
  const int version = landlock_version();
  const std::string why = version == 0 ? "landlock: this kernel has none, or it is not switched on"
                                       : restrict_files(needed_files(loaded));
  return outcome_of(wanted, why.empty() ? why : "server.landlock: " + why,
                    fmt::format("on version={}", version));
}

Outcome restrict_calls_as(Restriction wanted) {
  if (wanted == Restriction::kOff) return "off";
  const std::string why = restrict_calls();
  return outcome_of(wanted, why.empty() ? why : "server.seccomp: " + why, "on");
}

std::string_view planned(Restriction wanted, bool there) {
  if (wanted == Restriction::kOff) return "off";
  return there ? "on" : wanted == Restriction::kOn ? "on, which fails" : "off";
}

}  // namespace

bool wants_low_ports(const Config& config) {
  const auto admin = admin_address(config.server);
  return (admin && is_low(*admin)) || std::ranges::any_of(config.listens, [](const Listen& listen) {
           const auto address = net::parse_address(listen.address);
           return address && is_low(*address);
         });
}

std::vector<FileRule> needed_files(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  FileRules rules;
  for (const std::string_view path : kSystemReads) rules.add(path, FileUse::kRead);
  rules.add_trusted();
  rules.add("/dev/null", FileUse::kWrite);
  rules.add_around(loaded.file, FileUse::kRead);
  add_certificates(config, rules);
  for (const DiskConf& disk : config.storage.disks) rules.add(disk.path, FileUse::kWrite);
  for (const std::string& target : {config.log.access, config.log.error}) rules.add_log(target);
  for (const std::string& file : {config.delivery.record, config.delivery.record_on_order})
    rules.add_log(file);
  if (const std::string& pid = config.server.pid_file; !pid.empty()) {
    rules.add(pid, FileUse::kWrite);  // it is looked at before it is removed, or given back
    rules.add(FileRules::parent(pid), FileUse::kRemove);
  }
  for (const std::string& socket : {config.server.admin, config.server.handover}) {
    constexpr std::string_view kUnix = "unix:";
    if (socket.starts_with(kUnix))
      rules.add(FileRules::parent(socket.substr(kUnix.size())), FileUse::kRemove);
  }
  return rules.take();
}

std::expected<std::string, std::string> restrict_process(const LoadedConfig& loaded) {
  std::string why = reduce_capabilities(wants_low_ports(loaded.config));
  // A manager that does not let a process change them has left as much as that.
  if (const std::string left = capabilities_text(); left == "none" || left == "net_bind_service")
    why.clear();
  if (why.empty()) why = forbid_new_privileges();
  if (!why.empty()) return std::unexpected(why);
  const Outcome files = restrict_files_as(loaded);
  if (!files) return files;
  const Outcome calls = restrict_calls_as(loaded.config.server.seccomp);
  if (!calls) return calls;
  return fmt::format("capabilities={} no_new_privs=yes landlock={} seccomp={}", capabilities_text(),
                     *files, *calls);
}

std::string restriction_plan(const Config& config) {
  const int version = landlock_version();
  const std::string files = version == 0 ? "none" : fmt::format("version {}", version);
  return fmt::format("capabilities {}; landlock {} (this kernel: {}); seccomp {} (this kernel: {})",
                     wants_low_ports(config) ? "net_bind_service" : "none",
                     planned(config.server.landlock, version > 0), files,
                     planned(config.server.seccomp, seccomp_known()),
                     seccomp_known() ? "there" : "none");
}

}  // namespace weir::app
