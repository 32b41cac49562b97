#pragma once
// FdChannel: short messages with descriptors, between two processes of one machine: a Unix socket
// that keeps messages whole (SOCK_SEQPACKET), descriptors by SCM_RIGHTS (unix(7)). Every call
// blocks for as long as it is told at most: not for a Loop's thread. One thread at a time.

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"

namespace weir::net {

class FdChannel {
 public:
  static constexpr std::size_t kTextMost = 64 * 1024;
  static constexpr std::size_t kFdsMost = 250;  // below SCM_MAX_FD

  struct Message {
    std::string text;
    std::vector<int> fds;  // the receiver's; close-on-exec
  };

  // To who listens there. ENOENT, ECONNREFUSED: nobody.
  static Result<FdChannel> connect(const Address& address);
  // The next one that has come to the listener. EAGAIN: none.
  static Result<FdChannel> accept(int listener);
  // Takes over the descriptor, of a socket of that kind.
  static FdChannel adopt(int fd) { return FdChannel(fd); }
  FdChannel(FdChannel&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FdChannel& operator=(FdChannel&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FdChannel();

  // The descriptors stay the caller's. ETIMEDOUT, EPIPE: the peer does not take it, or is gone.
  Result<void> send(std::string_view text, std::span<const int> fds, Duration patience);
  // An empty text: the peer has ended. ETIMEDOUT: nothing came. EMSGSIZE: more than is allowed.
  Result<Message> receive(Duration patience);
  // Of the peer when it connected: who may be trusted is the caller's to say.
  Result<uid_t> peer_user() const;

  void close();                   // the peer learns of our end; every other call fails
  int fd() const { return fd_; }  // to wait on, beside others

 private:
  explicit FdChannel(int fd) : fd_(fd) {}
  Result<void> wait(short what, Duration patience) const;

  int fd_ = -1;
};

}  // namespace weir::net
