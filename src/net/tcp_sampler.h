#pragma once
// What the kernel knows of a connection: TCP_INFO with our own struct (Debian's header stops at
// tcpi_snd_wnd) and SIOCOUTQ. About 1.1 us a call (kernel-facts H); only for connections that owe.
// Any thread that holds the descriptor open.

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace weir::net {

// What an older kernel does not tell stays 0, but for the windows, where 0 means shut.
inline constexpr std::uint32_t kUnknownWindow = 0xFFFF'FFFF;

struct TcpSample {
  std::uint8_t state = 0;         // TCP_ESTABLISHED ... ; TCP_CLOSE: believe nothing else
  std::uint64_t bytes_acked = 0;  // at the accepting side: data, and +1 for our acknowledged FIN
  std::uint32_t unacked = 0;      // packets in flight
  std::uint32_t notsent = 0;      // bytes
  std::uint32_t snd_wnd = kUnknownWindow;  // bytes; Linux 5.4
  std::uint32_t retransmits = 0;           // of the oldest packet, now
  std::uint32_t total_retrans = 0;
  std::uint32_t probes = 0;  // unanswered
  std::uint32_t backoff = 0;
  Duration last_ack_age{0};  // also for a probe's answer and the FIN
  Duration rtt{0};
  Duration rtt_var{0};
  std::uint32_t segs_in = 0;
  std::uint32_t rcv_wnd = kUnknownWindow;  // bytes; Linux 6.2
  std::uint64_t queued = 0;                // SIOCOUTQ: unacked + unsent bytes (counts our FIN)
};

// Nothing when the descriptor is no TCP socket (any more).
std::optional<TcpSample> sample_tcp(int fd);

}  // namespace weir::net
