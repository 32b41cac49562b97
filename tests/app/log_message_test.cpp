#include "app/log_message.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <map>

namespace weir::app {
namespace {

constexpr LogTime kNow{std::chrono::milliseconds(1'795'373'317'007)};  // 2026-11-22T18:48:37.007Z

LogIdentity someone(SyslogFacility facility = SyslogFacility::kDaemon) {
  return {"error_log", facility, "weir", "edge-1.example", 42};
}

// The fields of the journal's form by name; empty when it is not that form.
std::map<std::string, std::string> fields_of(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == text.npos || text.size() < end + 10) return {};
    const std::string name(text.substr(0, end));
    std::uint64_t size = 0;
    for (int i = 7; i >= 0; --i) {
      size = size << 8 | static_cast<unsigned char>(text[end + 1 + static_cast<std::size_t>(i)]);
    }
    text.remove_prefix(end + 9);
    if (text.size() < size + 1 || text[size] != '\n') return {};
    out[name] = text.substr(0, size);
    text.remove_prefix(size + 1);
  }
  return out;
}

TEST_CASE("a message of RFC 5424 has facility, severity, time, host, tag, pid and the log's name") {
  struct Row {
    SyslogFacility facility;
    LogLevel level;
    const char* priority;  // facility * 8 + severity, RFC 5424 section 6.2.1
  };
  for (const Row& row : {Row{SyslogFacility::kDaemon, LogLevel::kError, "<27>1 "},
                         Row{SyslogFacility::kDaemon, LogLevel::kWarn, "<28>1 "},
                         Row{SyslogFacility::kDaemon, LogLevel::kInfo, "<30>1 "},
                         Row{SyslogFacility::kUser, LogLevel::kDebug, "<15>1 "},
                         Row{SyslogFacility::kLocal0, LogLevel::kInfo, "<134>1 "},
                         Row{SyslogFacility::kLocal7, LogLevel::kInfo, "<190>1 "}}) {
    const std::string text = syslog_rfc5424(someone(row.facility), row.level, kNow, "a=1 b");
    CHECK(text == std::string(row.priority) +
                      "2026-11-22T18:48:37.007Z edge-1.example weir 42 error_log - a=1 b");
  }
  LogIdentity nobody = someone();
  nobody.host.clear();
  CHECK(syslog_rfc5424(nobody, LogLevel::kInfo, kNow, "x").find(".007Z - weir 42") !=
        std::string::npos);
}

TEST_CASE("a message for a daemon here is as syslog(3) writes it") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  CHECK(syslog_local(someone(), LogLevel::kWarn, kNow, "x y") ==
        "<28>Nov 22 18:48:37 weir[42]: x y");
  const LogTime first = kNow - std::chrono::days(21);
  CHECK(syslog_local(someone(), LogLevel::kWarn, first, "x").starts_with("<28>Nov  1 18:"));
}

TEST_CASE("a long line is cut at a whole character") {
  std::string line(kSyslogMost, 'x');
  for (std::size_t i = 1000; i + 1 < line.size(); i += 2) line.replace(i, 2, "\xc3\xa9");
  for (const bool shifted : {false, true}) {
    const std::string given = (shifted ? "y" : "") + line;
    const std::string text = syslog_rfc5424(someone(), LogLevel::kInfo, kNow, given);
    CHECK(text.size() <= kSyslogMost);
    CHECK(text.size() >= kSyslogMost - 1);
    CHECK(text.ends_with("\xc3\xa9"));
  }
}

TEST_CASE("a message of the journal has fields that any bytes fit in") {
  LogLine parts;
  parts.fields = {{"status", "200"}, {"user_agent", "a\nb=c"}};
  const auto fields = fields_of(journal_message(someone(), LogLevel::kError, "line", parts));
  const std::map<std::string, std::string> expected = {
      {"MESSAGE", "line"},          {"PRIORITY", "3"},         {"SYSLOG_IDENTIFIER", "weir"},
      {"SYSLOG_FACILITY", "3"},     {"WEIR_LOG", "error_log"}, {"WEIR_STATUS", "200"},
      {"WEIR_USER_AGENT", "a\nb=c"}};
  CHECK(fields == expected);
}

}  // namespace
}  // namespace weir::app
