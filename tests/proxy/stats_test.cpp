#include "proxy/stats.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <thread>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

using Rows = std::map<std::pair<How, std::string>, std::uint64_t>;

Rows rows_of(const RequestCounts& counts) {
  Rows out;
  counts.each([&](How how, std::string_view reason, std::uint64_t n) {
    CHECK(out.emplace(std::pair(how, std::string(reason)), n).second);
  });
  std::erase_if(out, [](const auto& row) { return row.second == 0; });
  return out;
}

TimePoint at(Duration d) { return TimePoint{} + 1h + d; }

}  // namespace

TEST_CASE("requests are counted by how they were answered and why") {
  RequestCounts counts;
  counts.add(How::kHit, "");
  counts.add(How::kHit, "");
  counts.add(How::kMiss, "cacheable");
  const std::string elsewhere = "cacheable";  // the same text at another address is the same reason
  counts.add(How::kMiss, elsewhere);
  counts.add(How::kPass, "cacheable");
  CHECK(rows_of(counts) ==
        Rows{{{How::kHit, ""}, 2}, {{How::kMiss, "cacheable"}, 2}, {{How::kPass, "cacheable"}, 1}});
  CHECK(counts.total(How::kMiss) == 2);
}

TEST_CASE("more reasons than there is room for are counted without one") {
  static std::string reasons[200];
  RequestCounts counts;
  for (int i = 0; i < 200; ++i) {
    reasons[i] = "reason_" + std::to_string(i);
    counts.add(How::kMiss, reasons[i]);
  }
  CHECK(counts.total(How::kMiss) == 200);
  CHECK(rows_of(counts).at({How::kMiss, ""}) == 200 - 96);
  counts.add(How::kMiss, reasons[3]);
  CHECK(rows_of(counts).at({How::kMiss, "reason_3"}) == 2);
}

TEST_CASE("counts may be read while they are written") {
  static constexpr std::string_view kReasons[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  RequestCounts counts;
  std::thread writer([&] {
    for (int i = 0; i < 8000; ++i) counts.add(How::kPass, kReasons[i % 8]);
  });
  std::uint64_t seen = 0;
  while (seen < 8000) {
    const std::uint64_t now = counts.total(How::kPass);
    CHECK(now >= seen);
    seen = now;
  }
  writer.join();
}

TEST_CASE("merging adds reason by reason") {
  RequestCounts a;
  RequestCounts b;
  a.add(How::kJoin, "cacheable", 2);
  b.add(How::kJoin, "cacheable", 3);
  b.add(How::kHit, "", 7);
  a.merge(b);
  CHECK(rows_of(a) == Rows{{{How::kJoin, "cacheable"}, 5}, {{How::kHit, ""}, 7}});
}

TEST_CASE("a response is counted by its class, and timed as far as it came") {
  Stats stats;
  front::Ending whole;
  whole.status = 206;
  whole.began = at(0s);
  whole.first_byte = at(3ms);
  whole.receipt.complete = true;
  whole.receipt.last_acked = at(2s);
  stats.response(whole);
  CHECK(stats.responses[2].get() == 1);
  CHECK(stats.first_byte.sum() == 3ms);
  CHECK(stats.delivery.sum() == 2s);
  CHECK(stats.standstill.count() == 0);

  front::Ending cut;
  cut.status = 200;
  cut.began = at(0s);
  cut.first_byte = at(1ms);
  cut.receipt.last_acked = at(1s);
  cut.receipt.standstill = 30s;
  stats.response(cut);
  CHECK(stats.delivery.count() == 1);
  CHECK(stats.standstill.sum() == 30s);

  stats.response({});  // the client left before
  CHECK(stats.responses[0].get() == 1);
  CHECK(stats.first_byte.count() == 2);

  Stats sum;
  sum.merge(stats);
  sum.merge(stats);
  CHECK(sum.responses[2].get() == 4);
  CHECK(sum.first_byte.count() == 4);
  CHECK(sum.delivery.sum() == 4s);
}

TEST_CASE("a fetch that nobody wanted any more has not failed") {
  FetchStats stats;
  stats.fail(FetchKind::kPass, Error{Errc::kFetchAbandoned});
  stats.fail(FetchKind::kPass, Error{Errc::kOriginReset});
  stats.end(FetchKind::kLead, FetchEnd::kFreshened);
  FetchStats sum;
  sum.merge(stats);
  const auto& pass = sum.ended[static_cast<std::size_t>(FetchKind::kPass)];
  CHECK(pass[static_cast<std::size_t>(FetchEnd::kAbandoned)].get() == 1);
  CHECK(pass[static_cast<std::size_t>(FetchEnd::kFailed)].get() == 1);
  CHECK(sum.failed[static_cast<std::size_t>(Errc::kOriginReset)].get() == 1);
  CHECK(sum.failed[static_cast<std::size_t>(Errc::kFetchAbandoned)].get() == 0);
  CHECK(sum.ended[0][1].get() == 1);
}
