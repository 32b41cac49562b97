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
//
// A successor process takes the files over (upgrade without a gap; MemoryStore tells all of it):
//
//   here:    freeze() --> nothing of the slabs so far is given out, written anew or punched any
//            more; what comes now gets slabs of its own (stopgap). thaw(), if nobody took them
//            over: all as before, but that stopgap slabs stay what they are: given out only while
//            frozen, and never handed over. So they are few however often that happens.
//   there:   adopt() --> claim() --> in use --free()--> quarantined --predecessor_gone()--> unused
//                          all that nobody claimed --------------------predecessor_gone()--> unused
//
// As long as the predecessor lives it may be reading, and filling what it did not hand over: so an
// adopted slot is not punched and not used again before predecessor_gone(), and always punched
// then.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"

namespace weir::store {

inline constexpr std::size_t kLeastSlot = 64 * 1024;
inline constexpr std::size_t kPage = 4096;
// At most so many slabs are made while frozen; there are no fresh slots beyond. A limit / 16 in
// slots that are more than half full are at most 8 full slabs of limit / 64, and one begun of each
// size.
inline constexpr std::size_t kStopgapSlabs = 16;

constexpr std::size_t page_rounded(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

// The file of one slab: all its slots are of one size.
struct SlabFile {
  int fd = -1;
  std::uint64_t bytes = 0;       // virtual
  std::uint64_t slot_bytes = 0;  // a power of two from kLeastSlot to 1 MiB
};
// Why files cannot be adopted: one is not a slab of that size (or could shrink under us); no
// address space or descriptors.
enum class SlabFault : std::uint8_t { kNotASlab, kNoMemory };

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
  // No system call. `sent`: some of it was handed to sendfile. Returns bytes of its pages that need
  // not count against a limit any more, though they are there: of an adopted slot, see adopt().
  std::size_t free(const Slot& slot, std::size_t size, bool sent);
  // Gives the pages of one spare slot back. Returns their bytes, 0 when there is no spare slot.
  std::size_t cool();

  // Held by spare slots; not by those that are frozen.
  std::uint64_t spare_bytes() const { return spare_bytes_.load(); }
  std::uint64_t resident_bytes() const;  // pages that exist, as the kernel counts them. Slow.

  // ---- Handing over. Spare slots should have been cooled before: those that are left stay so.
  // REQUIRES: no predecessor, not frozen.
  void freeze();
  std::vector<SlabFile> frozen_files() const;  // ours: valid while this lives
  // REQUIRES: frozen, and nobody else reads or writes the slabs. Slots that were freed meanwhile
  // are spare.
  void thaw();
  bool stopgap(const std::byte* data) const;  // in a slab that was made while frozen
  std::uint64_t stopgap_bytes() const;        // pages of their slots that are in use

  // ---- Taking over.
  // Once, before anything else. The files may be closed afterwards. Up to `allowance` bytes of
  // adopted slots that are freed while the predecessor lives do not count (free() says so).
  std::expected<void, SlabFault> adopt(std::span<const SlabFile> files, std::uint64_t allowance);
  // A slot with `size` bytes of room, its pages made by the predecessor. Null: there is none at
  // that place, or somebody has claimed it.
  std::optional<Slot> claim(std::size_t file, std::uint64_t offset, std::size_t size);
  bool adopted(const std::byte* data) const;  // from a predecessor that lives yet
  // Of the allowance; ~0: there is no predecessor (any more).
  std::uint64_t quarantine_left() const { return allowance_left_.load(std::memory_order_relaxed); }
  // The predecessor has ended: nobody but us reads or writes the slabs. Punches all that is not in
  // use; about 0.2 ms for each MiB that is there. Returns bytes that counted until now.
  std::uint64_t predecessor_gone();
  std::uint64_t quarantined_bytes() const;

 private:
  struct Slab {
    Slot start;
    std::uint64_t bytes = 0;
    std::size_t index = 0;  // of its class
  };
  // Of slabs_[0..], while the predecessor lives.
  struct Adopted {
    std::vector<std::vector<bool>> claimed;  // by slab and slot
    std::uint64_t quarantined = 0;           // bytes
    std::uint64_t uncounted = 0;             // of them
    std::uint64_t allowance = 0;
  };
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
  struct Pool {
    std::array<Class, kClasses> classes;
    std::deque<Spare> dirty;  // spare: to be punched before use
    std::uint64_t spare = 0;  // bytes
  };

  static void punch(const Slot& slot, std::size_t bytes);
  static std::size_t class_of(std::size_t size);
  static std::size_t class_bytes(std::size_t index) { return kLeastSlot << index; }
  Pool& open() REQUIRES_LOCK(mutex_) { return frozen_ ? stopgap_ : usual_; }
  Pool& pool_of(const Slot& slot) REQUIRES_LOCK(mutex_) {
    return stopgap(slot.data) ? stopgap_ : usual_;
  }
  std::optional<Slot> unused_slot(std::size_t index) REQUIRES_LOCK(mutex_);
  bool add_slab(std::size_t index) REQUIRES_LOCK(mutex_);
  std::byte* next_stopgap() REQUIRES_LOCK(mutex_);
  std::optional<Spare> take_spare();
  static std::optional<Spare> take_spare(Pool& pool);
  void count_spare() REQUIRES_LOCK(mutex_);
  void give(const Slot& slot, std::size_t index) REQUIRES_LOCK(mutex_);
  void empty_slab(const Slab& slab, const std::vector<bool>& claimed);
  static void unmap(const Slab& slab);

  const std::uint64_t slab_bytes_;
  mutable Mutex mutex_;
  Pool usual_ GUARDED_BY(mutex_);
  Pool stopgap_ GUARDED_BY(mutex_);  // of the slabs that were made while frozen
  std::atomic<std::uint64_t> spare_bytes_{0};
  std::vector<Slab> slabs_ GUARDED_BY(mutex_);  // the adopted ones first
  bool frozen_ GUARDED_BY(mutex_) = false;
  std::size_t stopgap_slabs_ GUARDED_BY(mutex_) = 0;
  std::uint64_t stopgap_used_ GUARDED_BY(mutex_) = 0;  // bytes
  std::optional<Adopted> adopted_ GUARDED_BY(mutex_);
  std::deque<Spare> quarantine_ GUARDED_BY(mutex_);
  // Where stopgap slabs are mapped, in a row, since the first freeze().
  std::atomic<std::uintptr_t> stopgap_first_{0};
  std::atomic<std::uintptr_t> stopgap_end_{0};
  // Where adopted slabs are mapped, in a row, while the predecessor lives.
  std::atomic<std::uintptr_t> adopted_first_{0};
  std::atomic<std::uintptr_t> adopted_end_{0};
  std::atomic<std::uint64_t> allowance_left_{~std::uint64_t{0}};
};

}  // namespace weir::store
