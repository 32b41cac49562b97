#pragma once
// The error log as the rooms see it: leveled key=value lines handed to one sink that app/ sets.
// Without a sink (unit tests) lines are dropped. Any thread; the sink must not block.

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace weir {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

using LogSink = void (*)(LogLevel level, std::string_view line);

// Call before threads start. Lines below `least` are not even formatted.
void set_log_sink(LogSink sink, LogLevel least);
bool log_wanted(LogLevel level);
void log_line(LogLevel level, std::string_view line);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
  if (log_wanted(level)) log_line(level, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::kDebug, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::kInfo, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::kWarn, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::kError, text, std::forward<Args>(args)...);
}

}  // namespace weir
