#include "app/service_manager.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "app/pid_file.h"
#include "app/pipe.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

// The manager's end.
class Listener {
 public:
  Listener() : path_(dir_.file("notify")), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path_.copy(at.sun_path, sizeof at.sun_path - 1);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  ~Listener() { ::close(fd_); }
  Listener(const Listener&) = delete;

  const std::string& path() const { return path_; }
  // What came since the last call; a line between two messages.
  std::string heard() {
    std::string out;
    char text[256];
    for (ssize_t n = 0; (n = ::recv(fd_, text, sizeof text, 0)) > 0;)
      out.append(text, static_cast<std::size_t>(n));
    return out;
  }

 private:
  ScratchDir dir_;
  std::string path_;
  int fd_;
};

ServiceManager manager_of(const std::map<const char*, std::string>& variables) {
  for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
  ServiceManager out = ServiceManager::from_environment();
  for (const auto& [name, value] : variables) CHECK(std::getenv(name) == nullptr);
  return out;
}

TEST_CASE("without a manager nothing is said and nobody is fed") {
  ServiceManager nobody = manager_of({});
  nobody.ready();
  nobody.feed({1});
  nobody.stopping();
  CHECK(nobody.feed_every() == kForever);
  CHECK(nobody.take_sockets().empty());
  const ServiceManager gone = manager_of({{"NOTIFY_SOCKET", "/no/such/socket"}});
  gone.ready();  // a complaint in the log, no more
}

TEST_CASE("the manager hears of ready, reload and end") {
  Listener listener;
  const ServiceManager manager = manager_of({{"NOTIFY_SOCKET", listener.path()}});
  manager.ready();
  CHECK(listener.heard() == "READY=1\nSTATUS=serving\n");
  manager.reloading(TimePoint{5s});
  CHECK(listener.heard() == "RELOADING=1\nMONOTONIC_USEC=5000000\n");
  manager.stopping();
  CHECK(listener.heard() == "STOPPING=1\nSTATUS=draining\n");
  CHECK(manager.feed_every() == kForever);
}

TEST_CASE("the watchdog is fed only when every worker has turned since") {
  Listener listener;
  ServiceManager manager =
      manager_of({{"NOTIFY_SOCKET", listener.path()}, {"WATCHDOG_USEC", "2000000"}});
  CHECK(manager.feed_every() == 500ms);
  const auto fed = [&](const std::vector<std::uint64_t>& turns) {
    manager.feed(turns);
    return listener.heard() == "WATCHDOG=1\n";
  };
  CHECK_FALSE(fed({0, 7}));  // the first has not begun
  CHECK(fed({5, 7}));
  CHECK_FALSE(fed({5, 8}));
  CHECK_FALSE(fed({5, 9}));  // the first hangs, whatever the second does
  CHECK(fed({6, 9}));
  CHECK_FALSE(fed({7, 9}));
}

TEST_CASE("what is for another process is left alone") {
  Listener listener;
  const std::string own = std::to_string(::getpid());
  const auto sockets = [](const std::string& pid, const std::string& count) {
    return manager_of({{"LISTEN_PID", pid}, {"LISTEN_FDS", count}}).take_sockets();
  };
  CHECK(sockets(own, "2") == std::vector<int>{3, 4});
  CHECK(sockets("1", "2").empty());
  CHECK(sockets("", "2").empty());
  CHECK(sockets(own, "x").empty());
  CHECK(sockets(own, "-1").empty());
  CHECK(
      manager_of(
          {{"NOTIFY_SOCKET", listener.path()}, {"WATCHDOG_USEC", "2000000"}, {"WATCHDOG_PID", "1"}})
          .feed_every() == kForever);
}

TEST_CASE("the pid file is there as long as its owner") {
  const ScratchDir dir;
  const std::string path = dir.file("weir.pid");
  {
    PidFile file;
    CHECK(file.open("") == "");
    CHECK(file.open(path) == "");
    CHECK(file.write() == "");
    std::ifstream in(path);
    pid_t pid = 0;
    in >> pid;
    CHECK(pid == ::getpid());
  }
  CHECK_FALSE(std::ifstream(path).is_open());
  PidFile other;
  CHECK(other.open("/no/such/directory/pid") ==
        "server.pid_file: /no/such/directory/pid: No such file or directory");
  REQUIRE(::symlink("/dev/null", path.c_str()) == 0);
  CHECK(other.open(path).find("symbolic links") != std::string::npos);
}

TEST_CASE("a Weir that never serves leaves the pid file as it was") {
  const ScratchDir dir;
  const std::string path = dir.file("weir.pid");
  {
    PidFile in_vain;
    CHECK(in_vain.open(path) == "");
  }
  CHECK_FALSE(std::ifstream(path).is_open());
  std::ofstream(path) << "1234567\n";
  {
    PidFile in_vain;
    CHECK(in_vain.open(path) == "");
  }
  std::string left;
  std::getline(std::ifstream(path), left);
  CHECK(left == "1234567");
  PidFile next;
  CHECK(next.open(path) == "");
  CHECK(next.write() == "");
  std::getline(std::ifstream(path), left);
  CHECK(left == std::to_string(::getpid()));
}

}  // namespace
}  // namespace weir::app
