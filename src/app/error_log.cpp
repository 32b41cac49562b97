#include "app/error_log.h"

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>

#include "app/log_output.h"
#include "base/check.h"
#include "base/log_level.h"
#include "base/quoted.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueue = 4096;  // lines
constexpr Duration kLook = 200ms;
constexpr Duration kDrain = 2s;
constexpr Duration kReportEvery = 1s;

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

LogLevel level_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
    case spdlog::level::trace:
      return LogLevel::kDebug;
    case spdlog::level::warn:
      return LogLevel::kWarn;
    case spdlog::level::err:
    case spdlog::level::critical:
      return LogLevel::kError;
    default:
      return LogLevel::kInfo;
  }
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

class LevelName : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& m, const std::tm&,
              spdlog::memory_buf_t& to) override {
    const std::string_view name = weir::name(level_of(m.level));
    to.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelName>();
  }
};

std::unique_ptr<spdlog::formatter> line_formatter() {
  auto f = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc, "\n");
  f->add_flag<LevelName>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %* %v");
  return f;
}

// Runs on spdlog's thread, and until that is there on the main thread: may wait for the output, but
// not past the deadline.
class OutputSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit OutputSink(LogOutput output) : base_sink(line_formatter()), output_(std::move(output)) {}

  void ask_reopen() { reopen_ = true; }
  void give_up_at(TimePoint deadline) { deadline_ = deadline; }
  // From now on this runs on the thread of `pool`, whose queue may overflow.
  void begin_to_wait(spdlog::details::thread_pool& pool) {
    pool_ = &pool;
    deadline_ = TimePoint::max();
  }
  std::uint64_t written() const { return written_; }
  std::uint64_t dropped() const {
    spdlog::details::thread_pool* const pool = pool_;
    return lost_ + (pool ? pool->overrun_counter() : 0);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& m) override {
    if (reopen_.exchange(false)) reopen();
    if (put(m)) report_dropped();
  }
  // Nothing is held back here; this is how a reopening is asked for when no line comes.
  void flush_() override {
    if (reopen_.exchange(false)) reopen();
  }

 private:
  bool put(const spdlog::details::log_msg& m) {
    spdlog::memory_buf_t line;
    std::string_view text(m.payload.data(), m.payload.size());
    if (output_.is_socket()) {
      output_.set_level(level_of(m.level));
    } else {
      formatter_->format(m, line);
      text = {line.data(), line.size()};
    }
    const bool whole = write(text);
    ++(whole ? written_ : lost_);
    return whole;
  }
  // It moves again: who reads the log must know that there is less in it than happened.
  void report_dropped() {
    const std::uint64_t lost = dropped() - reported_;
    const TimePoint now = clock_now();
    if (lost == 0 || now < next_report_) return;
    const std::string text = fmt::format("error_log target={} dropped={} total={}",
                                         output_.target(), lost, reported_ + lost);
    if (!put({"weir", spdlog::level::warn, text})) return;
    reported_ += lost;
    next_report_ = after(now, kReportEvery);
  }
  void reopen() {
    const Result<void> done = output_.reopen();
    if (done) return;
    const std::string text = fmt::format("error_log reopen={} error={}", output_.target(),
                                         quoted(describe(done.error())));
    put({"weir", spdlog::level::err, text});
  }
  bool write(std::string_view left) {
    while (true) {
      const Result<std::size_t> taken = output_.write(left);
      if (!taken) return false;
      left.remove_prefix(*taken);
      if (left.empty()) return true;
      if (clock_now() >= deadline_.load()) return false;
      output_.wait_writable(kLook);
    }
  }

  LogOutput output_;
  std::atomic<bool> reopen_{false};
  std::atomic<TimePoint> deadline_{TimePoint::min()};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<spdlog::details::thread_pool*> pool_{nullptr};
  std::uint64_t reported_ = 0;
  TimePoint next_report_{};
};

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Rooms may quote what the network sent: no byte of it may end the line or steer a terminal.
std::string escaped(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (is_control(c)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// Set before threads start and cleared after they ended.
spdlog::logger* g_logger = nullptr;

void sink_line(LogLevel level, std::string_view line) {
  const spdlog::level::level_enum l = spdlog_level(level);
  if (std::ranges::any_of(line, is_control)) {
    g_logger->log(l, spdlog::string_view_t(escaped(line)));
  } else {
    g_logger->log(l, spdlog::string_view_t(line.data(), line.size()));
  }
}

}  // namespace

struct ErrorLog::Impl {
  std::shared_ptr<OutputSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;  // null: not started
  std::shared_ptr<spdlog::logger> logger;

  void use(std::shared_ptr<spdlog::logger> one) {
    logger = std::move(one);
    logger->set_level(spdlog::level::trace);  // base/log.h has filtered already
    g_logger = logger.get();
  }
};

Result<std::unique_ptr<ErrorLog>> ErrorLog::open(const LogConf& conf) {
  WEIR_CHECK(g_logger == nullptr);
  auto output = LogOutput::open(conf, "error_log");
  if (!output) return std::unexpected(output.error());
  auto impl = std::make_unique<Impl>();
  impl->sink = std::make_shared<OutputSink>(std::move(*output));
  impl->use(std::make_shared<spdlog::logger>("weir", impl->sink));
  set_log_sink(sink_line, conf.level);
  return std::unique_ptr<ErrorLog>(new ErrorLog(std::move(impl)));
}

void ErrorLog::start() {
  impl_->pool = std::make_shared<spdlog::details::thread_pool>(kQueue, 1, block_signals);
  impl_->sink->begin_to_wait(*impl_->pool);
  impl_->use(std::make_shared<spdlog::async_logger>("weir", impl_->sink, impl_->pool,
                                                    spdlog::async_overflow_policy::overrun_oldest));
}

ErrorLog::ErrorLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ErrorLog::~ErrorLog() {
  set_log_sink(nullptr, LogLevel::kInfo);
  g_logger = nullptr;
  impl_->sink->give_up_at(after(clock_now(), kDrain));
  impl_->pool.reset();  // writes what is queued and joins; its lines hold the logger until then
  impl_->logger.reset();
}

void ErrorLog::reopen() {
  impl_->sink->ask_reopen();
  impl_->logger->flush();
}

std::uint64_t ErrorLog::written() const { return impl_->sink->written(); }
std::uint64_t ErrorLog::dropped() const { return impl_->sink->dropped(); }

}  // namespace weir::app
