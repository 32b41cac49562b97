#include "store/disk_store.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "store/disk_writer.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
constexpr std::size_t kQueueMost = 1 << 20;  // records that wait for one disk

}  // namespace

// ---- DiskBody

DiskBody::DiskBody(DiskStore& store, const Digest& key, std::uint64_t body, bool put)
    : store_(store), key_(key), body_(body), put_(put) {}

DiskBody::~DiskBody() { store_.leave(*this); }

void DiskBody::offer(std::uint32_t index, const Ref<body::Chunk>& chunk, std::size_t size,
                     std::uint64_t total) noexcept {
  if (put()) store_.offer(*this, index, chunk, size, total);
}

bool DiskBody::holds(std::uint32_t index) const noexcept { return run(index, 1) > 0; }

std::uint32_t DiskBody::run(std::uint32_t index, std::uint32_t most) const {
  if (!put()) return 0;
  Lock lock(store_.mutex_);
  const StoredBody* b = store_.directory_.find(key_, body_);
  return b && b->object ? b->run(index, most) : 0;
}

std::uint32_t DiskBody::next_chunk(std::uint32_t index) const {
  if (!put()) return ~std::uint32_t{0};
  Lock lock(store_.mutex_);
  const StoredBody* b = store_.directory_.find(key_, body_);
  return b && b->object ? b->next_chunk(index) : ~std::uint32_t{0};
}

// ---- DiskStore

Bytes DiskStore::Job::payload() const {
  if (chunk) return std::span<const std::byte>(chunk->data(), record.length);
  return std::as_bytes(std::span(text));
}

DiskStore::DiskStore(FileSystem& files, Settings settings) : settings_(std::move(settings)) {
  WEIR_CHECK(settings_.disks.size() < 256);
  Disks disks = open_disks(files);
  for (auto& disk : disks) {
    writers_.push_back(disk ? std::make_unique<Writer>(*this, std::move(disk)) : nullptr);
  }
  Lock lock(mutex_);
  directory_.remove_worthless();
}

// What is on a disk that missed the last run, or was taken out in it, is not believed: others have
// newer versions, and purges of which it does not know.
DiskStore::Disks DiskStore::open_disks(FileSystem& files) {
  Disks disks;
  std::vector<std::uint64_t> runs;
  for (const Settings::One& conf : settings_.disks) {
    const std::uint64_t region = std::min(settings_.region_size, conf.size / 4);
    const auto number = static_cast<std::uint8_t>(disks.size() + 1);
    auto disk =
        Disk::open(files, {conf.path, conf.size, region, settings_.power}, number, settings_.salt);
    const auto run =
        disk ? (*disk)->last_run() : Result<std::uint64_t>(std::unexpected(disk.error()));
    disks.push_back(disk ? std::move(*disk) : nullptr);
    runs.push_back(run.value_or(0));
    if (!run) leave_out(disks.back(), conf.path, run.error());
  }
  const std::uint64_t last = runs.empty() ? 0 : std::ranges::max(runs);
  Lock lock(runs_mutex_);
  run_ = last + 1;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    if (!disks[i]) continue;
    auto done = recover(*disks[i], runs[i] == last ? last : 0);
    if (done) done = disks[i]->begin_run(run_);
    if (!done) leave_out(disks[i], settings_.disks[i].path, done.error());
  }
  // One that goes on knows by the number of its run that the others missed it.
  if (std::ranges::any_of(disks, [](const auto& disk) { return disk != nullptr; })) unsafe_.reset();
  for (const auto& [path, why] : left_out_) {
    if (unsafe_) {
      log_error("disk={} cannot be used: {}", path, why);
    } else {
      log_error("DISK LEFT OUT disk={}: {}; Weir goes on without it", path, why);
    }
  }
  return disks;
}

// `last_run` 0: it missed the last one.
Result<void> DiskStore::recover(Disk& disk, std::uint64_t last_run) {
  const auto disowned = disk.disowned();
  if (!disowned) return std::unexpected(disowned.error());
  if (*disowned || last_run == 0) {
    const char* why =
        *disowned ? "was taken out in an earlier run" : "was not there in the last run";
    log_info("disk={} {}: it begins empty", disk.settings().path, why);
    if (const auto dropped = disk.drop_all(); !dropped) return dropped;
  }
  Lock lock(mutex_);
  const auto found = disk.recover(directory_);
  if (!found) {
    directory_.remove_disk(disk.number());
    return std::unexpected(found.error());
  }
  log_info("disk={} regions={} records={} scanned_bytes={} torn_bytes={} damaged_records={}",
           disk.settings().path, found->regions, found->records, found->scanned, found->torn,
           found->damaged);
  if (const std::uint64_t there = disk.share(); there < disk.settings().size) {
    log_warn(
        "disk={} has size={}, but its file system has room for {} bytes of it: it goes on with "
        "fewer regions",
        disk.settings().path, disk.settings().size, there);
  }
  sequence_ = std::max(sequence_.load(), found->sequence);
  bodies_ = std::max(bodies_.load(), found->body);
  stats_.damaged += found->damaged;
  return {};
}

void DiskStore::leave_out(std::unique_ptr<Disk>& disk, const std::string& path, Error why) {
  left_out_.emplace_back(path, why_unusable(why));
  if (!disk || !disk->disown()) unsafe_ = why;
  disk = nullptr;
}

// What was known of that disk is given up: should it come back, it has missed a run of the others.
void DiskStore::begin_runs_without(const Disk& lost) {
  std::vector<Disk*> others;
  {
    Lock lock(mutex_);
    for (const auto& writer : writers_) {
      if (writer && writer->in_use && &writer->disk() != &lost) others.push_back(&writer->disk());
    }
  }
  Lock lock(runs_mutex_);
  ++run_;
  for (Disk* disk : others) {
    if (const auto done = disk->begin_run(run_); !done)
      log_error("disk={} {}", disk->settings().path, describe(done.error()));
  }
}

DiskStore::~DiskStore() { stop(); }

void DiskStore::start() {
  for (const auto& writer : writers_) {
    pools_.push_back(writer ? std::make_unique<IoPool>(settings_.read_threads, settings_.read_queue)
                            : nullptr);
    if (writer) writer->start();
  }
}

void DiskStore::stop() {
  pools_.clear();
  for (const auto& writer : writers_) {
    if (writer) writer->stop();
  }
}

void DiskStore::let_go() {
  for (const auto& writer : writers_) {
    if (writer) writer->let_go();
  }
}

void DiskStore::disown() {
  for (const auto& writer : writers_) {
    if (!writer) continue;
    if (const auto done = writer->disk().disown(); !done)
      log_error("disk={}: {}", writer->disk().settings().path, describe(done.error()));
  }
}

Ref<DiskBody> DiskStore::create_body(const Digest& key) {
  return make_ref<DiskBody>(*this, key, ++bodies_, false);
}

Ref<DiskBody> DiskStore::open_body(const Digest& key, std::uint64_t body) {
  {
    Lock lock(mutex_);
    if (StoredBody* b = directory_.find(key, body)) ++b->users;
  }
  return make_ref<DiskBody>(*this, key, body, true);
}

void DiskStore::leave(const DiskBody& body) {
  if (!body.put()) return;
  Lock lock(mutex_);
  StoredBody* b = directory_.find(body.key(), body.body());
  if (!b) return;
  if (b->users > 0) --b->users;
  if (b->worthless()) remove(body.key(), *b);
}

// ---- writing behind

// The disk of what the key has already; else by rendezvous, each disk by its size. 0: none works.
std::uint8_t DiskStore::disk_for(const Digest& key) const {
  std::uint8_t best = 0;
  directory_.each(key, [&](const StoredBody& b) { best = b.disk; });
  if (best != 0) return best;
  double most = 0;
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    if (!writers_[i] || !writers_[i]->in_use) continue;
    const std::uint64_t parts[] = {key.high, key.low};
    const std::uint64_t hash = checksum(std::as_bytes(std::span(parts)), i + 1);
    const double chance = (static_cast<double>(hash >> 11) + 1) / 9007199254740993.0;  // 2^53 + 1
    const double score = static_cast<double>(settings_.disks[i].size) / -std::log(chance);
    if (best == 0 || score > most) {
      best = static_cast<std::uint8_t>(i + 1);
      most = score;
    }
  }
  return best;
}

void DiskStore::enqueue(std::uint8_t disk, Job job) {
  Writer& writer = *writers_[disk - 1u];
  if (!writer.in_use) return;
  if (writer.queue.size() >= kQueueMost) {
    writer.overrun = true;  // tombstones, mostly: none may be missing
    return;
  }
  stats_.dirty += job.bytes;
  writer.queue.push_back(std::move(job));
  writer.work.notify_one();
}

// Out of the directory, and what is on disk of it counts no more.
void DiskStore::remove(const Digest& key, const StoredBody& body) {
  const Directory::Dropped dropped{body.body, body.disk};
  const bool written = static_cast<bool>(body.object);
  directory_.remove(key, dropped.body);
  if (written) bury(key, dropped);
}

// A tombstone for a body that went, on its disk. `dropped.body` 0: for all of the key.
void DiskStore::bury(const Digest& key, const Directory::Dropped& dropped) {
  Job job;
  job.record.kind = RecordKind::kTombstone;
  job.record.key = key;
  job.record.body = dropped.body;
  job.bytes = kRecordHeaderBytes;
  enqueue(dropped.disk, std::move(job));
}

void DiskStore::put_object(DiskBody& body, std::uint64_t variant, bool refillable,
                           std::uint64_t total, std::string description) {
  Lock lock(mutex_);
  const StoredBody* before = directory_.find(body.key_, body.body_);
  if (body.put() && !before) return;  // purged or lost meanwhile: it does not come back
  const std::uint8_t disk = before ? before->disk : disk_for(body.key_);
  if (disk == 0) return;
  // Descriptions may go a little beyond the limit; without one a body's chunks are worth nothing.
  if (stats_.dirty > (before ? 4 : 2) * settings_.dirty_max) {
    ++stats_.unwritten_chunks;
    return;
  }
  std::vector<Directory::Dropped> dropped;
  StoredBody& b = directory_.put(body.key_, body.body_, variant, disk, dropped);
  if (!body.put_.exchange(true)) ++b.users;
  ++b.pending;
  b.refillable = refillable;
  if (total != kUnknown) b.total = total;
  // Also on this disk: what takes their place may never be written.
  for (const Directory::Dropped& d : dropped) bury(body.key_, d);
  Job job;
  job.record.kind = RecordKind::kObject;
  job.record.refillable = refillable;
  job.record.key = body.key_;
  job.record.body = body.body_;
  job.record.part = variant;
  job.record.total = b.total;
  job.bytes = record_bytes(description.size());
  job.text = std::move(description);
  enqueue(disk, std::move(job));
}

void DiskStore::offer(const DiskBody& body, std::uint32_t index, const Ref<body::Chunk>& chunk,
                      std::size_t size, std::uint64_t total) noexcept {
  Lock lock(mutex_);
  StoredBody* b = directory_.find(body.key_, body.body_);
  if (!b) return;
  if (total != kUnknown) b->total = total;
  if (b->chunk(index)) return;
  stats_.offered += size;
  if (stats_.dirty + size > settings_.dirty_max) {
    ++stats_.unwritten_chunks;
    return;
  }
  ++b->pending;
  Job job;
  job.record.kind = RecordKind::kChunk;
  job.record.length = static_cast<std::uint32_t>(size);
  job.record.key = body.key_;
  job.record.body = body.body_;
  job.record.part = index;
  job.record.total = b->total;
  job.bytes = record_bytes(size);
  job.chunk = chunk;
  enqueue(b->disk, std::move(job));
}

void DiskStore::drop(const Digest& key, std::uint64_t body) {
  Lock lock(mutex_);
  const StoredBody* b = directory_.find(key, body);
  if (!b) return;
  const Directory::Dropped dropped{b->body, b->disk};
  directory_.remove(key, body);
  bury(key, dropped);
}

void DiskStore::drop_variant(const Digest& key, std::uint64_t variant) {
  Lock lock(mutex_);
  std::vector<Directory::Dropped> dropped;
  directory_.each(key, [&](const StoredBody& b) {
    if (b.variant == variant) dropped.push_back({b.body, b.disk});
  });
  for (const Directory::Dropped& d : dropped) {
    directory_.remove(key, d.body);
    bury(key, d);
  }
}

void DiskStore::purge(const Digest& key) {
  Lock lock(mutex_);
  std::set<std::uint8_t> disks;
  for (const Directory::Dropped& d : directory_.remove_key(key)) disks.insert(d.disk);
  for (const std::uint8_t disk : disks) bury(key, {0, disk});
}

// ---- looking

DiskStore::Bodies DiskStore::bodies(const Digest& key) const {
  Lock lock(mutex_);
  Bodies out;
  directory_.each(key, [&](const StoredBody& b) {
    ++out.all;
    out.alone += b.users == 0 && b.object;
  });
  return out;
}

bool DiskStore::has_alone(const Digest& key) const {
  Lock lock(mutex_);
  bool found = false;
  directory_.each(key, [&](const StoredBody& b) { found |= b.users == 0 && b.object; });
  return found;
}

bool DiskStore::read(const Digest& key, Ref<IoJob> job) {
  std::uint8_t disk = 0;
  {
    Lock lock(mutex_);
    directory_.each(key, [&](const StoredBody& b) { disk = b.disk; });
  }
  if (pools_.empty()) return false;
  // Of a key that is unknown by now any pool will find nothing.
  const auto pool = disk != 0
                        ? pools_.begin() + (disk - 1)
                        : std::ranges::find_if(pools_, [](const auto& p) { return p != nullptr; });
  return pool != pools_.end() && (*pool)->submit(std::move(job));
}

bool DiskStore::alive(const Digest& key, std::uint64_t body) {
  Lock lock(mutex_);
  return directory_.find(key, body) != nullptr;
}

bool DiskStore::in_use() const {
  Lock lock(mutex_);
  return std::ranges::any_of(writers_, [](const auto& w) { return w && w->in_use; });
}

std::vector<std::string> DiskStore::directories() const {
  Lock lock(mutex_);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    if (writers_[i] && writers_[i]->in_use) out.push_back(settings_.disks[i].path);
  }
  return out;
}

void DiskStore::take_out(const std::string& directory, Error why) {
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    if (writers_[i] && settings_.disks[i].path == directory) writers_[i]->take_out(why);
  }
}

bool DiskStore::make_room(const std::string& directory) {
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    if (writers_[i] && settings_.disks[i].path == directory) return writers_[i]->make_room();
  }
  return false;
}

DiskStats DiskStore::stats() const {
  Lock lock(mutex_);
  DiskStats out = stats_;
  out.keys = directory_.keys();
  out.bodies = directory_.bodies();
  out.index_bytes = directory_.bytes();
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    DiskStats::One one;
    one.path = settings_.disks[i].path;
    one.size = settings_.disks[i].size;
    one.in_use = writers_[i] && writers_[i]->in_use;
    if (writers_[i]) {
      const Disk& disk = writers_[i]->disk();
      one.used = disk.used();
      one.regions = disk.regions();
      one.reclaimed = disk.reclaimed();
      one.written = disk.written();
      one.forwarded = disk.forwarded();
      one.refused = disk.refused();
    }
    out.disks.push_back(std::move(one));
  }
  return out;
}

void DiskStore::flush() {
  Lock lock(mutex_);
  const auto busy = [](const auto& w) {
    return w && (w->busy || (w->in_use && !w->queue.empty()));
  };
  while (std::ranges::any_of(writers_, busy)) idle_.wait(mutex_);
}

}  // namespace weir::store
