#pragma once
// Conn: one non-blocking stream connection, plain TCP or TLS behind the same calls. It
// tries what it is asked at once and says how far it got; readiness is edge triggered: after kAgain
// the owner hears on_ready() when trying again may help. One libevent registration for the whole
// life (EV_READ|EV_WRITE|EV_CLOSED|EV_ET|EV_PERSIST, kernel-facts B), no epoll_ctl per request.
// Loop's thread only.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/time.h"
#include "net/address.h"
#include "net/event_slot.h"
#include "net/loop.h"
#include "net/proxy_header.h"
#include "net/tls.h"

namespace weir::net {

// What an edge told us. The kernel repeats what is still true, so `writable` comes with every byte
// that arrives, and once right after registration. `closed`: the peer's FIN (its half is shut, ours
// may go on). A reset or time-out has no mark of its own: it comes as readable and writable, and
// the next read(), write() or failure() tells the errno.
struct Ready {
  bool readable = false;
  bool writable = false;
  bool closed = false;
};

enum class IoState : std::uint8_t { kDone, kAgain, kEnd, kError };
struct IoResult {
  std::size_t bytes = 0;           // moved before the state was met
  IoState state = IoState::kDone;  // kDone: all asked for (write), or some (read). kEnd: FIN (read)
  int error = 0;                   // errno with kError
};

// What to send: memory, or a piece of a file (a memfd slab) that holds the same bytes.
struct Piece {
  std::span<const std::byte> bytes;  // always valid memory
  int fd = -1;                       // -1: only memory
  std::uint64_t file_offset = 0;
};

class Conn {
 public:
  // A file's piece of at least this size goes by sendfile, a smaller one is copied with its
  // neighbours: below, one more system call costs more than the copy saves (kernel-facts J).
  static constexpr std::size_t kSendfileLeast = 64 * 1024;
  // Bytes of memory in one gather write; more gains nothing, and less is copied while others wait.
  static constexpr std::size_t kGatherMost = 1024 * 1024;

  class Owner {
   public:
    // May destroy the Conn as its last act.
    virtual void on_ready(Conn& conn, Ready what) = 0;

   protected:
    ~Owner() = default;
  };

  // Takes over `fd`: a connected (or connecting) non-blocking stream socket.
  Conn(Loop& loop, int fd, const Address& peer, Owner& owner);
  ~Conn();  // closes; see also reset()
  Conn(const Conn&) = delete;
  Conn& operator=(const Conn&) = delete;

  // A PROXY header comes first, also before TLS, and what it says is peer() and local() from then
  // on. Before anything was read or written. The owner hears nothing until it is whole, or the
  // connection has failed: EBADMSG when it is none.
  void expect_proxy_header();
  bool introducing() const { return intro_ != nullptr; }
  // Sends a PROXY header of ours, on a connection that was just made: its empty buffer takes it
  // whole, and holds it back for what follows at once.
  void introduce(std::string_view header);

  // TLS from the first byte on, before anything was read or written. The owner hears nothing until
  // the handshake is over or the connection has failed; whoever reads or writes before is told
  // kAgain. Files are then sent from memory; `closed` in Ready may come without a close_notify.
  void start_tls(std::unique_ptr<Tls> tls);
  const Tls* tls() const { return tls_.get(); }  // null: plain
  bool handshaking() const { return intro_ || (tls_ && !tls_->open()); }

  // From one room to another (idle pool to a call). An edge that came before is not repeated: the
  // new owner tries first, as after any kAgain that it did not see.
  void set_owner(Owner& owner) { owner_ = &owner; }

  // One recv(2) into a span that is not empty. kDone with bytes > 0; a short read means that the
  // socket was drained, and what comes later (bytes, FIN, reset) is an edge of its own. Only a
  // reset that came together with the bytes is not: see failure().
  IoResult read(std::span<std::byte> into);
  // Reads and forgets up to `most` bytes (lingering close); kDone: `most` were there.
  IoResult read_discard(std::size_t most);
  // One gather write of all memory up to the first Piece that is worth sendfile, then sendfile for
  // it, and so on until all is taken (kDone) or the kernel is full (kAgain). Any number of pieces,
  // empty ones too. `more`: another write follows at once, do not push a short segment. The memory
  // is free afterwards; a file's bytes must not change before they are acknowledged (kernel-facts
  // K).
  IoResult write(std::span<const Piece> pieces, bool more = false);
  // TCP_NOTSENT_LOWAT from now on, bytes; what is queued already stays. Nothing where it is
  // unknown.
  void set_notsent_lowat(std::uint32_t bytes);
  // TCP_KEEPIDLE, whole seconds. 1 on a connection that was silent for longer makes the kernel
  // probe now (kernel-facts D).
  void set_keepalive_idle(Duration idle);
  void set_rto_max(Duration longest);  // TCP_RTO_MAX_MS, 1 to 120 s
  void set_sendfile(bool on) {
    sendfile_ = on;
  }  // false: files are copied from memory. On at first

  void shutdown_write();  // FIN after what was written
  void reset();           // SO_LINGER{1,0} + close: the kernel's memory is back at once
  bool open() const { return fd_ >= 0; }
  bool peer_closed() const { return peer_closed_; }  // a FIN or the end was seen, by event or read
  // Asks the kernel whether the connection failed meanwhile: errno, or 0. For who read a request
  // and is about to start something costly for it. One system call; the answer is kept, and read()
  // and write() then fail with it.
  int failure();

  bool broken() const { return error_ != 0; }  // ...as far as a call has met it

  int fd() const { return fd_; }
  const Address& peer() const { return peer_; }
  Address local() const { return told_local_ ? *told_local_ : local_address(fd_); }
  Loop& loop() const { return loop_; }
  // Wire bytes so far: given to the kernel, or to a TLS record that will be without being asked
  // for.
  std::uint64_t bytes_written() const { return tls_ ? tls_->wire_bytes() : written_; }
  std::uint64_t bytes_read() const { return read_; }

 private:
  static void event(int fd, short what, void* conn) noexcept;
  bool worth_sendfile(const Piece& piece) const {
    return sendfile_ && piece.fd >= 0 && piece.bytes.size() >= kSendfileLeast;
  }
  struct Gathered {
    std::size_t count = 0;  // vectors
    std::size_t bytes = 0;
  };
  Gathered gather(std::span<const Piece> pieces, std::size_t skip, std::span<iovec> into) const;
  IoResult send_memory(std::span<const Piece> pieces, std::size_t skip, std::uint64_t left,
                       bool more);
  IoResult send_file(const Piece& piece, std::size_t skip);
  IoResult failed(int error, std::size_t bytes = 0);
  bool take_introduction(Ready& ready);
  bool advance_tls(Ready& ready);
  IoResult read_tls(std::span<std::byte> into);
  IoResult write_tls(std::span<const Piece> pieces);

  Loop& loop_;
  Owner* owner_;
  int fd_;
  int error_ = 0;  // SO_ERROR tells only once
  bool peer_closed_ = false;
  bool sendfile_ = true;
  bool shut_after_flush_ = false;  // TLS: our FIN waits for records that the kernel has not taken
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
  Address peer_;
  std::unique_ptr<Address> told_local_;  // by a PROXY header
  std::unique_ptr<ProxyHeaderDecoder> intro_;
  std::unique_ptr<Tls> tls_;
  EventSlot event_;
};

// TCP_KEEPIDLE of client connections.
inline constexpr Duration kKeepaliveIdle = std::chrono::seconds(60);

// Options for a client's connection; each falls back silently where the kernel lacks it. Linux
// hands them on from a listening socket to what it accepts, so once per Listener is enough.
struct ClientSocketOptions {
  std::uint32_t notsent_lowat = 128 * 1024;     // TCP_NOTSENT_LOWAT, bytes; 0: leave
  Duration rto_max = std::chrono::seconds(10);  // TCP_RTO_MAX_MS; 0: leave
  bool keepalive = true;                        // KEEPIDLE 60, INTVL 5, CNT 3
};
void set_client_options(int fd, const ClientSocketOptions& options);

}  // namespace weir::net
