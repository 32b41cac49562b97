#pragma once
// Snapshot: what a running Weir has in memory, for the process that takes its place ("upgrade
// without a gap"). Large chunks are named by their place in the slabs, which both processes map
// (store/memory_store.h has their rules); small ones and what describes them are copied.
//
//   old:  store.freeze() -> write_snapshot(fd) -> fd and store.frozen_slabs() go to the new process
//   new:  read_snapshot(fd, slabs) -> serves -> store.predecessor_gone() when the old has ended
//
// It is for the same machine, minutes and layout: whatever differs is refused and the new process
// begins cold. Nothing in a file that is damaged, or not one at all, can crash a reader: it is
// checked as a whole (checksums, bounds, overlapping slots) before anything is made of it.
//
// What goes over: objects that can be served, with their variants, parts, tags and freshness; of
// bodies the chunks that are whole. Not: coded forms (made anew), hit-for-miss marks, fetches under
// way, what a purge or a ban concerns. So whoever hands over lets the purges that he accepted end
// before write_snapshot, and accepts no more before the new process serves.
//
// Objects that are on disk too: the body is tied to its disk copy again (Shelf::reopen), as it was,
// if the new process has opened the same disks by then; else it is an object of memory alone, and
// the disk copy is found by way of the Shelf when memory has dropped it. Purges concern both.
//
// Threads: one of its own for each of both functions, not a worker's; they take the locks of Index,
// bodies and store for moments (50 us; so do not nice it, or it is stopped while it has one). A
// million small objects are written in 4 s, and read in 3. Memory: the file holds the bytes of all
// small chunks once more, until it is read, which gives its pages back piece by piece.

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "cache/index.h"
#include "store/memory_store.h"

namespace weir::cache {

class Shelf;

struct SnapshotSettings {
  WallTime now;  // what is of no use any more then is left out
  // Bytes of small chunks that are copied at most; what does not fit is left out.
  std::uint64_t copied_most = ~std::uint64_t{0};
};

struct SnapshotCounts {
  std::uint64_t objects = 0;
  std::uint64_t left_out = 0;  // objects: nothing of use, or no room
  std::uint64_t chunks = 0;
  std::uint64_t slab_bytes = 0;    // of chunks that stay where they are
  std::uint64_t copied_bytes = 0;  // of those that are small
};

// A sealed memfd to write one into: -1 and errno. The caller closes it.
int make_snapshot_file();
// Writes all into `fd` (of make_snapshot_file(), empty), which is then sealed against shrinking.
// REQUIRES: store.frozen(). Fails with kSystem: no memory.
Result<SnapshotCounts> write_snapshot(Index& index, const store::MemoryStore& store,
                                      const SnapshotSettings& settings, int fd);

// Why a cache was not taken over.
enum class HandoverFault : std::uint8_t {
  kFile,     // no file, or one that could shrink under us
  kFormat,   // of another program, version or layout
  kDamaged,  // it contradicts its checksums, or itself
  kSlabs,    // the slabs are not those that it speaks of
  kNoMemory  // they cannot be mapped
};
struct HandoverRefusal {
  HandoverFault reason;
  std::string_view text;  // for the log; lives for ever
};
std::string_view name(HandoverFault fault);  // "damaged": snake case, for the log

// Makes the objects anew, those of main and those used lately first, as far as they fit. `slabs`:
// of frozen_slabs(), in that order; both they and `fd`, whose contents are used up, may be closed
// afterwards. `shelf` may be null. Where it is refused nothing was made, and Weir goes on cold.
// REQUIRES: the store has no bodies and the Index no Exchanges yet: no request, but the disks.
std::expected<SnapshotCounts, HandoverRefusal> read_snapshot(int fd, std::span<const int> slabs,
                                                             Index& index,
                                                             store::MemoryStore& store,
                                                             Shelf* shelf);

}  // namespace weir::cache
