#include "delivery/sample.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using weir::TimePoint;
using namespace weir::delivery;

TEST_CASE("a sample survives its text form") {
  Sample s;
  s.now = TimePoint(12345s + 678us);
  s.connection = 17;
  s.phase = Phase::kAwaitingOrigin;
  s.state = TcpState::kCloseWait;
  s.peer_fin = true;
  s.acked = 0xFFFF'FFFF'FFFF'FFFF;
  s.queued = 4'000'000'000'000;
  s.written = 3;
  s.unacked = 268;
  s.notsent = 5;
  s.snd_wnd = 387072;
  s.retransmits = 4;
  s.total_retrans = 7;
  s.probes = 2;
  s.backoff = 6;
  s.segs_in = 4'294'967'295;
  s.last_ack_age = 14975ms;
  s.rtt = 50us;
  s.rtt_var = 20us;
  s.loop_lag = 3s;
  const auto back = parse_sample(print_sample(s));
  REQUIRE(back.has_value());
  CHECK(*back == s);
}

TEST_CASE("the text form is what people can read and write") {
  Sample s;
  s.now = TimePoint(12500ms);
  s.state = TcpState::kCloseWait;
  s.last_ack_age = 250ms;
  CHECK(print_sample(s) ==
        "t=12.5 conn=0 phase=idle state=close_wait fin=0 acked=0 queued=0 written=0 unacked=0 "
        "notsent=0 "
        "wnd=0 "
        "retransmits=0 total_retrans=0 probes=0 backoff=0 segs_in=0 lar=0.25 rtt=0 rttvar=0 lag=0");
}

TEST_CASE("fields may be missing and in any order") {
  const auto s = parse_sample("  queued=7   t=1 ");
  REQUIRE(s.has_value());
  CHECK(s->queued == 7);
  CHECK(s->now == TimePoint(1s));
  CHECK(s->state == TcpState::kEstablished);
}

TEST_CASE("what is no sample of this version is refused") {
  for (const char* line :
       {"", "   ", "t", "t=", "t=x", "t=1 queued=-1", "t=1 queued=1.5", "t=-1", "t=1e400", "t=nan",
        "t=1 unacked=4294967296", "t=1 phase=dreaming", "t=1 state=Close", "t=1 fin=2", "t=1 new=1",
        "t=1,queued=1", "t=99999999999", "t=1x"}) {
    CAPTURE(std::string(line));
    CHECK_FALSE(parse_sample(line).has_value());
  }
}

TEST_CASE("states have the kernel's numbers") {
  CHECK(tcp_state_of(1) == TcpState::kEstablished);
  CHECK(tcp_state_of(7) == TcpState::kClose);
  CHECK(tcp_state_of(8) == TcpState::kCloseWait);
  CHECK(tcp_state_of(9) == TcpState::kLastAck);
  CHECK(tcp_state_of(11) == TcpState::kClosing);
  CHECK(tcp_state_of(12) == TcpState::kUnknown);
  CHECK(tcp_state_of(255) == TcpState::kUnknown);
}

TEST_CASE("a FIN is seen by the session or by the state") {
  Sample s;
  CHECK_FALSE(peer_finished(s));
  s.peer_fin = true;
  CHECK(peer_finished(s));
  s.peer_fin = false;
  for (const TcpState state : {TcpState::kCloseWait, TcpState::kLastAck, TcpState::kClosing}) {
    s.state = state;
    CHECK(peer_finished(s));
  }
}
