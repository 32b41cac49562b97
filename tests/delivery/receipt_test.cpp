#include "delivery/receipt.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using weir::Duration;
using weir::TimePoint;
using namespace weir::delivery;

namespace {

constexpr TimePoint kStart{1h};

Progress at(Duration t, std::uint64_t acked, std::uint32_t retransmits = 0) {
  return {.now = kStart + t, .acked = acked, .rtt = 20ms, .total_retrans = retransmits};
}

// A head of 200 bytes and a body of 1000.
constexpr Receipt::Written kWhole{.head_end = 200, .body = 1000, .end = 1200};

}  // namespace

TEST_CASE("a receipt counts the acknowledged bytes of its body, head and framing left out") {
  struct Row {
    const char* what;
    Receipt::Written written;
    std::uint64_t acked, body_acked;
  };
  const Row rows[] = {
      {"nothing", kWhole, 0, 0},
      {"part of the head", kWhole, 100, 0},
      {"half", kWhole, 700, 500},
      {"all", kWhole, 1200, 1000},
      {"more than this response", kWhole, 5000, 1000},
      {"in chunks: in proportion, rounded down",
       {.head_end = 200, .body = 1000, .end = 1300},
       750,
       500},
      {"in chunks: all", {.head_end = 200, .body = 1000, .end = 1300}, 1300, 1000},
      {"no body", {.head_end = 200, .body = 0, .end = 200}, 200, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Receipt receipt;
    receipt.begin(0, 0);
    receipt.wrote(row.written);
    receipt.end();
    receipt.on(at(1s, row.acked));
    CHECK(receipt.facts().body_acked == row.body_acked);
    CHECK(receipt.facts().body_sent == row.written.body);
    CHECK(receipt.facts().complete == (row.acked >= row.written.end));
  }
}

TEST_CASE("our own acknowledged FIN is no byte of a response") {
  Sample s;
  s.acked = 1201;
  s.written = 1200;
  s.queued = 5;
  CHECK(progress_of(s).acked == 1200);
}

TEST_CASE("with nothing queued all was acknowledged, but not in state CLOSE") {
  Sample s;
  s.acked = 700;  // counted a moment before the queue was
  s.written = 1200;
  CHECK(progress_of(s).acked == 1200);
  s.state = TcpState::kClose;
  CHECK(progress_of(s).acked == 700);
}

TEST_CASE("a response is complete only when all of it was written, and acknowledged") {
  Receipt receipt;
  receipt.begin(0, 0);
  receipt.wrote({.head_end = 200, .body = 500, .end = 700});
  receipt.on(at(1s, 700));
  CHECK_FALSE(receipt.facts().complete);  // more is to come, or it is cut
  CHECK(receipt.facts().body_acked == 500);
  receipt.wrote(kWhole);
  receipt.end();
  receipt.on(at(2s, 1199));
  CHECK_FALSE(receipt.settled());
  receipt.on(at(3s, 1200));
  CHECK(receipt.facts().complete);
  CHECK(receipt.facts().proof == Proof::kAcknowledged);
  CHECK(receipt.facts().last_acked == kStart + 3s);
}

TEST_CASE(
    "standstill adds up the time between samples without progress, while something was owed") {
  Receipt receipt;
  receipt.begin(0, 3);
  receipt.wrote(kWhole);
  receipt.on(at(0s, 100));
  receipt.on(at(1s, 100));
  receipt.on(at(2s, 200));
  receipt.on(at(5s, 200, 9));
  receipt.on(at(6s, 1200, 9));
  receipt.on(at(60s, 1200, 9));
  CHECK(receipt.facts().standstill == 4s);
  CHECK(receipt.facts().retransmits == 6);
  CHECK(receipt.facts().rtt == 20ms);
  CHECK(receipt.facts().last_acked == kStart + 6s);
}

TEST_CASE("the next request proves the response before it, without a sample") {
  DeliveryTracker tracker;
  Receipt receipt;
  tracker.add(receipt, 5000);
  receipt.wrote({.head_end = 5200, .body = 1000, .end = 6200});
  receipt.end();
  CHECK(tracker.take_settled() == nullptr);
  tracker.on_request(kStart + 1s);
  REQUIRE(tracker.take_settled() == &receipt);
  CHECK(tracker.empty());
  CHECK(receipt.facts().complete);
  CHECK(receipt.facts().proof == Proof::kNextRequest);
  CHECK(receipt.facts().body_acked == 1000);
  CHECK(receipt.facts().last_acked == kStart + 1s);
}

TEST_CASE("an acknowledgement seen before the next request stays the better time and proof") {
  Receipt receipt;
  receipt.begin(0, 0);
  receipt.wrote(kWhole);
  receipt.end();
  receipt.on(at(1s, 1200));
  receipt.on_next_request(kStart + 30s);
  CHECK(receipt.facts().proof == Proof::kAcknowledged);
  CHECK(receipt.facts().last_acked == kStart + 1s);
}

TEST_CASE("requests of a client that pipelines prove nothing; acknowledgements settle in order") {
  DeliveryTracker tracker;
  Receipt first;
  Receipt second;
  tracker.add(first, 0);
  first.wrote(kWhole);
  tracker.on_request(kStart);  // before the first response is all written
  first.end();
  tracker.add(second, 1200);
  second.wrote({.head_end = 1400, .body = 100, .end = 1500});
  second.end();
  tracker.on_request(kStart + 1s);
  CHECK(tracker.take_settled() == nullptr);
  tracker.on(at(2s, 1300));
  CHECK(tracker.take_settled() == &first);
  CHECK(tracker.take_settled() == nullptr);
  CHECK(second.facts().body_acked == 0);
  tracker.on(at(3s, 1500));
  CHECK(tracker.take_settled() == &second);
}

TEST_CASE("once a request was read ahead of its turn, none proves anything") {
  DeliveryTracker tracker;
  tracker.on_pipelined();  // before the response began
  Receipt receipt;
  tracker.add(receipt, 0);
  receipt.wrote(kWhole);
  receipt.end();
  tracker.on_request(kStart + 1s);
  CHECK(tracker.take_settled() == nullptr);
  CHECK(receipt.facts().body_acked == 0);
}

TEST_CASE("a request from a client that is known to be owed bytes was sent ahead") {
  DeliveryTracker tracker;
  Receipt receipt;
  tracker.add(receipt, 0);
  receipt.wrote(kWhole);
  receipt.end();
  CHECK_FALSE(tracker.owing());
  tracker.on(at(1s, 700));
  CHECK(tracker.owing());
  tracker.on_request(kStart + 1s);
  CHECK(tracker.take_settled() == nullptr);
  CHECK(receipt.facts().body_acked == 500);
  tracker.on(at(2s, 1200));
  CHECK_FALSE(tracker.owing());
  CHECK(tracker.take_settled() == &receipt);
}

TEST_CASE("retransmits are those of the response, not of the connection") {
  DeliveryTracker tracker;
  Receipt first;
  tracker.add(first, 0);
  first.wrote(kWhole);
  first.end();
  tracker.on(at(1s, 1200, 4));
  CHECK(tracker.take_settled() == &first);
  CHECK(first.facts().retransmits == 4);
  Receipt second;
  tracker.add(second, 1200);
  second.wrote({.head_end = 1400, .body = 100, .end = 1500});
  tracker.on(at(2s, 1500, 5));
  CHECK(second.facts().retransmits == 1);
}

TEST_CASE("a clean end proves more than acknowledgements, and nothing without them") {
  struct Row {
    const char* what;
    std::uint64_t acked;
    bool ended;
    Proof proof;
    std::uint64_t body_acked;
  };
  const Row rows[] = {
      {"all acknowledged", 1200, true, Proof::kClosedClean, 1000},
      {"a tail that is owed", 700, true, Proof::kUnknown, 500},
      {"nothing acknowledged", 0, true, Proof::kUnknown, 0},
      {"cut", 1200, false, Proof::kUnknown, 1000},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    DeliveryTracker tracker;
    Receipt receipt;
    tracker.add(receipt, 0);
    receipt.wrote(kWhole);
    if (row.ended) receipt.end();
    tracker.on(at(1s, row.acked));
    tracker.on_closed_clean();
    const Receipt::Facts facts = receipt.facts();
    CHECK(facts.proof == row.proof);
    CHECK(facts.complete == (row.proof == Proof::kClosedClean));
    CHECK(facts.body_acked == row.body_acked);
    CHECK(facts.last_acked == (row.acked > 0 ? kStart + 1s : TimePoint{}));
  }
}

TEST_CASE("a receipt that dies leaves its tracker") {
  DeliveryTracker tracker;
  {
    Receipt receipt;
    tracker.add(receipt, 0);
  }
  CHECK(tracker.empty());
}
