#include "app/landlock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::app {
namespace {

// What the headers of Debian 12 may not have yet.
constexpr std::uint64_t kTruncate = 1 << 14;     // version 3
constexpr std::uint64_t kIoctlDevice = 1 << 15;  // version 5
constexpr std::uint64_t kScopeSignal = 1 << 1;   // version 6
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t ports = 0;
  std::uint64_t scopes = 0;
};

constexpr std::uint64_t kFirst = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // version 1

constexpr std::uint64_t kReads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrites = kReads | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
constexpr std::uint64_t kRemoves = LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

// All that this kernel can refuse is refused, but for what a rule allows.
Ruleset ruleset_of(int version) {
  Ruleset out{.files = kFirst};
  if (version >= 2) out.files |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) out.files |= kTruncate;
  if (version >= 5) out.files |= kIoctlDevice;
  if (version >= 6) out.scopes = kScopeSignal;
  return out;
}

std::uint64_t rights_of(FileUse use) {
  switch (use) {
    case FileUse::kRead:
      return kReads;
    case FileUse::kWrite:
      return kWrites;
    case FileUse::kRemove:
      break;
  }
  return kRemoves;
}

class Descriptor {
 public:
  explicit Descriptor(long fd) : fd_(static_cast<int>(fd)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// False: errno says why.
bool add_rule(const Descriptor& rules, const Ruleset& handled, const FileRule& rule) {
  const Descriptor file(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (file.get() < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
  struct stat s {};
  if (::fstat(file.get(), &s) != 0) return false;
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access =
      rights_of(rule.use) & handled.files & (S_ISDIR(s.st_mode) ? ~std::uint64_t{0} : kOfFiles);
  beneath.parent_fd = file.get();
  // EBADFD: a pipe or socket behind /dev/stdout, say; those are never restricted.
  return ::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ==
             0 ||
         errno == EBADFD;
}

std::string failed(const std::string& what) {
  return fmt::format("landlock: {}: {}", what, std::strerror(errno));
}

}  // namespace

int landlock_version() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

std::string restrict_files(const std::vector<FileRule>& rules) {
  const int version = landlock_version();
  const Ruleset handled = ruleset_of(version);
  const std::size_t size = version >= 6 ? sizeof handled : sizeof handled.files;
  const Descriptor made(::syscall(SYS_landlock_create_ruleset, &handled, size, 0));
  if (made.get() < 0) return failed("this kernel has none");
  for (const FileRule& rule : rules) {
    if (!add_rule(made, handled, rule)) return failed(rule.path);
  }
  if (::syscall(SYS_landlock_restrict_self, made.get(), 0) != 0) return failed("refused");
  return {};
}

}  // namespace weir::app
