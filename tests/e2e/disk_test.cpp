// What is on disk: served after a restart with the right bytes, purged for good, larger than
// memory.

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// A Weir that is started again and again on the same disk.
class Stored {
 public:
  explicit Stored(std::string storage = "memory = \"32 MiB\"\n", std::string disk_size = "1 GiB")
      : more_("[storage]\nregion_size = \"8 MiB\"\n" + storage + "[[storage.disk]]\npath = \"" +
              (directory_.path() / "disk").string() + "\"\nsize = \"" + disk_size + "\"\n") {
    start();
  }

  Origin origin;
  Weir& weir() { return *weir_; }
  std::filesystem::path disk() const { return directory_.path() / "disk"; }

  // For the tools.
  std::string conf() const {
    return "listen = \"127.0.0.1:80\"\norigin = \"" + origin.address() + "\"\n" + more_;
  }
  void start() { weir_.emplace(origin, more_); }
  void restart() {
    weir_.reset();
    start();
  }
  void kill() {
    weir_->process().signal(SIGKILL);
    REQUIRE(weir_->process().wait(Millis(10'000)));
    weir_.reset();
    start();
  }
  // Until nothing waits to be written.
  void flush() {
    CHECK(eventually([&] { return weir_->status()["disks"]["dirty_bytes"] == 0; }));
  }
  // Until all of it is on disk: what a disk cannot follow is left unwritten, and fetched again when
  // memory has it no more.
  void get_whole(const std::string& target, std::uint64_t content) {
    for (int round = 0; round < 20; ++round) {
      const std::uint64_t before = sent();
      REQUIRE(get_object(target, content).right());
      flush();
      restart();
      if (round > 0 && sent() == before) return;
    }
    FAIL("not all of it is stored");
  }
  std::uint64_t sent() const { return origin.count("bytes_sent"); }
  Response get_object(const std::string& target, std::uint64_t content) {
    return get(weir_->port(), target, {.content = content, .keep = 0});
  }

 private:
  ScratchDirectory directory_;
  std::string more_;
  std::optional<Weir> weir_;
};

std::string object(int n, std::uint64_t size, const std::string& more = {}) {
  return "/object" + std::to_string(n) + "?n=" + std::to_string(n) +
         "&size=" + std::to_string(size) + "&cc=max-age=6000" + more;
}

bool is_hit(const Response& r) { return r.field("Cache-Status").find("hit") != std::string::npos; }

}  // namespace

TEST_CASE("What was stored is served after a restart, and after a kill, without the origin") {
  Stored s;
  const std::vector<std::string> targets = {object(1, 1000), object(2, 5 * kMiB + 17), object(3, 0),
                                            object(4, 3 * kMiB, "&chunked=1"),
                                            object(5, 2 * kMiB, "&etag=none")};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    REQUIRE(s.get_object(targets[i], i + 1).right());
  }
  s.flush();
  const std::uint64_t sent = s.sent();
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    round % 2 == 0 ? s.restart() : s.kill();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const Response r = s.get_object(targets[i], i + 1);
      CAPTURE(r.summary());
      CHECK(r.right());
      CHECK(r.status == 200);
      CHECK(is_hit(r));
      CHECK(r.has("Age"));
    }
    const Response part = fetch(
        s.weir().port(), {.target = targets[1], .fields = {{"Range", "bytes=4000000-4000999"}}},
        {.content = 2});
    CHECK(part.status == 206);
    CHECK(part.right());
    const Response head =
        fetch(s.weir().port(), {.method = "HEAD", .target = targets[0]}, {.to_head = true});
    CHECK(head.status == 200);
    CHECK(is_hit(head));
  }
  CHECK(s.sent() == sent);
}

TEST_CASE("A disk that another Weir uses is no disk for a second one, which says why") {
  Stored one;
  const std::string admin = "[server]\nadmin = \"off\"\n";
  const Finished second = run_weir(
      {"run"}, "listen = \"127.0.0.1:0\"\n" + one.conf().substr(one.conf().find("origin")) + admin);
  CAPTURE(second.err);
  CHECK(second.exit.code == 1);
  CHECK(second.err.find("/disk cannot be used: another process uses it") != std::string::npos);
  CHECK(second.err.find("goes on without it") == std::string::npos);
}

TEST_CASE("An object larger than memory is stored and served from disk, whole and by range") {
  Stored s("memory = \"32 MiB\"\n");
  const std::string target = object(7, 100 * kMiB);
  s.get_whole(target, 7);
  const std::uint64_t sent = s.sent();
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    const Response r = s.get_object(target, 7);
    CAPTURE(r.summary());
    CHECK(r.right());
    CHECK(is_hit(r));
    const Response part =
        fetch(s.weir().port(), {.target = target, .fields = {{"Range", "bytes=99000000-99999999"}}},
              {.content = 7});
    CHECK(part.right());
    CHECK(part.body_bytes == 1'000'000);
    s.restart();
  }
  CHECK(s.sent() == sent);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&, i] {
      const std::uint64_t rate = i == 0 ? 40'000'000 : 0;  // one of them slow
      const Response r = get(s.weir().port(), target, {.content = 7, .rate = rate, .keep = 0});
      CAPTURE(r.summary());
      CHECK(r.right());
    });
  }
  for (std::thread& reader : readers) reader.join();
  CHECK(s.sent() == sent);
}

TEST_CASE("A body that the origin cannot resume outlives its eviction from memory") {
  Stored s("memory = \"32 MiB\"\n");  // a quarter of it may wait to be written
  const std::string target = object(8, 6 * kMiB, "&etag=none");
  REQUIRE(s.get_object(target, 8).right());
  s.flush();
  for (int n = 20; n < 40; ++n) REQUIRE(s.get_object(object(n, 5 * kMiB), n).right());
  const std::uint64_t sent = s.sent();
  const Response r = s.get_object(target, 8);
  CAPTURE(r.summary());
  CHECK(r.right());
  CHECK(is_hit(r));
  CHECK(s.sent() == sent);
}

TEST_CASE("A cold range far into an object is read at once, whether others read it or not") {
  Stored s("memory = \"64 MiB\"\n");
  const std::string target = object(9, 48 * kMiB);
  s.get_whole(target, 9);
  for (const bool others : {false, true}) {
    CAPTURE(others);
    s.restart();
    Client slow(s.weir().port(), {.receive_buffer = 4096});
    if (others) {
      CHECK(slow.send(Request{.target = target}));
      Response begun = slow.receive_head();
      slow.receive_body(begun, {.stop_at = 100'000});
    }
    const std::uint64_t sent = s.sent();
    for (const std::uint64_t at : {4 * kMiB, 21 * kMiB + 7, 40 * kMiB}) {
      const auto begin = std::chrono::steady_clock::now();
      const std::string range = "bytes=" + std::to_string(at) + "-" + std::to_string(at + kMiB);
      CHECK(fetch(s.weir().port(), {.target = target, .fields = {{"Range", range}}}, {.content = 9})
                .right());
      // Not a measurement: it waited for a timer of a second or more when nobody read.
      CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(900));
    }
    CHECK(s.sent() == sent);
  }
}

TEST_CASE("A part of an object survives a restart, and the rest is fetched once") {
  Stored s;
  const std::string target = object(9, 16 * kMiB);
  const Request middle{.target = target, .fields = {{"Range", "bytes=4194304-8388607"}}};
  REQUIRE(fetch(s.weir().port(), middle, {.content = 9}).right());
  s.flush();
  s.kill();
  const std::uint64_t sent = s.sent();
  const Response again = fetch(s.weir().port(), middle, {.content = 9});
  CHECK(again.right());
  CHECK(s.sent() == sent);
  const Response whole = s.get_object(target, 9);
  CAPTURE(whole.summary());
  CHECK(whole.right());
  CHECK(s.sent() == sent + 12 * kMiB);
}

TEST_CASE("What a slow disk left unwritten is fetched again, hole by hole, until all is there") {
  Stored s("memory = \"16 MiB\"\ndirty_max = \"2 MiB\"\n");
  const std::string target = object(9, 24 * kMiB);
  std::uint64_t sent = s.sent();
  for (int read = 0; read < 10; ++read) {
    CAPTURE(read);
    REQUIRE(s.get_object(target, 9).right());
    s.flush();
    const std::uint64_t fetched = s.sent() - sent;
    CHECK(s.weir().status()["disks"]["objects"] == 1);
    if (read > 0) CHECK(fetched < 24 * kMiB);  // some of it is there
    if (fetched == 0) break;
    sent += fetched;
  }
  s.restart();
  CHECK(is_hit(s.get_object(target, 9)));
}

TEST_CASE("What was purged or replaced does not come back after a kill") {
  Stored s;
  for (int n = 1; n <= 2; ++n) REQUIRE(s.get_object(object(n, 100'000), n).right());
  s.flush();
  // An unsafe request that succeeds: what is stored is of the past (RFC 9111 §4.4).
  REQUIRE(fetch(s.weir().port(), {.method = "POST", .target = object(1, 100'000), .body = "x"})
              .status == 200);
  s.flush();
  s.kill();
  const Response purged = s.get_object(object(1, 100'000), 1);
  CHECK(purged.right());
  CHECK_FALSE(is_hit(purged));
  CHECK(is_hit(s.get_object(object(2, 100'000), 2)));
}

TEST_CASE("Variants come back, each for its own requests") {
  Stored s;
  const auto ask = [&](const char* language, std::uint64_t n) {
    return fetch(
        s.weir().port(),
        {.target = "/v?size=50000&cc=max-age=600&vary=Accept-Language&n=" + std::to_string(n),
         .fields = {{"Accept-Language", language}}},
        {.content = n});
  };
  REQUIRE(ask("de", 3).right());
  REQUIRE(ask("en", 3).right());
  s.flush();
  s.restart();
  CHECK(is_hit(ask("en", 3)));
  CHECK(is_hit(ask("de", 3)));
  CHECK_FALSE(is_hit(ask("fr", 3)));
}

TEST_CASE("Flipped bits on disk are never served: the object is fetched again") {
  Stored s;
  for (int n = 1; n <= 20; ++n) REQUIRE(s.get_object(object(n, 100'000), n).right());
  s.flush();
  s.kill();  // its regions are still to be scanned, or sealed with contents by now
  s.restart();
  for (const auto& file : std::filesystem::directory_iterator(s.disk())) {
    if (file.path().filename() == "lock") continue;
    FILE* region = std::fopen(file.path().c_str(), "r+b");
    for (long at = 70'000; at < static_cast<long>(file.file_size()); at += 100'000) {
      std::fseek(region, at, SEEK_SET);
      const int byte = std::fgetc(region);
      std::fseek(region, at, SEEK_SET);
      std::fputc(byte ^ 4, region);
    }
    std::fclose(region);
  }
  for (int round = 0; round < 2; ++round) {
    for (int n = 1; n <= 20; ++n) {
      const Response r = s.get_object(object(n, 100'000), n);
      CAPTURE(r.summary());
      CHECK(r.status == 200);
      CHECK(r.right());
    }
  }
  CHECK(s.weir().status()["disks"]["damaged"] > 0);
}

TEST_CASE("weir store tells what is on disk, and finds each flipped bit") {
  Stored s;
  for (int n = 1; n <= 3; ++n) REQUIRE(s.get_object(object(n, 100'000), n).right());
  s.flush();
  const auto look = [&](const char* what) { return run_weir({"store", what}, s.conf()); };
  CHECK(look("stat").out.find("3 objects") != std::string::npos);
  const std::string list = look("ls").out;
  CAPTURE(list);
  CHECK(list.find("200 100000 100000 http://") != std::string::npos);
  CHECK(look("dump").out.find(" tombstone ") == std::string::npos);
  const Finished good = look("check");
  CAPTURE(good.out);
  CHECK(good.exit.code == 0);
  CHECK(good.out.find("all checksums are right") != std::string::npos);
  CHECK(good.out.find("purges of 0 tags and URLs, 0 bans") != std::string::npos);
  s.restart();  // sealed
  CHECK(look("check").exit.code == 0);
  for (const auto& file : std::filesystem::directory_iterator(s.disk())) {
    if (file.path().filename() == "lock") continue;
    FILE* region = std::fopen(file.path().c_str(), "r+b");
    std::fseek(region, 50'000, SEEK_SET);
    std::fputc('?', region);
    std::fclose(region);
  }
  const Finished bad = look("check");
  CAPTURE(bad.out);
  CHECK(bad.exit.code == 1);
  CHECK(bad.out.find("1 damaged records") != std::string::npos);
  CHECK(bad.out.find("the log of purges is damaged") != std::string::npos);
}

TEST_CASE("A restart in the middle of load: nothing wrong before or after, and then hits") {
  Stored s("memory = \"16 MiB\"\n", "256 MiB");
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> clients;
    for (int c = 0; c < 4; ++c) {
      clients.emplace_back([&, c] {
        for (int i = 0; i < 40; ++i) {
          const int n = (c * 7 + i) % 23 + 1;
          try {
            const Response r = s.get_object(object(n, static_cast<std::uint64_t>(n) * 200'000), n);
            CHECK_FALSE(r.wrong_at);
          } catch (const std::system_error&) {
            return;  // it is being restarted
          }
        }
      });
    }
    std::this_thread::sleep_for(Millis(100 + 100 * round));
    s.weir().process().signal(SIGKILL);
    for (std::thread& client : clients) client.join();
    REQUIRE(s.weir().process().wait(Millis(10'000)));
    s.start();
    for (int n = 1; n <= 23; ++n) {
      const Response r = s.get_object(object(n, static_cast<std::uint64_t>(n) * 200'000), n);
      CAPTURE(r.summary());
      CHECK(r.right());
    }
  }
}

TEST_CASE("A purge that was answered holds after a kill at once, for what was only on disk, too") {
  struct Order {
    const char* what;
    bool soft;
  };
  Stored s;
  const std::string tagged = object(1, 5000, "&field=Surrogate-Key:a%20b");
  const std::string other = object(2, 5000, "&field=Surrogate-Key:c");
  const std::string url = nlohmann::json("http://LOCALHOST:80" + tagged).dump();
  for (const Order& order :
       {Order{"url", false}, Order{"tag", false}, Order{"prefix", false}, Order{"ban", false},
        Order{"url", true}, Order{"tag", true}, Order{"ban", true}}) {
    for (const bool restarted : {true, false}) {  // first, so that it is on disk alone
      CAPTURE(order.what);
      CAPTURE(order.soft);
      CAPTURE(restarted);
      REQUIRE(s.get_object(tagged, 1).right());
      REQUIRE(s.get_object(other, 2).right());
      s.flush();
      if (restarted) s.restart();
      std::string text = "{\"" + std::string(order.what) + "\": ";
      if (order.what == std::string("url")) text += url;
      if (order.what == std::string("tag")) text += "\"b\"";
      if (order.what == std::string("prefix")) text += "\"http://LOCALHOST:80/object1\"";
      if (order.what == std::string("ban")) text += "[\"path = /object1\"]";
      text += order.soft ? ", \"soft\": true}" : "}";
      const Response answer =
          fetch(s.weir().admin_port(), {.method = "POST",
                                        .target = "/purge",
                                        .fields = {{"Content-Type", "application/json"}},
                                        .body = text});
      CAPTURE(answer.body);
      REQUIRE(answer.status == 200);
      s.kill();
      const Response gone = fetch(
          s.weir().port(), {.target = tagged, .fields = {{"Cache-Control", "only-if-cached"}}});
      CAPTURE(gone.summary());
      CHECK_FALSE(is_hit(gone));
      CHECK(is_hit(s.get_object(other, 2)));
      const std::uint64_t asked = s.origin.count("not_modified");
      CHECK(s.get_object(tagged, 1).right());
      CHECK(eventually([&] { return s.origin.count("not_modified") == asked + order.soft; }));
    }
  }
}

}  // namespace weir::test
