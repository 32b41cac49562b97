#include "app/log_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "app/log_output.h"
#include "app/pipe.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

// A daemon that may be there or not, at a Unix socket.
class Daemon {
 public:
  explicit Daemon(const std::string& path) : path_(path) {
    const auto target = parse_log_target("syslog:unix:" + path);
    REQUIRE(target.has_value());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(fd_, target->socket.raw(), target->socket.length) == 0);
  }
  ~Daemon() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  Daemon(const Daemon&) = delete;

  // The next message, if one is there; of one that came as a file, that.
  std::optional<std::string> take() {
    std::string text(1 << 20, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    iovec bytes{text.data(), text.size()};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(fd_, &header, 0);
    if (n < 0) return {};
    text.resize(static_cast<std::size_t>(n));
    if (const cmsghdr* rights = CMSG_FIRSTHDR(&header)) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(rights), sizeof file);
      seals = ::fcntl(file, F_GET_SEALS);
      text.resize(4 << 20);
      const ssize_t read = ::pread(file, text.data(), text.size(), 0);
      text.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
      ::close(file);
    }
    return text;
  }

  int seals = 0;

 private:
  const std::string path_;
  int fd_ = -1;
};

LogSocket socket_to(const std::string& target, SyslogFormat format = SyslogFormat::kAuto) {
  return {parse_log_target(target).value(),
          format,
          {"access_log", SyslogFacility::kLocal1, "weir", "host", 7}};
}

TEST_CASE("each line is a message, in the form that the other end reads") {
  const ScratchDir dir;
  Daemon daemon(dir.file("log"));
  const std::string target = "syslog:unix:" + dir.file("log");
  CHECK(socket_to(target).send(LogLevel::kWarn, "one") == true);
  CHECK(daemon.take().value_or("").ends_with(" weir[7]: one"));
  CHECK(socket_to(target, SyslogFormat::kRfc5424).send(LogLevel::kWarn, "two") == true);
  const std::string text = daemon.take().value_or("");
  CHECK(text.starts_with("<140>1 "));
  CHECK(text.ends_with("Z host weir 7 access_log - two"));
}

TEST_CASE("a daemon that is away loses lines, and is tried again once a second") {
  const ScratchDir dir;
  LogSocket log = socket_to("syslog:unix:" + dir.file("log"));
  const auto away = log.send(LogLevel::kInfo, "lost");
  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().sys == ENOENT);
  Daemon daemon(dir.file("log"));
  CHECK_FALSE(log.send(LogLevel::kInfo, "within the second").has_value());
  CHECK_FALSE(daemon.take().has_value());
  log.reopen();
  CHECK(log.send(LogLevel::kInfo, "again") == true);
  CHECK(daemon.take().value_or("").ends_with("again"));
}

TEST_CASE("a daemon that was started anew is found") {
  const ScratchDir dir;
  LogSocket log = socket_to("syslog:unix:" + dir.file("log"));
  std::optional<Daemon> daemon(dir.file("log"));
  CHECK(log.send(LogLevel::kInfo, "first") == true);
  daemon.reset();
  CHECK_FALSE(log.send(LogLevel::kInfo, "lost").has_value());
  daemon.emplace(dir.file("log"));
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (!log.send(LogLevel::kInfo, "second").value_or(false) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  CHECK(daemon->take().value_or("").ends_with("second"));
}

TEST_CASE("a daemon that does not read takes what fits, and nobody waits") {
  const ScratchDir dir;
  Daemon daemon(dir.file("log"));
  LogSocket log = socket_to("syslog:unix:" + dir.file("log"));
  int taken = 0;
  Result<bool> last = true;
  while (taken < 100'000 && (last = log.send(LogLevel::kInfo, "line")) == true) ++taken;
  CHECK(last == false);
  CHECK(taken > 0);
  CHECK(daemon.take().has_value());
  CHECK(log.send(LogLevel::kInfo, "line") == true);
}

TEST_CASE("what no datagram can hold reaches the journal as a sealed file") {
  const ScratchDir dir;
  Daemon daemon(dir.file("journal"));
  LogSocket log = socket_to("journal:unix:" + dir.file("journal"));
  CHECK(log.send(LogLevel::kInfo, "short") == true);
  CHECK(daemon.take().value_or("").find("short") != std::string::npos);
  CHECK(daemon.seals == 0);
  const std::string line(3 << 20, 'x');
  CHECK(log.send(LogLevel::kInfo, line) == true);
  CHECK(daemon.take().value_or("").find(line) != std::string::npos);
  CHECK(daemon.seals == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
}

TEST_CASE("the journal gets a field for each of an access line's") {
  const ScratchDir dir;
  Daemon daemon(dir.file("journal"));
  LogSocket log = socket_to("journal:unix:" + dir.file("journal"));
  CHECK(log.send(LogLevel::kInfo, R"({"time":"t","status":200,"close":"stalled"})") == true);
  const std::string text = daemon.take().value_or("");
  const auto has = [&](std::string_view name, std::string_view value) {
    std::string field(name);
    field += '\n';
    field += static_cast<char>(value.size());
    return text.find(field.append(7, '\0').append(value) + "\n") != std::string::npos;
  };
  CHECK(has("WEIR_STATUS", "200"));
  CHECK(has("WEIR_CLOSE", "stalled"));
  CHECK(has("WEIR_LOG", "access_log"));
}

TEST_CASE("messages over UDP go on after some that nobody took") {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const net::Address any = *net::parse_address("127.0.0.1:0");
  REQUIRE(::bind(fd, any.raw(), any.length) == 0);
  const std::string target = "syslog:udp:" + net::local_address(fd).text();
  LogSocket log = socket_to(target);
  CHECK(log.send(LogLevel::kInfo, "one") == true);
  char text[256] = {};
  CHECK(::recv(fd, text, sizeof text, 0) > 0);
  CHECK(std::string_view(text).starts_with("<142>1 "));
  CHECK(std::string_view(text).ends_with("access_log - one"));
  ::close(fd);
  CHECK(log.send(LogLevel::kInfo, "two") == true);  // that it was refused, is told to the next
  CHECK(log.send(LogLevel::kInfo, "three") == true);
}

TEST_CASE("an output to a socket takes whole lines, and goes on where there was no room") {
  const ScratchDir dir;
  Daemon daemon(dir.file("log"));
  LogConf conf;
  conf.access = "syslog:unix:" + dir.file("log");
  auto out = LogOutput::open(conf, "access_log");
  REQUIRE(out.has_value());
  CHECK(out->is_socket());
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "line " + std::to_string(i) + "\n";
  std::size_t done = 0;
  int received = 0;
  while (done < lines.size()) {
    const auto taken = out->write(std::string_view(lines).substr(done));
    REQUIRE(taken.has_value());
    done += *taken;
    while (const auto text = daemon.take()) {
      CHECK(text->ends_with("]: line " + std::to_string(received)));
      ++received;
    }
  }
  CHECK(received == 2000);
}

}  // namespace
}  // namespace weir::app
