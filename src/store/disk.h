#pragma once
// Disk: the regions of one [[storage.disk]]: adding records at the end of the open one, sealing it
// when it is full, giving the oldest up when the disk's share is used, and reading all of it back
// at start.
//
// Threads: region() any; all else the disk's one writer. Every call may block.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/directory.h"
#include "store/file_system.h"
#include "store/region.h"

namespace weir::store {

// Who lives in the regions: decides what is written forward when one is given up. Called without
// locks, on the disk's writer.
class Tenants {
 public:
  virtual bool wanted(const Entry& entry, std::uint32_t region) = 0;
  virtual void moved(const Entry& entry, std::uint32_t region, const Place& to) = 0;
  virtual void dropped(const Entry& entry, std::uint32_t region) = 0;
  // Nobody can tell what was in it.
  virtual void lost(std::uint32_t region) = 0;

 protected:
  ~Tenants() = default;
};

// Why a disk cannot be used, for people.
std::string why_unusable(const Error& why);

class Disk {
 public:
  struct Settings {
    std::string path;
    std::uint64_t size = 0;         // of all regions, bytes
    std::uint64_t region_size = 0;  // 4 MiB to 1 GiB, at most a quarter of `size`
    bool sync = false;              // fdatasync after each batch
  };
  struct Addition {
    Record record;  // sequence and length are set by append()
    Bytes payload;
    Place place{};  // out
  };
  struct Recovery {
    std::uint64_t regions = 0;
    std::uint64_t records = 0;
    std::uint64_t scanned = 0;   // bytes of regions without a table of contents
    std::uint64_t torn = 0;      // bytes cut off or passed over
    std::uint64_t damaged = 0;   // records
    std::uint64_t sequence = 0;  // the highest
    std::uint64_t body = 0;      // the highest
  };

  // Makes the directory and locks it. `number`: 1 to 255, of the disk in its store. EWOULDBLOCK:
  // another process has it.
  static Result<std::unique_ptr<Disk>> open(FileSystem& files, const Settings& settings,
                                            std::uint8_t number, std::uint64_t salt);

  // Runs of the store are numbered, and each disk has the number of its last one, so that a disk
  // that missed one (and the purges and new versions of it) is known when it comes back. 0: none.
  Result<std::uint64_t> last_run() const;
  Result<bool> disowned() const;
  Result<void> begin_run(std::uint64_t number);
  // What is there is of the past and goes: run by run, or because tombstones may be missing.
  Result<void> drop_all();

  // Reads what is there into `directory` and seals what was left open. Files that are no regions of
  // this version are left alone and logged. With a region that cannot be read all older ones go,
  // too: what it said that is no more of those is not known.
  Result<Recovery> recover(Directory& directory);

  // Adds the records in order, each with the next of `sequence`; sets their places. On an error
  // none of them counts. ENOSPC: not even giving regions up made room.
  Result<void> append(std::span<Addition> batch, std::atomic<std::uint64_t>& sequence,
                      Tenants& tenants);
  Result<void> seal_open();  // for the end: the next start need not scan
  // Gives the oldest region up, if there is one beside the open one: somebody else needs the room.
  Result<void> make_room(Tenants& tenants, std::atomic<std::uint64_t>& sequence);
  // A mark that the next start begins anew with this disk: it missed what happened since.
  Result<void> disown();

  void unlock() { lock_ = nullptr; }  // another process may have it now

  // Null: given up meanwhile.
  Ref<Region> region(std::uint32_t id) const EXCLUDES_LOCK(mutex_);
  const Settings& settings() const { return settings_; }
  std::uint8_t number() const { return number_; }
  // Bytes that its regions may take: `size`, or less where the file system has less for them.
  std::uint64_t share() const;
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t regions() const EXCLUDES_LOCK(mutex_);
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  std::uint64_t forwarded() const { return forwarded_.load(std::memory_order_relaxed); }
  std::uint64_t reclaimed() const { return reclaimed_.load(std::memory_order_relaxed); }
  // Regions that the file system had no room for beside those that `size` allows.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  using Survived = std::pair<std::uint32_t, std::vector<Entry>>;  // a region's chunks

  Disk(FileSystem& files, const Settings& settings, std::uint8_t number, std::uint64_t salt)
      : files_(files), settings_(settings), number_(number), salt_(salt) {}

  std::string path_of(std::uint32_t id) const;
  Result<std::vector<std::uint32_t>> find_regions() const;
  enum class Begin : std::uint8_t { kRegion, kNever, kForeign, kDamaged };
  Result<Begin> begin_of(std::uint32_t id) const;
  Result<void> drop_up_to(std::uint32_t id, const std::vector<std::uint32_t>& ids,
                          Directory& directory, std::vector<Survived>& chunks);
  Result<void> recover_region(std::uint32_t id, Directory& directory, Recovery& sum,
                              std::vector<Entry>& chunks);
  Result<void> remove_region(std::uint32_t id);
  Place place_of(const Entry& entry, std::uint32_t region) const;
  bool fits(std::uint64_t bytes) const;
  std::uint64_t most_credit() const { return 4 * settings_.region_size; }
  Result<void> add(Addition& addition, std::atomic<std::uint64_t>& sequence);
  Result<void> flush();
  Result<void> open_next(Tenants* tenants, std::atomic<std::uint64_t>& sequence);
  Result<bool> keep_share(Tenants& tenants, std::atomic<std::uint64_t>& sequence);
  Result<void> make_by_reclaiming(Tenants& tenants, std::atomic<std::uint64_t>& sequence);
  Result<void> make_file();
  Result<void> reclaim(Tenants& tenants, std::atomic<std::uint64_t>& sequence);
  Result<void> forward_wanted(Region& region, std::span<const Entry> entries, Tenants& tenants,
                              std::atomic<std::uint64_t>& sequence);
  Result<bool> forward(Region& region, const Entry& entry, Tenants& tenants,
                       std::atomic<std::uint64_t>& sequence);
  void count_used();

  FileSystem& files_;
  const Settings settings_;
  const std::uint8_t number_;
  std::uint64_t salt_;
  std::uint64_t name_ = 0;  // in the header of each region
  std::unique_ptr<File> lock_;

  mutable Mutex mutex_;                                 // leaf
  std::deque<Ref<Region>> regions_ GUARDED_BY(mutex_);  // oldest first; the last may be open
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> written_{0};    // bytes of records, those written forward included
  std::atomic<std::uint64_t> forwarded_{0};  // of them
  std::atomic<std::uint64_t> reclaimed_{0};  // regions given up
  std::atomic<std::uint64_t> refused_{0};

  // The writer's.
  Ref<Region> open_;
  std::uint32_t next_id_ = 1;
  std::vector<Entry> entries_;        // of the open region, those that wait included
  std::deque<RecordHeader> headers_;  // of what waits to be written at waiting_at_
  std::vector<Bytes> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  bool reclaiming_ = false;
  bool barren_ = false;  // giving regions up brought no room: none go for it until there is some
  std::uint64_t credit_ = 0;  // bytes that may be written forward
};

}  // namespace weir::store
