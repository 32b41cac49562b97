#include "store/directory.h"

#include <algorithm>

#include "base/check.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kChunkBytes = 1024 * 1024;
constexpr std::uint64_t kUnknown = ~std::uint64_t{0};

// Takes what `which` says out of the list that begins at `first`; what stands first is replaced by
// what follows it. True: nothing is left.
template <class Which>
bool erase_bodies(StoredBody& first, std::unique_ptr<StoredBody> StoredBody::*next, Which which) {
  for (StoredBody* b = &first; (b->*next);) {
    if (which(*(b->*next))) {
      auto rest = std::move((*(b->*next)).*next);
      b->*next = std::move(rest);
    } else {
      b = (b->*next).get();
    }
  }
  if (!which(first)) return false;
  if (!(first.*next)) return true;
  auto second = std::move(first.*next);
  first = std::move(*second);
  return false;
}

}  // namespace

// ---- StoredBody

const Place* StoredBody::chunk(std::uint32_t index) const {
  return const_cast<StoredBody*>(this)->chunk(index);
}

Place* StoredBody::chunk(std::uint32_t index) {
  if (index == 0) return first_ ? &first_ : nullptr;
  if (!more_) return nullptr;
  const auto it = more_->find(index);
  return it == more_->end() ? nullptr : &it->second;
}

void StoredBody::set_chunk(std::uint32_t index, const Place& place) {
  if (index == 0) {
    first_ = place;
    return;
  }
  if (!more_) more_ = std::make_unique<std::map<std::uint32_t, Place>>();
  (*more_)[index] = place;
}

void StoredBody::remove_chunk(std::uint32_t index) {
  if (index == 0) {
    first_ = {};
  } else if (more_) {
    more_->erase(index);
    if (more_->empty()) more_.reset();
  }
}

bool StoredBody::whole() const {
  if (total == kUnknown) return false;
  return chunks() == (total + kChunkBytes - 1) / kChunkBytes;
}

std::uint32_t StoredBody::run(std::uint32_t index, std::uint32_t most) const {
  std::uint32_t n = index == 0 && first_ ? 1 : 0;
  if (!more_ || (index == 0 && n == 0)) return std::min(n, most);
  for (auto it = more_->lower_bound(index + n); n < most && it != more_->end(); ++it, ++n) {
    if (it->first != index + n) break;
  }
  return std::min(n, most);
}

std::uint32_t StoredBody::next_chunk(std::uint32_t index) const {
  if (index == 0 && first_) return 0;
  if (!more_) return ~std::uint32_t{0};
  const auto it = more_->lower_bound(index);
  return it == more_->end() ? ~std::uint32_t{0} : it->first;
}

// ---- Directory

StoredBody* Directory::find(const Digest& key, std::uint64_t body) {
  const auto it = keys_.find(key);
  StoredBody* b = it == keys_.end() ? nullptr : &it->second;
  while (b && b->body != body) b = b->next_.get();
  return b;
}

StoredBody& Directory::put(const Digest& key, std::uint64_t body, std::uint64_t variant,
                           std::uint8_t disk, std::vector<Dropped>& dropped) {
  const auto [it, fresh] = keys_.try_emplace(key);
  StoredBody& first = it->second;
  StoredBody* found = nullptr;
  if (!fresh) {
    const bool none_left = erase_bodies(first, &StoredBody::next_, [&](const StoredBody& b) {
      if (b.body == body || b.variant != variant) return false;
      dropped.push_back({b.body, b.disk});
      --bodies_;
      return true;
    });
    if (none_left) first = StoredBody{};
    found = none_left ? nullptr : find(key, body);
    if (!found && !none_left) drop_beyond(first, dropped);
    if (!found && !none_left) {
      auto moved = std::make_unique<StoredBody>(std::move(first));
      first = StoredBody{};
      first.next_ = std::move(moved);
    }
  }
  if (!found) {
    found = &first;
    found->body = body;
    found->disk = disk;
    ++bodies_;
  }
  found->variant = variant;
  return *found;
}

// Of more variants than an Index keeps of a key, the one that was put first goes.
void Directory::drop_beyond(StoredBody& first, std::vector<Dropped>& dropped) {
  StoredBody* last_but_one = nullptr;
  std::size_t n = 1;
  for (StoredBody* b = &first; b->next_; b = b->next_.get(), ++n) last_but_one = b;
  if (n < kBodiesMost) return;
  dropped.push_back({last_but_one->next_->body, last_but_one->next_->disk});
  last_but_one->next_.reset();
  --bodies_;
}

bool Directory::remove(const Digest& key, std::uint64_t body) {
  const auto it = keys_.find(key);
  if (it == keys_.end()) return false;
  bool found = false;
  const bool none_left = erase_bodies(it->second, &StoredBody::next_, [&](const StoredBody& b) {
    if (b.body != body) return false;
    found = true;
    --bodies_;
    return true;
  });
  if (none_left) keys_.erase(it);
  return found;
}

std::vector<Directory::Dropped> Directory::remove_key(const Digest& key) {
  std::vector<Dropped> dropped;
  each(key, [&](const StoredBody& b) { dropped.push_back({b.body, b.disk}); });
  bodies_ -= dropped.size();
  keys_.erase(key);
  return dropped;
}

template <class Which>
void Directory::remove_all(Which which) {
  for (auto it = keys_.begin(); it != keys_.end();) {
    const bool none_left = erase_bodies(it->second, &StoredBody::next_, [&](StoredBody& b) {
      if (!which(b)) return false;
      --bodies_;
      return true;
    });
    it = none_left ? keys_.erase(it) : std::next(it);
  }
}

void Directory::remove_disk(std::uint8_t disk) {
  remove_all([&](const StoredBody& b) { return b.disk == disk; });
}

void Directory::remove_region(std::uint32_t region) {
  remove_all([&](StoredBody& b) {
    b.remove_chunks_of(region);
    return b.object.region == region || b.worthless();
  });
}

void StoredBody::remove_chunks_of(std::uint32_t region) {
  if (first_.region == region) first_ = {};
  if (!more_) return;
  std::erase_if(*more_, [&](const auto& entry) { return entry.second.region == region; });
  if (more_->empty()) more_.reset();
}

void Directory::remove_worthless() {
  remove_all([](const StoredBody& b) { return b.worthless(); });
}

// ---- recovery

Place place_of(const Entry& entry, std::uint8_t disk, std::uint32_t region) {
  return {(std::uint32_t{disk} << Place::kDiskShift) | region, entry.offset, entry.record.length,
          0};
}

void Directory::recover(std::span<const Entry> entries, std::uint8_t disk, std::uint32_t region,
                        bool chunks) {
  for (const Entry& e : entries) {
    const bool is_chunk = e.record.kind == RecordKind::kChunk;
    if (is_chunk != chunks) continue;
    if (is_chunk) recover_chunk(e.record, place_of(e, disk, region));
    if (e.record.kind == RecordKind::kObject) recover_object(e.record, place_of(e, disk, region));
    if (e.record.kind == RecordKind::kTombstone) recover_tombstone(e.record, disk);
  }
}

void Directory::recover_object(const Record& record, const Place& place) {
  bool newest = true;
  each(record.key, [&](const StoredBody& b) {
    const bool same = b.body == record.body || b.variant == record.part;
    if (same && b.sequence > record.sequence) newest = false;
    if (b.body == record.body && b.disk != place.disk()) newest = false;  // no writer does that
  });
  if (!newest) return;
  std::vector<Dropped> dropped;
  StoredBody& b = put(record.key, record.body, record.part, place.disk(), dropped);
  WEIR_CHECK(b.disk == place.disk());
  b.object = place;
  b.sequence = record.sequence;
  b.refillable = record.refillable;
  if (record.total != kUnknown) b.total = record.total;
}

void Directory::recover_tombstone(const Record& record, std::uint8_t disk) {
  std::vector<std::uint64_t> dead;
  each(record.key, [&](const StoredBody& b) {
    const bool named = record.body == 0 || record.body == b.body;
    if (named && b.disk == disk && b.sequence < record.sequence) dead.push_back(b.body);
  });
  for (const std::uint64_t body : dead) remove(record.key, body);
}

void Directory::recover_chunk(const Record& record, const Place& place) {
  StoredBody* b = find(record.key, record.body);
  if (!b || b->disk != place.disk()) return;
  b->set_chunk(static_cast<std::uint32_t>(record.part), place);
  if (record.total != kUnknown) b->total = record.total;
}

}  // namespace weir::store
