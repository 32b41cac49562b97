#include "base/log.h"

#include <atomic>

namespace weir {
namespace {

std::atomic<LogSink> g_sink{nullptr};
std::atomic<LogLevel> g_least{LogLevel::kInfo};

}  // namespace

void set_log_sink(LogSink sink, LogLevel least) {
  g_least.store(least);
  g_sink.store(sink);
}

bool log_wanted(LogLevel level) {
  return level >= g_least.load(std::memory_order_relaxed) &&
         g_sink.load(std::memory_order_relaxed) != nullptr;
}

void log_line(LogLevel level, std::string_view line) {
  if (const LogSink sink = g_sink.load()) sink(level, line);
}

}  // namespace weir
