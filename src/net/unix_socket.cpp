#include "net/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace weir::net {
namespace {

constexpr std::string_view kScheme = "unix:";
constexpr mode_t kAllButGroup = 0117;  // what a umask takes away: 0660 is left

int make_socket(int type) { return socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

std::string path_of(const Address& address) { return address.text().substr(kScheme.size()); }

// A socket's file outlives its process. 0 when nobody listens there (any more), or errno.
int clear_place(const Address& address, const std::string& path, int type) {
  struct stat there {};
  if (lstat(path.c_str(), &there) != 0) return 0;  // bind will say what else is wrong
  if (!S_ISSOCK(there.st_mode)) return EEXIST;
  const int fd = make_socket(type);
  if (fd < 0) return errno;
  const int error = connect(fd, address.raw(), address.length) == 0 ? EADDRINUSE : errno;
  close(fd);
  if (error != ECONNREFUSED) return error == EAGAIN ? EADDRINUSE : error;
  return unlink(path.c_str()) == 0 ? 0 : errno;
}

int bind_and_listen(int fd, const Address& address, int backlog) {
  const mode_t before = umask(kAllButGroup);
  const bool bound = bind(fd, address.raw(), address.length) == 0;
  const int error = bound ? 0 : errno;
  umask(before);
  if (!bound) return error;
  return listen(fd, backlog) == 0 ? 0 : errno;
}

}  // namespace

std::optional<Address> parse_unix_address(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  const std::string_view path = text.substr(kScheme.size());
  Address out;
  auto& raw = reinterpret_cast<sockaddr_un&>(out.storage);
  if (!path.starts_with('/') || path.ends_with('/') || path.size() >= sizeof raw.sun_path ||
      path.find('\0') != path.npos) {
    return std::nullopt;
  }
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return out;
}

Result<UnixListener> UnixListener::open(const Address& address, int backlog, UnixKind kind) {
  const int type = kind == UnixKind::kMessages ? SOCK_SEQPACKET : SOCK_STREAM;
  const std::string path = path_of(address);
  if (const int error = clear_place(address, path, type); error != 0)
    return fail(Errc::kSystem, error);
  UnixListener out;
  out.fd_ = make_socket(type);
  if (out.fd_ < 0) return fail(Errc::kSystem, errno);
  if (const int error = bind_and_listen(out.fd_, address, backlog); error != 0) {
    return fail(Errc::kSystem, error);
  }
  out.own_file(path);
  return out;
}

UnixListener UnixListener::of(const Address& address) {
  UnixListener out;
  out.own_file(path_of(address));
  return out;
}

void UnixListener::own_file(const std::string& path) {
  struct stat made {};
  if (lstat(path.c_str(), &made) != 0) return;
  path_ = path;
  device_ = made.st_dev;
  inode_ = made.st_ino;
}

UnixListener::UnixListener(UnixListener&& other) noexcept { *this = std::move(other); }

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

UnixListener::~UnixListener() {
  if (fd_ >= 0) close(fd_);
  struct stat there {};
  if (path_.empty() || lstat(path_.c_str(), &there) != 0) return;
  if (there.st_dev == device_ && there.st_ino == inode_) unlink(path_.c_str());
}

int UnixListener::take() { return std::exchange(fd_, -1); }

}  // namespace weir::net
