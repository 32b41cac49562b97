#include "proxy/stats.h"

#include <algorithm>

namespace weir::proxy {
namespace {

constexpr std::array<std::string_view, kHows> kHowNames = {"",     "hit",   "miss", "join",
                                                           "pass", "error", "own"};
constexpr std::array<std::string_view, kFetchKinds> kKindNames = {"lead", "pass", "fill"};
constexpr std::array<std::string_view, kFetchEnds> kEndNames = {"whole", "freshened", "switched",
                                                                "failed", "abandoned"};

constexpr std::array<std::string_view, kPurgeKinds> kPurgeNames = {"url", "tag", "prefix", "ban",
                                                                   "invalidation"};

template <std::size_t n>
void merge_each(std::array<Count, n>& to, const std::array<Count, n>& from) {
  for (std::size_t i = 0; i < n; ++i) to[i].add(from[i].get());
}

}  // namespace

std::string_view name(How how) { return kHowNames[static_cast<std::size_t>(how)]; }
std::string_view name(FetchKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }
std::string_view name(PurgeKind kind) { return kPurgeNames[static_cast<std::size_t>(kind)]; }
std::string_view name(FetchEnd end) { return kEndNames[static_cast<std::size_t>(end)]; }

void RequestCounts::add(How how, std::string_view reason, std::uint64_t n) {
  Count* count = &plain_[static_cast<std::size_t>(how)];
  if (reason.empty()) return count->add(n);
  const std::size_t used = used_.load(std::memory_order_relaxed);
  std::size_t i = 0;
  while (i < used && (rows_[i].how != how || rows_[i].reason != reason)) ++i;
  if (i < kMost) count = &rows_[i].count;
  if (i == used && i < kMost) {
    rows_[i].how = how;
    rows_[i].reason = reason;
    used_.store(used + 1, std::memory_order_release);
  }
  count->add(n);
}

void RequestCounts::merge(const RequestCounts& other) {
  other.each([this](How how, std::string_view reason, std::uint64_t n) { add(how, reason, n); });
}

std::uint64_t RequestCounts::total(How how) const {
  std::uint64_t sum = 0;
  each([&](How other, std::string_view, std::uint64_t n) { sum += other == how ? n : 0; });
  return sum;
}

void Stats::response(const front::Ending& ending) {
  const int digit = std::clamp(ending.status / 100, 0, 5);
  responses[static_cast<std::size_t>(digit)].add();
  if (ending.first_byte == TimePoint{}) return;
  first_byte.add(ending.first_byte - ending.began);
  const delivery::Receipt::Facts& receipt = ending.receipt;
  // A tunnel lasts as long as those who talk through it like.
  if (receipt.complete && ending.status != 101) delivery.add(receipt.last_acked - ending.began);
  if (receipt.standstill > Duration::zero()) standstill.add(receipt.standstill);
}

void Stats::merge(const Stats& other) {
  requests.merge(other.requests);
  merge_each(responses, other.responses);
  first_byte.merge(other.first_byte);
  delivery.merge(other.delivery);
  standstill.merge(other.standstill);
  purges.merge(other.purges);
  for (std::size_t i = 0; i < codings.size(); ++i) {
    codings[i].responses.add(other.codings[i].responses.get());
    codings[i].made.add(other.codings[i].made.get());
    codings[i].in.add(other.codings[i].in.get());
    codings[i].out.add(other.codings[i].out.get());
  }
  tunnels.merge(other.tunnels);
}

void TunnelStats::merge(const TunnelStats& other) {
  open.add(other.open.get());
  merge_each(ended, other.ended);
  to_client.add(other.to_client.get());
  from_client.add(other.from_client.get());
}

void PurgeStats::merge(const PurgeStats& other) {
  for (std::size_t i = 0; i < kPurgeKinds; ++i) merge_each(purges[i], other.purges[i]);
  merge_each(objects, other.objects);
}

void FetchStats::fail(FetchKind kind, Error why) {
  const bool abandoned = why.code == Errc::kFetchAbandoned || info(why).side == Side::kClient;
  end(kind, abandoned ? FetchEnd::kAbandoned : FetchEnd::kFailed);
  if (!abandoned) failed[static_cast<std::size_t>(why.code)].add();
}

void FetchStats::merge(const FetchStats& other) {
  for (std::size_t i = 0; i < kFetchKinds; ++i) merge_each(ended[i], other.ended[i]);
  merge_each(failed, other.failed);
  resumes.add(other.resumes.get());
  retries.add(other.retries.get());
  parked.add(other.parked.get());
  queued.merge(other.queued);
}

}  // namespace weir::proxy
