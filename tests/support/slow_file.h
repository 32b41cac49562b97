#pragma once
// A File in memory whose calls wait until they are let go, and fail, as a test says. Any thread.

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "store/file_system.h"

namespace weir::test {

// The test's side; outlives the files.
class SlowDisk {
 public:
  struct Faults {
    bool hold_writes = false, hold_reads = false, hold_punches = false;
    int write_error = 0, read_error = 0;  // errno
    std::size_t write_most = SIZE_MAX;    // bytes that one write takes
  };
  struct Counts {
    int writes = 0, reads = 0, punches = 0;  // that were begun
    int held = 0;                            // that wait now
  };

  std::unique_ptr<store::File> file() { return std::make_unique<Handle>(*this); }

  void set(const Faults& faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
    changed_.notify_all();
  }
  Counts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }
  // Returns when `true_now` holds of the counts.
  template <class Condition>
  void await(Condition true_now) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return true_now(counts_); });
  }
  void flip(std::uint64_t at) {
    const std::lock_guard lock(mutex_);
    bytes_.at(at) ^= std::byte{1};
  }

 private:
  class Handle final : public store::File {
   public:
    explicit Handle(SlowDisk& disk) : disk_(disk) {}

    Result<std::size_t> read(std::span<std::byte> to, std::uint64_t offset) override {
      std::unique_lock lock(disk_.mutex_);
      disk_.pass(lock, disk_.counts_.reads, &Faults::hold_reads);
      if (disk_.faults_.read_error != 0) return fail(Errc::kSystem, disk_.faults_.read_error);
      if (offset >= disk_.bytes_.size()) return 0;
      const std::size_t n = std::min<std::size_t>(to.size(), disk_.bytes_.size() - offset);
      std::memcpy(to.data(), disk_.bytes_.data() + offset, n);
      return n;
    }
    Result<std::size_t> write(std::span<const store::Bytes> pieces, std::uint64_t offset) override {
      std::unique_lock lock(disk_.mutex_);
      disk_.pass(lock, disk_.counts_.writes, &Faults::hold_writes);
      if (disk_.faults_.write_error != 0) return fail(Errc::kSystem, disk_.faults_.write_error);
      const std::size_t n = std::min(pieces.front().size(), disk_.faults_.write_most);
      if (disk_.bytes_.size() < offset + n) disk_.bytes_.resize(offset + n);
      std::memcpy(disk_.bytes_.data() + offset, pieces.front().data(), n);
      return n;
    }
    Result<void> punch(std::uint64_t offset, std::uint64_t bytes) override {
      std::unique_lock lock(disk_.mutex_);
      disk_.pass(lock, disk_.counts_.punches, &Faults::hold_punches);
      const std::uint64_t end = std::min<std::uint64_t>(disk_.bytes_.size(), offset + bytes);
      for (std::uint64_t at = offset; at < end; ++at) disk_.bytes_[at] = {};
      return {};
    }
    Result<void> sync() override { return {}; }
    Result<void> truncate(std::uint64_t) override { return {}; }
    Result<void> reserve(std::uint64_t) override { return {}; }
    Result<std::uint64_t> size() override { return 0; }
    void will_need(std::uint64_t, std::uint64_t) override {}
    void write_back(std::uint64_t, std::uint64_t) override {}

   private:
    SlowDisk& disk_;
  };

  // Counts a call, and holds it back while it shall be.
  void pass(std::unique_lock<std::mutex>& lock, int& count, bool Faults::*held) {
    ++count;
    ++counts_.held;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !(faults_.*held); });
    --counts_.held;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> bytes_;
  Faults faults_;
  Counts counts_;
};

}  // namespace weir::test
