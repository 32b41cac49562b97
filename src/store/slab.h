#pragma once
// Slabs: memory for large chunks as files (memfd) that are also mapped, so that both writev and
// sendfile can send it. A slot is a power of two from 64 KiB to 1 MiB; only the pages that are used
// of it exist. No huge pages: a hole must be punched in whole pages (kernel-facts K).
//
//   unused --fresh()--> in use --free()--> spare --reuse()--> in use      (full, never sent as
//   file)
//      ^                                     |
//      +------------------cool()-------------+  punches its pages, gives the memory back
//
// A page fault is the main cost of a miss (measured: 1 MiB of fresh pages 580 to 740 us, a punch
// 200 us, filling warm pages 84 us), so a freed slot keeps its pages until they are wanted
// elsewhere. A slot that was sent as a file is never written again before it was punched. Any
// thread.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/mutex.h"

namespace weir::store {

inline constexpr std::size_t kLeastSlot = 64 * 1024;
inline constexpr std::size_t kPage = 4096;

constexpr std::size_t page_rounded(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

class Slabs {
 public:
  struct Slot {
    std::byte* data = nullptr;
    int fd = -1;
    std::uint64_t offset = 0;  // in the file
  };

  explicit Slabs(std::uint64_t slab_bytes);  // of one file; virtual, a multiple of 1 MiB
  ~Slabs();                                  // no slot is in use any more
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;

  // A slot for `size` bytes (kLeastSlot to 1 MiB), its pages made. Null: the kernel has no memory.
  std::optional<Slot> fresh(std::size_t size);
  // A spare slot whose pages fit `size` exactly and may be overwritten. Null: none.
  std::optional<Slot> reuse(std::size_t size);
  // No system call. `sent`: some of it was handed to sendfile.
  void free(const Slot& slot, std::size_t size, bool sent);
  // Gives the pages of one spare slot back. Returns their bytes, 0 when there is no spare slot.
  std::size_t cool();

  std::uint64_t spare_bytes() const { return spare_bytes_.load(); }  // held by spare slots
  std::uint64_t resident_bytes() const;  // pages that exist, as the kernel counts them. Slow.

 private:
  struct Spare {
    Slot slot;
    std::size_t bytes;
  };
  struct Class {
    std::vector<Slot> unused;  // punched
    std::vector<Slot> clean;   // spare: full and never sent
    Slot fresh_from;           // the rest of the newest slab, never used
    std::uint64_t fresh_left = 0;
  };
  static constexpr std::size_t kClasses = 5;  // 64, 128, 256, 512 KiB, 1 MiB

  static std::size_t class_of(std::size_t size);
  static std::size_t class_bytes(std::size_t index) { return kLeastSlot << index; }
  std::optional<Slot> unused_slot(std::size_t index) REQUIRES_LOCK(mutex_);
  bool add_slab(Class& c) REQUIRES_LOCK(mutex_);
  std::optional<Spare> take_spare();

  const std::uint64_t slab_bytes_;
  mutable Mutex mutex_;
  std::array<Class, kClasses> classes_ GUARDED_BY(mutex_);
  std::deque<Spare> dirty_ GUARDED_BY(mutex_);  // spare: to be punched before use
  std::atomic<std::uint64_t> spare_bytes_{0};
  std::vector<Slot> slabs_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
