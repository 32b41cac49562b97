// kill -9 at random moments, under load with overwrites, purges and reclaim. After each start: no
// wrong byte, nothing that was purged before the last flush, nothing lost that was flushed and read
// since. WEIR_KILL_ROUNDS says how often; `scripts/kill-loop` sets it.

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr int kKeys = 60;     // that change
constexpr int kAnchors = 12;  // that do not, and are read in each round
constexpr int kClients = 3;
constexpr int kTags = 7;

std::string anchor(int i) {
  return "/anchor" + std::to_string(i) +
         "?n=1&cc=max-age=100000&size=" + std::to_string(1000 + i * i * 20'000);
}

std::string key(int i) {
  const char* life = i % 3 == 0 ? "1" : "100000";  // some are overwritten because they are stale
  return "/key" + std::to_string(i) + "?cc=max-age=" + life + "&field=Surrogate-Key:t" +
         std::to_string(i % kTags) + "&size=" + std::to_string(500 + i * i * 700) +
         (i % 5 == 0 ? "&chunked=1" : "");
}

// The content number of a response, which its ETag begins with.
std::optional<std::uint64_t> version_of(const Response& r) {
  const std::string etag = r.field("ETag");
  if (etag.size() < 2 || etag[0] != '"') return {};
  return std::strtoull(etag.c_str() + 1, nullptr, 10);
}

// The whole response, each byte checked against what its ETag says it is.
Response get_checked(std::uint16_t port, const Request& request) {
  Client client(port);
  client.send(request);
  Reading reading{.keep = 0};
  Response r = client.receive_head(reading);
  if (r.status == 200 || r.status == 206) reading.content = version_of(r);
  client.receive_body(r, reading);
  return r;
}

class KillLoop {
 public:
  KillLoop()
      : conf_(
            "[storage]\nmemory = \"16 MiB\"\nregion_size = \"8 MiB\"\n[[storage.disk]]\npath = \"" +
            (directory_.path() / "a").string() +
            "\"\nsize = \"72 MiB\"\n[[storage.disk]]\npath = \"" +
            (directory_.path() / "b").string() +
            "\"\nsize = \"48 MiB\"\n[log]\naccess = \"off\"\n"
            "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\nforward_tags = true\n") {
    weir_.emplace(origin_, conf_);
    for (int i = 0; i < kAnchors; ++i)
      REQUIRE(get_checked(weir_->port(), {.target = anchor(i)}).right());
    flush();
  }

  void round(std::uint64_t version) {
    origin_.order("n=" + std::to_string(version));
    purge_some(version);
    flush();
    check_anchors();
    std::atomic<bool> over{false};
    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([&, seed = static_cast<unsigned>(random_())] { load(seed, over); });
    }
    std::this_thread::sleep_for(Millis(20 + random_() % 300));
    reclaimed_ += reclaimed();
    if (version % 2 == 0) purge_group(version);
    weir_->process().signal(SIGKILL);
    over = true;
    for (std::thread& client : clients) client.join();
    REQUIRE(weir_->process().wait(Millis(10'000)));
    weir_.emplace(origin_, conf_);
    check_anchors();  // first: what was not read since a start may be given up for room
    check_keys();
  }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t reclaimed_regions() const { return reclaimed_; }

 private:
  nlohmann::json disks() { return weir_->status()["disks"]; }
  void flush() {
    CHECK(eventually([&] { return disks()["dirty_bytes"] == 0; }));
  }
  std::uint64_t reclaimed() {
    std::uint64_t sum = 0;
    const nlohmann::json all = disks();
    for (const auto& disk : all["disks"]) sum += disk["reclaimed_regions"].get<std::uint64_t>();
    return sum;
  }

  void purge_some(std::uint64_t version) {
    for (int n = 0; n < 5; ++n) {
      const int i = static_cast<int>(random_() % kKeys);
      const Response r = fetch(weir_->port(), {.method = "POST", .target = key(i), .body = "x"});
      if (r.status == 200) floor_[static_cast<std::size_t>(i)] = version;
    }
  }

  // By tag or ban: what answers 200 holds from then on, whatever happens.
  void purge_group(std::uint64_t version) {
    const auto group = static_cast<int>(random_() % kTags);
    const bool tag = version % 4 == 0;
    const std::string body =
        tag ? "{\"tag\": \"t" + std::to_string(group) + "\"}"
            : "{\"ban\": \"field.Surrogate-Key = t" + std::to_string(group) + "\"}";
    const Response r = fetch(weir_->admin_port(), {.method = "POST",
                                                   .target = "/purge",
                                                   .fields = {{"Content-Type", "application/json"}},
                                                   .body = body});
    REQUIRE(r.status == 200);
    for (int i = group; i < kKeys; i += kTags) floor_[static_cast<std::size_t>(i)] = version;
  }

  void load(unsigned seed, const std::atomic<bool>& over) {
    std::mt19937 random(seed);
    while (!over) {
      const int i = static_cast<int>(random() % kKeys);
      Request request{.target = key(i)};
      if (random() % 20 == 0) request = {.method = "POST", .target = key(i), .body = "x"};
      if (random() % 10 == 0) request.fields = {{"Range", "bytes=1000-400000"}};
      try {
        const Response r = get_checked(weir_->port(), request);
        if (r.wrong_at) ++wrong_;
      } catch (const std::system_error&) {
        return;  // killed
      }
    }
  }

  void check_anchors() {
    for (int i = 0; i < kAnchors; ++i) {
      const Response r = get_checked(weir_->port(), {.target = anchor(i)});
      CAPTURE(i);
      CAPTURE(r.summary());
      INFO(weir_->process().err());
      REQUIRE(r.right());
      REQUIRE(version_of(r) == 1);  // fetched anew it would have the number of the round
    }
  }

  void check_keys() {
    CHECK(wrong_ == 0);
    for (int i = 0; i < kKeys; ++i) {
      const Response r = get_checked(
          weir_->port(), {.target = key(i), .fields = {{"Cache-Control", "only-if-cached"}}});
      CAPTURE(i);
      CAPTURE(r.summary());
      CHECK_FALSE(r.wrong_at);
      if (r.status == 504) continue;
      CHECK(r.status == 200);
      const auto version = version_of(r);
      REQUIRE(version);
      CHECK(*version >= floor_[static_cast<std::size_t>(i)]);
      ++hits_;
    }
  }

  ScratchDirectory directory_;
  const std::string conf_;
  Origin origin_;
  std::optional<Weir> weir_;
  std::mt19937 random_{6};
  std::array<std::uint64_t, kKeys> floor_{};  // older ones were purged
  std::atomic<int> wrong_{0};
  std::uint64_t hits_ = 0;
  std::uint64_t reclaimed_ = 0;
};

}  // namespace

TEST_CASE("kill -9 at any moment costs what was not flushed, and nothing else") {
  const char* given = std::getenv("WEIR_KILL_ROUNDS");
  const int rounds = given ? std::atoi(given) : 12;
  KillLoop loop;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    loop.round(static_cast<std::uint64_t>(round) + 2);
  }
  CHECK(loop.hits() > 0);
  if (rounds >= 100) CHECK(loop.reclaimed_regions() > 0);  // a few may not fill the disk
  MESSAGE(rounds, " rounds, ", loop.hits(), " objects served after a kill, ",
          loop.reclaimed_regions(), " regions reclaimed");
}

}  // namespace weir::test
