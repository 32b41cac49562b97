#pragma once
// A line of a log as a message of syslog or of the journal. Pure.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "app/config.h"
#include "app/log_line.h"
#include "base/log.h"

namespace weir::app {

// What all messages of a log have in common.
struct LogIdentity {
  std::string_view log;  // "access_log" or "error_log": MSGID of RFC 5424; a literal
  SyslogFacility facility = SyslogFacility::kDaemon;
  std::string tag;
  std::string host;  // printable ASCII without blanks, or empty
  pid_t pid = 0;
};

// Longer lines are cut, at a whole character: receivers take 8 KiB for granted and not more.
inline constexpr std::size_t kSyslogMost = 8192;

using LogTime = std::chrono::sys_time<std::chrono::milliseconds>;

//   <30>1 2026-11-22T18:48:37.123Z HOST TAG PID error_log - LINE        RFC 5424
std::string syslog_rfc5424(const LogIdentity& who, LogLevel level, LogTime now,
                           std::string_view line);
//   <30>Nov 22 19:48:37 TAG[PID]: LINE        as syslog(3), in the time zone of this machine
std::string syslog_local(const LogIdentity& who, LogLevel level, LogTime now,
                         std::string_view line);
// The journal's native protocol: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, SYSLOG_FACILITY, WEIR_LOG,
// and of a line of the access log each field of `parts`, as WEIR_STATUS.
std::string journal_message(const LogIdentity& who, LogLevel level, std::string_view line,
                            const LogLine& parts);

}  // namespace weir::app
