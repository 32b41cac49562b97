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

S3Fifo::Part& S3Fifo::enter(Entry& entry, Queue queue) {
  entry.queue_ = queue;
  Part& p = part(queue);
  p.bytes += entry.bytes_;
  ++p.count;
  return p;
}

void S3Fifo::push(Entry& entry, Queue queue) { enter(entry, queue).list.push_back(entry); }

void S3Fifo::push_front(Entry& entry, Queue queue) { enter(entry, queue).list.push_front(entry); }

void S3Fifo::unlink(Entry& entry) {
  Part& p = part(entry.queue_);
  entry.unlink();
  p.bytes -= entry.bytes_;
  --p.count;
}

bool S3Fifo::insert(Entry& entry, std::uint64_t key, std::uint32_t bytes) {
  const bool back = ghost_.contains(static_cast<std::uint32_t>(key));
  insert_into(back ? Queue::kMain : Queue::kSmall, entry, bytes);
  return back;
}

void S3Fifo::insert_into(Queue queue, Entry& entry, std::uint32_t bytes) {
  WEIR_CHECK(bytes <= kMostBytes);
  entry.bytes_ = bytes & kMostBytes;
  entry.removed_ = false;
  push(entry, queue);
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

void S3Fifo::park(Entry& victim) { push(victim, Queue::kParked); }

bool S3Fifo::unpark_some(std::size_t most) {
  for (; most > 0 && !parked_.list.empty(); --most) {
    Entry& entry = *parked_.list.front();
    unlink(entry);
    push(entry, Queue::kSmall);
  }
  return parked_.list.empty();
}

void S3Fifo::begin_retire() {
  small_.list.push_back(small_end_);
  main_.list.push_back(main_end_);
}

bool S3Fifo::retire_some(std::size_t most, const Stays& stays) {
  return retire_some(Queue::kSmall, Queue::kSmallRetired, small_end_, most, stays) &&
         retire_some(Queue::kMain, Queue::kMainRetired, main_end_, most, stays);
}

bool S3Fifo::retire_some(Queue from, Queue to, const Entry& end, std::size_t& most,
                         const Stays& stays) {
  for (; end.linked() && most > 0; --most) {
    Entry& entry = *part(from).list.front();
    if (&entry == &end) {
      entry.unlink();
    } else {
      unlink(entry);
      push(entry, stays(entry) ? from : to);
    }
  }
  return !end.linked();
}

bool S3Fifo::restore_some(std::size_t most) {
  return restore_some(Queue::kSmallRetired, Queue::kSmall, most) &&
         restore_some(Queue::kMainRetired, Queue::kMain, most);
}

bool S3Fifo::restore_some(Queue from, Queue to, std::size_t& most) {
  for (; most > 0 && part(from).count > 0; --most) {
    Entry& entry = *part(from).list.back();
    unlink(entry);
    push_front(entry, to);
  }
  return part(from).count == 0;
}

S3Fifo::Queue S3Fifo::queue_of(const Entry& entry) const {
  if (entry.queue_ == Queue::kSmallRetired) return Queue::kSmall;
  return entry.queue_ == Queue::kMainRetired ? Queue::kMain : entry.queue_;
}

}  // namespace weir::store
