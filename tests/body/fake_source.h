#pragma once
// What tests of body/ and store/ stand on: a source with a budget, waiters, and content by which
// every byte can be checked.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "body/body.h"

namespace weir::body {

inline std::byte content_at(std::uint64_t offset) {
  return static_cast<std::byte>((offset * 2654435761u) >> 13);
}

struct Bell final : Waiter {
  std::atomic<int> rung{0};
  void wake() noexcept override { ++rung; }
  int take() { return rung.exchange(0); }
};

// Lets a thread sleep until it is woken.
class Sleeper final : public Waiter {
 public:
  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    changed_.notify_one();
  }
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return awake_; });
    awake_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
};

class FakeSource final : public ChunkSource {
 public:
  // May be changed by a single thread between steps.
  std::uint64_t budget = kUnlimited;  // bytes that may be in use at once

  Ref<Chunk> allocate(Body&, std::uint32_t index, std::size_t size, Need most) override {
    last_need_ = most;
    std::uint64_t used = used_.load();
    do {
      if (used + size > budget) return {};
    } while (!used_.compare_exchange_weak(used, used + size));
    ++chunks_;
    Lock lock(mutex_);
    sizes_.push_back(fmt::format("{}:{}", index, size));
    auto* chunk = new HeapChunk(*this, size);
    newest_ = chunk;
    return Ref<Chunk>::adopt(chunk);
  }
  void wait_for_room(Waiter& waiter) override {
    Lock lock(mutex_);
    waiting_.insert(&waiter);
  }
  void forget(Waiter& waiter) noexcept override {
    Lock lock(mutex_);
    waiting_.erase(&waiter);
  }
  void release(Chunk&) noexcept override { ++released_; }
  void unpinned() noexcept override {
    ++unpinned_;
    Lock lock(mutex_);
    for (Waiter* w : waiting_) w->wake();
    waiting_.clear();
  }
  void emptied(const Body&) override { ++emptied_; }

  Need last_need() const { return last_need_; }  // of the last allocation
  std::uint64_t used() const { return used_; }
  int chunks() const { return chunks_; }            // that live
  const Chunk& newest() const { return *newest_; }  // of those that it gave out, if that one lives
  int released() const { return released_; }
  int emptied() const { return emptied_; }
  int unpinned_count() const { return unpinned_; }
  std::size_t waiting() const {
    Lock lock(mutex_);
    return waiting_.size();
  }
  // "index:size" of what was asked for since the last call.
  std::vector<std::string> take_sizes() {
    Lock lock(mutex_);
    return std::exchange(sizes_, {});
  }

 private:
  class HeapChunk final : public Chunk {
   public:
    HeapChunk(FakeSource& source, std::size_t size)
        : Chunk(size), source_(source), data_(new std::byte[size]) {}
    ~HeapChunk() override {
      std::fill_n(data_, capacity(), std::byte{0xdd});  // a lease without a pin shows
      delete[] data_;
      source_.used_ -= capacity();
      --source_.chunks_;
      source_.unpinned();
    }
    std::byte* data() const override { return data_; }

   private:
    FakeSource& source_;
    std::byte* const data_;
  };

  std::atomic<std::uint64_t> used_{0};
  std::atomic<Need> last_need_{Need::kUsual};
  std::atomic<int> chunks_{0};
  std::atomic<HeapChunk*> newest_{nullptr};
  std::atomic<int> released_{0};
  std::atomic<int> emptied_{0};
  std::atomic<int> unpinned_{0};
  mutable Mutex mutex_;
  std::set<Waiter*> waiting_ GUARDED_BY(mutex_);
  std::vector<std::string> sizes_ GUARDED_BY(mutex_);
};

// Writes content until `upto` or until the writer stops; returns why it stopped.
inline BodyWriter::Stop write_upto(BodyWriter& writer, std::uint64_t upto,
                                   std::size_t hint = 64 * 1024) {
  std::vector<std::byte> scratch(32 * 1024);
  while (writer.offset() < upto) {
    const BodyWriter::Space space = writer.space(hint, scratch);
    if (space.bytes.empty()) return space.stop;
    const std::size_t n = std::min<std::uint64_t>(space.bytes.size(), upto - writer.offset());
    for (std::size_t i = 0; i < n; ++i) space.bytes[i] = content_at(writer.offset() + i);
    writer.commit(n);
  }
  return BodyWriter::Stop::kNone;
}

inline bool is_content(std::span<const std::byte> bytes, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != content_at(offset + i)) return false;
  }
  return true;
}

inline std::string text_of(const Next& next) {
  if (const auto* l = std::get_if<Lease>(&next)) return fmt::format("lease {}", l->bytes.size());
  if (const auto* h = std::get_if<Hole>(&next)) {
    return h->end == kUnlimited ? fmt::format("hole {}..", h->offset)
                                : fmt::format("hole {}..{}", h->offset, h->end);
  }
  if (const auto* e = std::get_if<Error>(&next)) return fmt::format("error {}", info(*e).name);
  return std::holds_alternative<Wait>(next) ? "wait" : "end";
}

// What next() says, without consuming.
inline std::string look(BodyReader& reader) { return text_of(reader.next(kChunkSize)); }

// Reads and checks content as far as it goes: "<offset reached>: <what stopped it>".
inline std::string read_on(BodyReader& reader, std::size_t max = 100'000) {
  for (;;) {
    const Next next = reader.next(max);
    const auto* lease = std::get_if<Lease>(&next);
    if (!lease) return fmt::format("{}: {}", reader.offset(), text_of(next));
    if (!is_content(lease->bytes, reader.offset())) {
      return fmt::format("{}: wrong bytes", reader.offset());
    }
    reader.advance(lease->bytes.size());
  }
}

}  // namespace weir::body
