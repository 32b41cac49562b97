#include "store/disk_reads.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "store/disk_store.h"
#include "store/disk_writer.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
constexpr std::uint32_t kReadErrorsMost = 32;  // in a row; then a disk is taken out

}  // namespace

Ref<Region> DiskStore::region(const Place& place) const {
  const auto& writer = writers_[place.disk() - 1u];
  return writer ? writer->disk().region(place.region) : Ref<Region>();
}

// Bytes that cannot be had count as not there. `index` ~0: the description.
void DiskStore::read_failed(const Digest& key, std::uint64_t body, std::uint32_t index,
                            const Place& place, Error why) {
  const bool damaged = why.sys == EBADMSG;
  log_error("disk={} region={} offset={}: {}; read again from the origin",
            settings_.disks[place.disk() - 1u].path,
            region_name(place.region & ((1u << Place::kDiskShift) - 1)), place.offset,
            damaged ? "damaged bytes" : describe(why));
  if (!damaged && ++writers_[place.disk() - 1u]->read_errors >= kReadErrorsMost)
    writers_[place.disk() - 1u]->take_out(why);
  Lock lock(mutex_);
  ++(damaged ? stats_.damaged : stats_.read_errors);
  StoredBody* b = directory_.find(key, body);
  if (!b) return;
  if (index == ~std::uint32_t{0}) {
    if (b->object.is_at(place.region, place.offset)) remove(key, *b);
  } else if (const Place* now = b->chunk(index); now && now->is_at(place.region, place.offset)) {
    b->remove_chunk(index);
  }
}

void ReadObjects::perform() noexcept {
  constexpr std::size_t kMost = 64;  // as many variants as an index keeps
  struct Found {
    StoredObject object;
    Place place;
    std::uint64_t sequence;
  };
  std::vector<Found> found;
  {
    Lock lock(store_.mutex_);
    store_.directory_.each(key_, [&](StoredBody& b) {
      if (!b.object || b.worthless()) return;
      if (b.object.hits < 3) ++b.object.hits;
      const auto total = b.total == kUnknown ? std::nullopt : std::optional(b.total);
      found.push_back({{b.body, total, b.refillable, b.whole(), {}}, b.object, b.sequence});
    });
    store_.stats_.reads += found.size();
  }
  std::ranges::sort(found, std::greater(), &Found::sequence);
  if (found.size() > kMost) found.resize(kMost);
  for (Found& f : found) {
    const Ref<Region> region = store_.region(f.place);
    if (!region) continue;  // given up this very moment
    f.object.description.resize(f.place.length);
    const auto bytes = std::as_writable_bytes(std::span(f.object.description));
    const auto record = read_record(*region, f.place.offset, bytes);
    const bool right = record && record->kind == RecordKind::kObject && record->key == key_ &&
                       record->body == f.object.body;
    if (right) {
      objects_.push_back(std::move(f.object));
    } else {
      const Error why = record ? Error{Errc::kSystem, EBADMSG} : record.error();
      store_.read_failed(key_, f.object.body, ~std::uint32_t{0}, f.place, why);
    }
  }
}

ReadChunk::ReadChunk(Ref<DiskBody> body, std::uint32_t index, std::span<std::byte> to,
                     Executor& executor, Task& task)
    : IoJob(executor, task), body_(std::move(body)), index_(index), to_(to) {}

ReadChunk::~ReadChunk() = default;

void ReadChunk::perform() noexcept {
  DiskStore& store = body_->store();
  // A second try where the chunk was written forward in between.
  for (int attempt = 0; attempt < 2; ++attempt) {
    Place place;
    Place next;
    {
      Lock lock(store.mutex_);
      StoredBody* b = store.directory_.find(body_->key(), body_->body());
      Place* chunk = b ? b->chunk(index_) : nullptr;
      if (!chunk || chunk->length != to_.size()) break;
      if (chunk->hits < 3) ++chunk->hits;
      place = *chunk;
      if (const Place* following = b->chunk(index_ + 1)) next = *following;
      ++store.stats_.reads;
      store.stats_.read_bytes += place.length;
    }
    const Ref<Region> region = store.region(place);
    if (!region) continue;
    if (next && next.region == place.region)
      region->file().will_need(next.offset, record_bytes(next.length));
    const auto record = read_record(*region, place.offset, to_);
    const bool right = record && record->kind == RecordKind::kChunk &&
                       record->key == body_->key() && record->body == body_->body() &&
                       record->part == index_;
    if (right) {
      store.writers_[place.disk() - 1u]->read_errors = 0;
      result_ = {};
      return;
    }
    const Error why = record ? Error{Errc::kSystem, EBADMSG} : record.error();
    store.read_failed(body_->key(), body_->body(), index_, place, why);
    result_ = std::unexpected(why);
    return;
  }
  result_ = fail(Errc::kSystem, ENOENT);
  Lock lock(store.mutex_);
  StoredBody* b = store.directory_.find(body_->key(), body_->body());
  if (b && b->chunk(index_)) b->remove_chunk(index_);  // nobody can read it
}

}  // namespace weir::store
