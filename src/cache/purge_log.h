#pragma once
// PurgeLog: the purges that concern what is on disk, over restarts. What is only there bears tags
// and fields that nobody has read, so no purge can find it: it is judged when it is read back,
// before it is found by anybody.
//
//   add --> held, and pending --the log's thread--> in a file on each disk --> written, who waits
//                                                                              is told
//
// A tag (or a URL, as url_tag()) is held as the numbers of its last purges: to add one and to ask
// for one is O(1). A ban is held with its conditions. Both are bounded: where the oldest are
// forgotten, what was asked for before counts as purged. So it does where a file is damaged, or
// where none is left. store/FORMAT.md has the bytes.
//
// Numbers (Purging::number) rise over restarts, too: who is asked for after a start is younger than
// any purge of an earlier run. Each number that is given out is told here, by an add or by pass(),
// in any order.
//
// Any thread; one lock, a leaf but for the executors of those who wait.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/ban.h"
#include "cache/purge_mark.h"
#include "store/file_system.h"

namespace weir::cache {

class PurgeLog {
 public:
  static constexpr std::size_t kTagsMost = 1 << 18;
  static constexpr std::size_t kBansMost = 1024;

  struct Settings {
    std::vector<std::string> directories;  // one a disk; each has all of it
    bool power = false;                    // fdatasync
    // The log's thread: a directory of these takes nothing any more. What is stored there must not
    // come back.
    std::function<void(std::size_t, Error)> lost = {};
    // The log's thread: the file system of a directory of these is full. False: there is nothing
    // that could be given up for the log. Blocks.
    std::function<bool(std::size_t)> make_room = {};
  };

  // What is in a directory, without changing anything. Blocks.
  struct Survey {
    std::size_t files = 0;
    std::size_t tags = 0;
    std::size_t bans = 0;
    bool damaged = false;
  };
  static Survey survey(store::FileSystem& files, const std::string& directory);

  // Reads what is there. `now`: where numbers begin, if nothing says otherwise. Blocks.
  PurgeLog(store::FileSystem& files, Settings settings, WallTime now);
  ~PurgeLog();  // stop()
  PurgeLog(const PurgeLog&) = delete;
  PurgeLog& operator=(const PurgeLog&) = delete;

  void start();  // its thread
  void stop();   // when all is written

  // The number before the first one of this run.
  std::uint64_t first() const { return first_; }
  void add_tag(const Digest& tag, const Purging& purging) EXCLUDES_LOCK(mutex_);
  void add_ban(Ref<Ban> ban, const Purging& purging) EXCLUDES_LOCK(mutex_);
  void pass(std::uint64_t number) EXCLUDES_LOCK(mutex_);  // it concerns nothing on disk

  // Whether keys with parts may be on disk. To be asked before one is put there: false the first
  // times, until that is written.
  bool may_store_parts() EXCLUDES_LOCK(mutex_);
  bool knows_parts() const EXCLUDES_LOCK(mutex_);

  struct Verdict {
    bool gone = false;
    std::optional<WallTime> stale_since = {};
    std::uint64_t number = 0;  // of the last purge before which none is missing in this verdict
  };
  // Of an object that was asked for when the last purge was number `born`.
  Verdict judge(std::string_view url, std::span<const Digest> tags, const http::Response& head,
                std::uint64_t born) const EXCLUDES_LOCK(mutex_);

  // How much was added so far, for await().
  std::uint64_t added() const EXCLUDES_LOCK(mutex_);
  // Whether so much is written. If not, `task` is posted once when it is.
  bool await(std::uint64_t added, Executor& executor, Task& task) EXCLUDES_LOCK(mutex_);
  void forget(const Task& task) EXCLUDES_LOCK(mutex_);  // it is not posted any more

  // For people and tests.
  std::size_t tags() const EXCLUDES_LOCK(mutex_);
  std::size_t bans() const EXCLUDES_LOCK(mutex_);

 private:
  struct Tag {
    std::uint64_t hard = 0;
    Purging soft{PurgeMode::kSoft};
    std::uint64_t last() const { return std::max(hard, soft.number); }
  };
  struct Listed {
    Ref<Ban> ban;
    Purging purging;
  };
  using Bans = std::vector<Listed>;  // by number
  struct Copy {                      // the file of one directory
    std::string directory;
    std::unique_ptr<store::File> file;
    std::uint64_t end = 0;
    bool lost = false;
  };
  struct Waiting {
    std::uint64_t added;
    Executor* executor;
    Task* task;
  };

  explicit PurgeLog(store::FileSystem& files) : files_(files) {}
  std::size_t read(const std::string& directory, bool& found, bool& damaged) EXCLUDES_LOCK(mutex_);
  bool read_file(const std::string& path, bool& found) EXCLUDES_LOCK(mutex_);
  bool apply(std::string_view record) REQUIRES_LOCK(mutex_);
  void hold_tag(const Digest& tag, const Purging& purging) REQUIRES_LOCK(mutex_);
  void hold_ban(Ref<Ban> ban, const Purging& purging) REQUIRES_LOCK(mutex_);
  void forget_oldest_tags() REQUIRES_LOCK(mutex_);
  void append(std::string_view record) REQUIRES_LOCK(mutex_);
  void see(std::uint64_t number) REQUIRES_LOCK(mutex_);
  std::string image() const REQUIRES_LOCK(mutex_);
  void tell() REQUIRES_LOCK(mutex_);

  void run();
  void rewrite(const std::string& image);
  void write(const std::string& bytes);
  Result<void> renew(Copy& copy, const std::string& image);
  Result<void> append_to(Copy& copy, store::Bytes bytes);
  template <class Write>
  Result<void> with_room(const Copy& copy, Write write);
  void lose(Copy& copy, Error why);

  store::FileSystem& files_;
  const Settings settings_;
  std::uint64_t first_ = 0;

  // The log's thread's, once it runs.
  std::vector<Copy> copies_;
  std::uint64_t generation_ = 0;  // of the files

  mutable Mutex mutex_;
  std::condition_variable_any work_;
  std::unordered_map<Digest, Tag, DigestHash> tags_ GUARDED_BY(mutex_);
  std::shared_ptr<const Bans> bans_ GUARDED_BY(mutex_) = std::make_shared<Bans>();
  std::uint64_t forgotten_ GUARDED_BY(mutex_) = 0;    // who is older than this counts as purged
  std::uint64_t complete_ GUARDED_BY(mutex_) = 0;     // all numbers up to this have been told
  std::set<std::uint64_t> ahead_ GUARDED_BY(mutex_);  // those beyond it
  std::uint64_t recorded_ GUARDED_BY(mutex_) = 0;     // the highest number in the files
  enum class Parts : std::uint8_t { kNone, kPending, kWritten };
  Parts parts_ GUARDED_BY(mutex_) = Parts::kNone;
  std::string pending_ GUARDED_BY(mutex_);
  std::uint64_t added_ GUARDED_BY(mutex_) = 0;  // records
  std::uint64_t written_ GUARDED_BY(mutex_) = 0;
  std::uint64_t parts_at_ GUARDED_BY(mutex_) = 0;
  std::uint64_t since_rewrite_ GUARDED_BY(mutex_) = 0;  // bytes
  std::vector<Waiting> waiting_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::cache
