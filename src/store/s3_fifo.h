#pragma once
// S3Fifo: which entry goes next, by S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all
// you need for cache eviction", SOSP 2023), by bytes.
//
//   insert --(not in ghost)--> small --victim(), hits >= 2--> main --victim(), hits == 0--> out
//      \                         \--victim(), hits < 2--> out, remembered in ghost   |
//       \--(in ghost)--> main <--------- victim(), hits > 0: hits - 1, to the tail --/
//
// Beside the queues: who gives the cache to another process retires what is in them, and has it
// back if that came to nothing; who has it from one parks victims whose memory would not come back
// yet.
//
// Queue logic only: keys, sizes and uses in, victims out. Not thread safe: its owner locks; but
// uses may be counted by others at any time. It owns no entry.

#include <cstdint>
#include <functional>
#include <utility>

#include "base/list.h"
#include "body/uses.h"
#include "store/ghost.h"

namespace weir::store {

class S3Fifo {
 public:
  enum class Queue : std::uint8_t { kNone, kSmall, kMain, kParked, kSmallRetired, kMainRetired };
  class Entry : public ListNode {
   public:
    std::uint32_t bytes() const { return bytes_; }

   private:
    friend class S3Fifo;
    std::uint32_t bytes_ : 28 = 0;
    Queue queue_ : 3 = Queue::kNone;  // which it is in, or was taken from by victim()
    bool removed_ : 1 = false;
  };
  static constexpr std::uint32_t kMostBytes = (1u << 28) - 1;  // of one entry
  // Where an entry has its uses, which whoever uses it counts.
  using UsesOf = body::Uses& (*)(Entry&);

  // `capacity` bytes: a tenth is small's, the rest main's; ghost remembers as much as main holds,
  // in at most about `ghost_entries`.
  S3Fifo(std::uint64_t capacity, std::uint64_t ghost_entries, UsesOf uses_of);

  // True: `key` was evicted not long ago and goes to main at once.
  bool insert(Entry& entry, std::uint64_t key, std::uint32_t bytes);
  // The same of one that was in `queue` of another S3Fifo.
  void insert_into(Queue queue, Entry& entry, std::uint32_t bytes);
  void remove(Entry& entry);  // also between victim() and what follows it; twice is once

  // The entry that should go now, taken from its queue; null when there is none. Then either
  // evicted(), put_back() or remove() follows.
  Entry* victim();
  Entry* victim_of(Queue queue);
  void evicted(const Entry& entry, std::uint64_t key);  // the key it was inserted by
  void put_back(Entry& entry);  // it cannot go: to its queue's tail. Not if removed meanwhile.

  void park(Entry& victim);            // no victim any more...
  bool unpark_some(std::size_t most);  // ...before all are back in small. True: all are.

  // What is in the queues now, but for what `stays` says of, is no victim any more. REQUIRES: no
  // victim() from the one to when the other has said true: all are out.
  using Stays = std::function<bool(const Entry&)>;
  void begin_retire();
  bool retire_some(std::size_t most, const Stays& stays);
  // Back to where it was, before all that came later. True: all are.
  bool restore_some(std::size_t most);
  Queue queue_of(const Entry& entry) const;  // or was, if retired

  Queue due() const { return small_.bytes >= small_share_ ? Queue::kSmall : Queue::kMain; }
  std::uint64_t count(Queue queue) const { return part(queue).count; }
  std::uint64_t bytes(Queue queue) const { return part(queue).bytes; }
  std::uint64_t ghost_memory() const { return ghost_.memory(); }

 private:
  struct Part {
    List<Entry> list;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;
  };
  Part& part(Queue queue) { return const_cast<Part&>(std::as_const(*this).part(queue)); }
  const Part& part(Queue queue) const {
    switch (queue) {
      case Queue::kMain:
        return main_;
      case Queue::kParked:
        return parked_;
      case Queue::kSmallRetired:
        return small_retired_;
      case Queue::kMainRetired:
        return main_retired_;
      default:
        return small_;
    }
  }
  bool retire_some(Queue from, Queue to, const Entry& end, std::size_t& most, const Stays& stays);
  bool restore_some(Queue from, Queue to, std::size_t& most);
  Part& enter(Entry& entry, Queue queue);
  void push(Entry& entry, Queue queue);
  void push_front(Entry& entry, Queue queue);
  void unlink(Entry& entry);
  Entry* victim_of_small();
  Entry* victim_of_main();

  const UsesOf uses_of_;
  const std::uint64_t small_share_;
  const std::uint64_t main_share_;
  Part small_;
  Part main_;
  Part parked_;
  Part small_retired_;
  Part main_retired_;
  Entry small_end_;  // begin_retire(): the last ones that retire are before these
  Entry main_end_;
  Ghost ghost_;
};

}  // namespace weir::store
