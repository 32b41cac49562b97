#pragma once
// Sample: what is known of one client connection at one moment. Everything in delivery/ judges from
// samples, so that a recorded connection replays where no socket exists.
//
// Text form, one line a sample (a recording has others beside them, sample_lines.h):
//   t=12.5 conn=0 phase=sending state=close_wait fin=1 acked=1000 queued=500 ... lar=0.25
//   rtt=0.00005
// Times are seconds with at most 6 digits behind the point. Fields may come in any order; one that
// is missing has its default. Times keep microseconds; all else survives exactly.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::delivery {

// What Weir is doing on the connection.
enum class Phase : std::uint8_t {
  kIdle,            // between requests; a response may still be on its way
  kReading,         // a request's head or body
  kAwaitingOrigin,  // nothing of the response was written yet
  kSending,
  kLingering,  // our FIN is out
};
inline constexpr std::size_t kPhases = 5;
std::string_view name(Phase phase);  // "idle", "reading", "awaiting_origin", "sending", "lingering"

// As Linux numbers them in tcpi_state.
enum class TcpState : std::uint8_t {
  kUnknown,
  kEstablished,
  kSynSent,
  kSynRecv,
  kFinWait1,
  kFinWait2,
  kTimeWait,
  kClose,  // believe only `acked` beside it: the kernel keeps stale queue lengths (kernel-facts A)
  kCloseWait,
  kLastAck,
  kListen,
  kClosing,
};
// kUnknown for numbers that are not in the list.
TcpState tcp_state_of(std::uint8_t kernel_number);

struct Sample {
  TimePoint now{};
  std::uint64_t connection = 0;  // which one, where a recording holds several
  Phase phase = Phase::kIdle;
  TcpState state = TcpState::kEstablished;
  bool peer_fin = false;      // the client's FIN was seen (state may tell it as well)
  std::uint64_t acked = 0;    // bytes the client acknowledged; our acknowledged FIN counts 1
  std::uint64_t queued = 0;   // SIOCOUTQ: written and not acknowledged; our FIN counts 1
  std::uint64_t written = 0;  // bytes handed to the kernel since the connection began, without FIN
  std::uint32_t unacked = 0;  // packets in flight
  std::uint32_t notsent = 0;  // bytes of `queued` that never left
  std::uint32_t snd_wnd = 0;  // bytes; 0: shut
  std::uint32_t retransmits = 0;    // of the oldest packet, unanswered
  std::uint32_t total_retrans = 0;  // packets, since the connection began
  std::uint32_t probes = 0;         // zero-window or keepalive probes, unanswered
  std::uint32_t backoff = 0;
  std::uint32_t segs_in = 0;
  Duration last_ack_age{0};  // since the last valid segment: data, FIN, or the answer to a probe
  Duration rtt{0};
  Duration rtt_var{0};   // 0: not known
  Duration loop_lag{0};  // how late this worker was lately; the client is not blamed for it

  friend bool operator==(const Sample&, const Sample&) = default;
};

// The client's FIN has arrived.
bool peer_finished(const Sample& sample);
// Nothing in flight and something to send: the client's window is what holds it.
bool window_shut(const Sample& sample);
// How much of the worker's lateness is forgiven: less than 100 ms is the grain of its clock.
Duration lateness(Duration loop_lag);

// What became of a text that should be a line of a recording.
enum class Parsed : std::uint8_t {
  kGood,
  kCut,  // it may well be one whose end is missing
  kBad,
};

std::string print_sample(const Sample& sample);             // without an end of line
std::optional<Sample> parse_sample(std::string_view line);  // nothing: not a sample
// `all`: the line was printed by print_sample(), so one without its last field is cut.
Parsed parse_sample(std::string_view line, bool all, Sample& to);

}  // namespace weir::delivery
