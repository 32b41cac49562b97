#include "app/privileges.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/capabilities.h"
#include "base/log.h"

namespace weir::app {
namespace {

// Only a file that nobody else has a name for: whoever owns the directory could have put a link to
// a file of root's there.
void give(const std::string& path, const passwd& to) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat s {};
  const bool ours = ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1 && s.st_uid == 0;
  if (ours && ::fchown(fd, to.pw_uid, to.pw_gid) != 0) {
    log_warn("server.user file={} stays=root error=\"{}\"", path, std::strerror(errno));
  }
  ::close(fd);
}

}  // namespace

std::string drop_privileges(const std::string& user, const std::vector<std::string>& logs,
                            bool low_ports) {
  if (user.empty() || ::geteuid() != 0) return {};
  errno = 0;
  const passwd* entry = ::getpwnam(user.c_str());
  if (!entry) return fmt::format("server.user: there is no user \"{}\"", user);
  for (const std::string& log : logs) give(log, *entry);
  const KeptCapabilities until_reduced;
  if (::initgroups(user.c_str(), entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
      ::setuid(entry->pw_uid) != 0) {
    return fmt::format("server.user: cannot become \"{}\": {}", user, std::strerror(errno));
  }
  if (std::string why = reduce_capabilities(low_ports); !why.empty()) return why;
  if (entry->pw_uid != 0 && ::setuid(0) == 0) return "server.user: privileges came back";
  return {};
}

std::vector<std::string> not_reopenable(const std::vector<std::string>& logs) {
  std::vector<std::string> out;
  for (const std::string& log : logs) {
    std::error_code hidden;  // in a directory that this user may not search
    const auto kind = std::filesystem::status(log, hidden).type();
    if (kind == std::filesystem::file_type::fifo) {  // opened again when its reader comes back
      if (::access(log.c_str(), W_OK) != 0) out.push_back(log);
      continue;
    }
    if (!hidden && kind != std::filesystem::file_type::regular)
      continue;  // devices are not rotated
    const std::filesystem::path directory = std::filesystem::path(log).parent_path();
    if (::access(directory.empty() ? "." : directory.c_str(), W_OK | X_OK) != 0) out.push_back(log);
  }
  return out;
}

}  // namespace weir::app
