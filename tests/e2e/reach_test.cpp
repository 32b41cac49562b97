// How far fetching reaches: large objects, crowds, origins that cut, forget, or die. Small enough
// for any machine here; with WEIR_REACH=full, as scripts/reach sets it, as large as was promised.

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMB = 1'000'000;
constexpr std::uint64_t kMiB = 1 << 20;

bool is_full() {
  const char* reach = std::getenv("WEIR_REACH");
  return reach != nullptr && std::string_view(reach) == "full";
}

template <class T>
T scaled(T full, T small) {
  return is_full() ? full : small;
}

// For scripts/reach.
void tell(const std::string& what) {
  if (is_full()) std::printf("reach: %s\n", what.c_str());
}

std::string memory(std::uint64_t bytes) {
  return "[storage]\nmemory = \"" + std::to_string(bytes / kMiB) + " MiB\"\n";
}

// Several clients at once; what went wrong for any of them.
class Crowd {
 public:
  ~Crowd() { join(); }
  template <class F>
  void add(F&& client) {
    threads_.emplace_back([this, client = std::forward<F>(client)]() mutable {
      try {
        client();
      } catch (const std::exception& e) {
        complain(e.what());
      }
    });
  }
  void complain(const std::string& text) {
    const std::lock_guard lock(mutex_);
    ++bad_;
    if (bad_ == 1) first_ = text;
  }
  void expect(const Response& response, std::uint64_t size) {
    const bool good = response.status == 200 && response.right() && response.body_bytes == size;
    if (!good) complain(response.summary());
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  int bad() const { return bad_; }
  const std::string& first() const { return first_; }

 private:
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  int bad_ = 0;
  std::string first_;
};

}  // namespace

TEST_CASE("Reach a: a crowd at mixed speeds on a cold object costs its origin the object, once") {
  const std::uint64_t size = scaled(2000 * kMB, 48 * kMB);
  const std::uint64_t seconds = scaled(60u, 2u);  // of the slowest clients
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    const Origin origin;
    const Weir weir(origin, memory(2 * size));
    const std::string target =
        "/a?n=1&cc=max-age=600&delay=300ms&size=" + std::to_string(size) +
        (cut ? "&fail_first=1&fail_with=cut&cut_at=" + std::to_string(size / 2) : "");
    Crowd crowd;
    for (std::uint64_t i = 0; i < scaled(100u, 20u); ++i) {
      const std::uint64_t slow = i % 5;  // two of five as fast as they can
      const std::uint64_t rate = slow < 2 ? 0 : size / (seconds * (slow - 1) / 3 + 1);
      crowd.add([&, rate] {
        crowd.expect(get(weir.port(), target, {.content = 1, .rate = rate, .keep = 0}), size);
      });
    }
    crowd.join();
    CAPTURE(crowd.first());
    CHECK(crowd.bad() == 0);
    const double times =
        static_cast<double>(origin.count("bytes_sent")) / static_cast<double>(size);
    tell(std::to_string(times) + " x the object" + (cut ? " with one cut" : ""));
    CHECK(times >= 1.0);
    CHECK(times <= (cut ? 1.01 : 1.0));
  }
}

TEST_CASE("Reach a: a crowd of like speed on a cold object larger than memory goes together") {
  const std::uint64_t size = scaled(2000 * kMB, 96 * kMB);
  const Origin origin;
  const Weir weir(origin, memory(size / 4));
  const std::string target = "/l?n=1&cc=max-age=600&delay=300ms&size=" + std::to_string(size);
  Crowd crowd;
  for (int i = 0; i < 20; ++i) {
    crowd.add([&] { crowd.expect(get(weir.port(), target, {.content = 1, .keep = 0}), size); });
  }
  crowd.join();
  CAPTURE(crowd.first());
  CHECK(crowd.bad() == 0);
  const double times = static_cast<double>(origin.count("bytes_sent")) / static_cast<double>(size);
  tell(std::to_string(times) + " x the object with a quarter of it in memory");
  CHECK(times <= 2);  // each for itself would be 20
}

TEST_CASE("Reach b: an origin that cuts again and again costs no client a byte") {
  const std::uint64_t size = scaled(1000 * kMB, 40 * kMB);
  struct Row {
    const char* framing;
    std::uint64_t memory;
  };
  for (const Row& row : {Row{"", 2 * size}, Row{"&chunked=1", 2 * size}, Row{"", size / 4}}) {
    CAPTURE(row.framing);
    CAPTURE(row.memory);
    const Origin origin;
    const Weir weir(origin, memory(row.memory));
    const std::string target = "/b?n=2&cc=max-age=600&size=" + std::to_string(size) +
                               "&cut_every=" + std::to_string(size / 20) + row.framing;
    Crowd crowd;
    for (int i = 0; i < 6; ++i) {
      const std::uint64_t rate = i < 4 ? 0 : size / scaled(20u, 2u);
      crowd.add([&, rate] {
        crowd.expect(get(weir.port(), target, {.content = 2, .rate = rate, .keep = 0}), size);
      });
    }
    crowd.join();
    CAPTURE(crowd.first());
    CHECK(crowd.bad() == 0);
    tell(std::to_string(origin.requests(target)) + " requests, " +
         std::to_string(origin.count("bytes_sent") / kMB) + " MB for " +
         std::to_string(size / kMB) + " MB, memory for " + std::to_string(row.memory / kMB) +
         " MB" + row.framing);
  }
}

TEST_CASE("Reach c: an origin that resets whoever does not take its bytes meets slow clients") {
  const std::uint64_t size = scaled(64 * kMiB, 24 * kMiB);
  const std::uint64_t rate = scaled(kMB, 8 * kMB);
  const Millis pause = scaled(Millis(9000), Millis(900));
  const std::string script = scaled("5s", "500ms");
  struct Row {
    const char* what;
    std::uint64_t memory;
  };
  for (const Row& row : {Row{"cc=max-age=600", 4 * size}, Row{"cc=max-age=600", size / 3},
                         Row{"cc=no-store", 4 * size}}) {
    CAPTURE(row.what);
    CAPTURE(row.memory);
    const Origin origin;
    const Weir weir(origin, memory(row.memory));
    const std::string target =
        "/c?n=3&size=" + std::to_string(size) + "&send_block_reset=" + script + "&" + row.what;
    Crowd crowd;
    crowd.add([&] {
      crowd.expect(get(weir.port(), target, {.content = 3, .rate = rate, .keep = 0}), size);
    });
    crowd.add([&] {
      Client client(weir.port(), {.receive_buffer = 64 * 1024});
      client.send(Request{.target = target});
      Response response = client.receive_head();
      for (std::uint64_t at = size / 6; at < size; at += size / 6) {
        client.receive_body(response, {.content = 3, .stop_at = at, .keep = 0});
        std::this_thread::sleep_for(pause);
      }
      client.receive_body(response, {.content = 3, .keep = 0});
      crowd.expect(response, size);
    });
    crowd.join();
    CAPTURE(crowd.first());
    CHECK(crowd.bad() == 0);
    tell(std::string(row.what) + ", memory for " + std::to_string(row.memory / kMiB) +
         " MiB: both whole, reset by the origin " + std::to_string(origin.count("blocked")) +
         " times");
  }
}

TEST_CASE("Reach e: five hundred clients and eight connections") {
  const Origin origin;
  const Weir weir(
      "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nmax_connections = 8\n"
      "servers = [\"" +
      origin.address() + "\"]\n");
  std::vector<Client> clients;
  for (int i = 0; i < 500; ++i) {
    clients.emplace_back(weir.port(),
                         ClientOptions{.address = static_cast<std::uint8_t>(i % 50 + 1)});
  }
  const std::string delay = scaled("30ms", "5ms");
  int bad = 0;
  double longest = 0;
  const int rounds = scaled(20, 3);
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const char* kept = i % 2 == 0 ? "&cc=max-age=600" : "&cc=no-store";
      clients[i].send(Request{.target = "/e/" + std::to_string(round) + "/" + std::to_string(i) +
                                        "?n=5&size=20KiB&delay=" + delay + kept});
    }
    for (Client& client : clients) {
      const Response response = client.receive({.content = 5});
      bad += !(response.status == 200 && response.right());
      longest = std::max(longest, response.seconds);
    }
  }
  CHECK(bad == 0);
  CHECK(origin.count("total") == 500 * static_cast<std::uint64_t>(rounds));
  CHECK(origin.count("open_max") <= 8);
  tell(std::to_string(500 * rounds) + " requests, " + std::to_string(bad) + " errors, at most " +
       std::to_string(origin.count("open_max")) + " connections");
}

TEST_CASE("Reach f: an origin that is killed and comes back costs no GET") {
  auto origin = std::make_unique<Origin>();
  const std::uint16_t port = origin->port();
  const Weir weir(*origin);
  std::atomic<bool> stop = false;
  std::atomic<int> gets = 0;
  std::atomic<int> posts = 0;
  std::atomic<int> posts_failed = 0;
  Crowd crowd;
  // Small and cold; large, so that it is cut in the middle; the same for many.
  const std::string scripts[] = {"size=20KiB&delay=5ms", "size=8MiB&rate=16MiB",
                                 "size=300KiB&delay=20ms"};
  for (int c = 0; c < scaled(200, 24); ++c) {
    crowd.add([&, c] {
      Client client(weir.port());
      const int kind = c % 8 == 0 ? 1 : c % 8 < 3 ? 2 : 0;
      const std::string mine = kind == 2 ? "shared" : std::to_string(c);
      for (int i = 0; !stop; ++i) {
        const int turn = kind == 2 ? gets / 10 : i;
        const Response response =
            client.exchange({.target = "/f/" + mine + "/" + std::to_string(turn) +
                                       "?n=6&cc=max-age=600&" + scripts[kind]},
                            {.content = 6, .keep = 0});
        if (response.status != 200 || !response.right()) return crowd.complain(response.summary());
        ++gets;
      }
    });
  }
  for (int c = 0; c < 4; ++c) {
    crowd.add([&] {
      while (!stop) {
        const Response response = fetch(
            weir.port(), {.method = "POST", .target = "/f/post?n=6&size=10&delay=5ms", .body = "x"},
            {.content = 6});
        ++posts;
        if (response.status == 200 && response.right()) continue;
        ++posts_failed;
        if (response.status != 502 && response.complete()) crowd.complain(response.summary());
      }
    });
  }
  const auto more = [&] {
    const int from = gets;
    std::this_thread::sleep_for(scaled(Millis(3000), Millis(0)));
    return eventually([&] { return gets > from + 300 || crowd.bad() > 0; }, Millis(30'000));
  };
  for (int round = 0; round < scaled(10, 2); ++round) {
    CHECK(more());
    origin->process().signal(SIGKILL);
    origin.reset();
    std::this_thread::sleep_for(scaled(Millis(2000), Millis(400)));
    origin = std::make_unique<Origin>(port);
  }
  CHECK(more());
  stop = true;
  crowd.join();
  CAPTURE(crowd.first());
  CHECK(crowd.bad() == 0);
  tell(std::to_string(gets) + " GETs without an error, " + std::to_string(posts_failed) + " of " +
       std::to_string(posts) + " POSTs answered 502 or cut");
}

TEST_CASE("Reach g: a third of misses among hits, more than the store holds") {
  const Origin origin;
  const Weir weir(origin, "[storage]\nmemory = \"16 MiB\"\n");
  Crowd crowd;
  for (int c = 0; c < 16; ++c) {
    crowd.add([&, c] {
      Client client(weir.port());
      for (int i = 0; i < 200; ++i) {
        const std::string path = i % 10 < 3 ? "/g/" + std::to_string(c) + "/" + std::to_string(i)
                                            : "/g/" + std::to_string((c + i) % 40);
        const char* size = i % 7 == 0 ? "700KiB" : "9KiB";
        const Response response = client.exchange(
            {.target = path + "?n=7&cc=max-age=600&size=" + size}, {.content = 7, .keep = 0});
        if (response.status != 200 || !response.right()) return crowd.complain(response.summary());
      }
    });
  }
  crowd.join();
  CAPTURE(crowd.first());
  CHECK(crowd.bad() == 0);
}

}  // namespace weir::test
