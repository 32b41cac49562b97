#include "net/tcp_sampler.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>

namespace weir::net {
namespace {

constexpr std::uint8_t kStateClose = 7;  // TCP_CLOSE of netinet/tcp.h, which lacks the newer fields

// struct tcp_info of linux/tcp.h as of Linux 6.7. Fields are only ever added at the end.
struct TcpInfo {
  std::uint8_t state, ca_state, retransmits, probes, backoff, options, scales, flags;
  std::uint32_t rto, ato, snd_mss, rcv_mss;
  std::uint32_t unacked, sacked, lost, retrans, fackets;
  std::uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;  // ms ago
  std::uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;  // us
  std::uint32_t rcv_rtt, rcv_space, total_retrans;
  std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
  std::uint32_t segs_out, segs_in, notsent, min_rtt, data_segs_in, data_segs_out;
  std::uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
  std::uint32_t delivered, delivered_ce;
  std::uint64_t bytes_sent, bytes_retrans;
  std::uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
  std::uint32_t rcv_wnd, rehash;
  std::uint16_t total_rto, total_rto_recoveries;
  std::uint32_t total_rto_time;
};
static_assert(offsetof(TcpInfo, bytes_acked) == offsetof(tcp_info, tcpi_bytes_acked));
static_assert(offsetof(TcpInfo, snd_wnd) == offsetof(tcp_info, tcpi_snd_wnd));
static_assert(sizeof(TcpInfo) >= sizeof(tcp_info));

}  // namespace

std::optional<TcpSample> sample_tcp(int fd) {
  TcpInfo info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  const auto told = [length](std::size_t end_of_field) { return length >= end_of_field; };
  TcpSample s;
  s.state = info.state;
  s.bytes_acked = info.bytes_acked;
  s.unacked = info.unacked;
  s.notsent = info.notsent;
  if (told(offsetof(TcpInfo, rcv_wnd))) s.snd_wnd = info.snd_wnd;
  s.retransmits = info.retransmits;
  s.total_retrans = info.total_retrans;
  s.probes = info.probes;
  s.backoff = info.backoff;
  s.last_ack_age = std::chrono::milliseconds(info.last_ack_recv);
  s.rtt = std::chrono::microseconds(info.rtt);
  s.rtt_var = std::chrono::microseconds(info.rttvar);
  s.segs_in = info.segs_in;
  if (told(offsetof(TcpInfo, rehash))) s.rcv_wnd = info.rcv_wnd;
  if (info.state == kStateClose) return s;  // the queue's length would be the one before the reset
  int queued = 0;
  if (ioctl(fd, SIOCOUTQ, &queued) == 0) s.queued = static_cast<std::uint64_t>(queued);
  return s;
}

}  // namespace weir::net
