#pragma once
// A FileSystem in memory that can be told to fail, and to lose what was written: the seam through
// which the disk store's faults are made. Any thread.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/file_system.h"

namespace weir::test {

class MemoryFiles final : public store::FileSystem {
 public:
  using Content = std::vector<std::byte>;

  // Faults; may be changed at any time by the thread that makes the steps.
  struct Faults {
    std::size_t write_most = SIZE_MAX;     // bytes that one write takes
    std::uint64_t space = UINT64_MAX;      // bytes in all files; then ENOSPC
    std::uint64_t size = UINT64_MAX;       // of the file system: bytes in files that there are
    std::uint64_t die_after = UINT64_MAX;  // bytes written; what follows is lost without a word
    int write_error = 0;                   // errno of every write
    int read_error = 0;
    int sync_error = 0;
    int open_error = 0;  // of files that are made
    int remove_error = 0;
    int list_error = 0;
    std::string only = {};  // the errors are those of paths that begin so
  };

  void set(const Faults& faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
    written_ = 0;
  }
  std::uint64_t written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [path, content] : files_) out.push_back(path);
    return out;
  }
  Content& content(const std::string& path) { return *files_.at(path); }
  void flip(const std::string& path, std::uint64_t bit) {
    content(path)[bit / 8] ^= std::byte{1} << (bit % 8);
  }

  Result<std::unique_ptr<store::File>> open(const std::string& path, Open how) override {
    const std::lock_guard lock(mutex_);
    if (how == Open::kCreate) {
      if (const int why = error(faults_.open_error, path)) return fail(Errc::kSystem, why);
      if (files_.contains(path)) return fail(Errc::kSystem, EEXIST);
      if (dead()) return std::make_unique<Handle>(*this, std::make_shared<Content>(), path);
      files_[path] = std::make_shared<Content>();
    }
    const auto it = files_.find(path);
    if (it == files_.end()) return fail(Errc::kSystem, ENOENT);
    return std::make_unique<Handle>(*this, it->second, path);
  }
  Result<std::unique_ptr<store::File>> open_nameless(const std::string& directory) override {
    const std::lock_guard lock(mutex_);
    if (const int why = error(faults_.open_error, directory)) return fail(Errc::kSystem, why);
    return std::make_unique<Handle>(*this, std::make_shared<Content>(), directory + "/");
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::lock_guard lock(mutex_);
    if (const int why = error(faults_.list_error, directory)) return fail(Errc::kSystem, why);
    std::vector<std::string> out;
    for (const auto& [path, content] : files_) {
      if (path.starts_with(directory + "/")) out.push_back(path.substr(directory.size() + 1));
    }
    return out;
  }
  Result<void> remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (const int why = error(faults_.remove_error, path)) return fail(Errc::kSystem, why);
    if (!dead()) files_.erase(path);
    return {};
  }
  Result<std::uint64_t> space(const std::string&) override {
    const std::lock_guard lock(mutex_);
    return faults_.size - std::min(faults_.size, taken());
  }
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<void> sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<store::File>> lock(const std::string& path) override {
    return std::make_unique<Handle>(*this, std::make_shared<Content>(), path);
  }

 private:
  class Handle final : public store::File {
   public:
    Handle(MemoryFiles& files, std::shared_ptr<Content> content, std::string path)
        : files_(files), content_(std::move(content)), path_(std::move(path)) {}

    Result<std::size_t> read(std::span<std::byte> to, std::uint64_t offset) override {
      const std::lock_guard lock(files_.mutex_);
      if (const int why = files_.error(files_.faults_.read_error, path_))
        return fail(Errc::kSystem, why);
      if (offset >= content_->size()) return 0;
      const std::size_t n = std::min<std::size_t>(to.size(), content_->size() - offset);
      std::copy_n(content_->begin() + static_cast<std::ptrdiff_t>(offset), n, to.begin());
      return n;
    }
    Result<std::size_t> write(std::span<const store::Bytes> pieces, std::uint64_t offset) override {
      const std::lock_guard lock(files_.mutex_);
      const Faults& faults = files_.faults_;
      if (const int why = files_.error(faults.write_error, path_)) return fail(Errc::kSystem, why);
      std::size_t taken = 0;
      std::uint64_t room = faults.size - std::min(faults.size, files_.taken());
      for (const store::Bytes piece : pieces) {
        for (const std::byte b : piece) {
          if (taken >= faults.write_most) return taken;
          if (files_.written_ >= faults.space)
            return taken > 0 ? Result<std::size_t>(taken) : fail(Errc::kSystem, ENOSPC);
          ++taken;
          if (files_.written_++ >= faults.die_after) continue;
          const std::uint64_t at = offset + taken - 1;
          if (content_->size() <= at) {
            if (room-- == 0)
              return taken > 1 ? Result<std::size_t>(taken - 1) : fail(Errc::kSystem, ENOSPC);
            content_->resize(at + 1);
          }
          (*content_)[at] = b;
        }
      }
      return taken;
    }
    Result<void> sync() override {
      const std::lock_guard lock(files_.mutex_);
      if (const int why = files_.error(files_.faults_.sync_error, path_))
        return fail(Errc::kSystem, why);
      return {};
    }
    Result<void> truncate(std::uint64_t size) override {
      const std::lock_guard lock(files_.mutex_);
      if (!files_.dead()) content_->resize(size);
      return {};
    }
    Result<void> reserve(std::uint64_t size) override {
      const std::lock_guard lock(files_.mutex_);
      if (size > files_.faults_.size || files_.taken() > files_.faults_.size - size)
        return fail(Errc::kSystem, ENOSPC);
      if (files_.written_ >= files_.faults_.space) return fail(Errc::kSystem, ENOSPC);
      return {};
    }
    Result<std::uint64_t> size() override {
      const std::lock_guard lock(files_.mutex_);
      return content_->size();
    }
    Result<void> punch(std::uint64_t offset, std::uint64_t bytes) override {
      const std::lock_guard lock(files_.mutex_);
      const std::uint64_t size = content_->size();
      for (std::uint64_t at = offset; at < std::min(size, offset + bytes); ++at)
        (*content_)[at] = {};
      return {};
    }
    void will_need(std::uint64_t, std::uint64_t) override {}
    void write_back(std::uint64_t, std::uint64_t) override {}

   private:
    MemoryFiles& files_;
    const std::shared_ptr<Content> content_;
    const std::string path_;
  };

  // That of `fault`, if it is of this path; else 0.
  int error(int fault, const std::string& path) const {
    return path.starts_with(faults_.only) ? fault : 0;
  }

  std::uint64_t taken() const {
    std::uint64_t sum = 0;
    for (const auto& [path, content] : files_) sum += content->size();
    return sum;
  }

  bool dead() const { return written_ > faults_.die_after; }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  Faults faults_;
  std::uint64_t written_ = 0;
};

}  // namespace weir::test
