#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "store/file_system.h"

namespace weir::store {
namespace {

std::unexpected<Error> failed() { return fail(Errc::kSystem, errno); }
Result<void> checked(int result) {
  if (result < 0) return failed();
  return {};
}

class PosixFile final : public File {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }

  Result<std::size_t> read(std::span<std::byte> to, std::uint64_t offset) override {
    std::size_t got = 0;
    while (got < to.size()) {
      const ssize_t n =
          ::pread(fd_, to.data() + got, to.size() - got, static_cast<off_t>(offset + got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed();
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    return got;
  }

  Result<std::size_t> write(std::span<const Bytes> pieces, std::uint64_t offset) override {
    std::array<iovec, 64> vector;
    const std::size_t count = std::min(pieces.size(), vector.size());
    for (std::size_t i = 0; i < count; ++i) {
      vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    }
    for (;;) {
      const ssize_t n =
          ::pwritev(fd_, vector.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return failed();
    }
  }

  Result<void> sync() override { return checked(::fdatasync(fd_)); }
  Result<void> truncate(std::uint64_t size) override {
    return checked(::ftruncate(fd_, static_cast<off_t>(size)));
  }
  Result<void> reserve(std::uint64_t size) override {
    const auto result = checked(::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)));
    if (!result && result.error().sys == EOPNOTSUPP) return {};
    return result;
  }
  Result<std::uint64_t> size() override {
    struct stat st {};
    if (::fstat(fd_, &st) < 0) return failed();
    return static_cast<std::uint64_t>(st.st_size);
  }
  Result<void> punch(std::uint64_t offset, std::uint64_t bytes) override {
    return checked(::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               static_cast<off_t>(offset), static_cast<off_t>(bytes)));
  }
  void will_need(std::uint64_t offset, std::uint64_t bytes) override {
    ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                    POSIX_FADV_WILLNEED);
  }
  void write_back(std::uint64_t offset, std::uint64_t bytes) override {
    ::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                      SYNC_FILE_RANGE_WRITE);
  }

 private:
  const int fd_;
};

class PosixFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    const int flags = how == Open::kRead    ? O_RDONLY
                      : how == Open::kWrite ? O_RDWR
                                            : O_RDWR | O_CREAT | O_EXCL;
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    if (fd < 0) return failed();
    return std::make_unique<PosixFile>(fd);
  }

  Result<std::unique_ptr<File>> open_nameless(const std::string& directory) override {
    int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EOPNOTSUPP) {  // as overlayfs says in older kernels
      std::string name = directory + "/weir-spool-XXXXXX";
      fd = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd >= 0) ::unlink(name.c_str());
    }
    if (fd < 0) return failed();
    return std::make_unique<PosixFile>(fd);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (!dir) return failed();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) names.emplace_back(entry->d_name);
    const int why = errno;
    ::closedir(dir);
    if (why != 0) return fail(Errc::kSystem, why);
    return names;
  }

  Result<void> remove(const std::string& path) override { return checked(::unlink(path.c_str())); }

  Result<void> make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return {};
    return failed();
  }

  Result<void> sync_directory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed();
    const auto result = checked(::fsync(fd));
    ::close(fd);
    return result;
  }

  Result<std::uint64_t> space(const std::string& path) override {
    struct statvfs there {};
    if (::statvfs(path.c_str(), &there) < 0) return failed();
    return std::uint64_t{there.f_bavail} * there.f_frsize;
  }

  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return failed();
    auto file = std::make_unique<PosixFile>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) < 0) return failed();
    return file;
  }
};

}  // namespace

FileSystem& posix_files() {
  static PosixFiles files;
  return files;
}

Result<void> write_all(File& file, std::span<const Bytes> pieces, std::uint64_t offset) {
  std::vector<Bytes> left(pieces.begin(), pieces.end());
  std::size_t first = 0;
  while (first < left.size()) {
    if (left[first].empty()) {
      ++first;
      continue;
    }
    auto n = file.write(std::span<const Bytes>(left).subspan(first), offset);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return fail(Errc::kSystem, ENOSPC);
    offset += *n;
    for (std::size_t taken = *n; taken > 0;) {
      const std::size_t part = std::min(taken, left[first].size());
      left[first] = left[first].subspan(part);
      taken -= part;
      if (left[first].empty()) ++first;
    }
  }
  return {};
}

Result<void> read_all(File& file, std::span<std::byte> to, std::uint64_t offset) {
  const auto n = file.read(to, offset);
  if (!n) return std::unexpected(n.error());
  if (*n < to.size()) return fail(Errc::kSystem, EIO);
  return {};
}

}  // namespace weir::store
