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
            [](store::S3Fifo::Entry & e) -> auto& { return static_cast<Entry&>(e).uses; }) {}

  bool has(std::uint32_t name) const { return all_[name].here; }

  // True: it was there. Else it is now, if it fits; `evicted(name)` for each that went for it.
  template <class Evicted>
  bool ask(const Unit& unit, Evicted evicted) {
    Entry& entry = all_[unit.name];
    if (entry.here) {
      entry.uses.touch();
      return true;
    }
    if (unit.bytes > room_) return false;
    while (used() + unit.bytes > room_) {
      auto* victim = static_cast<Entry*>(queues_.victim());
      const auto name = static_cast<std::uint32_t>(victim - all_.data());
      queues_.evicted(*victim, key_of(name));
      victim->here = false;
      evicted(name);
    }
    queues_.insert(entry, key_of(unit.name), unit.bytes);
    entry.here = true;
    entry.uses.touch();  // by who had it brought, which is no hit
    entry.uses.forget_hits();
    return false;
  }

 private:
  struct Entry final : store::S3Fifo::Entry {
    body::Uses uses;
    bool here = false;
  };
  static std::uint64_t key_of(std::uint64_t name) {
    return hash64({reinterpret_cast<const char*>(&name), sizeof name});
  }
  std::uint64_t used() const {
    return queues_.bytes(store::S3Fifo::Queue::kSmall) + queues_.bytes(store::S3Fifo::Queue::kMain);
  }

  const std::uint64_t room_;
  std::vector<Entry> all_;
  store::S3Fifo queues_;  // dies before its entries
};

}  // namespace weir::bench
