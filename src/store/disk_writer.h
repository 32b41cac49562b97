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
  // Any thread: nothing of this disk is used any more, nor by the next start. Loud.
  void take_out(Error why);
  Disk& disk() const { return *disk_; }

  bool wanted(const Entry& entry, std::uint32_t region) override;
  void moved(const Entry& entry, std::uint32_t region, const Place& to) override;
  void dropped(const Entry& entry, std::uint32_t region) override;

  // Under the store's lock.
  std::deque<Job> queue;
  bool in_use = true;
  bool busy = false;  // a batch is being written
  std::condition_variable_any work;

 private:
  void run();
  bool take(std::vector<Job>& batch);
  bool still_wanted(const Job& job) REQUIRES_LOCK(store_.mutex_);
  void write(std::vector<Job>& batch);
  void settle(const Job& job, const Place& place, std::uint64_t sequence)
      REQUIRES_LOCK(store_.mutex_);
  void give_up(std::vector<Job>& batch, Error why);

  DiskStore& store_;
  const std::unique_ptr<Disk> disk_;
  bool stopping_ = false;  // under the store's lock
  std::thread thread_;
};

}  // namespace weir::store
