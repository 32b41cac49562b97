#include "cache/ban_list.h"

#include <algorithm>

namespace weir::cache {

std::optional<Purging> BanList::add(Ref<Ban> ban, PurgeMode mode, WallTime at,
                                    std::atomic<std::uint64_t>& clock) {
  Lock lock(mutex_);
  auto next = std::make_shared<Snapshot>(*now_);
  auto& bans = next->bans;
  if (bans.size() == kMost) {
    if (!bans.front().retired) return {};
    next->forgotten = bans.front().purging.number;
    bans.erase(bans.begin());
  }
  const Purging purging{mode, ++clock, at};
  bans.push_back({std::move(ban), purging});
  now_ = std::move(next);
  newest_.store(purging.number, std::memory_order_release);
  return purging;
}

void BanList::retire(std::uint64_t number) {
  Lock lock(mutex_);
  auto next = std::make_shared<Snapshot>(*now_);
  for (Listed& listed : next->bans) listed.retired |= listed.purging.number <= number;
  now_ = std::move(next);
}

std::size_t BanList::active() const {
  Lock lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count(now_->bans, false, &Listed::retired));
}

void BanList::examine(std::string_view url, const http::Response& head, PurgeMark& mark) const {
  std::shared_ptr<const Snapshot> now;
  {
    Lock lock(mutex_);
    now = now_;
  }
  const std::uint64_t examined = mark.examined();
  if (examined < now->forgotten) mark.apply({PurgeMode::kHard, now->forgotten, {}});
  for (const Listed& listed : now->bans) {
    if (listed.purging.number <= examined || mark.gone()) continue;
    if (listed.ban->matches(url, head) && mark.apply(listed.purging)) listed.ban->count();
  }
  if (!now->bans.empty()) mark.set_examined(now->bans.back().purging.number);
}

}  // namespace weir::cache
