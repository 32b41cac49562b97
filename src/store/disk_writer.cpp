#include "store/disk_writer.h"

#include <cerrno>

#include "base/log.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kBatchBytes = 8 * 1024 * 1024;
constexpr std::size_t kBatchJobs = 512;

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
    write(batch);
    batch.clear();  // without the lock: chunks give their memory back
    Lock lock(store_.mutex_);
    busy = false;
    if (queue.empty()) store_.idle_.notify_all();
  }
  if (const auto sealed = disk_->seal_open(); !sealed) {
    log_warn("disk={} cannot be sealed: {}", disk_->settings().path, describe(sealed.error()));
  }
}

// False: the end.
bool DiskStore::Writer::take(std::vector<Job>& batch) {
  Lock lock(store_.mutex_);
  while (queue.empty() && !stopping_) work.wait(store_.mutex_);
  if (queue.empty()) return false;
  busy = true;
  std::uint64_t bytes = 0;
  while (!queue.empty() && bytes < kBatchBytes && batch.size() < kBatchJobs) {
    bytes += queue.front().bytes;
    batch.push_back(std::move(queue.front()));
    queue.pop_front();
  }
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
  const auto written = disk_->append(additions, store_.sequence_, *this);
  if (!written) return give_up(batch, written.error());
  Lock lock(store_.mutex_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    settle(*jobs[i], additions[i].place, additions[i].record.sequence);
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
  if (b->worthless()) store_.directory_.remove(job.record.key, job.record.body);
}

// A full disk leaves this batch unwritten; any other fault takes the disk out.
void DiskStore::Writer::give_up(std::vector<Job>& batch, Error why) {
  {
    Lock lock(store_.mutex_);
    for (const Job& job : batch) {
      store_.stats_.unwritten_chunks += job.chunk ? 1 : 0;
      settle(job, {}, 0);
    }
  }
  if (why.sys != ENOSPC) return take_out(why);
  log_error("disk={} has no room left: {} records are not stored", disk_->settings().path,
            batch.size());
}

void DiskStore::Writer::take_out(Error why) {
  disk_->disown();
  std::deque<Job> rest;
  {
    Lock lock(store_.mutex_);
    if (!in_use) return;
    in_use = false;
    rest.swap(queue);
    for (const Job& job : rest) store_.stats_.dirty -= job.bytes;
    store_.directory_.remove_disk(disk_->number());
  }
  log_error("DISK TAKEN OUT disk={}: {}; its content is lost, Weir goes on without it",
            disk_->settings().path, describe(why));
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

}  // namespace weir::store
