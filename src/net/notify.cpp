#include "net/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace weir::net {

Result<void> notify(const std::string& path, std::string_view text) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof to.sun_path) return fail(Errc::kSystem, EINVAL);
  path.copy(to.sun_path, path.size());
  if (path.front() == '@') to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(Errc::kSystem, errno);
  const bool sent = sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&to), length) >= 0;
  const int error = errno;
  close(fd);
  if (!sent) return fail(Errc::kSystem, error);
  return {};
}

}  // namespace weir::net
