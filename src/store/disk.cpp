#include "store/disk.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "base/log.h"

namespace weir::store {
namespace {

constexpr std::uint32_t kLastId = (1u << Place::kDiskShift) - 1;
constexpr std::uint64_t kFlushBytes = 4 * 1024 * 1024;
constexpr std::size_t kFlushPieces = 60;
constexpr std::string_view kDisowned = "disowned";

constexpr std::array<std::byte, 8> kPadding{};

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(FileSystem& files, const Settings& settings,
                                         std::uint8_t number, std::uint64_t salt) {
  WEIR_CHECK(number > 0 && settings.region_size * 4 <= settings.size);
  std::unique_ptr<Disk> disk(new Disk(files, settings, number, salt));
  disk->credit_ = disk->most_credit();
  if (auto made = files.make_directory(settings.path); !made) return std::unexpected(made.error());
  auto lock = files.lock(settings.path + "/lock");
  if (!lock) return std::unexpected(lock.error());
  disk->lock_ = std::move(*lock);
  return disk;
}

std::string Disk::path_of(std::uint32_t id) const {
  return settings_.path + "/" + region_name(id & kLastId);
}

Ref<Region> Disk::region(std::uint32_t id) const {
  Lock lock(mutex_);
  id &= kLastId;
  const auto it = std::ranges::lower_bound(regions_, id, {}, [](const auto& r) { return r->id(); });
  return it == regions_.end() || (*it)->id() != id ? Ref<Region>() : *it;
}

std::uint64_t Disk::regions() const {
  Lock lock(mutex_);
  return regions_.size();
}

Place Disk::place_of(const Entry& entry, std::uint32_t region) const {
  return store::place_of(entry, number_, region);
}

void Disk::count_used() {
  std::uint64_t sum = 0;
  Lock lock(mutex_);
  for (const Ref<Region>& r : regions_) sum += r->sealed() ? r->end() : settings_.region_size;
  used_ = sum;
}

// ---- recovery

Result<std::vector<std::uint32_t>> Disk::find_regions() const {
  const auto names = files_.list(settings_.path);
  if (!names) return std::unexpected(names.error());
  std::vector<std::uint32_t> ids;
  for (const std::string& name : *names) {
    if (const std::uint32_t id = region_id(name); id != 0 && id <= kLastId) ids.push_back(id);
  }
  std::ranges::sort(ids);
  if (std::ranges::find(*names, kDisowned) == names->end()) return ids;
  log_warn("disk={} was taken out in an earlier run: its {} regions are dropped", settings_.path,
           ids.size());
  for (const std::uint32_t id : ids) {
    if (const auto gone = files_.remove(path_of(id)); !gone) return std::unexpected(gone.error());
  }
  if (const auto gone = files_.remove(settings_.path + "/" + std::string(kDisowned)); !gone)
    return std::unexpected(gone.error());
  return std::vector<std::uint32_t>{};
}

// A kill came between the making of the file and its header.
bool Disk::never_begun(std::uint32_t id) const {
  const auto file = files_.open(path_of(id), FileSystem::Open::kRead);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
  return size && *size < kRegionHeaderBytes;
}

// Objects and tombstones of all regions first: a description that was written forward stands behind
// its chunks.
Result<Disk::Recovery> Disk::recover(Directory& directory) {
  const auto ids = find_regions();
  if (!ids) return std::unexpected(ids.error());
  Recovery sum;
  std::vector<std::pair<std::uint32_t, std::vector<Entry>>> chunks;
  for (const std::uint32_t id : *ids) {
    next_id_ = id + 1;
    if (never_begun(id)) {
      if (const auto gone = files_.remove(path_of(id)); !gone) return std::unexpected(gone.error());
      continue;
    }
    std::vector<Entry> found;
    if (const auto done = recover_region(id, directory, sum, found); !done) {
      log_error("disk={} region={} cannot be read and is dropped: {}", settings_.path,
                region_name(id), describe(done.error()));
      if (done.error().sys != EINVAL) return std::unexpected(done.error());
    }
    chunks.emplace_back(id, std::move(found));
  }
  for (const auto& [id, entries] : chunks) directory.recover(entries, number_, id, true);
  if (name_ == 0) name_ = checksum(std::as_bytes(std::span(settings_.path)), salt_) | 1;
  count_used();
  return sum;
}

Result<void> Disk::recover_region(std::uint32_t id, Directory& directory, Recovery& sum,
                                  std::vector<Entry>& chunks) {
  const auto opened = open_region(files_, path_of(id), FileSystem::Open::kWrite);
  if (!opened) return std::unexpected(opened.error());
  Region& region = **opened;
  const auto found = survey(region, false);
  if (!found) return std::unexpected(found.error());
  ++sum.regions;
  sum.records += found->entries.size();
  sum.torn += found->torn;
  sum.damaged += found->damaged;
  if (name_ == 0) name_ = region.disk();
  if (region.disk() != name_) return fail(Errc::kSystem, EINVAL);
  for (const Entry& e : found->entries) {
    sum.sequence = std::max(sum.sequence, e.record.sequence);
    sum.body = std::max(sum.body, e.record.body);
    if (e.record.kind == RecordKind::kChunk) chunks.push_back(e);
  }
  directory.recover(found->entries, number_, id, false);
  if (!found->sealed) {
    sum.scanned += region.end();
    region.set_end(found->end);
    if (found->entries.empty()) return files_.remove(path_of(id));
    if (const auto sealed = region.seal(found->entries); !sealed) {
      log_warn("disk={} region={} cannot be sealed: {}", settings_.path, region_name(id),
               describe(sealed.error()));
    }
  } else {
    region.mark_sealed();
  }
  Lock lock(mutex_);
  regions_.push_back(*opened);
  return {};
}

void Disk::disown() {
  (void)files_.open(settings_.path + "/" + std::string(kDisowned), FileSystem::Open::kCreate);
}

// ---- appending

bool Disk::fits(std::uint64_t bytes) const {
  return open_ && open_->end() + waiting_bytes_ + bytes + Region::seal_bytes(entries_.size() + 1) <=
                      settings_.region_size;
}

Result<void> Disk::append(std::span<Addition> batch, std::atomic<std::uint64_t>& sequence,
                          Tenants& tenants) {
  for (Addition& a : batch) {
    Result<void> done;
    if (!fits(record_bytes(a.payload.size()))) done = open_next(&tenants, sequence);
    if (done) done = add(a, sequence);
    if (!done) return done;
  }
  auto done = flush();
  if (!done && done.error().sys == ENOSPC) {
    // Without blocks reserved beforehand the disk may be full in the middle of a region.
    done = open_next(&tenants, sequence);
    for (Addition& a : batch) {
      if (done) done = add(a, sequence);
    }
    if (done) done = flush();
  }
  if (done && settings_.sync && open_) done = open_->file().sync();
  for (const Addition& a : batch) credit_ += record_bytes(a.payload.size());
  credit_ = std::min(credit_, most_credit());
  return done;
}

// What is added waits until flush(), so that many records are one write.
Result<void> Disk::add(Addition& a, std::atomic<std::uint64_t>& sequence) {
  a.record.sequence = ++sequence;
  a.record.length = static_cast<std::uint32_t>(a.payload.size());
  const std::uint64_t bytes = record_bytes(a.payload.size());
  const Entry entry{a.record, static_cast<std::uint32_t>(open_->end() + waiting_bytes_)};
  encode(a.record, checksum(a.payload), open_->salt(), headers_.emplace_back());
  waiting_.push_back(headers_.back());
  waiting_.push_back(a.payload);
  const std::uint64_t pad = bytes - kRecordHeaderBytes - a.payload.size();
  if (pad > 0) waiting_.push_back(std::span(kPadding).first(pad));
  waiting_bytes_ += bytes;
  entries_.push_back(entry);
  a.place = place_of(entry, open_->id());
  if (waiting_bytes_ < kFlushBytes && waiting_.size() < kFlushPieces) return {};
  return flush();
}

Result<void> Disk::flush() {
  if (waiting_.empty()) return {};
  const std::uint64_t at = open_->end();
  const auto done = write_all(open_->file(), waiting_, at);
  if (done) {
    open_->set_end(at + waiting_bytes_);
    written_ += waiting_bytes_;
    open_->file().write_back(at, waiting_bytes_);
  } else {
    std::erase_if(entries_, [&](const Entry& e) { return e.offset >= at; });
  }
  headers_.clear();
  waiting_.clear();
  waiting_bytes_ = 0;
  return done;
}

Result<void> Disk::seal_open() {
  if (!open_) return {};
  auto done = flush();
  if (done) done = open_->seal(entries_);
  if (done && settings_.sync) done = open_->file().sync();
  entries_.clear();
  open_ = nullptr;
  count_used();
  return done;
}

// `tenants` null: what is written forward opens a region of its own, above the disk's share.
Result<void> Disk::open_next(Tenants* tenants, std::atomic<std::uint64_t>& sequence) {
  if (const auto sealed = seal_open(); !sealed) {
    if (sealed.error().sys != ENOSPC) return sealed;
    log_warn("disk={} is full: a region stays without contents", settings_.path);
  }
  if (tenants && !reclaiming_) {
    if (const auto room = make_room(*tenants, sequence); !room) return room;
    if (open_) return {};  // reclaiming has opened one
  }
  if (next_id_ > kLastId) return fail(Errc::kSystem, EOVERFLOW);
  for (;;) {
    salt_ = checksum(std::as_bytes(std::span(&next_id_, 1)), salt_);
    const RegionHeader header{next_id_, salt_, name_};
    auto made = make_region(files_, path_of(next_id_), header, settings_.region_size);
    if (made) {
      ++next_id_;
      open_ = *made;
      break;
    }
    const bool more = tenants && !reclaiming_ && made.error().sys == ENOSPC && regions() > 0;
    if (!more) return std::unexpected(made.error());
    reclaim(*tenants, sequence);
    if (open_) return {};
  }
  {
    Lock lock(mutex_);
    regions_.push_back(open_);
  }
  count_used();
  if (settings_.sync) return files_.sync_directory(settings_.path);
  return {};
}

// ---- reclaiming

// Room for the region to be opened and for what reclaiming may write forward.
Result<void> Disk::make_room(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  while (used() + 2 * settings_.region_size > settings_.size && regions() > (open_ ? 1u : 0u)) {
    reclaim(tenants, sequence);
  }
  return {};
}

// Gives the oldest region up. What is written forward is bounded by what is written anew, so that
// there is progress however much of the disk is read again and again.
void Disk::reclaim(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  Ref<Region> oldest;
  {
    Lock lock(mutex_);
    oldest = regions_.front();
  }
  WEIR_CHECK(oldest.get() != open_.get());
  reclaiming_ = true;
  const auto found = survey(*oldest, false);
  // Chunks first: whether a body's description is still wanted depends on them.
  for (const RecordKind kind : {RecordKind::kChunk, RecordKind::kObject}) {
    for (const Entry& e : found ? found->entries : std::vector<Entry>{}) {
      if (e.record.kind != kind) continue;
      const std::uint64_t bytes = record_bytes(e.record.length);
      const bool small = kind == RecordKind::kObject;
      const bool stays = tenants.wanted(e, place_of(e, oldest->id()).region) &&
                         (small || bytes <= credit_) && forward(*oldest, e, tenants, sequence);
      if (stays) credit_ -= std::min(credit_, bytes);
      if (!stays) tenants.dropped(e, place_of(e, oldest->id()).region);
    }
  }
  // What was written forward must be there for good before its origin goes.
  if (settings_.sync && open_) {
    if (const auto synced = open_->file().sync(); !synced)
      log_error("disk={} {}", settings_.path, describe(synced.error()));
  }
  reclaiming_ = false;
  {
    Lock lock(mutex_);
    regions_.pop_front();
  }
  if (const auto gone = files_.remove(path_of(oldest->id())); !gone) {
    log_error("disk={} region={} cannot be removed: {}", settings_.path, region_name(oldest->id()),
              describe(gone.error()));
  }
  ++reclaimed_;
  count_used();
}

bool Disk::forward(Region& region, const Entry& entry, Tenants& tenants,
                   std::atomic<std::uint64_t>& sequence) {
  std::vector<std::byte> payload(entry.record.length);
  if (!read_record(region, entry.offset, payload)) return false;
  Addition a{entry.record, payload};
  if (!fits(record_bytes(payload.size())) && !open_next(nullptr, sequence)) return false;
  if (!add(a, sequence) || !flush()) return false;
  forwarded_ += record_bytes(payload.size());
  tenants.moved(entry, place_of(entry, region.id()).region, a.place);
  return true;
}

}  // namespace weir::store
