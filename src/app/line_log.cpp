#include "app/line_log.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/quoted.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSpares = 32;
constexpr Duration kReportEvery = 1s;
constexpr Duration kLook = 200ms;  // how soon a stuck writer notices that it shall stop

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

// Signals are the main thread's; a broken pipe is an error of write().
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

LineLog::LineLog(std::string_view name, LogOutput output, Limits limits)
    : name_(name), limits_(limits), output_(std::move(output)) {}

LineLog::~LineLog() { stop(1s); }

void LineLog::start() {
  WEIR_CHECK(!thread_.joinable());
  thread_ = std::thread([this] { run(); });
}

void LineLog::stop(Duration patience) {
  {
    const Lock lock(mutex_);
    stopping_ = true;
    deadline_ = after(clock_now(), patience);
  }
  work_.notify_one();
  if (!thread_.joinable()) return;
  thread_.join();
  do {
    dropped_ += front_.lines;
    release_front();
  } while (take_next());
  report(TimePoint::max());
}

void LineLog::reopen() {
  {
    const Lock lock(mutex_);
    reopen_ = true;
  }
  work_.notify_one();
}

void LineLog::hand_over(LineBatch& batch) {
  const std::size_t size = batch.bytes.size();
  if (size == 0) return;
  const std::uint64_t lines = std::exchange(batch.lines, 0);
  {
    const Lock lock(mutex_);
    if (outstanding_ + size > limits_.outstanding) {
      dropped_.fetch_add(lines, std::memory_order_relaxed);
      batch.bytes.clear();
      return;
    }
    outstanding_ += size;
    queue_.push_back({std::move(batch.bytes), lines});
    batch.bytes = {};
    if (!spare_.empty()) {
      batch.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  work_.notify_one();
}

void LineLog::run() {
  block_signals();
  while (true) {
    const Step outcome = step();
    report(clock_now());
    if (outcome == Step::kIdle && !wait_for_work()) return;
    if (outcome == Step::kStuck) output_.wait_writable(kLook);
    if (outcome != Step::kIdle && past_deadline()) return;
  }
}

// False: stopping, and nothing is left.
bool LineLog::wait_for_work() {
  const Lock lock(mutex_);
  if (queue_.empty() && !reopen_ && !stopping_) work_.wait_for(mutex_, kReportEvery);
  return !queue_.empty() || !stopping_;
}

bool LineLog::past_deadline() {
  const Lock lock(mutex_);
  return stopping_ && clock_now() >= deadline_;
}

LineLog::Step LineLog::step() {
  if (done_ == 0) reopen_if_asked();  // never between the halves of a line
  if (front_.bytes.size() == 0 && !take_next()) return Step::kIdle;
  return write_front();
}

bool LineLog::take_next() {
  const Lock lock(mutex_);
  if (queue_.empty()) return false;
  front_ = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void LineLog::reopen_if_asked() {
  {
    const Lock lock(mutex_);
    if (!std::exchange(reopen_, false)) return;
  }
  const Result<void> done = output_.reopen();
  if (done) torn_ = false;
  if (!done)
    log_error("{} reopen={} error={}", name_, output_.target(), quoted(describe(done.error())));
}

LineLog::Step LineLog::write_front() {
  if (torn_) {
    const Result<std::size_t> mended = output_.write("\n");
    torn_ = !mended || *mended == 0;
    if (!mended) give_up(mended.error());
    if (torn_) return mended ? Step::kStuck : Step::kWrote;
  }
  const std::string_view left = front_.bytes.view().substr(done_);
  const Result<std::size_t> taken = output_.write(left);
  if (!taken) {
    give_up(taken.error());
    return Step::kWrote;
  }
  done_ += *taken;
  if (*taken < left.size()) return *taken == 0 ? Step::kStuck : Step::kWrote;
  written_.fetch_add(front_.lines, std::memory_order_relaxed);
  release_front();
  return Step::kWrote;
}

// The output is broken: the rest of the batch is lost, the next one tries again.
void LineLog::give_up(Error why) {
  last_error_ = why;
  const std::string_view all = front_.bytes.view();
  const std::string_view left = all.substr(done_);
  const auto lost = static_cast<std::uint64_t>(std::ranges::count(left, '\n'));
  if (done_ > 0 && all[done_ - 1] != '\n') torn_ = true;
  dropped_.fetch_add(lost, std::memory_order_relaxed);
  written_.fetch_add(front_.lines - lost, std::memory_order_relaxed);
  release_front();
}

void LineLog::release_front() {
  const Lock lock(mutex_);
  outstanding_ -= front_.bytes.size();
  front_.bytes.clear();
  front_.lines = 0;
  done_ = 0;
  // A buffer that one huge line made large is not kept.
  const bool usual = front_.bytes.capacity() <= 4 * limits_.buffer;
  if (usual && front_.bytes.capacity() > 0 && spare_.size() < kSpares) {
    spare_.push_back(std::move(front_.bytes));
  }
  front_.bytes = {};
}

void LineLog::report(TimePoint now) {
  const std::uint64_t lost = dropped() - reported_;
  if (lost == 0 || now < next_report_) return;
  reported_ += lost;
  next_report_ = after(now, kReportEvery);
  log_warn("{} target={} dropped={} total={} errno={}", name_, output_.target(), lost, dropped(),
           last_error_.sys);
}

}  // namespace weir::app
