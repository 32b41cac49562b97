// Slabs that go over from one process to the next.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "store/slab.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kMostSlot = 1024 * 1024;
constexpr std::uint64_t kMostBytes = 1ull << 46;  // of all slabs: half of the address space
constexpr int kSeals = F_SEAL_SHRINK;

// Whether the file is what it is said to be, and stays so.
bool is_slab(const SlabFile& file) {
  const bool slots = std::has_single_bit(file.slot_bytes) && file.slot_bytes >= kLeastSlot &&
                     file.slot_bytes <= kMostSlot;
  if (!slots || file.bytes == 0 || file.bytes > kMostBytes || file.bytes % file.slot_bytes != 0) {
    return false;
  }
  struct stat st {};
  const int seals = ::fcntl(file.fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals && ::fstat(file.fd, &st) == 0 &&
         static_cast<std::uint64_t>(st.st_size) == file.bytes;
}

}  // namespace

// --- the old process -----------------------------------------------------------------------------

void Slabs::freeze() {
  Lock lock(mutex_);
  WEIR_CHECK(!adopted_ && !frozen_);
  frozen_ = true;
  count_spare();
  if (stopgap_first_ != 0) return;
  // In a row, so that it is one comparison whether a slot is of them.
  const std::uint64_t all = kStopgapSlabs * slab_bytes_;
  void* const row =
      ::mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (row == MAP_FAILED) return;  // nothing large and new, then
  stopgap_first_ = reinterpret_cast<std::uintptr_t>(row);
  stopgap_end_ = stopgap_first_ + all;
}

void Slabs::thaw() {
  Lock lock(mutex_);
  WEIR_CHECK(frozen_);
  frozen_ = false;
  count_spare();
}

// Null: there are as many as there may be.
std::byte* Slabs::next_stopgap() {
  const std::uintptr_t at = stopgap_first_ + stopgap_slabs_ * slab_bytes_;
  return at < stopgap_end_ ? reinterpret_cast<std::byte*>(at) : nullptr;
}

bool Slabs::stopgap(const std::byte* data) const {
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  return at >= stopgap_first_.load(std::memory_order_relaxed) &&
         at < stopgap_end_.load(std::memory_order_relaxed);
}

std::uint64_t Slabs::stopgap_bytes() const {
  Lock lock(mutex_);
  return stopgap_used_;
}

std::vector<SlabFile> Slabs::frozen_files() const {
  std::vector<SlabFile> files;
  Lock lock(mutex_);
  for (const Slab& slab : slabs_) {
    if (!frozen_ || stopgap(slab.start.data)) continue;
    files.push_back({slab.start.fd, slab.bytes, class_bytes(slab.index)});
  }
  return files;
}

// --- the new one ---------------------------------------------------------------------------------

std::expected<void, SlabFault> Slabs::adopt(std::span<const SlabFile> files,
                                            std::uint64_t allowance) {
  std::uint64_t all = 0;
  for (const SlabFile& file : files) {
    if (!is_slab(file)) return std::unexpected(SlabFault::kNotASlab);
    all += file.bytes;
    if (all > kMostBytes) return std::unexpected(SlabFault::kNotASlab);
  }
  Lock lock(mutex_);
  WEIR_CHECK(slabs_.empty());
  if (files.empty()) return {};
  // In a row, so that it is one comparison whether a slot is of them.
  void* const row =
      ::mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (row == MAP_FAILED) return std::unexpected(SlabFault::kNoMemory);
  Adopted adopted;
  adopted.allowance = allowance;
  std::vector<Slab> slabs;
  auto* at = static_cast<std::byte*>(row);
  for (const SlabFile& file : files) {
    const int fd = ::fcntl(file.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || ::mmap(at, file.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
                      MAP_FAILED) {
      if (fd >= 0) ::close(fd);
      for (const Slab& slab : slabs) ::close(slab.start.fd);
      ::munmap(row, all);
      return std::unexpected(SlabFault::kNoMemory);
    }
    ::madvise(at, file.bytes, MADV_NOHUGEPAGE);
    ::madvise(at, file.bytes, MADV_DONTDUMP);
    slabs.push_back({{at, fd, 0}, file.bytes, class_of(file.slot_bytes)});
    adopted.claimed.emplace_back(file.bytes / file.slot_bytes);
    at += file.bytes;
  }
  slabs_ = std::move(slabs);
  adopted_ = std::move(adopted);
  adopted_first_ = reinterpret_cast<std::uintptr_t>(row);
  adopted_end_ = reinterpret_cast<std::uintptr_t>(at);
  allowance_left_ = allowance;
  return {};
}

std::optional<Slabs::Slot> Slabs::claim(std::size_t file, std::uint64_t offset, std::size_t size) {
  if (size < kLeastSlot || size > kMostSlot) return std::nullopt;
  Lock lock(mutex_);
  if (!adopted_ || file >= adopted_->claimed.size()) return std::nullopt;
  const Slab& slab = slabs_[file];
  const std::uint64_t slot = class_bytes(slab.index);
  if (class_of(size) != slab.index || offset % slot != 0 || offset >= slab.bytes) {
    return std::nullopt;
  }
  std::vector<bool>& claimed = adopted_->claimed[file];
  if (claimed[offset / slot]) return std::nullopt;
  claimed[offset / slot] = true;
  return Slot{slab.start.data + offset, slab.start.fd, offset};
}

bool Slabs::adopted(const std::byte* data) const {
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  return at >= adopted_first_.load(std::memory_order_relaxed) &&
         at < adopted_end_.load(std::memory_order_relaxed);
}

std::uint64_t Slabs::quarantined_bytes() const {
  Lock lock(mutex_);
  return adopted_ ? adopted_->quarantined : 0;
}

std::uint64_t Slabs::predecessor_gone() {
  std::optional<Adopted> adopted;
  std::deque<Spare> quarantine;
  std::vector<Slab> slabs;
  {
    Lock lock(mutex_);
    if (!adopted_) return 0;
    adopted = std::exchange(adopted_, std::nullopt);
    quarantine.swap(quarantine_);
    adopted_first_ = adopted_end_ = 0;  // what is freed from now on is spare as any other
    allowance_left_ = ~std::uint64_t{0};
    slabs.assign(slabs_.begin(),
                 slabs_.begin() + static_cast<std::ptrdiff_t>(adopted->claimed.size()));
  }
  for (const Spare& spare : quarantine) {
    punch(spare.slot, spare.bytes);
    Lock lock(mutex_);
    give(spare.slot, class_of(spare.bytes));
  }
  for (std::size_t i = 0; i < slabs.size(); ++i) empty_slab(slabs[i], adopted->claimed[i]);
  return adopted->quarantined - adopted->uncounted;
}

// Punches what nobody claimed of it. A slab of which nothing was claimed goes altogether.
void Slabs::empty_slab(const Slab& slab, const std::vector<bool>& claimed) {
  const auto same = [&](const Slab& other) { return other.start.fd == slab.start.fd; };
  if (std::find(claimed.begin(), claimed.end(), true) == claimed.end()) {
    {
      Lock lock(mutex_);
      std::erase_if(slabs_, same);
    }
    return unmap(slab);
  }
  const std::uint64_t slot = class_bytes(slab.index);
  for (auto at = claimed.begin(); at != claimed.end();) {
    const auto first = std::find(at, claimed.end(), false);
    at = std::find(first, claimed.end(), true);
    const auto begin = static_cast<std::uint64_t>(first - claimed.begin());
    const auto end = static_cast<std::uint64_t>(at - claimed.begin());
    if (begin == end) continue;
    const auto place = [&](std::uint64_t n) {
      return Slot{slab.start.data + n * slot, slab.start.fd, n * slot};
    };
    punch(place(begin), (end - begin) * slot);
    Lock lock(mutex_);
    for (std::uint64_t n = begin; n < end; ++n) give(place(n), slab.index);
  }
}

}  // namespace weir::store
