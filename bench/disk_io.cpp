// Page cache or O_DIRECT: regions written as store/disk.cpp writes them (blocks reserved, batches
// of 4 MiB and 4 records, begun to be written back at once) beside aligned batches past the page
// cache; and records of 1 MiB read at random places, 4 at a time, cold, either way.
//
//   bench-disk-io DIRECTORY [MIB]     so much is written twice and removed again (1024)
//
// One JSON object on stdout. CPU is this process's, user and system: what the kernel's own threads
// spend on writing back is not in it.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kRegion = 256 * kMiB;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kHeader = 80;
constexpr std::size_t kRecords = 4;  // of a batch
constexpr unsigned kReaders = 4;
constexpr unsigned kReads = 64;  // of each

void require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}

double cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

struct Free {
  void operator()(std::byte* at) const { std::free(at); }
};
using Buffer = std::unique_ptr<std::byte[], Free>;
Buffer aligned(std::size_t bytes) {
  Buffer out(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
  std::memset(out.get(), 0x5a, bytes);
  return out;
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    require(fd_ >= 0, path.c_str());
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

double milliseconds(std::vector<double>& all, double share) {
  std::ranges::sort(all);
  return 1000 * all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
}

// Pages of the files that are in memory.
std::uint64_t cached(const std::vector<std::string>& paths) {
  std::uint64_t pages = 0;
  for (const std::string& path : paths) {
    const File file(path, O_RDONLY);
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
    require(at != MAP_FAILED, "mmap");
    std::vector<unsigned char> here((size + kPage - 1) / kPage);
    require(::mincore(at, size, here.data()) == 0, "mincore");
    for (const unsigned char c : here) pages += c & 1u;
    ::munmap(at, size);
  }
  return pages * kPage;
}

// ---- writing

// As Disk::flush() does it; the payloads are where they are in memory.
void write_batch(int fd, const std::byte* payload, std::size_t at) {
  std::byte headers[kRecords][kHeader] = {};
  iovec pieces[2 * kRecords];
  for (std::size_t i = 0; i < kRecords; ++i) {
    pieces[2 * i] = {headers[i], kHeader};
    pieces[2 * i + 1] = {const_cast<std::byte*>(payload) + i * kMiB, kMiB};
  }
  const std::size_t bytes = kRecords * (kHeader + kMiB);
  const ssize_t n = ::pwritev(fd, pieces, 2 * kRecords, static_cast<off_t>(at));
  require(n == static_cast<ssize_t>(bytes), "pwritev");
  ::sync_file_range(fd, static_cast<off_t>(at), static_cast<off_t>(bytes), SYNC_FILE_RANGE_WRITE);
}

// Records are not aligned: they are put together in a buffer that is, which costs a copy.
void write_batch_direct(int fd, const std::byte* payload, std::byte* buffer, std::size_t at) {
  std::memcpy(buffer, payload, kRecords * kMiB);
  const ssize_t n = ::pwrite(fd, buffer, kRecords * kMiB, static_cast<off_t>(at));
  require(n == static_cast<ssize_t>(kRecords * kMiB), "pwrite, O_DIRECT");
}

std::string write(const std::vector<std::string>& paths, bool direct) {
  const Buffer payload = aligned(kRecords * kMiB), buffer = aligned(kRecords * kMiB);
  const std::size_t step = kRecords * (kMiB + (direct ? 0 : kHeader));
  std::vector<double> calls;
  std::size_t bytes = 0;
  double synced = 0;
  const double cpu_before = cpu();
  const Clock clock;
  std::vector<std::unique_ptr<File>> files;
  for (const std::string& path : paths) {
    const int flags = O_RDWR | O_CREAT | O_TRUNC | (direct ? O_DIRECT : 0);
    files.push_back(std::make_unique<File>(path, flags));
    const int fd = files.back()->fd();
    require(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, kRegion) == 0 || errno == EOPNOTSUPP,
            "fallocate");
    for (std::size_t at = 0; at + step <= kRegion; at += step, bytes += step) {
      const Clock call;
      direct ? write_batch_direct(fd, payload.get(), buffer.get(), at)
             : write_batch(fd, payload.get(), at);
      calls.push_back(call.seconds());
    }
  }
  const double returned = clock.seconds();
  for (const auto& file : files) require(::fdatasync(file->fd()) == 0, "fdatasync");
  synced = clock.seconds();
  const double gib = static_cast<double>(bytes) / (1 << 30);
  return fmt::format(
      "{{\"mb_per_s\": {:.0f}, \"mb_per_s_until_synced\": {:.0f}, \"cpu_s_per_gib\": {:.3f}, "
      "\"call_p50_ms\": {:.2f}, \"call_p99.9_ms\": {:.2f}, \"page_cache_left_percent\": {:.0f}}}",
      static_cast<double>(bytes) / 1e6 / returned, static_cast<double>(bytes) / 1e6 / synced,
      (cpu() - cpu_before) / gib, milliseconds(calls, 0.5), milliseconds(calls, 0.999),
      100 * static_cast<double>(cached(paths)) / static_cast<double>(bytes));
}

// ---- reading

std::string read(const std::vector<std::string>& paths, bool direct) {
  std::vector<std::unique_ptr<File>> files;
  for (const std::string& path : paths) {
    files.push_back(std::make_unique<File>(path, O_RDONLY | (direct ? O_DIRECT : 0)));
    ::fdatasync(files.back()->fd());
    ::posix_fadvise(files.back()->fd(), 0, 0, POSIX_FADV_DONTNEED);
  }
  const std::uint64_t warm = cached(paths);
  std::vector<std::vector<double>> calls(kReaders);
  const double cpu_before = cpu();
  const Clock clock;
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937 random(r);
      const Buffer buffer = aligned(kMiB + kPage);
      // An aligned read must begin before the record and end behind it.
      const std::size_t bytes = kMiB + (direct ? kPage : kHeader);
      for (unsigned n = 0; n < kReads; ++n) {
        const int fd = files[random() % files.size()]->fd();
        const std::size_t record = random() % (kRegion / (kMiB + kHeader) - 5);
        const std::size_t at = record * (kMiB + kHeader);
        const Clock call;
        const std::size_t from = direct ? at / kPage * kPage : at;
        require(::pread(fd, buffer.get(), bytes, static_cast<off_t>(from)) ==
                    static_cast<ssize_t>(bytes),
                "pread");
        calls[r].push_back(call.seconds());
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  const double seconds = clock.seconds();
  std::vector<double> all;
  for (const auto& some : calls) all.insert(all.end(), some.begin(), some.end());
  const double mib = kReaders * kReads;
  return fmt::format(
      "{{\"mb_per_s\": {:.0f}, \"cpu_s_per_gib\": {:.3f}, \"call_p50_ms\": {:.2f}, "
      "\"call_p99.9_ms\": {:.2f}, \"cached_before_mb\": {}, \"cached_after_mb\": {}}}",
      mib * kMiB / 1e6 / seconds, (cpu() - cpu_before) / mib * 1024, milliseconds(all, 0.5),
      milliseconds(all, 0.999), warm / 1'000'000, cached(paths) / 1'000'000);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench-disk-io DIRECTORY [MIB]\n");
    return 2;
  }
  const std::filesystem::path directory = std::filesystem::path(argv[1]) / "weir-bench-disk-io";
  const std::size_t mib = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1024;
  std::filesystem::create_directories(directory);
  std::vector<std::string> paths;
  for (std::size_t n = 0; n < std::max<std::size_t>(1, mib * kMiB / kRegion); ++n) {
    paths.push_back(directory / fmt::format("region-{:08x}", n + 1));
  }
  std::string out[2][2];
  for (const bool direct : {false, true}) {
    out[direct][0] = write(paths, direct);
    out[direct][1] = read(paths, direct);
  }
  std::filesystem::remove_all(directory);
  fmt::print("{{\"bench\": \"disk-io\", \"mib\": {},\n", mib);
  fmt::print(" \"write\": {{\n  \"page_cache\": {},\n  \"o_direct\": {}}},\n", out[0][0],
             out[1][0]);
  fmt::print(" \"read\": {{\n  \"page_cache\": {},\n  \"o_direct\": {}}}}}\n", out[0][1],
             out[1][1]);
}
