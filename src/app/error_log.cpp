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
#include "base/log.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueue = 4096;  // lines
constexpr Duration kLook = 200ms;
constexpr Duration kDrain = 2s;

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

constexpr std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
    case spdlog::level::trace:
      return "debug";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::err:
    case spdlog::level::critical:
      return "error";
    default:
      return "info";
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
    const std::string_view name = level_name(m.level);
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

// Runs on spdlog's thread: may wait for the output, but not past the deadline.
class OutputSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit OutputSink(LogOutput output) : base_sink(line_formatter()), output_(std::move(output)) {}

  void ask_reopen() { reopen_ = true; }
  void give_up_at(TimePoint deadline) { deadline_ = deadline; }
  std::uint64_t lost() const { return lost_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& m) override {
    if (reopen_.exchange(false)) reopen();
    put(m);
  }
  // Nothing is held back here; this is how a reopening is asked for when no line comes.
  void flush_() override {
    if (reopen_.exchange(false)) reopen();
  }

 private:
  void put(const spdlog::details::log_msg& m) {
    spdlog::memory_buf_t line;
    formatter_->format(m, line);
    if (!write({line.data(), line.size()})) ++lost_;
  }
  void reopen() {
    const Result<void> done = output_.reopen();
    if (done) return;
    const std::string text =
        fmt::format("error_log reopen={} error=\"{}\"", output_.target(), describe(done.error()));
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
  std::atomic<TimePoint> deadline_{TimePoint::max()};
  std::atomic<std::uint64_t> lost_{0};
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
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Result<std::unique_ptr<ErrorLog>> ErrorLog::open(const LogConf& conf) {
  WEIR_CHECK(g_logger == nullptr);
  auto output = LogOutput::open(conf.error);
  if (!output) return std::unexpected(output.error());
  auto impl = std::make_unique<Impl>();
  impl->sink = std::make_shared<OutputSink>(std::move(*output));
  impl->pool = std::make_shared<spdlog::details::thread_pool>(kQueue, 1, block_signals);
  impl->logger = std::make_shared<spdlog::async_logger>(
      "weir", impl->sink, impl->pool, spdlog::async_overflow_policy::overrun_oldest);
  impl->logger->set_level(spdlog::level::trace);  // base/log.h has filtered already
  g_logger = impl->logger.get();
  set_log_sink(sink_line, conf.level);
  return std::unique_ptr<ErrorLog>(new ErrorLog(std::move(impl)));
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

std::uint64_t ErrorLog::dropped() const {
  return impl_->pool->overrun_counter() + impl_->sink->lost();
}

}  // namespace weir::app
