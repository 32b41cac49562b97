#include "app/log_target.h"

#include <doctest/doctest.h>

namespace weir::app {
namespace {

using Kind = LogTarget::Kind;

TEST_CASE("a target is a stream, a file or a socket") {
  struct Row {
    const char* text;
    Kind kind;
    const char* socket;
  };
  for (const Row& row : {
           Row{"off", Kind::kOff, "unknown"},
           Row{"stdout", Kind::kStdout, "unknown"},
           Row{"stderr", Kind::kStderr, "unknown"},
           Row{"/var/log/weir/access.log", Kind::kFile, "unknown"},
           Row{"syslog.log", Kind::kFile, "unknown"},
           Row{"journals/access", Kind::kFile, "unknown"},
           Row{"syslog", Kind::kSyslog, "unix:/dev/log"},
           Row{"syslog:unix:/run/log", Kind::kSyslog, "unix:/run/log"},
           Row{"syslog:udp:192.0.2.1:514", Kind::kSyslog, "192.0.2.1:514"},
           Row{"syslog:udp:[2001:db8::1]:5514", Kind::kSyslog, "[2001:db8::1]:5514"},
           Row{"journal", Kind::kJournal, "unix:/run/systemd/journal/socket"},
           Row{"journal:unix:/run/j", Kind::kJournal, "unix:/run/j"},
       }) {
    CAPTURE(std::string(row.text));
    const auto target = parse_log_target(row.text);
    REQUIRE(target.has_value());
    CHECK(target->kind == row.kind);
    CHECK(target->socket.text() == row.socket);
    CHECK(is_log_file(row.text) == (row.kind == Kind::kFile));
  }
}

TEST_CASE("a socket that cannot be meant is refused") {
  for (const char* text :
       {"", "syslog:", "syslog:tcp:192.0.2.1:514", "syslog:udp:192.0.2.1", "syslog:udp:log.org:514",
        "syslog:udp:*:514", "syslog:udp:192.0.2.1:0", "syslog:unix:run/log", "syslog:/dev/log",
        "journal:", "journal:udp:192.0.2.1:514", "journal:unix:"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_log_target(text).has_value());
    CHECK_FALSE(is_log_file(text));
  }
}

}  // namespace
}  // namespace weir::app
