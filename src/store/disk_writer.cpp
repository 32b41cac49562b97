#include "store/disk_writer.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kBatchBytes = 8 * 1024 * 1024;
constexpr std::size_t kBatchJobs = 512;
constexpr std::chrono::seconds kPatience{1};
constexpr std::chrono::minutes kTellAgain{1};  // that a disk is full

std::uint32_t chunk_of(const Record& record) { return static_cast<std::uint32_t>(record.part); }

}  // namespace

void DiskStore::Writer::start() {
  thread_ = std::thread([this] { run(); });
}

void DiskStore::Writer::stop() {
  {
    Lock lock(store_.mutex_);
    stopping_ = true;
    work.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void DiskStore::Writer::run() {
  std::vector<Job> batch;
  while (take(batch)) {
    if (!batch.empty()) write(batch);
    batch.clear();  // without the lock: chunks give their memory back
    Lock lock(store_.mutex_);
    busy = false;
    if (queue.empty()) store_.idle_.notify_all();
  }
  mark();
  if (const auto sealed = disk_->seal_open(); !sealed) {
    log_warn("disk={} cannot be sealed: {}", disk_->settings().path, describe(sealed.error()));
  }
  Lock lock(store_.mutex_);
  ended_ = true;
  store_.idle_.notify_all();
}

// False: nothing to do in a second, but to look again.
bool DiskStore::Writer::wait_for_work() {
  const auto none = [&] {
    return queue.empty() && !stopping_ && !overrun && room_ != Room::kAsked;
  };
  if (patient_ && !stopping_) work.wait_for(store_.mutex_, kPatience);
  patient_ = false;
  while (none() && marked_) work.wait(store_.mutex_);
  if (none()) work.wait_for(store_.mutex_, kPatience);
  return !none();
}

// False: the end. What comes may be nothing.
bool DiskStore::Writer::take(std::vector<Job>& batch) {
  bool overran = false;
  {
    Lock lock(store_.mutex_);
    if (wait_for_work() && queue.empty() && stopping_) return false;
    busy = true;
    overran = std::exchange(overrun, false);
    std::uint64_t bytes = 0;
    while (!queue.empty() && bytes < kBatchBytes && batch.size() < kBatchJobs) {
      bytes += queue.front().bytes;
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
    }
  }
  if (overran) take_out(Error{Errc::kSystem, ENOBUFS});
  give_room();
  mark();
  return true;
}

// What died while it waited is not written.
bool DiskStore::Writer::still_wanted(const Job& job) {
  if (job.record.kind == RecordKind::kTombstone) return true;
  StoredBody* b = store_.directory_.find(job.record.key, job.record.body);
  if (!b) return false;
  return job.record.kind == RecordKind::kObject || !b->chunk(chunk_of(job.record));
}

void DiskStore::Writer::write(std::vector<Job>& batch) {
  std::vector<Disk::Addition> additions;
  std::vector<const Job*> jobs;
  {
    Lock lock(store_.mutex_);
    for (const Job& job : batch) {
      if (still_wanted(job)) {
        additions.push_back({job.record, job.payload()});
        jobs.push_back(&job);
      } else {
        settle(job, {}, 0);
      }
    }
  }
  auto written = keep_index_small();
  if (written) written = disk_->append(additions, store_.sequence_, *this);
  tell_of_refusals();
  if (!written) return give_up(batch, written.error());
  Lock lock(store_.mutex_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    settle(*jobs[i], additions[i].place, additions[i].record.sequence);
  }
}

// A file system that is full, or smaller than `size`: at once, then once a minute at most.
void DiskStore::Writer::tell_of_refusals() {
  const std::uint64_t refused = disk_->refused();
  if (refused == refusals_) return;
  const TimePoint now = store_.settings_.now();
  if (refusals_ > 0 && now - told_at_ < kTellAgain) return;
  log_error(
      "disk={} is full: its file system has no room for size={}; it goes on with fewer "
      "regions={} refused={}",
      disk_->settings().path, disk_->settings().size, disk_->regions(), refused);
  refusals_ = refused;
  told_at_ = now;
}

// Of many small objects memory is used up before the disk is.
Result<void> DiskStore::Writer::keep_index_small() {
  for (;;) {
    {
      Lock lock(store_.mutex_);
      if (store_.directory_.bytes() <= store_.settings_.index_max) return {};
    }
    const auto done = disk_->make_room(*this, store_.sequence_);
    if (!done && done.error().sys == ENOSPC) return {};  // there is only the open region
    if (!done) return done;
    if (!std::exchange(crowded_, true)) {
      log_warn("disk={} is not used up: disk_index has no room for more objects, the oldest go",
               disk_->settings().path);
    }
  }
}

// The job is over; `place`: where it is now, if anywhere.
void DiskStore::Writer::settle(const Job& job, const Place& place, std::uint64_t sequence) {
  store_.stats_.dirty -= job.bytes;
  StoredBody* b = store_.directory_.find(job.record.key, job.record.body);
  if (!b || job.record.kind == RecordKind::kTombstone) return;
  if (b->pending > 0) --b->pending;
  // On a very small disk the region may have been given up by the very batch that it was part of.
  const bool there = place && disk_->region(place.region);
  if (there && job.record.kind == RecordKind::kObject) {
    b->object = place;
    b->sequence = sequence;
  } else if (there) {
    b->set_chunk(chunk_of(job.record), place);
  }
  if (b->worthless()) store_.remove(job.record.key, *b);
}

// Where there is no room, or no descriptor, for now, this batch is left unwritten, but for its
// tombstones: they wait. Any other fault takes the disk out.
void DiskStore::Writer::give_up(std::vector<Job>& batch, Error why) {
  const bool passing = why.sys == ENOSPC || why.sys == EDQUOT || why.sys == EMFILE ||
                       why.sys == ENFILE || why.sys == ENOMEM || why.sys == EINTR;
  const bool anything = disk_->regions() > 0;  // that a tombstone could be for
  std::size_t kept = 0;
  bool ends = false;
  {
    Lock lock(store_.mutex_);
    for (auto job = batch.rbegin(); job != batch.rend(); ++job) {
      if (passing && anything && in_use && job->record.kind == RecordKind::kTombstone) {
        queue.push_front(std::move(*job));
        ++kept;
        continue;
      }
      store_.stats_.unwritten_chunks += job->chunk ? 1 : 0;
      settle(*job, {}, 0);
    }
    patient_ = true;
    ends = stopping_ && kept > 0;
  }
  if (!passing || ends) return take_out(why);
  log_error("disk={}: {}: {} records are not stored", disk_->settings().path, describe(why),
            batch.size() - kept);
}

void DiskStore::Writer::let_go() {
  stop();
  std::deque<Job> late;  // goes without the lock
  {
    Lock lock(store_.mutex_);
    in_use = false;
    late.swap(queue);
    for (const Job& job : late) store_.stats_.dirty -= job.bytes;
  }
  disk_->unlock();
}

void DiskStore::Writer::take_out(Error why) {
  std::deque<Job> rest;
  {
    Lock lock(store_.mutex_);
    if (!in_use) return;
    in_use = marked_ = false;
    rest.swap(queue);
    for (const Job& job : rest) store_.stats_.dirty -= job.bytes;
    store_.directory_.remove_disk(disk_->number());
    work.notify_all();
  }
  log_error("DISK TAKEN OUT disk={}: {}; its content is lost, Weir goes on without it",
            disk_->settings().path, describe(why));
  store_.begin_runs_without(*disk_);
}

// Tells the next start, by whatever means it takes.
void DiskStore::Writer::mark() {
  {
    Lock lock(store_.mutex_);
    if (marked_) return;
  }
  const auto done = disk_->disown();
  Lock lock(store_.mutex_);
  marked_ = done.has_value();
  if (!marked_ && (stopping_ || !told_)) {
    told_ = true;
    log_error(
        "disk={} cannot be marked as taken out: {}; EMPTY IT before Weir starts with it again",
        disk_->settings().path, describe(done.error()));
  }
}

// The writer's thread does it, as it alone changes regions.
bool DiskStore::Writer::make_room() {
  Lock lock(store_.mutex_);
  if (!in_use || ended_ || stopping_) return false;
  room_ = Room::kAsked;
  work.notify_all();
  while (room_ == Room::kAsked && !ended_) store_.idle_.wait(store_.mutex_);
  return room_ == Room::kGiven;
}

void DiskStore::Writer::give_room() {
  {
    Lock lock(store_.mutex_);
    if (room_ != Room::kAsked) return;
  }
  const auto done = disk_->make_room(*this, store_.sequence_);
  if (!done && done.error().sys != ENOSPC) take_out(done.error());
  Lock lock(store_.mutex_);
  room_ = done ? Room::kGiven : Room::kNone;
  store_.idle_.notify_all();
}

// ---- reclaiming

// Chunks that were read again, or whose body is in memory, too; descriptions of bodies that have
// chunks.
bool DiskStore::Writer::wanted(const Entry& entry, std::uint32_t region) {
  Lock lock(store_.mutex_);
  const StoredBody* b = store_.directory_.find(entry.record.key, entry.record.body);
  if (!b) return false;
  if (entry.record.kind == RecordKind::kObject) {
    const bool used = b->has_chunks() || b->users > 0 || b->pending > 0 || b->object.hits > 0;
    return b->object.is_at(region, entry.offset) && used;
  }
  const Place* chunk = b->chunk(chunk_of(entry.record));
  return chunk && chunk->is_at(region, entry.offset) && (chunk->hits > 0 || b->users > 0);
}

void DiskStore::Writer::moved(const Entry& entry, std::uint32_t region, const Place& to) {
  Lock lock(store_.mutex_);
  StoredBody* b = store_.directory_.find(entry.record.key, entry.record.body);
  if (!b) return;
  if (entry.record.kind == RecordKind::kObject) {
    if (b->object.is_at(region, entry.offset)) b->object = to;
  } else if (const Place* chunk = b->chunk(chunk_of(entry.record));
             chunk && chunk->is_at(region, entry.offset)) {
    b->set_chunk(chunk_of(entry.record), to);
  }
}

void DiskStore::Writer::dropped(const Entry& entry, std::uint32_t region) {
  Lock lock(store_.mutex_);
  StoredBody* b = store_.directory_.find(entry.record.key, entry.record.body);
  if (!b) return;
  if (entry.record.kind == RecordKind::kObject) {
    if (b->object.is_at(region, entry.offset)) {
      store_.directory_.remove(entry.record.key, entry.record.body);
    }
    return;
  }
  const Place* chunk = b->chunk(chunk_of(entry.record));
  if (chunk && chunk->is_at(region, entry.offset)) b->remove_chunk(chunk_of(entry.record));
  if (b->worthless()) store_.directory_.remove(entry.record.key, entry.record.body);
}

void DiskStore::Writer::lost(std::uint32_t region) {
  Lock lock(store_.mutex_);
  store_.directory_.remove_region(region);
}

}  // namespace weir::store
