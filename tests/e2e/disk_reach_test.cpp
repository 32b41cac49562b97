// How far storage reaches: an object much larger than memory, and very many small ones. Small
// enough for any machine here; with WEIR_REACH=full, as scripts/reach sets it, as large as was
// promised.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

bool is_full() {
  const char* reach = std::getenv("WEIR_REACH");
  return reach != nullptr && std::string_view(reach) == "full";
}

void tell(const std::string& what) {
  if (is_full()) std::printf("reach: %s\n", what.c_str());
}

// Memory of a process beside what the conf gives it for storage.
constexpr std::uint64_t kBeside = 160 * kMiB;

std::string in_mib(std::uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

// A Weir with so much memory and disk, killed and started again on the same regions.
class Tiers {
 public:
  Tiers(std::uint64_t memory, std::uint64_t disk)
      : memory_(memory),
        conf_("[storage]\nmemory = \"" + in_mib(memory) + "\"\nregion_size = \"" +
              in_mib(std::min<std::uint64_t>(disk / 16, 256 * kMiB)) +
              "\"\n[[storage.disk]]\npath = \"" + (directory_.path() / "disk").string() +
              "\"\nsize = \"" + in_mib(disk) + "\"\n[log]\naccess = \"off\"\n") {
    weir_.emplace(origin, conf_);
  }

  Origin origin;
  std::uint16_t port() { return weir_->port(); }
  nlohmann::json disks() { return weir_->status()["disks"]; }
  std::uint64_t sent() const { return origin.count("bytes_sent"); }
  void flush() {
    CHECK(eventually([&] { return disks()["dirty_bytes"] == 0; }, Millis(120'000)));
  }
  void kill() {
    weir_->process().signal(SIGKILL);
    REQUIRE(weir_->process().wait(Millis(10'000)));
    weir_.reset();
    weir_.emplace(origin, conf_);
  }
  // Of the process, the store's files in memory included.
  std::uint64_t resident() {
    std::ifstream status("/proc/" + std::to_string(weir_->process().pid()) + "/status");
    std::uint64_t kib = 0;
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("RssAnon:") || line.starts_with("RssShmem:"))
        kib += std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
    }
    return kib * 1024;
  }
  // What is told when a step is over; and its bound.
  void account(const char* step, std::uint64_t origin_bytes, std::uint64_t more) {
    const std::uint64_t now = resident();
    tell(std::string(step) + ": " + in_mib(sent() - origin_bytes) + " from the origin, " +
         in_mib(now) + " resident");
    if (bounded_) CHECK(now <= memory_ + more);
  }

 private:
  const std::uint64_t memory_;
  const bool bounded_ = !is_sanitized(weir_program());
  ScratchDirectory directory_;
  const std::string conf_;
  std::optional<Weir> weir_;
};

// What may be used of the disk that tests write to, 8 GiB at least.
std::uint64_t room() {
  const std::uint64_t free =
      std::filesystem::space(std::filesystem::temp_directory_path()).available;
  return std::clamp<std::uint64_t>(free / 4 * 3, 8 * kGiB, 40 * kGiB) / kGiB * kGiB;
}

}  // namespace

TEST_CASE(
    "Reach h: an object much larger than memory survives a kill in its middle, and is completed") {
  const std::uint64_t disk = is_full() ? room() : 640 * kMiB;
  const std::uint64_t size = is_full() ? disk / 4 * 3 + 12'345 : 300 * kMiB + 12'345;
  Tiers t(is_full() ? 512 * kMiB : 32 * kMiB, disk);
  const std::string target = "/h?n=8&cc=max-age=100000&size=" + std::to_string(size);
  tell("an object of " + in_mib(size));
  {
    Client client(t.port());
    REQUIRE(client.send(Request{.target = target}));
    Response r = client.receive_head();
    client.receive_body(r, {.content = 8, .stop_at = size / 2, .keep = 0});
    CHECK_FALSE(r.wrong_at);
    t.account("the first half", 0, kBeside);
    t.kill();
  }
  for (const char* pass : {"whole, after the kill", "whole again", "after another kill"}) {
    CAPTURE(pass);
    const std::uint64_t before = t.sent();
    const Response r = get(t.port(), target, {.content = 8, .keep = 0});
    CAPTURE(r.summary());
    CHECK(r.right());
    CHECK(r.body_bytes == size);
    t.account(pass, before, kBeside);
    CHECK(t.sent() - before < size);  // some of it was kept, each time
    t.flush();
    if (pass != std::string_view("whole, after the kill")) t.kill();
  }
  std::mt19937_64 random(3);
  const std::uint64_t before = t.sent();
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t first = random() % (size - kMiB);
    const std::string range = "bytes=" + std::to_string(first) + "-" + std::to_string(first + kMiB);
    Client client(t.port());
    const Response r =
        client.exchange({.target = target, .fields = {{"Range", range}}}, {.content = 8});
    CAPTURE(range);
    CAPTURE(r.summary());
    CHECK(r.status == 206);
    CHECK(r.right());
  }
  t.account("50 ranges of 1 MiB", before, kBeside);
}

TEST_CASE("Reach i: very many small objects are stored, and hit after a kill") {
  const int objects = is_full() ? 1'000'000 : 20'000;
  const int clients = 4;
  Tiers t(is_full() ? 64 * kMiB : 16 * kMiB, is_full() ? 4 * kGiB : 256 * kMiB);
  const auto target = [](int n) {
    return "/i" + std::to_string(n) + "?cc=max-age=100000&n=" + std::to_string(n) +
           "&size=" + std::to_string(100 + n % 2000);
  };
  // Every step-th object of [first, last).
  const auto ask = [&](int first, int last, int step, bool only_if_cached) {
    std::atomic<int> hits{0}, wrong{0};
    std::vector<std::thread> threads;
    for (int c = 0; c < clients; ++c) {
      threads.emplace_back([&, c] {
        Client client(t.port());
        for (int n = first + c * step; n < last; n += clients * step) {
          Request request{.target = target(n)};
          if (only_if_cached) request.fields = {{"Cache-Control", "only-if-cached"}};
          const Response r =
              client.exchange(request, {.content = static_cast<std::uint64_t>(n), .keep = 0});
          if (r.status == 504 && only_if_cached) continue;
          hits += r.status == 200 && r.right() ? 1 : 0;
          wrong += r.status == 200 && r.right() ? 0 : 1;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    return hits.load();
  };
  // A quarter of what memory holds at a time: how much a busy disk can take is not asked here.
  const int portion = is_full() ? 16'000 : 4'000;
  for (int n = 0; n < objects; n += portion) {
    const int last = std::min(objects, n + portion);
    CHECK(ask(n, last, 1, false) == last - n);
    t.flush();
  }
  const auto stored = t.disks()["objects"].get<int>();
  tell(std::to_string(stored) + " of " + std::to_string(objects) + " objects on disk");
  CHECK(stored >= objects / 100 * 95);
  const auto index = t.disks()["index_bytes"].get<std::uint64_t>();
  tell(in_mib(index) + " of memory for what is known of them");
  t.account("stored", t.sent(), index + kBeside);
  t.kill();
  CHECK(t.disks()["objects"] == stored);
  const int step = is_full() ? 10 : 1;
  const int hits = ask(0, objects, step, true);
  tell(std::to_string(hits) + " of " + std::to_string(objects / step) + " asked for are hits");
  CHECK(hits >= objects / step / 100 * 94);
  t.account("read", t.sent(), index + kBeside);
}

}  // namespace weir::test
