// A new Weir takes the place of a running one: sockets, cache and disks go over.

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

bool is_hit(const Response& response) {
  return response.field("Cache-Status").starts_with("weir; hit");
}

// Weirs that follow one another with one conf.
class Line {
 public:
  explicit Line(const Origin& origin, const std::string& storage = "memory = \"64 MiB\"\n",
                const std::string& admin = {})
      : conf_("[server]\nworkers = 2\nadmin = \"" +
              (admin.empty() ? "unix:" + at("admin") : admin) + "\"\npid_file = \"" + at("pid") +
              "\"\nhandover = \"unix:" + at("handover") + "\"\n" + restricted() +
              "[[listen]]\naddress = \"127.0.0.1:0\"\n[storage]\n" + storage +
              "[[origin]]\nname = \"o\"\nservers = [\"" + origin.address() +
              "\"]\n[[site]]\nhosts = [\"*\"]\norigin = \"o\"\npurge_from = [\"127.0.0.0/8\"]\n"),
        now_(start(conf_, {})),
        port(listening_port(*now_)) {}

  std::string at(const char* name) const { return (files_.path() / name).string(); }
  const std::string& conf() const { return conf_; }
  Process& now() { return *now_; }

  // The next Weir; the one before it is the caller's.
  std::unique_ptr<Process> upgrade() { return upgrade(conf_); }
  std::unique_ptr<Process> upgrade(const std::string& conf) {
    auto next = start(conf, {"--take-over"});
    std::swap(next, now_);
    return next;
  }
  // One that must fail; what it said.
  std::string upgrade_in_vain(const std::string& conf) {
    const Finished done =
        run({weir_program(), "run", "--take-over", "-c", files_.write("other.conf", conf)});
    CHECK(done.exit == Exit{1, 0});
    return done.err;
  }

 private:
  std::unique_ptr<Process> start(const std::string& conf, const std::vector<std::string>& more) {
    std::vector<std::string> command{weir_program(), "run", "-c", files_.write("weir.conf", conf)};
    command.insert(command.end(), more.begin(), more.end());
    auto out = std::make_unique<Process>(std::move(command), files_.path() / "stderr");
    REQUIRE(out->wait_for_line("serving workers="));
    return out;
  }

  static std::string restricted() {
    return std::getenv("WEIR_TEST_RESTRICTED") ? "landlock = \"on\"\nseccomp = \"on\"\n" : "";
  }

  ScratchDirectory files_;
  const std::string conf_;
  std::unique_ptr<Process> now_;

 public:
  const std::uint16_t port;  // of all of them
};

void ends_well(Process& weir) {
  const auto exit = weir.wait(Millis(20'000));
  CAPTURE(weir.err());
  CHECK(exit == Exit{0, 0});
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A successor that says what the test has it say.
class Successor {
 public:
  explicit Successor(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Successor() { ::close(fd_); }
  Successor(const Successor&) = delete;

  void say(std::string_view text) {
    REQUIRE(::send(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  // The texts of messages up to the first with that in it.
  std::string hear(std::string_view until) {
    std::string all;
    std::string answer;
    do {
      answer.resize(65536);
      const ssize_t n = ::recv(fd_, answer.data(), answer.size(), 0);
      REQUIRE(n > 0);
      answer.resize(static_cast<std::size_t>(n));
      all += answer + '\n';
    } while (answer.find(until) == std::string::npos);
    return all;
  }
  // Everything that there is.
  void ask() {
    say("{\"ask\":\"sockets\",\"protocol\":1}");
    hear("\"end\"");
    say("{\"ask\":\"memory\"}");
    hear("\"snapshot\"");
  }

 private:
  const int fd_;
};

// The path of a conf that says where to take over, and no more than must be.
std::string least_conf(const ScratchDirectory& files, const Origin& origin) {
  return files.write("weir.conf", "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
                                      "\"\n[server]\nadmin = \"off\"\nhandover = \"unix:" +
                                      (files.path() / "handover").string() + "\"\n");
}

Response purge(Client& client, const std::string& target) {
  return client.exchange({.method = "PURGE", .target = target});
}

}  // namespace

TEST_CASE("An upgrade keeps what is stored, and everybody who is connected") {
  const Origin origin;
  Line line(origin);
  const std::string large = "/large?n=1&size=20MiB&cc=max-age=600";
  const std::string small = "/small?n=2&size=700&cc=max-age=600";
  CHECK(get(line.port, large, {.content = 1}).right());
  CHECK(get(line.port, small, {.content = 2}).right());
  Client reader(line.port, {.receive_buffer = 65536});
  reader.send(Request{.target = large});
  Response response = reader.receive_head();
  reader.receive_body(response, {.content = 1, .stop_at = kMiB});
  Client idle(line.port);
  CHECK(idle.exchange({.target = small}).complete());
  Client waiting(line.port);
  const std::string late = "/late?size=10&delay=1s&cc=no-store";
  waiting.send(Request{.target = late});
  REQUIRE(eventually([&] { return origin.requests(late) == 1; }));

  const auto before = line.upgrade();
  CHECK(line.now().wait_for_line("takeover memory=warm objects=2").has_value());
  for (const auto& [target, n] : {std::pair{large, 1u}, std::pair{small, 2u}}) {
    const Response hit = get(line.port, target, {.content = n});
    CHECK(hit.right());
    CHECK(is_hit(hit));
    CHECK(origin.requests(target) == 1);
  }
  // Who is with the old one is served on; its next response is its last.
  const Response last = idle.exchange({.target = small}, {.content = 2});
  CHECK(last.right());
  CHECK(is_hit(last));
  CHECK(last.field("Connection") == "close");
  CHECK(waiting.receive().complete());
  reader.receive_body(response, {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  reader.close();
  waiting.close();
  idle.close();
  ends_well(*before);
  CHECK(line.now().wait_for_line("takeover done").has_value());
  CHECK(text_of(line.at("pid")) == std::to_string(line.now().pid()) + "\n");
  CHECK(run({weir_program(), "status", "-c", line.at("weir.conf")}).exit == Exit{0, 0});
}

TEST_CASE("Memory that both Weirs share stays right for the readers of the old one") {
  const Origin origin;
  Line line(origin, "memory = \"32 MiB\"\n");
  const std::string large = "/shared?n=5&size=20MiB&cc=max-age=600";
  CHECK(get(line.port, large, {.content = 5}).right());
  Client reader(line.port, {.receive_buffer = 65536});
  reader.send(Request{.target = large});
  Response response = reader.receive_head();
  reader.receive_body(response, {.content = 5, .stop_at = kMiB});
  const auto before = line.upgrade();
  // The new one evicts all it was given, and fills its memory with other bytes, twice.
  for (int i = 0; i < 8; ++i) {
    const std::string target = "/fill" + std::to_string(i) + "?n=6&size=8MiB&cc=max-age=600";
    CHECK(get(line.port, target, {.content = 6}).right());
  }
  reader.receive_body(response, {.content = 5, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  reader.close();
  ends_well(*before);
  REQUIRE(line.now().wait_for_line("takeover done").has_value());
  for (int i = 0; i < 8; ++i) {
    const std::string target = "/again" + std::to_string(i) + "?n=7&size=8MiB&cc=max-age=600";
    CHECK(get(line.port, target, {.content = 7}).right());
  }
}

TEST_CASE("A new Weir that fails leaves the old one as it was, and the next may take over") {
  const Origin origin;
  Line line(origin);
  const std::string target = "/kept?n=1&size=2MiB&cc=max-age=600";
  CHECK(get(line.port, target, {.content = 1}).right());
  const std::string taken = "[[listen]]\naddress = \"" + origin.address() + "\"\n";
  CHECK(line.upgrade_in_vain(line.conf() + taken).find("Address already in use") !=
        std::string::npos);
  Successor(line.at("handover")).ask();  // and is gone
  CHECK(line.now().wait_for_line("handover given up").has_value());
  CHECK(is_hit(get(line.port, target, {.content = 1})));
  CHECK(text_of(line.at("pid")) == std::to_string(line.now().pid()) + "\n");
  // It stores as ever, more than a frozen store would.
  for (int i = 0; i < 20; ++i) {
    const std::string fill = "/f" + std::to_string(i) + "?n=2&size=2MiB&cc=max-age=600";
    CHECK(get(line.port, fill, {.content = 2}).right());
    CHECK(is_hit(get(line.port, fill, {.content = 2})));
  }
  CHECK(is_hit(get(line.port, "/f0?n=2&size=2MiB&cc=max-age=600", {.content = 2})));
  const auto before = line.upgrade();
  CHECK(line.now().wait_for_line("takeover memory=warm").has_value());
  CHECK(is_hit(get(line.port, "/f19?n=2&size=2MiB&cc=max-age=600", {.content = 2})));
  ends_well(*before);
}

TEST_CASE("What is purged with the old Weir while it drains is purged with the new one, too") {
  const Origin origin;
  Line line(origin);
  const std::string target = "/p?n=1&size=100&cc=max-age=600";
  CHECK(get(line.port, target, {.content = 1}).right());
  Client old(line.port);
  CHECK(is_hit(old.exchange({.target = target})));
  const auto before = line.upgrade();
  CHECK(is_hit(get(line.port, target)));
  CHECK(purge(old, target).body == "{\"purged\":1}\n");
  CHECK_FALSE(is_hit(get(line.port, target)));  // from the answer on
  ends_well(*before);
}

TEST_CASE("What is purged since the snapshot the new Weir hears of before it may serve") {
  const Origin origin;
  Line line(origin);
  const std::string target = "/p?n=1&size=100&cc=max-age=600";
  CHECK(get(line.port, target, {.content = 1}).right());
  Client client(line.port);
  Successor next(line.at("handover"));
  next.ask();
  CHECK(purge(client, target).body == "{\"purged\":1}\n");
  const Finished tags =
      run({weir_program(), "purge", "--soft", "--tag", "t", "-c", line.at("weir.conf")});
  CHECK(tags.out == "made stale 0 objects\n");
  next.say("{\"ready\":1}");
  const std::string heard = next.hear("\"over\"");
  CHECK(heard.find(R"({"purge":{"soft":false,"urls":["http://localhost/p?)") == 0);
  CHECK(heard.find(R"({"purge":{"soft":true,"tags":["t"]}})") != std::string::npos);
  // From here on each waits until it was heard of.
  client.send({.method = "PURGE", .target = target});
  const std::string told = next.hear("\"until\"");
  CHECK(told.find("\"urls\"") != std::string::npos);
  next.say("{\"heard\":" + told.substr(told.rfind(':') + 1));
  CHECK(client.receive().status == 200);
  client.close();
  ends_well(line.now());
}

TEST_CASE("What is purged with the new Weir is purged with the old one while it drains") {
  const Origin origin;
  Line line(origin);
  struct Case {
    const char* name;
    std::string order;  // for the admin address; empty: PURGE
  };

  const Case cases[] = {{"/url", ""},
                        {"/tag", R"({"tag":"t"})"},
                        {"/ban", R"({"ban":["path = /ban"]})"},
                        {"/prefix", R"({"prefix":"http://localhost/prefix"})"}};
  const auto target = [](const Case& c) {
    return std::string(c.name) + "?n=1&size=100&cc=max-age=600&field=Surrogate-Key:" +
           (c.name == std::string_view("/tag") ? "t" : "none");
  };
  std::vector<std::unique_ptr<Client>> old;
  for (const Case& c : cases) {
    old.push_back(std::make_unique<Client>(line.port));
    CHECK(old.back()->exchange({.target = target(c)}, {.content = 1}).right());
    CHECK(is_hit(old.back()->exchange({.target = target(c)})));
  }
  const auto before = line.upgrade();
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    CAPTURE(std::string(cases[i].name));
    CHECK(is_hit(get(line.port, target(cases[i]))));
    if (cases[i].order.empty()) {
      Client client(line.port);
      CHECK(purge(client, target(cases[i])).status == 200);
    } else {
      const Finished done =
          run({"/usr/bin/curl", "-s", "--unix-socket", line.at("admin"), "-H",
               "Content-Type: application/json", "-d", cases[i].order, "http://localhost/purge"});
      CHECK(done.out == "{\"purged\":1,\"soft\":false}\n");
    }
    const Response last = old[i]->exchange({.target = target(cases[i])}, {.content = 1});
    CHECK(last.right());
    CHECK_FALSE(is_hit(last));
  }
  old.clear();
  ends_well(*before);
}

TEST_CASE("A Weir that has handed over drains on at SIGTERM") {
  const Origin origin;
  Line line(origin);
  Client waiting(line.port);
  const std::string late = "/late?size=10&delay=2s&cc=no-store";
  waiting.send(Request{.target = late});
  REQUIRE(eventually([&] { return origin.requests(late) == 1; }));
  const auto before = line.upgrade();
  REQUIRE(before->wait_for_line("draining signal="));
  before->signal(SIGTERM);
  CHECK(waiting.receive().complete());
  waiting.close();
  ends_well(*before);
}

TEST_CASE("Who is no service does not take over from one") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string file = least_conf(files, origin);
  const std::string manager = "NOTIFY_SOCKET=" + (files.path() / "nobody").string();
  Process service({"/usr/bin/env", manager, weir_program(), "run", "-c", file});
  REQUIRE(service.wait_for_line("serving workers="));
  const Finished done = run({weir_program(), "run", "--take-over", "-c", file});
  CHECK(done.exit == Exit{1, 0});
  CHECK(done.err.find("begin it as a service, too") != std::string::npos);
  Process next({"/usr/bin/env", manager, weir_program(), "run", "--take-over", "-c", file});
  CHECK(next.wait_for_line("serving workers="));
  ends_well(service);
  next.signal(SIGTERM);
  ends_well(next);
}

TEST_CASE("Nobody takes over as root from a Weir that is not") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  const Origin origin;
  const ScratchDirectory files;
  std::filesystem::permissions(files.path(), std::filesystem::perms::all);
  const std::string file = least_conf(files, origin);
  const std::string program = (files.path() / "weir").string();  // where everybody may read it
  std::filesystem::copy_file(weir_program(), program);
  Process first({"/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                 program, "run", "-c", file});
  REQUIRE(first.wait_for_line("serving workers="));
  const Finished done = run({weir_program(), "run", "--take-over", "-c", file});
  CHECK(done.exit == Exit{1, 0});
  CHECK(done.err.find("is not root (uid 65534)") != std::string::npos);
  first.signal(SIGTERM);
  ends_well(first);
}

TEST_CASE("Disks go over, and what was stored on them is found there") {
  const Origin origin;
  const ScratchDirectory disk;
  Line line(origin,
            "memory = \"64 MiB\"\n[[storage.disk]]\npath = \"" + (disk.path() / "d").string() +
                "\"\nsize = \"256 MiB\"\n",
            "127.0.0.1:0");
  const auto target = [](int i) {
    return "/d" + std::to_string(i) + "?n=1&size=3MiB&cc=max-age=600";
  };
  const std::uint16_t admin = static_cast<std::uint16_t>(
      std::stoi(line.now().wait_for_line("admin on 127.0.0.1:").value_or("0")));
  const auto written = [&] {
    return nlohmann::json::parse(get(admin, "/status").body).at("disks").at("dirty_bytes") == 0;
  };
  for (int i = 0; i < 40; ++i) {
    CHECK(get(line.port, target(i), {.content = 1}).right());
    if (i % 3 == 0) REQUIRE(eventually(written));  // no chunk is left unwritten
  }
  const auto before = line.upgrade();
  ends_well(*before);
  CHECK(before->err().find("error") == std::string::npos);
  int hits = 0;
  for (int i = 0; i < 40; ++i) {
    const Response response = get(line.port, target(i), {.content = 1});
    CHECK(response.right());
    hits += is_hit(response) ? 1 : 0;
  }
  CHECK(hits == 40);
}

TEST_CASE("With less memory the new Weir takes over what fits") {
  const Origin origin;
  Line line(origin);
  for (int i = 0; i < 12; ++i) {
    CHECK(get(line.port, "/m" + std::to_string(i) + "?n=1&size=4MiB&cc=max-age=600").complete());
  }
  std::string conf = line.conf();
  conf.replace(conf.find("64 MiB"), 6, "16 MiB");
  const auto before = line.upgrade(conf);
  CHECK(line.now().wait_for_line("takeover memory=warm").has_value());
  CHECK(get(line.port, "/new?n=3&size=4MiB&cc=max-age=600", {.content = 3}).right());
  ends_well(*before);
}

TEST_CASE("Twenty upgrades under traffic fail no request and fetch nothing twice") {
  const Origin origin;
  Line line(origin);
  const auto target = [](int i) {
    return "/u" + std::to_string(i % 5) + "?n=3&size=3000&cc=max-age=600";
  };
  for (int i = 0; i < 5; ++i) CHECK(get(line.port, target(i), {.content = 3}).right());
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> answered{0};
  const auto ask = [&](int number) {
    auto client = std::make_unique<Client>(line.port);
    for (int i = 0; !stop; ++i) {
      const Response answer = client->exchange({.target = target(i)}, {.content = 3});
      ++answered;
      if (answer.status != 200 || !answer.right()) ++failed;
      if (number % 2 == 0 || answer.field("Connection") == "close")
        client = std::make_unique<Client>(line.port);
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(ask, i);
  std::vector<std::unique_ptr<Process>> old_ones;
  for (int i = 0; i < 20; ++i) {
    old_ones.push_back(line.upgrade());
    ends_well(*old_ones.back());
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(answered > 100);
  for (int i = 0; i < 5; ++i) CHECK(origin.requests(target(i)) == 1);
}

TEST_CASE("weir upgrade starts a Weir of its own, and says whether it serves") {
  const Origin origin;
  Line line(origin);
  CHECK(get(line.port, "/w?size=10&cc=max-age=600").complete());
  Finished done = run({weir_program(), "upgrade", "-c", line.at("weir.conf")});
  CAPTURE(done.err);
  CHECK(done.exit == Exit{0, 0});
  const std::string pid = text_of(line.at("pid"));
  CHECK(done.out == "pid " + pid.substr(0, pid.size() - 1) + " serves\n");
  ends_well(line.now());
  CHECK(is_hit(get(line.port, "/w?size=10&cc=max-age=600")));
  ::kill(std::stoi(pid), SIGTERM);
  CHECK(eventually([&] { return !std::filesystem::exists(line.at("pid")); }));
  // Nobody is there to take over from.
  CHECK(eventually([&] {
    done = run({weir_program(), "upgrade", "-c", line.at("weir.conf")});
    CHECK(done.exit == Exit{1, 0});
    if (done.err.find("no Weir runs at") == std::string::npos) return false;
    CHECK(done.err.find("serves on") == std::string::npos);
    return true;
  }));
}

}  // namespace weir::test
