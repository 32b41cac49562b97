// Logs of a running Weir: their level, where they go, and what is lost.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {
namespace {

Response post(Weir& weir, std::string path, std::string body) {
  return fetch(weir.admin_port(), {.method = "POST",
                                   .target = std::move(path),
                                   .fields = {{"Content-Type", "application/json"}},
                                   .body = std::move(body)});
}

bool says(Weir& weir, const std::string& text) {
  return eventually([&] { return weir.process().err().find(text) != std::string::npos; });
}

// A conf by which commands find the admin address of a Weir that runs.
std::string conf_for(Weir& weir) {
  return "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\nadmin = \"127.0.0.1:" +
         std::to_string(weir.admin_port()) + "\"\n";
}

// What a log daemon receives at a Unix socket.
class Daemon {
 public:
  explicit Daemon(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~Daemon() { ::close(fd_); }
  Daemon(const Daemon&) = delete;

  // The first message that has `part`, of all that came; `act` is done again and again meanwhile.
  std::string wait_for(const std::string& part, const std::function<void()>& act) {
    std::string found;
    CHECK_MESSAGE(eventually([&] {
                    act();
                    receive();
                    for (const std::string& message : messages_) {
                      if (message.find(part) == std::string::npos) continue;
                      found = message;
                      return true;
                    }
                    return false;
                  }),
                  part);
    return found;
  }

 private:
  void receive() {
    std::string text(1 << 16, '\0');
    ssize_t n = 0;
    while ((n = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT)) >= 0) {
      messages_.emplace_back(text.data(), static_cast<std::size_t>(n));
    }
  }

  const int fd_;
  std::vector<std::string> messages_;
};

}  // namespace

TEST_CASE("The level of the error log is told and set at run time, and the log says so") {
  const Origin origin;
  const ScratchDirectory dir;
  const std::string access = (dir.path() / "access").string();
  Weir weir(origin, "[log]\naccess = \"" + access + "\"\n");
  const std::string conf = conf_for(weir);
  CHECK(run_weir({"level"}, conf).out == "info\n");
  CHECK(get(weir.admin_port(), "/level").body == "{\"level\":\"info\"}\n");
  const Finished set = run_weir({"level", "error"}, conf);
  CHECK(set.exit == Exit{0, 0});
  CHECK(set.out == "error\n");
  CHECK(says(weir, "log.level=error before=info by=admin"));
  CHECK(run_weir({"level"}, conf).out == "error\n");

  // A reload, which is told at info, has happened when there is a new file.
  const auto reload = [&] {
    std::filesystem::rename(access, access + ".1");
    weir.process().signal(SIGHUP);
    return eventually([&] { return std::filesystem::exists(access); });
  };
  CHECK(reload());
  CHECK(post(weir, "/level", R"({"level": "debug"})").body == "{\"level\":\"debug\"}\n");
  CHECK(says(weir, "log.level=debug before=error"));
  CHECK(weir.process().err().find("reload=done") == std::string::npos);
  CHECK(reload());
  CHECK(says(weir, "reload=done"));
  CHECK(get(weir.admin_port(), "/level").body == "{\"level\":\"debug\"}\n");
}

TEST_CASE("A level that is none changes nothing") {
  const Origin origin;
  Weir weir(origin);
  const Response wrong = post(weir, "/level", R"({"level": "debgu"})");
  CHECK(wrong.status == 400);
  CHECK(wrong.body.find("did you mean \\\"debug\\\"?") != std::string::npos);
  CHECK(fetch(weir.admin_port(), {.method = "DELETE", .target = "/level"}).field("Allow") ==
        "GET, HEAD, POST");
  CHECK(run_weir({"level", "loud"}, conf_for(weir)).exit == Exit{2, 0});
  CHECK(get(weir.admin_port(), "/level").body == "{\"level\":\"info\"}\n");
}

TEST_CASE("Both logs go to syslog, and what was lost while nobody was there is counted") {
  const Origin origin;
  const ScratchDirectory dir;
  const std::string path = (dir.path() / "log").string();
  Weir weir(origin, "[log]\naccess = \"syslog:unix:" + path + "\"\nerror = \"syslog:unix:" + path +
                        "\"\nsyslog_facility = \"local3\"\nsyslog_tag = \"edge\"\n");
  CHECK(get(weir.port(), "/lost?size=1").complete());
  CHECK(eventually([&] { return weir.status().at("access_log").at("dropped") == 1; }));
  CHECK(weir.status().at("error_log").at("dropped").get<int>() >= 1);
  Daemon daemon(path);
  int n = 0;
  const std::string access = daemon.wait_for(
      "/kept", [&] { get(weir.port(), "/kept" + std::to_string(++n) + "?size=1"); });
  CHECK(access.starts_with("<158>"));  // local3, info
  CHECK(access.find(" edge[" + std::to_string(weir.process().pid()) + "]: {\"time\":\"") !=
        std::string::npos);
  run_weir({"level", "debug"}, conf_for(weir));
  CHECK(daemon.wait_for("log.level=debug", [] {}).starts_with("<158>"));
  CHECK(daemon.wait_for("error_log target=syslog:unix:", [] {}).starts_with("<156>"));
}

TEST_CASE("The journal gets the fields of a line") {
  const Origin origin;
  const ScratchDirectory dir;
  const std::string path = (dir.path() / "journal").string();
  Daemon daemon(path);
  Weir weir(origin, "[log]\naccess = \"journal:unix:" + path +
                        "\"\nerror = \"journal:unix:" + path + "\"\n");
  CHECK(get(weir.port(), "/journal?size=7").complete());
  const std::string text = daemon.wait_for("/journal?size=7", [] {});
  for (const char* part : {"MESSAGE\n", "PRIORITY\n", "SYSLOG_IDENTIFIER\n", "WEIR_STATUS\n",
                           "WEIR_CLOSE\n", "WEIR_BODY_BYTES\n", "access_log\n"}) {
    CAPTURE(std::string(part));
    CHECK(text.find(part) != std::string::npos);
  }
  weir.process().signal(SIGHUP);
  CHECK(daemon.wait_for("reload=done", [] {}).find("error_log\n") != std::string::npos);
}

TEST_CASE("A custom line is what its template says, and a client cannot forge one") {
  const Origin origin;
  Weir weir(origin,
            "[log]\nformat = \"custom\"\ntemplate = '{client} \"{method} {target}\" "
            "{status} {body_bytes} \"{user_agent}\" {acked}'\n");
  Client client(weir.port());
  CHECK(
      client.exchange({.target = "/c?size=9", .fields = {{"User-Agent", "a\"b\xff"}}}).complete());
  client.close();
  CHECK(eventually([&] {
    return weir.process().out().find("127.0.0.1 \"GET /c?size=9\" 200 9 \"a\\x22b\\xff\" 9\n") !=
           std::string::npos;
  }));
  CAPTURE(weir.process().out());
  const Finished wrong = run_weir({"check"},
                                  "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[log]\n"
                                  "format = \"custom\"\ntemplate = '{clientt}'\n");
  CHECK(wrong.exit == Exit{2, 0});
  CHECK(wrong.err.find("did you mean \"client\"?") != std::string::npos);
}

// Nothing of Weir waits in open(): not at start, not when a reader has gone and it is told to
// begin a new file.
TEST_CASE(
    "Logs that are FIFOs without a reader make nobody wait, and are written once there is one") {
  const Origin origin;
  const ScratchDirectory dir;
  const std::string access = (dir.path() / "access").string();
  const std::string errors = (dir.path() / "errors").string();
  for (const std::string& path : {access, errors}) REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Weir weir(origin, "[log]\naccess = \"" + access + "\"\nerror = \"" + errors + "\"\n");
  int n = 0;
  for (int round = 0; round < 2; ++round) {
    const int lost = weir.status().at("access_log").at("dropped");
    CHECK(get(weir.port(), "/lost?size=1").complete());
    CHECK(eventually([&] { return weir.status().at("access_log").at("dropped") > lost; }));
    const auto done = [&] { return weir.status().at("reloads").at("done").get<int>(); };
    const int before = done();
    weir.process().signal(SIGHUP);
    CHECK(eventually([&] { return done() == before + 1; }));
    for (const std::string& path : {access, errors}) {
      CAPTURE(path);
      const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      REQUIRE(reader >= 0);
      std::string read;
      const std::string wanted = path == access ? "/kept" + std::to_string(round) : "log.level=";
      CHECK(eventually([&] {
        get(weir.port(), "/kept" + std::to_string(round) + "?size=1");
        post(weir, "/level", ++n % 2 == 0 ? R"({"level": "debug"})" : R"({"level": "info"})");
        char piece[65536];
        const ssize_t got = ::read(reader, piece, sizeof piece);
        if (got > 0) read.append(piece, static_cast<std::size_t>(got));
        return read.find(wanted) != std::string::npos;
      }));
      ::close(reader);
    }
  }
  CHECK(weir.status().at("error_log").at("dropped").get<int>() >= 1);
}

// An error log that nobody reads, full: Weir serves as before, and says later what is missing.
TEST_CASE("A stuck error log makes nobody wait") {
  const Origin origin;
  const ScratchDirectory dir;
  const std::string path = (dir.path() / "errors").string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  REQUIRE(::fcntl(reader, F_SETPIPE_SZ, 4096) == 4096);
  Weir weir(origin, "[log]\nlevel = \"debug\"\nerror = \"" + path + "\"\n");
  const auto lost = [&] {
    return weir.status().at("error_log").at("dropped").get<std::uint64_t>();
  };
  Client admin(weir.admin_port());
  int n = 0;
  const auto log_a_line = [&] {  // a level that changes
    return admin.exchange(
        {.method = "POST",
         .target = "/level",
         .fields = {{"Content-Type", "application/json"}},
         .body = ++n % 2 == 0 ? R"({"level": "debug"})" : R"({"level": "info"})"});
  };
  CHECK(eventually(
      [&] {
        for (int i = 0; i < 500; ++i) {
          if (log_a_line().status != 200) return false;
        }
        return lost() > 0;
      },
      Millis(120'000)));
  CHECK(get(weir.port(), "/served?size=10").complete());
  std::string read;
  CHECK(eventually([&] {
    char piece[65536];
    const ssize_t got = ::read(reader, piece, sizeof piece);
    if (got > 0) read.append(piece, static_cast<std::size_t>(got));
    log_a_line();
    return read.find("warn error_log target=" + path + " dropped=") != std::string::npos;
  }));
  ::close(reader);
}

}  // namespace weir::test
