#pragma once
// Recorder: the file that samples of client connections go to (delivery.record, `weir record`). A
// thread of its own opens, writes and closes it, so that no worker waits for a disk. What it has
// written is bounded: when the bound is reached recording ends by itself.
//
//   Off --order_on()--> Opening --> On --order_off()--> Off
//                          |         |--bound reached--> Full
//                          '---------'--the file fails--> Failed       each of them may be ordered
//                          on
//
// The file is named by the conf alone. Workers look once a second whether they are to record
// (turn()), and hand over batches of lines.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>

#include "app/line_log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "delivery/sample_lines.h"

namespace weir::app {

class Recorder {
 public:
  struct Plan {
    std::string path;                // empty: nothing can be recorded
    std::uint64_t most = 256 << 20;  // bytes of the file, and none of an order may be above it
    std::uint32_t every = 1;         // one of so many connections
  };
  struct Order {
    std::uint64_t most = 0;   // 0: as planned
    std::uint32_t every = 0;  // likewise
  };
  enum class State : std::uint8_t { kOff, kOpening, kOn, kFull, kFailed };
  struct Status {
    State state = State::kOff;
    std::string path;
    Error error{};            // with kFailed
    std::uint64_t bytes = 0;  // of the file, with what was there
    std::uint64_t most = 0;
    std::uint32_t every = 1;
    // Since the start of the process.
    std::uint64_t connections = 0;
    std::uint64_t written_lines = 0;
    std::uint64_t dropped_lines = 0;
    std::uint64_t written_bytes = 0;
  };
  // What a worker is to do, in one word. Other settings are another turn.
  struct Turn {
    std::uint32_t number = 0;
    std::uint32_t every = 0;  // 0: nothing is recorded
    friend bool operator==(const Turn&, const Turn&) = default;
  };

  // `settings`: in force; the recording tells them.
  Recorder(Plan plan, const delivery::Settings& settings);
  ~Recorder() { stop(); }
  Recorder(const Recorder&) = delete;

  // Begins to record at once, in the calling thread: before start(). Fails with the errno of
  // open(), or EINVAL for what is no regular file.
  Result<void> begin();
  // Starts the thread. Without it whoever calls step() is that thread.
  void start();
  // Does what there is to do now.
  void step() EXCLUDES_LOCK(mutex_);
  // Writes what was handed over, then ends the thread. Once more does nothing.
  void stop() EXCLUDES_LOCK(mutex_);

  // Any thread, as are all below. None of them but probe() waits for the disk.
  bool possible() const { return !plan_.path.empty(); }
  const Plan& plan() const { return plan_; }
  // REQUIRES: possible(). Where something is being recorded, that ends first.
  void order_on(const Order& order) EXCLUDES_LOCK(mutex_);
  void order_off() EXCLUDES_LOCK(mutex_);
  // The file was renamed: a new one is begun, if anything is being recorded. The bound stays.
  void reopen() EXCLUDES_LOCK(mutex_);
  // Whether reopen() would succeed; also where nothing is being recorded. Waits for the disk.
  Result<void> probe() const EXCLUDES_LOCK(mutex_);
  // From now on these are in force.
  void set_settings(const delivery::Settings& settings) EXCLUDES_LOCK(mutex_);
  Status status() const EXCLUDES_LOCK(mutex_);

  // The workers.
  Turn turn() const { return turn_.load(std::memory_order_relaxed); }
  void count_connection() { connections_.fetch_add(1, std::memory_order_relaxed); }
  // Takes the lines, or drops and counts them; the batch comes back empty.
  void hand_over(const Turn& turn, LineBatch& batch) EXCLUDES_LOCK(mutex_);

 private:
  // What is to be done, in this order.
  struct Work {
    std::deque<LineBatch> batches;
    bool close = false;
    bool open = false;    // for a new turn
    bool reopen = false;  // for the same
    bool settings = false;
    bool stop = false;

    bool any() const { return !batches.empty() || close || open || reopen || settings || stop; }
  };

  void run();
  Work wait_for_work() EXCLUDES_LOCK(mutex_);
  Work take_work() EXCLUDES_LOCK(mutex_);
  void obey(const Work& work) EXCLUDES_LOCK(mutex_);
  void begin_turn() EXCLUDES_LOCK(mutex_);
  void end_turn(State state, Error why = {}) EXCLUDES_LOCK(mutex_);
  Result<void> open_file();
  void close_file();
  bool write(std::string_view bytes, std::uint64_t lines) EXCLUDES_LOCK(mutex_);
  bool write_line(const std::string& line) EXCLUDES_LOCK(mutex_);
  bool write_run() EXCLUDES_LOCK(mutex_);
  void write_batch(const LineBatch& batch) EXCLUDES_LOCK(mutex_);
  void drop(std::uint64_t lines) { dropped_lines_.fetch_add(lines, std::memory_order_relaxed); }

  const Plan plan_;
  std::atomic<Turn> turn_{};
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> written_lines_{0};
  std::atomic<std::uint64_t> dropped_lines_{0};
  std::atomic<std::uint64_t> written_bytes_{0};

  mutable Mutex mutex_;
  std::condition_variable_any work_;
  Work wanted_ GUARDED_BY(mutex_);
  delivery::Settings settings_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kOff;
  Error error_ GUARDED_BY(mutex_){};
  Order order_ GUARDED_BY(mutex_);                    // in force, or to be
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;        // see Status
  std::uint64_t outstanding_ GUARDED_BY(mutex_) = 0;  // bytes that wait
  std::uint64_t lost_ GUARDED_BY(mutex_) = 0;         // lines, not told yet in the file
  std::uint32_t taking_ GUARDED_BY(mutex_) = 0;       // batches of this turn; 0: none
  TimePoint close_at_ GUARDED_BY(mutex_) = TimePoint::max();

  // The writing thread's, and begin()'s.
  int fd_ = -1;
  std::uint64_t file_size_ = 0;  // up to the end of a line
  std::uint64_t used_ = 0;       // of the bound: what the file held, and all that was written since
  std::uint64_t most_ = 0;
  std::uint32_t turns_ = 0;
  std::string run_id_;

  std::thread thread_;
};

std::string_view name(Recorder::State state);  // "off", "opening", "on", "full", "failed"

}  // namespace weir::app
