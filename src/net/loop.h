#pragma once
// Loop: one thread's event loop over libevent. Everything registered with a Loop lives and dies on
// its thread; only post() (Executor) and stop() may be called from others.
//
// A round is: sleep in epoll, run what is ready, run what was posted. Posted tasks run after the
// events of their round, each once; one that is posted meanwhile, also by itself, runs in the next
// round, so tasks cannot starve sockets.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/durations.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/time.h"
#include "net/event_slot.h"

struct event_base;

namespace weir::net {

// How late a worker was. Written by its Loop; any thread may read.
struct LoopStats {
  Durations late;    // rounds that the coarse clock noticed (4 ms and more), and timers
  Count rounds;      // in which anything ran that read the clock
  Count longest_ns;  // of them; take() it
};

class Loop final : public Executor {
 public:
  // Aborts when the kernel gives no epoll or eventfd: nothing can run without. Ignores SIGPIPE for
  // the whole process, since sendfile(2) has no MSG_NOSIGNAL. `stats` outlives it, or is null.
  explicit Loop(LoopStats* stats = nullptr);
  ~Loop();  // REQUIRES: not running; nothing is registered with it and nobody posts to it any more
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until stop(), which may also have come before; the calling thread becomes the Loop's. May be
  // called again after it returned.
  void run();
  void stop() noexcept;  // any thread; the round under way is finished first

  void post(Task& task) noexcept override;    // any thread
  void cancel(Task& task) noexcept override;  // Loop's thread

  // The time at which this round of events began; one clock read a round. Timeouts, logs and Age
  // are computed from it. wall_now() likewise; wall_fraction() is what WallTime leaves out. Loop's
  // thread. While the Loop does not run they read the clock each time.
  TimePoint now() const noexcept {
    if (!now_read_) read_now();
    return now_;
  }
  WallTime wall_now() const noexcept;
  Duration wall_fraction() const noexcept;

  // How late this worker was lately: the longest round (an event may have waited for all of it) or
  // overdue timer of the last one to two seconds. Its grain is the tick of the kernel's coarse
  // clock: rounds under about 4 ms may not count, and timers alone account for up to 5 ms. Loop's
  // thread.
  Duration lag() const noexcept;

  ::event_base* base() const noexcept { return base_; }  // for net/ only
  // Destroys `thing` after the last event. For net/ only: evdns must outlive what it has deferred.
  using Kept = std::unique_ptr<void, void (*)(void*)>;
  void keep_to_the_end(Kept thing) { kept_.push_back(std::move(thing)); }

 private:
  friend class Timer;
  void read_now() const noexcept;
  void read_wall() const noexcept;
  void wake() noexcept;
  void run_tasks() noexcept;
  Task* next_task() noexcept;
  void end_round() noexcept;
  void note_lag(TimePoint at, Duration late) noexcept;

  ::event_base* base_;
  LoopStats* const stats_;
  int wake_fd_;
  bool running_ = false;
  mutable bool now_read_ = false;   // in this round
  mutable bool wall_read_ = false;  // in this round
  mutable TimePoint now_{};
  mutable std::chrono::sys_time<Duration> wall_{};

  // Longest lateness of the second that began at lag_since_, and of the one before it.
  TimePoint lag_since_{};
  Duration lag_latest_{0};
  Duration lag_before_{0};

  std::atomic<bool> stop_{false};
  std::atomic<bool> waiting_{false};  // lists_[filling_] is not empty; written under mutex_
  Mutex mutex_;                       // leaf
  int filling_ GUARDED_BY(mutex_) = 0;
  List<Task> lists_[2] GUARDED_BY(mutex_);  // one is filled by post() while the other is run
  EventSlot wake_event_;
  std::vector<Kept> kept_;
};

// Runs `on_timer` once, at or after a deadline. Re-arming is cheap and lazy: moving the deadline
// later costs no system call and no heap operation (the timer wakes at the old time, sees the new
// deadline and sleeps again). Unregisters in its destructor.
class Timer {
 public:
  class Owner {
   public:
    // May destroy the Timer as its last act, or set it again.
    virtual void on_timer(Timer& timer) = 0;

   protected:
    ~Owner() = default;
  };
  Timer(Loop& loop, Owner& owner);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(TimePoint deadline) noexcept;  // TimePoint::max() is the same as clear()
  void clear() noexcept { deadline_ = TimePoint::max(); }
  TimePoint deadline() const noexcept { return deadline_; }  // TimePoint::max() when not set

 private:
  static void woken(int fd, short what, void* timer) noexcept;
  void arm() noexcept;

  Loop& loop_;
  Owner& owner_;
  TimePoint deadline_ = TimePoint::max();
  TimePoint armed_ = TimePoint::max();  // when libevent will wake it; max: it will not
  EventSlot event_;
};

}  // namespace weir::net
