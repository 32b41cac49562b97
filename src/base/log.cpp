#include "base/log.h"

#include <atomic>

#include "base/log_level.h"

namespace weir {
namespace {

std::atomic<LogSink> g_sink{nullptr};
std::atomic<LogLevel> g_least{LogLevel::kInfo};

}  // namespace

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      break;
  }
  return "error";
}

void set_log_sink(LogSink sink, LogLevel least) {
  g_least.store(least);
  g_sink.store(sink);
}

void set_log_level(LogLevel least) { g_least.store(least); }
LogLevel log_level() { return g_least.load(std::memory_order_relaxed); }

bool log_wanted(LogLevel level) {
  return level >= g_least.load(std::memory_order_relaxed) &&
         g_sink.load(std::memory_order_relaxed) != nullptr;
}

void log_line(LogLevel level, std::string_view line) {
  if (const LogSink sink = g_sink.load()) sink(level, line);
}

}  // namespace weir
