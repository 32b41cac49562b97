#include "store/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/check.h"
#include "base/log.h"

namespace weir::store {
namespace {

constexpr std::uint32_t kLastId = (1u << Place::kDiskShift) - 1;
constexpr std::uint64_t kFlushBytes = 4 * 1024 * 1024;
constexpr std::size_t kFlushPieces = 60;
constexpr std::string_view kDisowned = "disowned";
constexpr std::string_view kRun = "run-";

constexpr std::array<std::byte, 8> kPadding{};

// No room, for now.
bool full(const Error& why) { return why.sys == ENOSPC || why.sys == EDQUOT; }

// The number in "run-0000000000000007"; 0: it is no such name.
std::uint64_t run_of(std::string_view name) {
  std::uint64_t n = 0;
  if (!name.starts_with(kRun) || name.size() != kRun.size() + 16) return 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kRun.size(), end, n, 16);
  return error == std::errc{} && at == end ? n : 0;
}

}  // namespace

std::string why_unusable(const Error& why) {
  return why.sys == EWOULDBLOCK ? "another process uses it" : describe(why);
}

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

// ---- runs

Result<std::uint64_t> Disk::last_run() const {
  const auto names = files_.list(settings_.path);
  if (!names) return std::unexpected(names.error());
  std::uint64_t last = 0;
  for (const std::string& name : *names) last = std::max(last, run_of(name));
  return last;
}

Result<bool> Disk::disowned() const {
  const auto names = files_.list(settings_.path);
  if (!names) return std::unexpected(names.error());
  return std::ranges::find(*names, kDisowned) != names->end();
}

Result<void> Disk::begin_run(std::uint64_t number) {
  const auto names = files_.list(settings_.path);
  if (!names) return std::unexpected(names.error());
  const std::string mine = fmt::format("{}{:016x}", kRun, number);
  const auto made = files_.open(settings_.path + "/" + mine, FileSystem::Open::kCreate);
  if (!made && made.error().sys != EEXIST) return std::unexpected(made.error());
  for (const std::string& name : *names) {
    if (run_of(name) == 0 || name == mine) continue;
    if (const auto gone = files_.remove(settings_.path + "/" + name); !gone) return gone;
  }
  return settings_.sync ? files_.sync_directory(settings_.path) : Result<void>();
}

Result<void> Disk::disown() {
  const auto made =
      files_.open(settings_.path + "/" + std::string(kDisowned), FileSystem::Open::kCreate);
  if (!made && made.error().sys != EEXIST) return std::unexpected(made.error());
  return settings_.sync ? files_.sync_directory(settings_.path) : Result<void>();
}

// The mark goes last.
Result<void> Disk::drop_all() {
  const auto names = files_.list(settings_.path);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    if (region_id(name) == 0) continue;
    if (const auto gone = files_.remove(settings_.path + "/" + name); !gone) return gone;
  }
  if (std::ranges::find(*names, kDisowned) == names->end()) return {};
  return files_.remove(settings_.path + "/" + std::string(kDisowned));
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
  return ids;
}

Result<Disk::Begin> Disk::begin_of(std::uint32_t id) const {
  const auto file = files_.open(path_of(id), FileSystem::Open::kRead);
  if (!file) return std::unexpected(file.error());
  std::array<std::byte, kRegionHeaderBytes> bytes{};
  const auto got = (*file)->read(bytes, 0);
  if (!got) return std::unexpected(got.error());
  // A kill, or a power cut, came between the making of the file and its header.
  const bool empty = std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
  if (*got < bytes.size() || empty) return Begin::kNever;
  if (const auto header = decode_region_header(bytes)) {
    const bool ours = header->id == id && (name_ == 0 || header->disk == name_);
    return ours ? Begin::kRegion : Begin::kForeign;
  }
  return of_another_version(bytes) ? Begin::kForeign : Begin::kDamaged;
}

// Objects and tombstones of all regions first: a description that was written forward stands behind
// its chunks.
Result<Disk::Recovery> Disk::recover(Directory& directory) {
  const auto ids = find_regions();
  if (!ids) return std::unexpected(ids.error());
  Recovery sum;
  std::vector<Survived> chunks;
  for (const std::uint32_t id : *ids) {
    next_id_ = id + 1;
    const auto begin = begin_of(id);
    if (begin && *begin == Begin::kForeign) {
      log_error("disk={} region={} is of another version, disk or name, and left alone",
                settings_.path, region_name(id));
      continue;
    }
    if (begin && *begin == Begin::kNever) {
      if (const auto gone = remove_region(id); !gone) return std::unexpected(gone.error());
      continue;
    }
    std::vector<Entry> found;
    auto done = begin ? Result<void>() : Result<void>(std::unexpected(begin.error()));
    if (done && *begin == Begin::kDamaged) done = fail(Errc::kSystem, EBADMSG);
    if (done) done = recover_region(id, directory, sum, found);
    if (!done && done.error().sys != EIO && done.error().sys != EBADMSG)
      return std::unexpected(done.error());
    if (done) {
      chunks.emplace_back(id, std::move(found));
      continue;
    }
    log_error("disk={} region={} cannot be read, and goes with all older ones: {}", settings_.path,
              region_name(id), describe(done.error()));
    if (const auto gone = drop_up_to(id, *ids, directory, chunks); !gone)
      return std::unexpected(gone.error());
  }
  for (const auto& [id, entries] : chunks) directory.recover(entries, number_, id, true);
  if (name_ == 0) name_ = checksum(std::as_bytes(std::span(settings_.path)), salt_) | 1;
  count_used();
  return sum;
}

Result<void> Disk::drop_up_to(std::uint32_t id, const std::vector<std::uint32_t>& ids,
                              Directory& directory, std::vector<Survived>& chunks) {
  chunks.clear();
  directory.remove_disk(number_);
  {
    Lock lock(mutex_);
    regions_.clear();
  }
  for (const std::uint32_t older : ids) {
    if (older > id) break;
    const auto begin = begin_of(older);
    if (begin && *begin == Begin::kForeign) continue;
    const auto gone = remove_region(older);
    if (!gone && gone.error().sys != ENOENT) return gone;
  }
  return {};
}

Result<void> Disk::remove_region(std::uint32_t id) { return files_.remove(path_of(id)); }

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
  if (!done && full(done.error())) {
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
    if (!full(sealed.error())) return sealed;
    log_warn("disk={} is full: a region stays without contents", settings_.path);
  }
  const bool may_reclaim = tenants && !reclaiming_;
  if (may_reclaim) {
    const auto enough = keep_share(*tenants, sequence);
    if (!enough) return std::unexpected(enough.error());
    if (!*enough) ++refused_;
    if (open_) return {};  // reclaiming has opened one
  }
  auto made = make_file();
  if (!made && full(made.error()) && may_reclaim) {
    // Nobody said so before: a quota, or blocks that a snapshot holds.
    if (!barren_) made = make_by_reclaiming(*tenants, sequence);
    ++refused_;
  }
  if (made) barren_ = false;
  return made;
}

// Gives up as much as a region and what is written forward take, and no more: where that brings no
// room, neither would the rest.
Result<void> Disk::make_by_reclaiming(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  Result<void> made = fail(Errc::kSystem, ENOSPC);
  for (std::uint64_t given = 0; given < 2 * settings_.region_size && regions() > 0;) {
    const std::uint64_t before = used();
    if (const auto done = reclaim(tenants, sequence); !done) return done;
    if (open_) return {};
    given += before - used();
    made = make_file();
    if (made || !full(made.error())) return made;
    barren_ = true;
  }
  return made;
}

Result<void> Disk::make_file() {
  if (next_id_ > kLastId) return fail(Errc::kSystem, EOVERFLOW);
  salt_ = checksum(std::as_bytes(std::span(&next_id_, 1)), salt_);
  const RegionHeader header{next_id_, salt_, name_};
  auto made = make_region(files_, path_of(next_id_), header, settings_.region_size);
  if (!made) return std::unexpected(made.error());
  ++next_id_;
  open_ = *made;
  {
    Lock lock(mutex_);
    regions_.push_back(open_);
  }
  count_used();
  if (settings_.sync) return files_.sync_directory(settings_.path);
  return {};
}

// ---- reclaiming

Result<void> Disk::make_room(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  if (regions() <= (open_ ? 1u : 0u)) return fail(Errc::kSystem, ENOSPC);
  return reclaim(tenants, sequence);
}

std::uint64_t Disk::share() const {
  const auto free = files_.space(settings_.path);
  return free ? std::min(settings_.size, used() + *free) : settings_.size;
}

// Room for the region to be opened and for what reclaiming may write forward. False: it is the file
// system that has none.
Result<bool> Disk::keep_share(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  const std::uint64_t room = 2 * settings_.region_size;
  const std::uint64_t there = share();
  const bool enough = there == settings_.size || used() + room <= there;
  const std::uint64_t most = barren_ ? settings_.size : there;
  while (used() + room > most && regions() > (open_ ? 1u : 0u)) {
    if (const auto done = reclaim(tenants, sequence); !done) return std::unexpected(done.error());
  }
  return enough;
}

// Gives the oldest region up. What is written forward is bounded by what is written anew, so that
// there is progress however much of the disk is read again and again. Errors: the disk must not be
// used any more, since what it has and what is known of it are not the same.
Result<void> Disk::reclaim(Tenants& tenants, std::atomic<std::uint64_t>& sequence) {
  Ref<Region> oldest;
  {
    Lock lock(mutex_);
    oldest = regions_.front();
  }
  WEIR_CHECK(oldest.get() != open_.get());
  reclaiming_ = true;
  Result<void> done;
  if (const auto found = survey(*oldest, false)) {
    done = forward_wanted(*oldest, found->entries, tenants, sequence);
  } else {
    tenants.lost(place_of({}, oldest->id()).region);
  }
  // What was written forward must be there for good before its origin goes.
  if (done && settings_.sync && open_) done = open_->file().sync();
  reclaiming_ = false;
  if (!done) return done;
  {
    Lock lock(mutex_);
    regions_.pop_front();
  }
  done = remove_region(oldest->id());
  if (done && settings_.sync) done = files_.sync_directory(settings_.path);
  ++reclaimed_;
  count_used();
  return done;
}

// Chunks first: whether a body's description is still wanted depends on them.
Result<void> Disk::forward_wanted(Region& region, std::span<const Entry> entries, Tenants& tenants,
                                  std::atomic<std::uint64_t>& sequence) {
  const std::uint32_t at = place_of({}, region.id()).region;
  for (const RecordKind kind : {RecordKind::kChunk, RecordKind::kObject}) {
    for (const Entry& e : entries) {
      if (e.record.kind != kind) continue;
      const std::uint64_t bytes = record_bytes(e.record.length);
      const bool small = kind == RecordKind::kObject;
      Result<bool> stays = false;
      if (tenants.wanted(e, at) && (small || bytes <= credit_))
        stays = forward(region, e, tenants, sequence);
      if (!stays) return std::unexpected(stays.error());
      if (*stays) credit_ -= std::min(credit_, bytes);
      if (!*stays) tenants.dropped(e, at);
    }
  }
  return {};
}

// False: it cannot be read, or there is no room for it.
Result<bool> Disk::forward(Region& region, const Entry& entry, Tenants& tenants,
                           std::atomic<std::uint64_t>& sequence) {
  std::vector<std::byte> payload(entry.record.length);
  if (!read_record(region, entry.offset, payload)) return false;
  Addition a{entry.record, payload};
  Result<void> done;
  if (!fits(record_bytes(payload.size()))) done = open_next(nullptr, sequence);
  if (done) done = add(a, sequence);
  if (done) done = flush();
  if (!done && full(done.error())) return false;
  if (!done) return std::unexpected(done.error());
  forwarded_ += record_bytes(payload.size());
  tenants.moved(entry, place_of(entry, region.id()).region, a.place);
  return true;
}

}  // namespace weir::store
