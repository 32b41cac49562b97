#pragma once
// Listening Unix sockets, and their addresses as "unix:/run/weir/admin.sock". Any thread.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace weir::net {

// "unix:" and an absolute path that fits into sun_path (107 bytes).
std::optional<Address> parse_unix_address(std::string_view text);

enum class UnixKind : std::uint8_t { kStream, kMessages };  // kMessages: for FdChannels

// A listening socket and the file that it made, which goes with it unless another took its name.
class UnixListener {
 public:
  // Takes the place of a file that a dead process left. The file has mode 0660. Before threads: the
  // umask is changed for a moment. Errors carry errno; EADDRINUSE when somebody listens there.
  static Result<UnixListener> open(const Address& address, int backlog,
                                   UnixKind kind = UnixKind::kStream);
  UnixListener() = default;
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;

  // The descriptor, for whoever takes it over; the file stays this one's.
  int take();
  // The file is another's from now on: it stays when this goes.
  void leave_file() { path_.clear(); }
  // Of a listening socket that another process has made, the file, which goes with this.
  static UnixListener of(const Address& address);

 private:
  void own_file(const std::string& path);

  int fd_ = -1;
  std::string path_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace weir::net
