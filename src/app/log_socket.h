#pragma once
// LogSocket: a log that goes to syslog or to the journal, a message for each line. Nothing is
// waited for. Where nobody listens it is tried again once a second at most. One thread at a time.

#include <string_view>

#include "app/log_message.h"
#include "app/log_target.h"
#include "base/result.h"
#include "net/datagram_socket.h"

namespace weir::app {

class LogSocket {
 public:
  // `target`.is_socket(). Connects with the first line.
  LogSocket(const LogTarget& target, SyslogFormat format, LogIdentity identity);

  // False: there is no room now. Fails when the line is lost.
  Result<bool> send(LogLevel level, std::string_view line);
  void wait_writable(Duration patience) const { socket_.wait_writable(patience); }
  // The other end may have been made anew: the next line connects again, at once.
  void reopen();

 private:
  std::string message(LogLevel level, std::string_view line) const;
  Result<void> send_large(std::string_view message);

  const bool journal_;
  const bool local_;  // the form of syslog(3)
  const LogIdentity identity_;
  net::DatagramSocket socket_;
  TimePoint next_try_{};
  Error away_{};  // why nobody was there
};

}  // namespace weir::app
