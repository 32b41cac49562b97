#include "app/log_message.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <ctime>

namespace weir::app {
namespace {

// RFC 5424 §6.2.1.
int severity(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return 7;
    case LogLevel::kInfo:
      return 6;
    case LogLevel::kWarn:
      return 4;
    case LogLevel::kError:
      break;
  }
  return 3;
}

int facility(SyslogFacility f) {
  const int place = static_cast<int>(f);
  switch (f) {
    case SyslogFacility::kUser:
      return 1;
    case SyslogFacility::kDaemon:
      return 3;
    default:
      return 16 + place - static_cast<int>(SyslogFacility::kLocal0);
  }
}

int priority(const LogIdentity& who, LogLevel level) {
  return facility(who.facility) * 8 + severity(level);
}

// Not in the midst of a character of UTF-8.
std::string_view cut(std::string_view line, std::size_t most) {
  if (line.size() <= most) return line;
  while (most > 0 && (static_cast<unsigned char>(line[most]) & 0xc0) == 0x80) --most;
  return line.substr(0, most);
}

std::string whole(std::string head, std::string_view line) {
  return head.append(cut(line, kSyslogMost - std::min(head.size(), kSyslogMost)));
}

// The form that any bytes may be in: a name, eight bytes of length, little end first, the value.
void add_field(std::string& to, std::string_view name, std::string_view value) {
  std::uint64_t size = value.size();
  to.append(name) += '\n';
  for (std::size_t i = 0; i < sizeof size; ++i, size >>= 8) to += static_cast<char>(size & 0xff);
  to.append(value) += '\n';
}

std::string field_name(std::string_view key) {
  std::string out = "WEIR_";
  for (const char c : key) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  return out;
}

}  // namespace

std::string syslog_rfc5424(const LogIdentity& who, LogLevel level, LogTime now,
                           std::string_view line) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(now - day);
  return whole(fmt::format("<{}>1 {:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} {} {} {} - ",
                           priority(who, level), static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                           clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                           clock.subseconds().count(), who.host.empty() ? "-" : who.host, who.tag,
                           who.pid, who.log),
               line);
}

std::string syslog_local(const LogIdentity& who, LogLevel level, LogTime now,
                         std::string_view line) {
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return whole(fmt::format("<{}>{} {:>2} {:02}:{:02}:{:02} {}[{}]: ", priority(who, level),
                           kMonths[static_cast<std::size_t>(local.tm_mon)], local.tm_mday,
                           local.tm_hour, local.tm_min, local.tm_sec, who.tag, who.pid),
               line);
}

std::string journal_message(const LogIdentity& who, LogLevel level, std::string_view line,
                            const LogLine& parts) {
  std::string out;
  out.reserve(line.size() * 3 + 256);
  add_field(out, "MESSAGE", line);
  add_field(out, "PRIORITY", std::to_string(severity(level)));
  add_field(out, "SYSLOG_IDENTIFIER", who.tag);
  add_field(out, "SYSLOG_FACILITY", std::to_string(facility(who.facility)));
  add_field(out, "WEIR_LOG", who.log);
  for (const auto& [key, value] : parts.fields) add_field(out, field_name(key), value);
  return out;
}

}  // namespace weir::app
