#include "store/s3_fifo.h"

namespace weir::store {

namespace {
constexpr unsigned kPromote = 2;  // hits in small that earn a place in main
}

S3Fifo::S3Fifo(std::uint64_t capacity, std::uint64_t ghost_entries, UsesOf uses_of)
    : uses_of_(uses_of),
      small_share_(capacity / 10),
      main_share_(capacity - capacity / 10),
      ghost_(main_share_, ghost_entries) {}

void S3Fifo::push(Entry& entry, Queue queue) {
  entry.queue_ = queue;
  Part& p = part(queue);
  p.list.push_back(entry);
  p.bytes += entry.bytes_;
  ++p.count;
}

void S3Fifo::unlink(Entry& entry) {
  Part& p = part(entry.queue_);
  entry.unlink();
  p.bytes -= entry.bytes_;
  --p.count;
}

bool S3Fifo::insert(Entry& entry, std::uint64_t key, std::uint32_t bytes) {
  WEIR_CHECK(bytes <= kMostBytes);
  entry.bytes_ = bytes & kMostBytes;
  entry.removed_ = false;
  const bool back = ghost_.contains(static_cast<std::uint32_t>(key));
  push(entry, back ? Queue::kMain : Queue::kSmall);
  return back;
}

void S3Fifo::remove(Entry& entry) {
  if (entry.linked()) unlink(entry);
  entry.removed_ = true;
}

S3Fifo::Entry* S3Fifo::victim() { return victim_of(due()); }

S3Fifo::Entry* S3Fifo::victim_of(Queue queue) {
  Entry* first = queue == Queue::kSmall ? victim_of_small() : victim_of_main();
  if (first) return first;
  return queue == Queue::kSmall ? victim_of_main() : victim_of_small();
}

S3Fifo::Entry* S3Fifo::victim_of_small() {
  while (Entry* e = small_.list.front()) {
    unlink(*e);
    if (uses_of_(*e).hits() < kPromote) return e;
    uses_of_(*e).forget_hits();
    push(*e, Queue::kMain);
    if (main_.bytes > main_share_) return victim_of_main();
  }
  return nullptr;
}

S3Fifo::Entry* S3Fifo::victim_of_main() {
  while (Entry* e = main_.list.front()) {
    unlink(*e);
    if (uses_of_(*e).hits() == 0) return e;
    uses_of_(*e).spend_hit();
    push(*e, Queue::kMain);
  }
  return nullptr;
}

void S3Fifo::evicted(const Entry& entry, std::uint64_t key) {
  if (entry.queue_ == Queue::kSmall) ghost_.add(static_cast<std::uint32_t>(key), entry.bytes_);
}

void S3Fifo::put_back(Entry& entry) {
  if (!entry.removed_) push(entry, entry.queue_);
}

}  // namespace weir::store
