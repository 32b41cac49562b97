#include "cache/tag_index.h"

#include <utility>

namespace weir::cache {

TagIndex::Places::~Places() {
  for (std::size_t i = 0; i < count_; ++i) index_->leave(all_[i]);
}

void TagIndex::leave(Place& place) {
  Shard& s = shard(place.tag);
  Lock lock(s.mutex);
  if (!place.linked()) return;  // a hard purge has taken it off
  place.unlink();
  const auto it = s.tags.find(place.tag);
  if (--it->second.count == 0) s.tags.erase(it);
}

void TagIndex::enter(Places& places, PurgeMark& mark, const Digest& key,
                     std::span<const Digest> tags) {
  if (tags.empty()) return;
  WEIR_CHECK(!places.index_);
  places.index_ = this;
  places.all_ = std::make_unique<Place[]>(tags.size());
  places.count_ = tags.size();
  for (std::size_t i = 0; i < tags.size(); ++i) {
    Place& place = places.all_[i];
    place.mark = &mark;
    place.key = key;
    place.tag = tags[i];
    Shard& s = shard(place.tag);
    Lock lock(s.mutex);
    Tag& tag = s.tags[place.tag];
    tag.places.push_back(place);
    ++tag.count;
    hold_against(s, place.tag, mark);
  }
}

void TagIndex::hold_against(const Shard& s, const Digest& tag, PurgeMark& mark) {
  if (s.forgotten > mark.born()) mark.apply({PurgeMode::kHard, s.forgotten, {}});
  hold_recent_against(s, tag, mark);
}

void TagIndex::hold_recent_against(const Shard& s, const Digest& tag, PurgeMark& mark) {
  const auto recent = std::ranges::find(s.recent, tag, &Recent::tag);
  if (recent == s.recent.end()) return;
  mark.apply({PurgeMode::kHard, recent->hard, {}});
  mark.apply(recent->soft);
}

void TagIndex::remember(Shard& s, const Digest& tag, const Purging& purging) {
  auto place = std::ranges::find(s.recent, tag, &Recent::tag);
  if (place == s.recent.end() && s.recent.size() < kRecent) {
    place = s.recent.insert(place, Recent{tag});
  } else if (place == s.recent.end()) {
    place = std::ranges::min_element(s.recent, {}, &Recent::last);
    s.forgotten = std::max(s.forgotten, place->last());
    *place = Recent{tag};
  }
  // Two that are under way at a time may begin in another order than that of their numbers.
  if (purging.mode == PurgeMode::kHard) place->hard = std::max(place->hard, purging.number);
  if (purging.mode == PurgeMode::kSoft && purging.number > place->soft.number)
    place->soft = purging;
}

// Those that enter meanwhile stand behind those that were there: as many are looked at as there
// were at the begin.
bool TagIndex::step(Work& work, std::size_t most, std::size_t& objects, std::vector<Digest>& gone) {
  Shard& s = shard(work.tag);
  Lock lock(s.mutex);
  if (!std::exchange(work.begun, true)) {
    remember(s, work.tag, work.purging);
    const auto it = s.tags.find(work.tag);
    work.left = it == s.tags.end() ? 0 : it->second.count;
  }
  const auto it = s.tags.find(work.tag);
  if (it == s.tags.end()) return true;
  Tag& tag = it->second;
  for (; most > 0 && work.left > 0 && tag.count > 0; --most, --work.left) {
    Place& place = *tag.places.pop_front();
    const bool was_gone = place.mark->gone();
    objects += place.mark->apply(work.purging);
    // Of two purges at a time each may meet what the other has put at the end.
    hold_recent_against(s, work.tag, *place.mark);
    if (place.mark->gone()) {
      if (!was_gone) gone.push_back(place.key);
      --tag.count;
    } else {
      tag.places.push_back(place);
    }
  }
  const bool done = work.left == 0 || tag.count == 0;
  if (tag.count == 0) s.tags.erase(it);
  return done;
}

std::size_t TagIndex::tags() const {
  std::size_t n = 0;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    n += s.tags.size();
  }
  return n;
}

}  // namespace weir::cache
