#include "app/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::app {

std::string drop_privileges(const std::string& user) {
  if (user.empty() || ::geteuid() != 0) return {};
  errno = 0;
  const passwd* entry = ::getpwnam(user.c_str());
  if (!entry) return fmt::format("server.user: there is no user \"{}\"", user);
  if (::initgroups(user.c_str(), entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
      ::setuid(entry->pw_uid) != 0) {
    return fmt::format("server.user: cannot become \"{}\": {}", user, std::strerror(errno));
  }
  if (entry->pw_uid != 0 && ::setuid(0) == 0) return "server.user: privileges came back";
  return {};
}

}  // namespace weir::app
