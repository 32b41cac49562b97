#include "front/delivery_watch.h"

#include <algorithm>
#include <utility>

#include "net/tcp_sampler.h"

namespace weir::front {
namespace {

// Looks that are not urgent are taken together: to wake up costs a worker more than to look.
constexpr Duration kUrgent = std::chrono::milliseconds(500);
constexpr Duration kGrid = std::chrono::milliseconds(250);
// Of the rate, seconds: what is too short to tell, and how long the past counts.
constexpr float kShortest = 0.01F;
constexpr float kMemory = 3;

TimePoint on_grid(TimePoint now, TimePoint at) {
  if (at == TimePoint::max() || at - now < kUrgent) return at;
  const Duration past = at.time_since_epoch() % kGrid;
  return past == Duration::zero() ? at : at + (kGrid - past);
}

delivery::Sample sample_of(const net::TcpSample& tcp, const net::Conn& conn,
                           delivery::Phase phase) {
  delivery::Sample s;
  s.now = conn.loop().now();
  s.phase = phase;
  s.state = delivery::tcp_state_of(tcp.state);
  s.peer_fin = conn.peer_closed();
  s.acked = tcp.bytes_acked;
  s.queued = tcp.queued;
  s.written = conn.bytes_written();
  s.unacked = tcp.unacked;
  s.notsent = tcp.notsent;
  s.snd_wnd = tcp.snd_wnd;
  s.retransmits = tcp.retransmits;
  s.total_retrans = tcp.total_retrans;
  s.probes = tcp.probes;
  s.backoff = tcp.backoff;
  s.segs_in = tcp.segs_in;
  s.last_ack_age = tcp.last_ack_age;
  s.rtt = tcp.rtt;
  s.rtt_var = tcp.rtt_var;
  s.loop_lag = conn.loop().lag();
  return s;
}

}  // namespace

delivery::Decision DeliveryWatch::look(net::Conn& conn, delivery::Phase phase,
                                       std::uint64_t connection, SampleSink* sink) {
  const TimePoint before = std::exchange(looked_at_, conn.loop().now());
  const auto tcp = net::sample_tcp(conn.fd());
  if (!tcp) return look_without_tcp(conn, phase);
  // The kernel has sent its probe by now; left at 1, it would send one each second.
  if (probing_) conn.set_keepalive_idle(net::kKeepaliveIdle);
  probing_ = false;
  delivery::Sample sample = sample_of(*tcp, conn, phase);
  if (opened_ == Opened::kByUs && sample.acked > 0) --sample.acked;
  if (sink) sink->record(connection, conn.peer(), sample);
  const delivery::Progress progress = delivery::progress_of(sample);
  note_rate(before, sample, progress.acked);
  queued_ = sample.queued;
  acked_ = progress.acked;
  receipts_.on(progress);
  const delivery::Decision decision = patience_.on(sample);
  if (decision.what == delivery::Decision::What::kProbe) {
    conn.set_keepalive_idle(std::chrono::seconds(1));
    probing_ = true;
  }
  look_at_ = on_grid(sample.now, decision.look_again);
  forecast_ = decision.forecast;
  return decision;
}

delivery::Decision DeliveryWatch::look_without_tcp(const net::Conn& conn, delivery::Phase phase) {
  look_at_ = TimePoint::max();
  acked_ = conn.bytes_written();
  receipts_.on({.now = looked_at_, .acked = acked_});
  if (phase != delivery::Phase::kLingering) return {};
  return {delivery::Decision::What::kClose, delivery::CloseReason::kResponseDone};
}

void DeliveryWatch::end(const net::Conn& conn, std::uint64_t connection, delivery::CloseReason why,
                        SampleSink* sink) const {
  if (!sink) return;
  sink->ended(connection, conn.peer(), {conn.loop().now(), connection, acked_, why});
}

void DeliveryWatch::note_rate(TimePoint before, const delivery::Sample& sample,
                              std::uint64_t acked) {
  if (queued_ == 0) {
    if (sample.queued > 0) rate_ = 0;  // another debt begins
    return;
  }
  const float passed = std::chrono::duration<float>(sample.now - before).count();
  if (passed < kShortest) return;
  const float lately = static_cast<float>(acked - std::min(acked, acked_)) / passed;
  rate_ += rate_ == 0 ? lately : (lately - rate_) * passed / (passed + kMemory);
}

void DeliveryWatch::expect(TimePoint now) {
  if (look_at_ == TimePoint::max()) look_at_ = on_grid(now, after(now, look_every_));
}

}  // namespace weir::front
