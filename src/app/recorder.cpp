#include "app/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/quoted.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kOutstanding = 16 << 20;  // bytes
constexpr std::uint64_t kLeastRoom = 4096;        // bytes; with less no recording is begun
// Workers look once a second, and bring what they have of a turn that was ended.
constexpr Duration kLastBatches = 1500ms;

TimePoint clock_now() { return std::chrono::steady_clock::now(); }
WallTime wall_now() { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); }

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// Not through a link that somebody else may have put there, and nothing that could make us wait.
int open_path(const std::string& path) {
  return ::open(path.c_str(),
                O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
                0640);
}

Result<int> open_regular(const std::string& path) {
  const int fd = open_path(path);
  if (fd < 0) return fail(Errc::kSystem, errno);
  struct stat s {};
  if (::fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) return fd;
  ::close(fd);
  return fail(Errc::kSystem, EINVAL);
}

}  // namespace

std::string_view name(Recorder::State state) {
  constexpr std::array<std::string_view, 5> kNames = {"off", "opening", "on", "full", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

Recorder::Recorder(Plan plan, const delivery::Settings& settings)
    : plan_(std::move(plan)), settings_(settings), order_{plan_.most, plan_.every} {}

Result<void> Recorder::begin() {
  WEIR_CHECK(!thread_.joinable());
  {
    const Lock lock(mutex_);
    state_ = State::kOpening;
  }
  begin_turn();
  const Lock lock(mutex_);
  if (state_ == State::kFailed) return std::unexpected(error_);
  return {};
}

void Recorder::start() {
  WEIR_CHECK(!thread_.joinable());
  if (possible()) thread_ = std::thread([this] { run(); });
}

void Recorder::stop() {
  {
    const Lock lock(mutex_);
    wanted_.stop = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
  step();
}

void Recorder::order_on(const Order& order) {
  WEIR_CHECK(possible());
  {
    const Lock lock(mutex_);
    order_.most = order.most == 0 ? plan_.most : std::min(order.most, plan_.most);
    order_.every = order.every == 0 ? plan_.every : order.every;
    state_ = State::kOpening;
    turn_.store({}, std::memory_order_relaxed);
    close_at_ = TimePoint::max();
    wanted_.close = wanted_.open = true;
  }
  work_.notify_one();
}

void Recorder::order_off() {
  {
    const Lock lock(mutex_);
    if (state_ != State::kOn && state_ != State::kOpening) return;
    state_ = State::kOff;
    turn_.store({}, std::memory_order_relaxed);
    wanted_.open = false;
    close_at_ = after(clock_now(), kLastBatches);
  }
  work_.notify_one();
}

void Recorder::reopen() {
  {
    const Lock lock(mutex_);
    if (state_ != State::kOn) return;
    wanted_.reopen = true;
  }
  work_.notify_one();
}

Result<void> Recorder::probe() const {
  {
    const Lock lock(mutex_);
    if (state_ != State::kOn) return {};
  }
  const Result<int> fd = open_regular(plan_.path);
  if (!fd) return std::unexpected(fd.error());
  ::close(*fd);
  return {};
}

void Recorder::set_settings(const delivery::Settings& settings) {
  {
    const Lock lock(mutex_);
    settings_ = settings;
    if (state_ != State::kOn) return;
    wanted_.settings = true;
  }
  work_.notify_one();
}

Recorder::Status Recorder::status() const {
  const Lock lock(mutex_);
  return {.state = state_,
          .path = plan_.path,
          .error = error_,
          .bytes = bytes_,
          .most = order_.most,
          .every = order_.every,
          .connections = connections_.load(std::memory_order_relaxed),
          .written_lines = written_lines_.load(std::memory_order_relaxed),
          .dropped_lines = dropped_lines_.load(std::memory_order_relaxed),
          .written_bytes = written_bytes_.load(std::memory_order_relaxed)};
}

void Recorder::hand_over(const Turn& turn, LineBatch& batch) {
  const std::size_t size = batch.bytes.size();
  if (size == 0) return;
  const std::uint64_t lines = std::exchange(batch.lines, 0);
  {
    const Lock lock(mutex_);
    if (taking_ != turn.number || outstanding_ + size > kOutstanding) {
      if (taking_ == turn.number) lost_ += lines;
      drop(lines);
      batch.bytes.clear();
      return;
    }
    outstanding_ += size;
    wanted_.batches.push_back({std::move(batch.bytes), lines});
    batch.bytes = {};
  }
  work_.notify_one();
}

// ---- the writing thread

void Recorder::run() {
  block_signals();
  while (true) {
    const Work work = wait_for_work();
    obey(work);
    if (work.stop) return;
  }
}

void Recorder::step() { obey(take_work()); }

Recorder::Work Recorder::take_work() {
  const Lock lock(mutex_);
  return std::exchange(wanted_, {});
}

Recorder::Work Recorder::wait_for_work() {
  const Lock lock(mutex_);
  while (!wanted_.any()) {
    if (close_at_ == TimePoint::max()) {
      work_.wait(mutex_);
    } else {
      work_.wait_until(mutex_, close_at_);
    }
    if (clock_now() < close_at_) continue;
    close_at_ = TimePoint::max();
    wanted_.close = true;
  }
  return std::exchange(wanted_, {});
}

void Recorder::obey(const Work& work) {
  for (const LineBatch& batch : work.batches) write_batch(batch);
  if (work.reopen && fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
    if (const auto done = open_file(); !done) end_turn(State::kFailed, done.error());
  }
  if ((work.reopen || work.settings) && fd_ >= 0) write_run();
  if (work.close || work.stop) close_file();
  if (work.open && !work.stop) begin_turn();
}

// Opens the file and lets workers begin.
void Recorder::begin_turn() {
  {
    const Lock lock(mutex_);
    // The one before may have begun, or failed, since this was ordered.
    if (state_ != State::kOff) state_ = State::kOpening;
    turn_.store({}, std::memory_order_relaxed);
    taking_ = 0;
    most_ = order_.most;
    error_ = {};
    lost_ = 0;
  }
  const Result<void> done = open_file();
  if (!done) return end_turn(State::kFailed, done.error());
  used_ = file_size_;
  if (used_ + kLeastRoom > most_) return end_turn(State::kFull);
  ++turns_;
  run_id_ = fmt::format("{}-{}-{}", wall_now().time_since_epoch().count(), ::getpid(), turns_);
  if (!write_run()) return;
  const Lock lock(mutex_);
  if (state_ != State::kOpening) return;  // ordered off meanwhile
  state_ = State::kOn;
  taking_ = turns_;
  turn_.store({turns_, order_.every}, std::memory_order_relaxed);
  log_info("record state=on file={} every={} bytes={} most={}", plan_.path, order_.every, used_,
           most_);
}

void Recorder::end_turn(State state, Error why) {
  close_file();
  const Lock lock(mutex_);
  state_ = state;
  error_ = why;
  taking_ = 0;
  turn_.store({}, std::memory_order_relaxed);
  if (state == State::kFull) {
    log_warn("record state=full file={} bytes={} most={}", plan_.path, used_, most_);
  } else {
    log_error("record state={} file={} error={}", name(state), plan_.path, quoted(describe(why)));
  }
}

Result<void> Recorder::open_file() {
  const Result<int> fd = open_regular(plan_.path);
  if (!fd) return std::unexpected(fd.error());
  fd_ = *fd;
  struct stat s {};
  if (::fstat(fd_, &s) != 0) return fail(Errc::kSystem, EINVAL);
  file_size_ = static_cast<std::uint64_t>(s.st_size);
  return {};
}

void Recorder::close_file() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  const Lock lock(mutex_);
  taking_ = 0;
  if (state_ == State::kOff) log_info("record state=off file={} bytes={}", plan_.path, used_);
}

// All or nothing; false: the recording is over.
bool Recorder::write(std::string_view bytes, std::uint64_t lines) {
  if (used_ + bytes.size() > most_) {
    drop(lines);
    end_turn(State::kFull);
    return false;
  }
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Error why{Errc::kSystem, errno};
      // What a full disk took of the line is no line.
      if (::ftruncate(fd_, static_cast<off_t>(file_size_)) != 0)
        log_warn("record file={} its last line is cut", plan_.path);
      drop(lines);
      end_turn(State::kFailed, why);
      return false;
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  file_size_ += bytes.size();
  used_ += bytes.size();
  written_lines_.fetch_add(lines, std::memory_order_relaxed);
  written_bytes_.fetch_add(bytes.size(), std::memory_order_relaxed);
  const Lock lock(mutex_);
  bytes_ = used_;
  return true;
}

bool Recorder::write_line(const std::string& line) { return write(line + '\n', 1); }

// Who was killed may have left half a line behind.
bool Recorder::write_run() {
  if (!write(file_size_ == 0 ? fmt::format("{}\n", delivery::kSamplesHeader) : "\n", 1))
    return false;
  delivery::RecordedRun run;
  run.id = run_id_;
  run.now = clock_now();
  run.wall = wall_now();
  {
    const Lock lock(mutex_);
    run.every = order_.every;
    run.settings = settings_;
  }
  return write_line(print_line(run));
}

void Recorder::write_batch(const LineBatch& batch) {
  std::uint64_t lost = 0;
  {
    const Lock lock(mutex_);
    outstanding_ -= batch.bytes.size();
    lost = std::exchange(lost_, 0);
  }
  if (fd_ < 0) return drop(batch.lines);
  if (lost > 0 && !write_line(print_line(delivery::RecordedLoss{lost}))) {
    return drop(batch.lines);
  }
  // At the bound as many lines as fit.
  const std::string_view all = batch.bytes.view();
  const std::size_t room = most_ - used_;
  const std::string_view fits =
      all.size() <= room ? all : all.substr(0, all.substr(0, room).rfind('\n') + 1);
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(fits, '\n'));
  if (!write(fits, lines)) return drop(batch.lines - lines);
  if (fits.size() < all.size()) write(all.substr(fits.size()), batch.lines - lines);
}

}  // namespace weir::app
