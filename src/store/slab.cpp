#include "store/slab.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "base/check.h"

namespace weir::store {

namespace {

int allocate_pages(const Slabs::Slot& slot, std::size_t bytes, int mode) {
  int rc = 0;
  do {
    rc = ::fallocate(slot.fd, mode, static_cast<off_t>(slot.offset), static_cast<off_t>(bytes));
  } while (rc != 0 && errno == EINTR);
  return rc;
}

void punch(const Slabs::Slot& slot, std::size_t bytes) {
  WEIR_CHECK(allocate_pages(slot, bytes, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) == 0);
}

}  // namespace

Slabs::Slabs(std::uint64_t slab_bytes) : slab_bytes_(slab_bytes) {}

Slabs::~Slabs() {
  for (const Slot& slab : slabs_) {
    ::munmap(slab.data, slab_bytes_);
    ::close(slab.fd);
  }
}

std::size_t Slabs::class_of(std::size_t size) {
  const std::size_t slot = std::bit_ceil(std::max(size, kLeastSlot));
  return static_cast<std::size_t>(std::countr_zero(slot) - std::countr_zero(kLeastSlot));
}

bool Slabs::add_slab(Class& c) {
  const int fd = ::memfd_create("weir-slab", MFD_CLOEXEC);
  if (fd < 0) return false;
  void* at = MAP_FAILED;
  if (::ftruncate(fd, static_cast<off_t>(slab_bytes_)) == 0) {
    at = ::mmap(nullptr, slab_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (at == MAP_FAILED) {
    ::close(fd);
    return false;
  }
  ::madvise(at, slab_bytes_, MADV_NOHUGEPAGE);  // fails where the kernel has none: as well
  ::madvise(at, slab_bytes_, MADV_DONTDUMP);
  c.fresh_from = {static_cast<std::byte*>(at), fd, 0};
  c.fresh_left = slab_bytes_;
  slabs_.push_back(c.fresh_from);
  return true;
}

std::optional<Slabs::Slot> Slabs::unused_slot(std::size_t index) {
  Class& c = classes_[index];
  if (!c.unused.empty()) {
    const Slot slot = c.unused.back();
    c.unused.pop_back();
    return slot;
  }
  if (c.fresh_left == 0 && !add_slab(c)) return std::nullopt;
  const Slot slot = c.fresh_from;
  c.fresh_from.data += class_bytes(index);
  c.fresh_from.offset += class_bytes(index);
  c.fresh_left -= class_bytes(index);
  return slot;
}

std::optional<Slabs::Slot> Slabs::fresh(std::size_t size) {
  const std::size_t index = class_of(size);
  std::optional<Slot> slot;
  {
    Lock lock(mutex_);
    slot = unused_slot(index);
  }
  if (!slot) return std::nullopt;
  // Both together cost 20 % less than faulting the pages in one by one; the second alone 6 %.
  const std::size_t bytes = page_rounded(size);
  if (allocate_pages(*slot, bytes, 0) == 0) {
    ::madvise(slot->data, bytes, MADV_POPULATE_WRITE);
    return slot;
  }
  punch(*slot, bytes);
  Lock lock(mutex_);
  classes_[index].unused.push_back(*slot);
  return std::nullopt;
}

std::optional<Slabs::Slot> Slabs::reuse(std::size_t size) {
  const std::size_t index = class_of(size);
  if (page_rounded(size) != class_bytes(index)) return std::nullopt;
  Lock lock(mutex_);
  std::vector<Slot>& clean = classes_[index].clean;
  if (clean.empty()) return std::nullopt;
  const Slot slot = clean.back();
  clean.pop_back();
  spare_bytes_ -= class_bytes(index);
  return slot;
}

void Slabs::free(const Slot& slot, std::size_t size, bool sent) {
  const std::size_t index = class_of(size);
  const std::size_t bytes = page_rounded(size);
  Lock lock(mutex_);
  spare_bytes_ += bytes;
  if (!sent && bytes == class_bytes(index)) {
    classes_[index].clean.push_back(slot);
  } else {
    dirty_.push_back({slot, bytes});
  }
}

std::optional<Slabs::Spare> Slabs::take_spare() {
  if (spare_bytes() == 0) return std::nullopt;  // the usual case, without a lock
  Lock lock(mutex_);
  std::optional<Spare> spare;
  if (!dirty_.empty()) {
    spare = dirty_.front();
    dirty_.pop_front();
  }
  for (std::size_t i = 0; i < kClasses && !spare; ++i) {  // small ones first: 1 MiB is in demand
    std::vector<Slot>& clean = classes_[i].clean;
    if (clean.empty()) continue;
    spare = Spare{clean.back(), class_bytes(i)};
    clean.pop_back();
  }
  if (spare) spare_bytes_ -= spare->bytes;
  return spare;
}

std::size_t Slabs::cool() {
  const std::optional<Spare> spare = take_spare();
  if (!spare) return 0;
  punch(spare->slot, spare->bytes);
  Lock lock(mutex_);
  classes_[class_of(spare->bytes)].unused.push_back(spare->slot);
  return spare->bytes;
}

std::uint64_t Slabs::resident_bytes() const {
  Lock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Slot& slab : slabs_) {
    struct stat st {};
    if (::fstat(slab.fd, &st) == 0) bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace weir::store
