#pragma once
// Listener: accepts on one SO_REUSEPORT socket for one Loop. Out of descriptors, or above the limit
// of connections, it pauses, says so (at most once a minute), and resumes by itself; clients then
// wait in the backlog. No descriptor is kept in reserve: accepting only to refuse would tell
// clients of a shortage that has mostly passed before they notice.
//
//             owner says no, or no descriptors
//   Accepting ---------------------------------> Resting (looks again after 100 ms)
//     |   ^ <------------------------------------  |
//     v   | resume()                               | pause()
//   Paused <---------------------------------------+

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/event_slot.h"
#include "net/loop.h"

namespace weir::net {

class Listener final : private Timer::Owner {
 public:
  class Owner {
   public:
    // A new connection, non-blocking, close-on-exec and TCP_NODELAY; the owner closes it. May not
    // destroy the Listener, but pause it.
    virtual void on_accept(Listener& listener, int fd, const Address& peer) = 0;
    // Whether another connection may be accepted now; false pauses until resume() or a short while.
    virtual bool may_accept(const Listener& listener) = 0;

   protected:
    ~Owner() = default;
  };

  // Binds and listens. Errors carry errno (EADDRINUSE, EACCES, EADDRNOTAVAIL). An address with
  // dual_stack falls back to IPv4 alone where there is no IPv6. Connections inherit `options`, also
  // those that are made before anybody accepts.
  static Result<int> open_socket(const Address& address, int backlog,
                                 const ClientSocketOptions& options = {});
  // Whether nobody listens there yet: SO_REUSEPORT would let a second process of the same user
  // share the port unnoticed. EADDRINUSE if somebody does.
  static Result<void> probe(const Address& address);
  // Makes a listening TCP socket that another process opened, and may go on to have, one of ours:
  // non-blocking, close-on-exec, with that backlog. Returns its address; EINVAL if it is no such.
  static Result<Address> adopt(int fd, int backlog);
  // Another descriptor of the same socket: what waits in its queue is accepted by who comes first.
  static Result<int> share(int fd);
  // Takes over the listening socket.
  Listener(Loop& loop, int fd, Owner& owner);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void pause();
  void resume();
  // For the connections that come from now on.
  void change(int backlog, const ClientSocketOptions& options);
  // Accepts those that wait in the queue now, whatever the owner's limit and the state: when the
  // listener closes they would be reset, though they believe to be connected (kernel-facts M).
  void accept_waiting();
  Address local() const { return local_address(fd_); }  // with the real port when 0 was asked for
  struct Queue {
    std::uint32_t waiting = 0;  // connections that wait to be accepted
    std::uint32_t backlog = 0;
  };
  Queue queue() const;  // one system call
  // Whether descriptors or memory ran out in an accept since the last call.
  bool take_starved() { return std::exchange(starved_, false); }
  int fd() const { return fd_; }

 private:
  enum class State : std::uint8_t { kAccepting, kResting, kPaused };
  static void event(int fd, short what, void* listener) noexcept;
  void on_timer(Timer& timer) override;
  void accept_some();
  bool accept_one();
  bool accept_failed(int error);
  void rest(std::string_view why);
  void enter(State state);

  Loop& loop_;
  Owner& owner_;
  int fd_;
  State state_ = State::kPaused;
  bool starved_ = false;
  TimePoint said_ = TimePoint::min();  // when the log was last told of a rest
  Timer timer_;
  EventSlot event_;
};

}  // namespace weir::net
