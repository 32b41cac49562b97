// Another conf for a running Weir: SIGHUP, POST /reload and weir reload.

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// Any port of it; what a conf has with the same words is the same listener.
constexpr std::string_view kHere = "127.0.0.1:0";
constexpr std::string_view kThere = "0.0.0.0:0";

std::string listen_at(std::string_view address) {
  return "[[listen]]\naddress = \"" + std::string(address) + "\"\n";
}

// One origin, asked for every host.
std::string to(const Origin& origin, std::string_view of_origin = "",
               std::string_view of_site = "") {
  return "[[origin]]\nname = \"o\"\nservers = [\"" + origin.address() + "\"]\n" +
         std::string(of_origin) + "[[site]]\nhosts = [\"*\"]\norigin = \"o\"\n" +
         std::string(of_site);
}

std::vector<std::string> changes(const Response& answer, const char* key = "changes") {
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
  return nlohmann::json::parse(answer.body).at(key).get<std::vector<std::string>>();
}

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// The status of an answer on a new connection; 0: nobody listens there.
int status_at(std::uint16_t port, const std::string& target) {
  try {
    return get(port, target).status;
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

TEST_CASE("A reload changes listeners and origins, and cuts nobody") {
  const Origin first;
  const Origin second;
  Weir weir(listen_at(kHere) + to(first));
  const std::uint16_t one = weir.port();
  Client idle(one);
  REQUIRE(idle.exchange({.target = "/idle?size=1&cc=no-store"}).complete());
  Client reader(one, {.receive_buffer = 65536});
  reader.send(Request{.target = "/long?n=1&size=20MiB&cc=max-age=60"});
  Response response = reader.receive_head();
  reader.receive_body(response, {.content = 1, .stop_at = kMiB});
  Client waiting(one);
  waiting.send(Request{.target = "/late?size=10&delay=1s&cc=no-store"});
  REQUIRE(eventually([&] { return first.requests("/late?size=10&delay=1s&cc=no-store") == 1; }));

  const std::vector<std::string> changed = changes(weir.reload(listen_at(kThere) + to(second)));
  CHECK(changed.size() == 3);
  const std::string there = weir.status().at("listen").at(0).at("address");
  const auto two = static_cast<std::uint16_t>(std::stoi(there.substr(there.rfind(':') + 1)));

  CHECK(eventually([&] { return status_at(one, "/x?size=1") == 0; }));
  CHECK(status_at(two, "/x?size=1") == 200);
  CHECK(second.requests("/x?size=1") == 1);
  // What was under way ends as it began; what begins on the same connection is under the new conf.
  CHECK(waiting.receive().complete());
  CHECK(idle.exchange({.target = "/next?size=1&cc=no-store"}).complete());
  CHECK(second.requests("/next?size=1&cc=no-store") == 1);
  CHECK(first.requests("/next?size=1&cc=no-store") == 0);
  reader.receive_body(response, {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  // And what was stored under the old one is still there.
  const Response hit = get(two, "/long?n=1&size=20MiB&cc=max-age=60", {.content = 1});
  CHECK(hit.right());
  CHECK(hit.field("Cache-Status").starts_with("weir; hit"));
}

TEST_CASE("A conf that is wrong in any way changes nothing and says why") {
  const Origin origin;
  const Origin other;
  const ScratchDirectory files;
  Weir weir(listen_at(kHere) + to(origin));
  const std::uint16_t port = weir.port();
  const std::string taken = listen_at(other.address());
  const std::string no_such = (files.path() / "no" / "such").string();
  struct Case {
    std::string conf;
    std::string_view why;
  };
  const Case cases[] = {
      {listen_at(kHere) + to(other) + "nonsense\n", "error"},
      {listen_at(kHere) + to(other, "conect_timeout = \"1 s\"\n"),
       "did you mean \\\"connect_timeout\\\""},
      {listen_at(kHere) + taken + to(other), "Address already in use"},
      {listen_at(kHere) + to(other) + "[log]\naccess = \"" + no_such + "\"\n", "cannot open"},
      {listen_at(kHere) + "[[listen.tls]]\ncertificate = \"" + no_such + "\"\nkey = \"k\"\n" +
           to(other),
       "no/such"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.conf);
    const Response answer = weir.reload(c.conf);
    CHECK(answer.status == 422);
    CAPTURE(answer.body);
    CHECK(answer.body.find(c.why) != std::string::npos);
    CHECK(status_at(port, "/still?size=1&cc=no-store") == 200);
  }
  CHECK(origin.requests("/still?size=1&cc=no-store") == std::size(cases));
  CHECK(other.requests("/still?size=1&cc=no-store") == 0);
  CHECK(weir.process().wait_for_line("error reload=failed conf=unchanged").has_value());
  const nlohmann::json reloads = weir.status()["reloads"];
  CHECK(reloads["failed"] == std::size(cases));
  CHECK(reloads["last_failed"] == true);
}

TEST_CASE("What needs a restart is named, and all else of the same conf is in force") {
  const Origin origin;
  const std::string http = "[http]\nhead_max = \"16 KiB\"\ntarget_max = \"8 KiB\"\n";
  Weir weir(listen_at(kHere) + to(origin) +
            "[server]\nworkers = 1\n[storage]\nmemory = \"32 MiB\"\n" + http);
  const std::uint16_t port = weir.port();
  const Request large{.target = "/h?size=1", .fields = {{"X", std::string(12'000, 'x')}}};
  CHECK(Client(port).exchange(large).status == 200);
  const Response answer =
      weir.reload(listen_at(kHere) + to(origin) +
                  "[server]\nworkers = 2\n[storage]\nmemory = \"33 MiB\"\n[http]\nhead_max = "
                  "\"8 KiB\"\ntarget_max = \"4 KiB\"\n");
  CHECK(changes(answer) == std::vector<std::string>{"http.head_max: \"16 KiB\" -> \"8 KiB\"",
                                                    "http.target_max: \"8 KiB\" -> \"4 KiB\""});
  CHECK(changes(answer, "needs_restart") ==
        std::vector<std::string>{"server.workers: 1 -> 2",
                                 "storage.memory: \"32 MiB\" -> \"33 MiB\""});
  CHECK(Client(port).exchange(large).status == 431);
  const std::string page = get(weir.admin_port(), "/config").body;
  CHECK(page.find("\"until a restart\"") != std::string::npos);
  CHECK(weir.process().wait_for_line("needs_restart='server.workers: 1 -> 2'").has_value());
}

TEST_CASE("A reload moves the access log, and SIGHUP does what POST /reload does") {
  const Origin origin;
  const ScratchDirectory logs;
  const auto file = [&](const char* name) { return (logs.path() / name).string(); };
  const auto conf = [&](const char* name) {
    return listen_at(kHere) + to(origin) + "[log]\naccess = \"" + file(name) + "\"\n";
  };
  Weir weir(conf("a"));
  const std::uint16_t port = weir.port();
  CHECK(get(port, "/one?size=1").complete());
  CHECK(eventually([&] { return text_of(file("a")).find("/one") != std::string::npos; }));
  changes(weir.reload(conf("b")));
  CHECK(get(port, "/two?size=1").complete());
  CHECK(eventually([&] { return text_of(file("b")).find("/two") != std::string::npos; }));
  CHECK(text_of(file("a")).find("/two") == std::string::npos);
  weir.process().signal(SIGHUP);
  CHECK(weir.process().wait_for_line("reload=done changes=0").has_value());
}

TEST_CASE("weir reload says what changed, and fails where the conf is wrong") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string admin = "[server]\nadmin = \"127.0.0.1:" + std::to_string(free_port()) + "\"\n";
  const std::string file = directory.write("weir.conf", admin + listen_at(kHere) + to(origin));
  Process weir({weir_program(), "run", "-c", file});
  REQUIRE(weir.wait_for_line("serving workers="));
  Finished done = run({weir_program(), "reload", "-c", file});
  CHECK(done.out == "reloaded: nothing is different\n");
  CHECK(done.exit == Exit{0, 0});
  directory.write("weir.conf",
                  admin + listen_at(kHere) + to(origin, "", "default_ttl = \"9 s\"\n"));
  done = run({weir_program(), "reload", "-c", file});
  CHECK(done.out == "site [\"*\"] default_ttl: \"0 s\" -> \"9 s\"\nreloaded\n");
  CHECK(done.exit == Exit{0, 0});
  directory.write("weir.conf", admin + listen_at(kHere) + listen_at(origin.address()) + to(origin));
  done = run({weir_program(), "reload", "-c", file});
  CHECK(done.exit == Exit{1, 0});
  CHECK(done.err.find("Address already in use") != std::string::npos);
  weir.signal(SIGTERM);
  CHECK(weir.wait(Millis(20'000)) == Exit{0, 0});
}

TEST_CASE("weir reload takes over nothing of a file that the running Weir does not read") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string conf = "[server]\nadmin = \"127.0.0.1:" + std::to_string(free_port()) + "\"\n" +
                           listen_at(kHere) + to(origin);
  const std::string file = directory.write("weir.conf", conf);
  const std::string other = directory.write("other.conf", conf + "default_ttl = \"9 s\"\n");
  const std::string link = (directory.path() / "link.conf").string();
  std::filesystem::create_symlink(file, link);
  Process weir({weir_program(), "run", "-c", file});
  REQUIRE(weir.wait_for_line("serving workers="));
  Finished done = run({weir_program(), "reload", "-c", other});
  CHECK(done.exit == Exit{1, 0});
  CHECK(done.err.find("the running Weir reads " + file + ", not " + other) != std::string::npos);
  done = run({weir_program(), "reload", "-c", link});
  CHECK(done.out == "reloaded: nothing is different\n");
  weir.signal(SIGTERM);
  CHECK(weir.wait(Millis(20'000)) == Exit{0, 0});
}

TEST_CASE(
    "A log that cannot be opened again is told by the answer, and the conf holds all the same") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string logs = (directory.path() / "logs").string();
  std::filesystem::create_directory(logs);
  const auto conf = [&](const char* of_site) {
    return "[server]\nadmin = \"unix:" + (directory.path() / "admin").string() + "\"\n" +
           listen_at(kHere) + to(origin, "", of_site) + "[log]\naccess = \"" + logs +
           "/access\"\nerror = \"" + logs + "/error\"\n[delivery]\nrecord = \"" + logs +
           "/samples\"\n";
  };
  const std::string file = directory.write("weir.conf", conf(""));
  Process weir({weir_program(), "run", "-c", file});
  listening_port(weir);
  REQUIRE(eventually(
      [&] { return text_of(logs + "/error").find("serving workers=") != std::string::npos; }));
  const auto reload = [&] { return run({weir_program(), "reload", "-c", file}); };
  CHECK(reload().exit == Exit{0, 0});

  std::filesystem::rename(logs, logs + ".moved");
  directory.write("weir.conf", conf("default_ttl = \"9 s\"\n"));
  const Finished done = reload();
  CAPTURE(done.err);
  CHECK(done.exit == Exit{1, 0});
  CHECK(done.out == "site [\"*\"] default_ttl: \"0 s\" -> \"9 s\"\nreloaded\n");
  for (const char* name : {"/access", "/error", "/samples"}) {
    CHECK(done.err.find("cannot be opened again: " + logs + name + ": ") != std::string::npos);
  }
  CHECK(done.err.find("the conf is in force") != std::string::npos);
  CHECK(eventually([&] {
    return text_of(logs + ".moved/error").find("error reload log_failed='" + logs + "/access: ") !=
           std::string::npos;
  }));
  std::filesystem::create_directory(logs);
  std::filesystem::create_directory(logs + "/access");
  const Finished again = reload();
  CHECK(again.exit == Exit{1, 0});
  CHECK(again.out == "reloaded: nothing is different\n");
  CHECK(again.err.find("/access: system: a system call failed (Is a directory)\n") !=
        std::string::npos);
  CHECK(again.err.find("/error") == std::string::npos);
  std::filesystem::remove(logs + "/access");
  CHECK(reload().exit == Exit{0, 0});
  weir.signal(SIGTERM);
  CHECK(weir.wait(Millis(20'000)) == Exit{0, 0});
}

TEST_CASE("No reload leaves the admin address open to all without a token") {
  const Origin origin;
  const auto conf = [&](std::string_view server) {
    return "[server]\n" + std::string(server) + listen_at(kHere) + to(origin);
  };
  Weir weir(conf("admin = \"0.0.0.0:0\"\nadmin_token = \"secret\"\n"));
  const auto line = weir.process().wait_for_line("admin on 0.0.0.0:");
  REQUIRE(line);
  Client admin(static_cast<std::uint16_t>(std::stoi(*line)));
  const std::vector<Field> bearer = {{"Authorization", "Bearer secret"},
                                     {"Content-Type", "application/json"}};
  weir.rewrite(conf("admin = \"127.0.0.1:0\"\n"));
  const Response answer =
      admin.exchange({.method = "POST", .target = "/reload", .fields = bearer, .body = "{}"});
  CHECK(answer.status == 422);
  CHECK(answer.body.find("there is no admin_token") != std::string::npos);
  CHECK(answer.body.find("until a restart: server.admin") != std::string::npos);
  CHECK(admin.exchange({.target = "/status"}).status == 401);
}

TEST_CASE("A Weir that drains refuses a reload at once") {
  const Origin origin;
  Weir weir(listen_at(kHere) + to(origin));
  Client waiting(weir.port());
  const std::string late = "/late?size=10&delay=2s&cc=no-store";
  waiting.send(Request{.target = late});
  REQUIRE(eventually([&] { return origin.requests(late) == 1; }));
  Client admin(weir.admin_port());
  CHECK(admin.exchange({.target = "/level"}).status == 200);
  weir.process().signal(SIGTERM);
  REQUIRE(weir.process().wait_for_line("draining signal="));
  const Response answer = Client(weir.admin_port())
                              .exchange({.method = "POST",
                                         .target = "/reload",
                                         .fields = {{"Content-Type", "application/json"}},
                                         .body = "{}"});
  CHECK(answer.status == 503);
  CHECK(answer.body.find("about to end") != std::string::npos);
  CHECK(waiting.receive().complete());
  waiting.close();
  CHECK(weir.process().wait(Millis(20'000)) == Exit{0, 0});
}

TEST_CASE("A hundred reloads under traffic fail no request") {
  const Origin origin;
  const Origin other;
  Weir weir(listen_at(kHere) + to(origin));
  const std::uint16_t port = weir.port();
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> answered{0};
  const auto ask = [&](int number) {
    Client client(port);
    for (int i = 0; !stop; ++i) {
      const std::string target = i % 3 == 0 ? "/new" + std::to_string(i) + "?cc=no-store"
                                            : "/hit" + std::to_string(i % 7) + "?cc=max-age=60";
      const Request request{.target = target + "&n=3&size=3000"};
      const Response answer = number % 2 == 0 ? client.exchange(request, {.content = 3})
                                              : Client(port).exchange(request, {.content = 3});
      ++answered;
      if (answer.status != 200 || !answer.right()) ++failed;
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(ask, i);
  for (int i = 0; i < 100; ++i) {
    const std::string conf =
        listen_at(kHere) + (i % 2 == 0 ? listen_at(kThere) : "") +
        to(i % 3 == 0 ? origin : other, "connect_timeout = \"" + std::to_string(1 + i) + " s\"\n",
           "default_ttl = \"" + std::to_string(i) + " s\"\n");
    CHECK(changes(weir.reload(conf)).size() >= 1);
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(answered > 100);
}

}  // namespace weir::test
