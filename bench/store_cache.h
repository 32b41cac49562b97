#pragma once
// The store's eviction, S3Fifo and its Ghost, as MemoryStore uses them, without the bytes.

#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "store/s3_fifo.h"

namespace weir::bench {

// What is kept or evicted at a time.
struct Unit {
  std::uint32_t name;  // numbered from 0 on
  std::uint32_t bytes;
};

class StoreCache {
 public:
  StoreCache(std::uint64_t room, std::size_t units)
      : room_(room),
        all_(units),
        queues_(
            room, room / 2048,
            [](store::S3Fifo::Entry & e) -> auto& { return static_cast<Entry&>(e).hits; }) {}

  bool has(std::uint32_t name) const { return all_[name].here; }

  // True: it was there. Else it is now, if it fits; `evicted(name)` for each that went for it.
  template <class Evicted>
  bool ask(const Unit& unit, Evicted evicted) {
    Entry& entry = all_[unit.name];
    if (entry.here) {
      if (entry.hits < 3) ++entry.hits;
      return true;
    }
    if (unit.bytes > room_) return false;
    while (used() + unit.bytes > room_) {
      auto* victim = static_cast<Entry*>(queues_.victim());
      queues_.evicted(*victim);
      victim->here = false;
      evicted(static_cast<std::uint32_t>(victim - all_.data()));
    }
    const std::uint64_t name = unit.name;
    queues_.insert(entry, hash64({reinterpret_cast<const char*>(&name), sizeof name}), unit.bytes);
    entry.here = true;
    entry.hits = 0;  // who had it brought is no hit, see body/chunk.h
    return false;
  }

 private:
  struct Entry final : store::S3Fifo::Entry {
    store::S3Fifo::Hits hits{0};
    bool here = false;
  };
  std::uint64_t used() const {
    return queues_.bytes(store::S3Fifo::Queue::kSmall) + queues_.bytes(store::S3Fifo::Queue::kMain);
  }

  const std::uint64_t room_;
  std::vector<Entry> all_;
  store::S3Fifo queues_;  // dies before its entries
};

}  // namespace weir::bench
