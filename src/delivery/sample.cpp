#include "delivery/sample.h"

#include "delivery/field_text.h"

namespace weir::delivery {
namespace {

// A worker is never more exact than this, however idle (net::Loop::lag()).
constexpr Duration kLagNoticed = std::chrono::milliseconds(100);

// The one list of fields: calls f(key, member) for each.
template <class S, class F>
void each_field(S& s, F&& f) {
  f("t", s.now);
  f("conn", s.connection);
  f("phase", s.phase);
  f("state", s.state);
  f("fin", s.peer_fin);
  f("acked", s.acked);
  f("queued", s.queued);
  f("written", s.written);
  f("unacked", s.unacked);
  f("notsent", s.notsent);
  f("wnd", s.snd_wnd);
  f("retransmits", s.retransmits);
  f("total_retrans", s.total_retrans);
  f("probes", s.probes);
  f("backoff", s.backoff);
  f("segs_in", s.segs_in);
  f("lar", s.last_ack_age);
  f("rtt", s.rtt);
  f("rttvar", s.rtt_var);
  f("lag", s.loop_lag);
}

}  // namespace

std::string_view name(Phase phase) { return field_text::print(phase); }

TcpState tcp_state_of(std::uint8_t kernel_number) {
  return kernel_number <= static_cast<std::uint8_t>(TcpState::kClosing)
             ? static_cast<TcpState>(kernel_number)
             : TcpState::kUnknown;
}

bool peer_finished(const Sample& sample) {
  switch (sample.state) {
    case TcpState::kCloseWait:
    case TcpState::kLastAck:
    case TcpState::kClosing:
    case TcpState::kTimeWait:
      return true;
    case TcpState::kUnknown:
    case TcpState::kEstablished:
    case TcpState::kSynSent:
    case TcpState::kSynRecv:
    case TcpState::kFinWait1:
    case TcpState::kFinWait2:
    case TcpState::kClose:
    case TcpState::kListen:
      break;
  }
  return sample.peer_fin;
}

bool window_shut(const Sample& sample) {
  return sample.queued > 0 && sample.unacked == 0 &&
         (sample.snd_wnd == 0 || sample.notsent >= sample.queued);
}

Duration lateness(Duration loop_lag) {
  return loop_lag >= kLagNoticed ? loop_lag : Duration::zero();
}

std::string print_sample(const Sample& sample) {
  std::string out;
  out.reserve(256);
  each_field(sample, field_text::Printer{out});
  return out;
}

Parsed parse_sample(std::string_view line, bool all, Sample& to) {
  to = {};
  return field_text::parse_fields(line, all, to,
                                  [](Sample& sample, auto&& f) { each_field(sample, f); });
}

std::optional<Sample> parse_sample(std::string_view line) {
  Sample sample;
  if (parse_sample(line, false, sample) != Parsed::kGood) return std::nullopt;
  return sample;
}

}  // namespace weir::delivery
