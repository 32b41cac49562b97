#pragma once
// DiskStore::Writer: the thread that writes to one disk, and decides what stays when a region of it
// is given up. Private to store/.

#include "store/disk_store.h"

namespace weir::store {

class DiskStore::Writer final : public Tenants {
 public:
  Writer(DiskStore& store, std::unique_ptr<Disk> disk) : store_(store), disk_(std::move(disk)) {}
  ~Writer() { stop(); }

  void start();
  void stop();  // when the queue is empty; seals
  // stop(), and another process has the disk from then on. What comes later is not stored.
  void let_go();
  // Any thread: nothing of this disk is used any more, nor by the next start. Loud.
  void take_out(Error why);
  bool make_room();  // see DiskStore
  Disk& disk() const { return *disk_; }

  bool wanted(const Entry& entry, std::uint32_t region) override;
  void moved(const Entry& entry, std::uint32_t region, const Place& to) override;
  void dropped(const Entry& entry, std::uint32_t region) override;
  void lost(std::uint32_t region) override;

  std::atomic<std::uint32_t> read_errors{0};  // in a row
  // Under the store's lock.
  std::deque<Job> queue;
  bool in_use = true;
  bool busy = false;     // a batch is being written
  bool overrun = false;  // it cannot follow
  std::condition_variable_any work;

 private:
  void run();
  bool take(std::vector<Job>& batch);
  bool still_wanted(const Job& job) REQUIRES_LOCK(store_.mutex_);
  void write(std::vector<Job>& batch);
  void settle(const Job& job, const Place& place, std::uint64_t sequence)
      REQUIRES_LOCK(store_.mutex_);
  void give_up(std::vector<Job>& batch, Error why);
  void tell_of_refusals();
  bool wait_for_work() REQUIRES_LOCK(store_.mutex_);
  void mark();
  Result<void> keep_index_small() EXCLUDES_LOCK(store_.mutex_);
  void give_room() EXCLUDES_LOCK(store_.mutex_);

  DiskStore& store_;
  const std::unique_ptr<Disk> disk_;
  bool crowded_ = false;        // the log was told
  std::uint64_t refusals_ = 0;  // of which the log was told, and when last
  TimePoint told_at_{};
  // Under the store's lock:
  bool stopping_ = false;
  bool marked_ = true;    // false: taken out, and the next start does not know
  bool told_ = false;     // who reads the log
  bool patient_ = false;  // the last batch met no room: not at once again
  enum class Room : std::uint8_t { kNobodyAsks, kAsked, kGiven, kNone } room_ = Room::kNobodyAsks;
  bool ended_ = false;  // the thread has
  std::thread thread_;
};

}  // namespace weir::store
