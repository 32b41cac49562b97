#include "net/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "base/check.h"
#include "base/log.h"
#include "base/quoted.h"

namespace weir::net {
namespace {

static_assert(sizeof(::event) <= EventSlot::kSize);
static_assert(alignof(::event) <= alignof(EventSlot));

constexpr Duration kLagWindow = std::chrono::seconds(1);

thread_local const Loop* running_here = nullptr;

void libevent_says(int severity, const char* text) noexcept {
  if (severity == EVENT_LOG_DEBUG) return;
  log(severity == EVENT_LOG_ERR ? LogLevel::kError : LogLevel::kWarn, "libevent={}", quoted(text));
}

void libevent_dies(int) noexcept { std::abort(); }

void prepare_process() {
  [[maybe_unused]] static const bool once = [] {
    WEIR_CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    WEIR_CHECK(event_get_struct_event_size() <=
               EventSlot::kSize);  // the library's, not the header's
    event_set_log_callback(&libevent_says);
    event_set_fatal_callback(&libevent_dies);
    return true;
  }();
}

::event_base* new_base() {
  prepare_process();
  event_config* config = event_config_new();
  WEIR_CHECK(config != nullptr);
  // One thread each, so no locks. The environment must not choose a slower method.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
  ::event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  WEIR_CHECK(base != nullptr);
  return base;
}

// The descriptor is never read: with EV_ET every write is an edge of its own, and its counter
// would take centuries to fill.
void woken_by_post(int, short, void*) noexcept {}

timeval rounded_up(Duration wait) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(wait, Duration(0))).count();
  return {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
}

}  // namespace

Loop::Loop(LoopStats* stats)
    : base_(new_base()), stats_(stats), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  WEIR_CHECK(wake_fd_ >= 0);
  ::event* wake = wake_event_.get();
  event_assign(wake, base_, wake_fd_, EV_READ | EV_ET | EV_PERSIST, &woken_by_post, nullptr);
  WEIR_CHECK(event_add(wake, nullptr) == 0);
}

Loop::~Loop() {
  WEIR_CHECK(!running_);
  event_del(wake_event_.get());
  close(wake_fd_);
  // What evdns deferred when a Resolver died still has to free its memory, and uses evdns for that.
  do {
    event_base_loop(base_, EVLOOP_NONBLOCK);
  } while (event_base_get_num_events(base_, EVENT_BASE_COUNT_ACTIVE) > 0);
  kept_.clear();
  event_base_free(base_);
}

void Loop::run() {
  WEIR_CHECK(!running_ && running_here == nullptr);
  running_here = this;
  running_ = true;
  while (!stop_.load(std::memory_order_acquire)) {
    now_read_ = wall_read_ = false;
    // Relaxed is enough: who posts from another thread after this look also writes the eventfd.
    const bool tasks = waiting_.load(std::memory_order_relaxed);
    // ONCE gives rounds a border, which libevent's own loop does not show.
    const int rc = event_base_loop(base_, EVLOOP_ONCE | (tasks ? EVLOOP_NONBLOCK : 0));
    WEIR_CHECK(rc >= 0);
    if (waiting_.load(std::memory_order_relaxed)) run_tasks();
    end_round();
  }
  stop_.store(false, std::memory_order_relaxed);
  running_ = false;
  now_read_ = wall_read_ = false;
  running_here = nullptr;
}

void Loop::stop() noexcept {
  stop_.store(true, std::memory_order_release);
  if (running_here != this) wake();
}

void Loop::wake() noexcept {
  const std::uint64_t one = 1;
  const ssize_t n = write(wake_fd_, &one, sizeof one);
  WEIR_CHECK(n == sizeof one);
}

void Loop::post(Task& task) noexcept {
  bool was_empty;
  {
    Lock lock(mutex_);
    if (task.linked()) return;
    lists_[filling_].push_back(task);
    was_empty = !waiting_.load(std::memory_order_relaxed);
    waiting_.store(true, std::memory_order_relaxed);
  }
  // On its own thread the Loop looks at waiting_ before it sleeps.
  if (was_empty && running_here != this) wake();
}

void Loop::cancel(Task& task) noexcept {
  WEIR_DCHECK(running_here == this || !running_);
  Lock lock(mutex_);
  task.unlink();
}

void Loop::run_tasks() noexcept {
  now();
  {
    Lock lock(mutex_);
    filling_ ^= 1;
    waiting_.store(false, std::memory_order_relaxed);
  }
  while (Task* task = next_task()) task->run();
}

// One at a time under the lock: a task of the batch may still be posted (nothing to do, it is
// linked) or cancelled.
Task* Loop::next_task() noexcept {
  Lock lock(mutex_);
  return lists_[filling_ ^ 1].pop_front();
}

void Loop::read_now() const noexcept {
  now_ = std::chrono::steady_clock::now();
  now_read_ = running_;
}

void Loop::read_wall() const noexcept {
  wall_ = std::chrono::system_clock::now();
  wall_read_ = running_;
}

WallTime Loop::wall_now() const noexcept {
  if (!wall_read_) read_wall();
  return std::chrono::floor<std::chrono::seconds>(wall_);
}

Duration Loop::wall_fraction() const noexcept {
  if (!wall_read_) read_wall();
  return wall_ - std::chrono::floor<std::chrono::seconds>(wall_);
}

void Loop::end_round() noexcept {
  if (!now_read_) return;  // nothing ran that could be slow
  if (stats_) stats_->rounds.add();
  // The coarse clock costs a third: unless it ticked, the round was shorter than lag() can matter.
  timespec tick;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
  if (TimePoint(Seconds(tick.tv_sec) + Duration(tick.tv_nsec)) <= now_) return;
  const TimePoint end = std::chrono::steady_clock::now();
  note_lag(end, end - now_);
}

void Loop::note_lag(TimePoint at, Duration late) noexcept {
  const Duration age = at - lag_since_;
  if (age >= kLagWindow) {
    lag_before_ = age < 2 * kLagWindow ? lag_latest_ : Duration(0);
    lag_latest_ = Duration(0);
    lag_since_ = at;
  }
  lag_latest_ = std::max(lag_latest_, late);
  if (!stats_) return;
  stats_->late.add(late);
  if (late > Duration::zero()) stats_->longest_ns.raise(static_cast<std::uint64_t>(late.count()));
}

Duration Loop::lag() const noexcept {
  const Duration age = now() - lag_since_;
  if (age >= 2 * kLagWindow) return Duration(0);
  return age >= kLagWindow ? lag_latest_ : std::max(lag_latest_, lag_before_);
}

Timer::Timer(Loop& loop, Owner& owner) : loop_(loop), owner_(owner) {
  event_assign(event_.get(), loop_.base(), -1, 0, &Timer::woken, this);
}

Timer::~Timer() {
  if (armed_ != TimePoint::max()) event_del(event_.get());
}

void Timer::set(TimePoint deadline) noexcept {
  deadline_ = deadline;
  if (deadline < armed_) arm();
}

void Timer::arm() noexcept {
  const timeval wait = rounded_up(deadline_ - loop_.now());
  WEIR_CHECK(event_add(event_.get(), &wait) == 0);
  armed_ = deadline_;
}

void Timer::woken(int, short, void* timer) noexcept {
  Timer& self = *static_cast<Timer*>(timer);
  const TimePoint now = self.loop_.now();
  self.loop_.note_lag(now, now - self.armed_);
  self.armed_ = TimePoint::max();
  if (self.deadline_ == TimePoint::max()) return;
  if (now < self.deadline_)
    return self.arm();  // was moved later, or libevent's coarse clock ran ahead
  self.deadline_ = TimePoint::max();
  self.owner_.on_timer(self);
}

}  // namespace weir::net
