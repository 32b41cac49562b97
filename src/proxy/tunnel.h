#pragma once
// Tunnel: a client's connection and one to an origin that have left HTTP (101), and the bytes
// between them, of which it knows nothing.
//
// Each of the two ways:
//
//            FIN read               what was read before it is written
//   Open ----------------> Flushing ----------------------------------> Ended: our FIN is out
//     \------- who takes the bytes has failed: they are dropped ---------^
//
// Both Ended: the tunnel is over, and the client's session lingers until it has all.
//
// What did not end in order is never shown as an end: a reset of one side, a TLS connection that
// ends without close_notify, idle_timeout and lost patience reset the other side. The client gets
// what the origin had said before, then the reset; the origin is reset at once.
//
// What one side sent and the other does not take is kept, TunnelRules::buffer of it at most and
// nothing while there is none; then that side is not read any more, and its own kernel makes it
// wait. Who does not take what it is owed is judged by delivery::Patience: the client by its
// session, the origin here. While nothing is owed the tunnel may be silent for idle_timeout.
//
// It acts only within the session's turns (front::Line); events of the origin's connection and
// timers ask for one. Loop's thread. Destroying it ends the connection to the origin.

#include <cstdint>
#include <span>
#include <vector>

#include "front/delivery_watch.h"
#include "front/line.h"
#include "net/loop.h"
#include "origin/switched.h"
#include "proxy/stats.h"

namespace weir::proxy {

struct TunnelRules {
  Duration idle_timeout = std::chrono::hours(1);
  std::size_t buffer = 16 * 1024;   // bytes, of each way
  delivery::Settings delivery;      // for the origin's side
  net::ClientSocketOptions socket;  // likewise
};

// What came from one side and was not taken by the other. No memory while it is empty.
class TunnelBuffer {
 public:
  bool empty() const { return bytes_.empty(); }
  std::span<const std::byte> bytes() const { return std::span(bytes_).subspan(at_); }
  void keep(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void taken(std::size_t n) {
    at_ += n;
    if (at_ == bytes_.size()) clear();
  }
  void clear() {
    std::vector<std::byte>().swap(bytes_);
    at_ = 0;
  }

 private:
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
};

class Tunnel final : public front::Line::Owner, public net::Conn::Owner, public net::Timer::Owner {
 public:
  // `rules` and `stats` outlive it.
  Tunnel(const TunnelRules& rules, TunnelStats& stats, origin::Switched origin);
  ~Tunnel();

  front::Line::Verdict on_line(front::Line& line) override;
  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_timer(net::Timer& timer) override;

  std::uint64_t from_client() const { return up_.bytes; }  // bytes

 private:
  enum class State : std::uint8_t { kOpen, kFlushing, kEnded };
  struct Way {
    State state = State::kOpen;
    std::uint64_t bytes = 0;  // read so far
    TunnelBuffer kept;

    void drop() {
      state = State::kEnded;
      kept.clear();
    }
  };

  net::IoResult take(std::span<std::byte> into);
  net::IoResult put(std::span<const std::byte> bytes);
  void end_output();
  void lose_origin(int error);
  void fail(delivery::CloseReason why);
  template <class Take, class Put, class End>
  bool move(Way& way, Take take, Put put, End end);
  template <class Put>
  bool flush(Way& way, Put put);
  front::Line::Verdict verdict();
  void look();
  void arm();

  const TunnelRules& rules_;
  TunnelStats& stats_;
  origin::Switched origin_;
  net::Conn& conn_;  // its connection
  net::Timer timer_;
  front::DeliveryWatch watch_;   // of the origin
  front::Line* line_ = nullptr;  // once the 101 is out
  Way up_;                       // from the client to the origin
  Way down_;
  TimePoint last_;                      // byte, either way
  TimePoint armed_ = TimePoint::max();  // the timer
  bool readable_ = true;                // the origin's connection, until a read has drained it
  bool clean_ = false;                  // there is nothing that a reset would have to tell it
  delivery::CloseReason failed_ = delivery::CloseReason::kOpen;  // why it cannot end in order
};

}  // namespace weir::proxy
