#pragma once
// Where a log goes, as log.access and log.error say it:
//   "off", "stdout", "stderr", a path
//   "syslog", "syslog:unix:/path", "syslog:udp:192.0.2.1:514"
//   "journal", "journal:unix:/path"

#include <expected>
#include <string>
#include <string_view>

#include "net/address.h"

namespace weir::app {

struct LogTarget {
  enum class Kind : std::uint8_t { kOff, kStdout, kStderr, kFile, kSyslog, kJournal };
  Kind kind = Kind::kOff;
  net::Address socket;  // of syslog and journal

  bool is_socket() const { return kind == Kind::kSyslog || kind == Kind::kJournal; }
};

// The error is for people. No name is looked up: that would have to be waited for.
std::expected<LogTarget, std::string> parse_log_target(std::string_view text);
// Whether it is a path.
bool is_log_file(std::string_view text);

}  // namespace weir::app
