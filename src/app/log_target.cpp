#include "app/log_target.h"

#include <fmt/format.h>

#include "net/unix_socket.h"

namespace weir::app {
namespace {

using Kind = LogTarget::Kind;

constexpr std::string_view kSyslog = "syslog";
constexpr std::string_view kSyslogSocket = "unix:/dev/log";
constexpr std::string_view kJournal = "journal";
constexpr std::string_view kJournalSocket = "unix:/run/systemd/journal/socket";
constexpr std::string_view kUdp = "udp:";

// Whether `text` is `name`, or `name` with a colon and what it leaves in `rest`.
bool begins(std::string_view text, std::string_view name, std::string_view& rest) {
  if (!text.starts_with(name)) return false;
  rest = text.substr(name.size());
  if (rest.empty()) return true;
  if (!rest.starts_with(':')) return false;
  rest.remove_prefix(1);
  return true;
}

std::expected<LogTarget, std::string> socket_target(Kind kind, std::string_view text) {
  if (text.starts_with(kUdp) && kind == Kind::kSyslog) {
    const auto address = net::parse_address(text.substr(kUdp.size()));
    if (address && address->port() != 0 && !address->dual_stack) return LogTarget{kind, *address};
    return std::unexpected("needs an IP address and a port, as \"syslog:udp:192.0.2.1:514\"");
  }
  if (const auto address = net::parse_unix_address(text)) return LogTarget{kind, *address};
  if (kind == Kind::kJournal)
    return std::unexpected("needs a socket, as \"journal:unix:/run/systemd/journal/socket\"");
  return std::unexpected(
      "needs a socket, as \"syslog:unix:/dev/log\" or \"syslog:udp:192.0.2.1:514\"");
}

}  // namespace

std::expected<LogTarget, std::string> parse_log_target(std::string_view text) {
  if (text.empty()) return std::unexpected("must not be empty");
  if (text == "off") return LogTarget{Kind::kOff, {}};
  if (text == "stdout") return LogTarget{Kind::kStdout, {}};
  if (text == "stderr") return LogTarget{Kind::kStderr, {}};
  std::string_view rest;
  if (begins(text, kSyslog, rest))
    return socket_target(Kind::kSyslog, text == kSyslog ? kSyslogSocket : rest);
  if (begins(text, kJournal, rest))
    return socket_target(Kind::kJournal, text == kJournal ? kJournalSocket : rest);
  return LogTarget{Kind::kFile, {}};
}

bool is_log_file(std::string_view text) {
  const auto target = parse_log_target(text);
  return target && target->kind == Kind::kFile;
}

}  // namespace weir::app
