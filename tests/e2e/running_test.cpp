// The program itself: conf errors, ports, signals, exit codes.

#include <doctest/doctest.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool says(const Finished& finished, const char* text) {
  return finished.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("A wrong conf is told with its place, all errors at once, and ends with code 2") {
  for (const char* command : {"check", "run"}) {
    const Finished finished = run_weir({command},
                                       "lisen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n"
                                       "[storage]\nmemory = \"10 parsecs\"\n");
    CAPTURE(finished.err);
    CHECK(finished.exit == Exit{2, 0});
    CHECK(says(finished, "weir.conf:1:1"));
    CHECK(says(finished, "lisen"));
    CHECK(says(finished, "did you mean"));
    CHECK(says(finished, "weir.conf:4:"));
    CHECK(says(finished, "10 parsecs"));
  }
}

TEST_CASE("A right conf passes the check and can be shown") {
  const char* conf = "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n";
  CHECK(run_weir({"check"}, conf).exit == Exit{0, 0});
  const Finished shown = run_weir({"config"}, conf);
  CHECK(shown.exit == Exit{0, 0});
  CHECK(shown.out.find("stall_timeout") != std::string::npos);
}

TEST_CASE("The check tells what run would end with on this machine, and ends with 1 as well") {
  const ScratchDirectory dir;
  const std::string no = (dir.path() / "no").string();
  const std::string rows[] = {
      "[log]\naccess = \"" + no + "/log\"\n",
      "[log]\nerror = \"" + no + "/log\"\n",
      "[delivery]\nrecord = \"" + no + "/samples\"\n",
      "[server]\npid_file = \"" + no + "/pid\"\n",
      "[server]\nadmin = \"unix:" + no + "/admin\"\n",
      "[server]\nhandover = \"unix:" + no + "/next\"\n",
      "[storage]\nmemory = \"64 TiB\"\n",
      "[[storage.disk]]\npath = \"" + no + "/disk\"\nsize = \"1 GiB\"\n",
      "[[storage.disk]]\npath = \"" + dir.write("file", "") + "\"\nsize = \"1 GiB\"\n"};
  for (const std::string& row : rows) {
    CAPTURE(row);
    const std::string conf = "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n" + row;
    const Finished checked = run_weir({"check"}, conf);
    CHECK(checked.exit == Exit{1, 0});
    CHECK(says(checked, "weir.conf:4:"));
    CHECK(says(checked, "Weir will not start here"));
    CHECK(checked.out.empty());
    CHECK(run_weir({"run"}, conf).exit == Exit{1, 0});
  }
}

TEST_CASE("Bad usage ends with code 2") { CHECK(run_weir({"dance"}, "").exit == Exit{2, 0}); }

TEST_CASE("A port that is taken is named, and the program ends with code 1") {
  const Origin origin;
  const Weir first(origin);
  for (const std::uint16_t port : {origin.port(), first.port()}) {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    const Finished finished =
        run_weir({"run"}, "listen = \"" + address + "\"\norigin = \"" + origin.address() + "\"\n");
    CAPTURE(finished.err);
    CHECK(finished.exit == Exit{1, 0});
    CHECK(says(finished, address.c_str()));
    CHECK(says(finished, "in use"));
  }
}

TEST_CASE("SIGTERM lets a running download end, takes no new client, and exits with code 0") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Origin origin;
    Weir weir(origin);
    Client idle(weir.port());
    REQUIRE(idle.exchange({.target = "/idle?size=1"}).complete());
    Client client(weir.port(), {.receive_buffer = 65536});
    client.send(Request{.target = "/drain?n=1&size=40MiB&cc=max-age=60"});
    Response response = client.receive_head();
    client.receive_body(response, {.content = 1, .stop_at = kMiB});
    weir.process().signal(signal);
    CHECK(idle.receive_end(Millis(5000)) == End::kComplete);
    CHECK(eventually([&] {
      try {
        return get(weir.port(), "/new?size=1").status != 200;
      } catch (const std::system_error&) {
        return true;
      }
    }));
    CHECK(!weir.process().wait(Millis(100)));
    client.receive_body(response, {.content = 1, .keep = 0});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.body_bytes == 40 * kMiB);
    client.close();
    CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  }
}

TEST_CASE("SIGTERM waits for a client that is owed bytes though its request is long over") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port(), {.receive_buffer = 4096});
  client.send(Request{.target = "/owed?n=1&size=100KiB&cc=max-age=60"});
  Response response = client.receive_head();
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  weir.process().signal(SIGTERM);
  CHECK(!weir.process().wait(Millis(500)));
  client.receive_body(response, {.content = 1});
  CHECK(response.right());
  CHECK(client.receive_end() == End::kComplete);
  client.close();
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
}

TEST_CASE("A worker without clients goes on fetching for those of another until it has drained") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 2\n");
  std::vector<Client> clients;
  std::map<int, std::size_t> by_worker;
  while (by_worker.size() < 2) {
    REQUIRE(clients.size() < 64);
    Client& client = clients.emplace_back(weir.port());
    const std::string target = "/who/" + std::to_string(clients.size());
    for (const char* nth : {"/a?size=1", "/b?size=1"}) client.exchange({.target = target + nth});
    by_worker[weir.log_line(target + "/a").value("worker", -1)] = clients.size() - 1;
  }
  Client& leader = clients[by_worker.begin()->second];
  Client& reader = clients[by_worker.rbegin()->second];
  const Request request{.target = "/drain?n=1&size=10MiB&rate=5MiB&cc=max-age=60"};
  leader.send(request);
  REQUIRE(leader.receive_head().status == 200);
  reader.send(request);
  Response response = reader.receive_head();
  weir.process().signal(SIGTERM);
  leader.abort();
  reader.receive_body(response, {.content = 1, .keep = 0, .timeout = Millis(5'000)});
  CAPTURE(response.summary());
  CHECK(response.right());
  CHECK(origin.requests(request.target) == 1);
  reader.close();
  CHECK(weir.process().wait(Millis(5'000)) == Exit{0, 0});
}

TEST_CASE("Draining ends at its deadline") {
  const Origin origin;
  Weir weir(origin, "[server]\ndrain_timeout = \"300 ms\"\n");
  Client client(weir.port(), {.receive_buffer = 65536});
  client.send(Request{.target = "/stuck?n=1&size=100MiB&cc=max-age=60"});
  Response response = client.receive_head();
  client.receive_body(response, {.stop_at = kMiB});
  weir.process().signal(SIGTERM);
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  client.receive_body(response);
  CHECK(!response.complete());
}

TEST_CASE("SIGHUP begins new log files and ends nothing") {
  const Origin origin;
  const ScratchDirectory logs;
  const auto file = [&](const char* name) { return (logs.path() / name).string(); };
  Weir weir(origin, "[log]\naccess = \"" + file("access") + "\"\nerror = \"" + file("error") +
                        "\"\n[delivery]\nrecord = \"" + file("samples") + "\"\n");
  Client client(weir.port());
  REQUIRE(client.exchange({.target = "/before?size=1"}).complete());
  REQUIRE(eventually([&] { return text_of(file("access")).find("/before") != std::string::npos; }));
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"access", "error", "samples"}) {
      std::filesystem::rename(file(name), file(name) + "." + std::to_string(round));
    }
    weir.process().signal(SIGHUP);
    for (const char* name : {"access", "error", "samples"}) {
      CHECK(eventually([&] { return std::filesystem::exists(file(name)); }));
    }
  }
  CHECK(client.exchange({.target = "/after?size=1"}).complete());
  client.close();
  CHECK(eventually([&] { return text_of(file("access")).find("/after") != std::string::npos; }));
  CHECK(text_of(file("access")).find("/before") == std::string::npos);
  weir.process().signal(SIGTERM);
  CHECK(weir.process().wait(Millis(20'000)) == Exit{0, 0});
  CHECK(text_of(file("error")).find("ended") != std::string::npos);
}

TEST_CASE("SIGHUP while draining cuts nobody off") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port(), {.receive_buffer = 65536});
  client.send(Request{.target = "/drain?n=1&size=20MiB&cc=max-age=60"});
  Response response = client.receive_head();
  client.receive_body(response, {.content = 1, .stop_at = kMiB});
  weir.process().signal(SIGTERM);
  REQUIRE(weir.process().wait_for_line("draining"));
  weir.process().signal(SIGHUP);
  client.receive_body(response, {.content = 1, .keep = 0});
  CHECK(response.right());
  client.close();
  CHECK(weir.process().wait(Millis(20'000)) == Exit{0, 0});
}

TEST_CASE("Where a log cannot begin anew the old one goes on and says so") {
  const Origin origin;
  const ScratchDirectory logs;
  const std::string directory = (logs.path() / "d").string();
  std::filesystem::create_directory(directory);
  Weir weir(origin,
            "[log]\naccess = \"" + directory + "/access\"\nerror = \"" + directory + "/error\"\n");
  std::filesystem::rename(directory, logs.path() / "moved");
  weir.process().signal(SIGHUP);
  const auto old_log = [&](const char* name) { return text_of(logs.path() / "moved" / name); };
  for (const char* line : {"error error_log reopen=", "error access_log reopen="}) {
    CAPTURE(std::string(line));
    CHECK(eventually([&] { return old_log("error").find(line) != std::string::npos; }));
  }
  CHECK(get(weir.port(), "/still?size=1").complete());
  CHECK(eventually([&] { return old_log("access").find("/still") != std::string::npos; }));
}

TEST_CASE("Clients leave descriptors to the origin, however few there are") {
  const Origin origin;
  Weir weir(origin, {}, {"/usr/bin/prlimit", "--nofile=100:100"});
  CHECK(weir.process().wait_for_line("descriptors=100").has_value());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 120; ++i) {
    clients.push_back(std::make_unique<Client>(weir.port()));
    const std::string target = "/" + std::to_string(i) + "?size=1&delay=1s&cc=no-store";
    clients.back()->send(Request{.target = target});
  }
  std::map<int, int> answers;  // status -> how often
  for (const auto& client : clients) ++answers[client->receive().status];
  CAPTURE(weir.process().err());
  CHECK(answers[200] >= 20);
  CHECK(answers[200] + answers[503] == 120);  // and none 502 for want of a descriptor
  CHECK(weir.process().err().find("Too many open files") == std::string::npos);
}

TEST_CASE("When descriptors run out all the same, idle clients make room") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 1\n");
  REQUIRE(get(weir.port(), "/hit?size=1&cc=max-age=60").complete());
  const rlimit few{60, 20'000};
  REQUIRE(::prlimit(weir.process().pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 70; ++i) idle.push_back(std::make_unique<Client>(weir.port()));
  REQUIRE(weir.process().wait_for_line("Too many open files").has_value());
  CHECK(get(weir.port(), "/hit?size=1&cc=max-age=60").status == 200);
}

TEST_CASE("More storage than the machine has is refused before anybody is told of a port") {
  const Finished finished = run_weir({"run"},
                                     "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n"
                                     "[storage]\nmemory = \"64 TiB\"\n");
  CAPTURE(finished.err);
  CHECK(finished.exit == Exit{1, 0});
  CHECK(says(finished, "storage.memory = 64 TiB"));
  CHECK(!says(finished, "listening"));
}

TEST_CASE("Started as root, Weir becomes server.user and still serves and begins new logs") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  const passwd nobody = *::getpwnam("nobody");
  const Origin origin;
  const ScratchDirectory logs;
  REQUIRE(::chown(logs.path().c_str(), nobody.pw_uid, nobody.pw_gid) == 0);
  const std::string access = (logs.path() / "access").string();
  std::ofstream(access) << "roots\n";  // left by a run as root
  Weir weir(origin, "[server]\nuser = \"nobody\"\n[log]\naccess = \"" + access + "\"\n");
  CHECK(get(weir.port(), "/one?size=1").complete());
  const std::string status = text_of("/proc/" + std::to_string(weir.process().pid()) + "/status");
  const std::string uid = std::to_string(nobody.pw_uid);
  const std::string gid = std::to_string(nobody.pw_gid);
  CAPTURE(status);
  CHECK(status.find("Uid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid + "\n") !=
        std::string::npos);
  CHECK(status.find("Gid:\t" + gid + "\t" + gid + "\t" + gid + "\t" + gid + "\n") !=
        std::string::npos);
  CHECK(status.find("Groups:\t" + gid + " \n") != std::string::npos);
  CHECK(status.find("CapPrm:\t0000000000000000\n") != std::string::npos);
  std::filesystem::rename(access, access + ".1");
  weir.process().signal(SIGHUP);
  CHECK(eventually([&] { return std::filesystem::exists(access); }));
  CHECK(get(weir.port(), "/two?size=1").complete());
  CHECK(eventually([&] { return text_of(access).find("/two") != std::string::npos; }));
}

TEST_CASE("Logs in a directory that server.user may not search are told, and Weir serves") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  const Origin origin;
  const ScratchDirectory logs;  // mode 0700
  const std::string access = (logs.path() / "access").string();
  Weir weir(origin, "[server]\nuser = \"nobody\"\n[log]\naccess = \"" + access + "\"\n");
  CHECK(weir.process().wait_for_line("warn log=" + access + " uid=").has_value());
  CHECK(get(weir.port(), "/one?size=1").complete());
  CHECK(eventually([&] { return text_of(access).find("/one") != std::string::npos; }));
}

TEST_CASE("The access log has a line for each request") {
  const Origin origin;
  Weir weir(origin, "[log]\naccess = \"stdout\"\nformat = \"json\"\n");
  for (int i = 0; i < 3; ++i) {
    CHECK(get(weir.port(), "/logged?size=10&cc=max-age=60").complete());
  }
  CHECK(eventually([&] {
    const std::string out = weir.process().out();
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = out.find("/logged?size=10", at)) != std::string::npos; ++at) {
      ++lines;
    }
    return lines == 3;
  }));
  const std::string out = weir.process().out();
  const auto line = nlohmann::json::parse(out.substr(0, out.find('\n')), nullptr, false);
  CHECK(line.is_object());
}

}  // namespace weir::test
