#include "store/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"

namespace weir::store {

class Spool::SpoolChunk final : public body::Chunk {
 public:
  SpoolChunk(Spool& spool, std::byte* data, std::size_t size, std::uint64_t offset)
      : Chunk(size), spool_(spool), data_(data), offset_(offset) {}
  ~SpoolChunk() override {
    ::munmap(data_, body::kChunkSize);
    spool_.give_slot(offset_, false);
  }

  std::byte* data() const override { return data_; }
  int fd() const override { return spool_.fd_; }
  std::uint64_t file_offset() const override { return offset_; }

 private:
  Spool& spool_;
  std::byte* const data_;
  const std::uint64_t offset_;
};

Result<std::unique_ptr<Spool>> Spool::open(const std::string& directory, std::uint64_t limit) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EOPNOTSUPP) {  // as overlayfs says in older kernels
    std::string name = directory + "/weir-spool-XXXXXX";
    fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(name.c_str());
  }
  if (fd < 0) return fail(Errc::kSystem, errno);
  return std::unique_ptr<Spool>(new Spool(fd, limit));
}

Spool::Spool(int fd, std::uint64_t limit) : fd_(fd) { stats_.limit = limit; }

Spool::~Spool() {
  WEIR_CHECK(stats_.used == 0);
  ::close(fd_);
}

Ref<body::Chunk> Spool::allocate(std::size_t size, bool pressing) {
  WEIR_CHECK(size <= body::kChunkSize);
  std::uint64_t offset = 0;
  if (!take_slot(pressing, offset)) return {};
  // Blocks are reserved first: a full disk is told here, and not by a signal when bytes are
  // written.
  const auto at = static_cast<off_t>(offset);
  void* data = MAP_FAILED;
  if (::fallocate(fd_, 0, at, body::kChunkSize) == 0)
    data = ::mmap(nullptr, body::kChunkSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, at);
  if (data == MAP_FAILED) {
    give_slot(offset, true);
    return {};
  }
  return Ref<body::Chunk>::adopt(
      new SpoolChunk(*this, static_cast<std::byte*>(data), size, offset));
}

bool Spool::take_slot(bool pressing, std::uint64_t& offset) {
  Lock lock(mutex_);
  const std::uint64_t limit = stats_.limit + (pressing ? stats_.limit / 8 : 0);
  if (stats_.used + body::kChunkSize > limit) {
    ++stats_.refused;
    return false;
  }
  stats_.used += body::kChunkSize;
  if (unused_.empty()) {
    offset = std::exchange(end_, end_ + body::kChunkSize);
  } else {
    offset = unused_.back();
    unused_.pop_back();
  }
  return true;
}

void Spool::give_slot(std::uint64_t offset, bool refused) noexcept {
  ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              body::kChunkSize);
  Lock lock(mutex_);
  stats_.used -= body::kChunkSize;
  stats_.refused += refused ? 1 : 0;
  unused_.push_back(offset);
  if (refused) return;  // who asked for it must not be woken by that
  for (body::Waiter* w : waiters_) w->wake();
  waiters_.clear();
}

void Spool::wait_for_room(body::Waiter& waiter) {
  Lock lock(mutex_);
  if (std::ranges::find(waiters_, &waiter) == waiters_.end()) waiters_.push_back(&waiter);
}

void Spool::forget(body::Waiter& waiter) noexcept {
  Lock lock(mutex_);
  std::erase(waiters_, &waiter);
}

SpoolStats Spool::stats() const {
  Lock lock(mutex_);
  return stats_;
}

}  // namespace weir::store
