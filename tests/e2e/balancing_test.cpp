// Several servers behind one origin: who is asked, who is left alone, and who comes back.

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

// Servers of one origin, in the order of the conf.
struct Origins {
  explicit Origins(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) all.push_back(std::make_unique<Origin>());
  }
  std::string conf(const std::vector<std::string>& options, const std::string& more) const {
    std::string servers;
    for (std::size_t i = 0; i < all.size(); ++i) {
      servers += (i == 0 ? "\"" : ", \"") + all[i]->address();
      servers += i < options.size() ? " " + options[i] + "\"" : "\"";
    }
    return "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [" + servers + "]\n" +
           more;
  }
  std::vector<std::uint64_t> totals() const {
    std::vector<std::uint64_t> out;
    for (const auto& origin : all) out.push_back(origin->count("total"));
    return out;
  }
  const Origin& operator[](std::size_t i) const { return *all[i]; }

  std::vector<std::unique_ptr<Origin>> all;
};

std::string uncached(int i) { return "/u" + std::to_string(i) + "?n=1&size=100&cc=no-store"; }

bool served(const Weir& weir, int i) {
  const Response response = get(weir.port(), uncached(i), {.content = 1});
  CAPTURE(response.summary());
  CHECK(response.status == 200);
  CHECK(response.right());
  return response.status == 200;
}

}  // namespace

TEST_CASE("Requests are spread over the servers of an origin by weight") {
  const Origins origins(3);
  const Weir weir(origins.conf({"", "weight=3", "backup"}, ""));
  for (int i = 0; i < 40; ++i) served(weir, i);
  CHECK(origins.totals() == std::vector<std::uint64_t>{10, 30, 0});
}

TEST_CASE("With a hash each URL has its server") {
  const Origins origins(3);
  const Weir weir(origins.conf({}, "balance = \"hash\"\n"));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 30; ++i) served(weir, i);
  }
  for (const auto& origin : origins.all) {
    CHECK(origin->count("total") >= 9);
    const nlohmann::json counts = origin->counts();
    for (const auto& [target, count] : counts.at("requests").items()) CHECK(count == 3);
  }
}

TEST_CASE("A server that is killed under load costs no GET, and comes back when it does") {
  Origins origins(2);
  const std::uint16_t port = origins[1].port();
  const Weir weir(
      origins.conf({}, "eject_failures = 2\neject_min = \"100 ms\"\neject_max = \"200 ms\"\n"));
  std::atomic<bool> stop = false;
  std::atomic<int> done = 0;
  std::vector<std::string> bad(4);
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      Client client(weir.port());
      for (int i = 0; !stop && bad[static_cast<std::size_t>(c)].empty(); ++i) {
        const std::string target = "/k" + std::to_string(c) + "/" + std::to_string(i) +
                                   "?n=1&size=200KiB&cc=max-age=600&delay=2ms";
        const Response response = client.exchange({.target = target}, {.content = 1, .keep = 0});
        if (!response.right() || response.status != 200)
          bad[static_cast<std::size_t>(c)] = response.summary();
        ++done;
      }
    });
  }
  const auto more = [&](int n) {
    const int from = done;
    return eventually([&, n] { return done > from + n; });
  };
  CHECK(more(100));
  origins.all[1]->process().signal(SIGKILL);
  CHECK(more(200));
  origins.all[1] = nullptr;
  origins.all[1] = std::make_unique<Origin>(port);
  CHECK(eventually([&] { return origins[1].count("total") > 50; }));
  stop = true;
  for (std::thread& client : clients) client.join();
  for (const std::string& text : bad) CHECK(text == "");
}

TEST_CASE("What one server cut goes on at another") {
  const Origins origins(2);
  const Weir weir(origins.conf({}, ""));
  origins[0].order("cut_at=2MiB");
  const std::string target = "/cut?n=4&size=8MiB&cc=max-age=600";
  const Response response = get(weir.port(), target, {.content = 4, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  CHECK(response.body_bytes == 8 << 20);
  CHECK(origins[0].count("bytes_sent") == 2 << 20);
  CHECK(origins[1].count("bytes_sent") == 6 << 20);
  CHECK(origins[1].last_field("Range") == "bytes=2097152-");
  CHECK(origins[1].last_field("If-Range").has_value());
}

TEST_CASE("When every server is ejected the answer is a 502 that says so, at once") {
  const std::string dead = "127.0.0.1:" + std::to_string(free_port());
  const Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = \"" + dead +
                  "\"\neject_failures = 2\neject_min = \"1 min\"\neject_max = \"1 min\"\n");
  CHECK(get(weir.port(), uncached(0)).status == 502);
  CHECK(get(weir.port(), uncached(1)).status == 502);
  const Response response = get(weir.port(), uncached(2));
  CHECK(response.status == 502);
  CHECK(response.body.find("servers_ejected") != std::string::npos);
}

TEST_CASE("Answers of 503 eject a server where the conf says so") {
  const Origins origins(2);
  const Weir weir(origins.conf(
      {},
      "eject_on_5xx = true\neject_failures = 2\neject_min = \"1 min\"\neject_max = \"1 min\"\n"));
  // Two in a row at the first server, in turn with good ones at the second.
  for (int i = 0; i < 4; ++i) {
    const bool fails = i % 2 == 0;
    CHECK(get(weir.port(), "/" + std::to_string(i) + (fails ? "?status=503" : "?size=1")).status ==
          (fails ? 503 : 200));
  }
  for (int i = 0; i < 6; ++i) served(weir, i);
  CHECK(origins.totals() == std::vector<std::uint64_t>{2, 8});
}

TEST_CASE("A health check takes a server out and in again") {
  Origins origins(2);
  Weir weir(origins.conf({},
                         "health_check = \"/up?size=10\"\nhealth_interval = \"20 ms\"\n"
                         "health_timeout = \"100 ms\"\nhealth_fall = 2\n"));
  CHECK(eventually([&] { return origins[1].requests("/up?size=10") > 2; }));
  CHECK(origins[1].last_field("Host") == origins[1].address());

  origins.all[1]->process().signal(SIGSTOP);  // it accepts, and answers nothing
  CHECK(eventually(
      [&] { return weir.process().err().find("server unhealthy") != std::string::npos; }));
  for (int i = 0; i < 10; ++i) {
    const Response response = get(weir.port(), uncached(i));
    CHECK(response.status == 200);
    CHECK(response.seconds < 1);
  }
  origins.all[1]->process().signal(SIGCONT);
  CHECK(
      eventually([&] { return weir.process().err().find("server healthy") != std::string::npos; }));
  for (int i = 0; i < 10; ++i) served(weir, i);
  CHECK(origins[1].requests(uncached(0)) + origins[1].requests(uncached(1)) == 1);
}

TEST_CASE("There are never more connections than there may be, and every client is served") {
  struct Row {
    std::size_t servers;
    const char* limit;
    std::uint64_t most;  // at each server
  };
  for (const Row& row :
       {Row{2, "server_max_connections = 3\n", 3}, Row{1, "max_connections = 5\n", 5}}) {
    CAPTURE(row.limit);
    const Origins origins(row.servers);
    const Weir weir(origins.conf({}, std::string(row.limit) + "[server]\nworkers = 2\n"));
    std::vector<std::thread> clients;
    std::atomic<int> right = 0;
    for (int c = 0; c < 30; ++c) {
      clients.emplace_back([&, c] {
        Client client(weir.port());
        for (int i = 0; i < 10; ++i) {
          const Response response =
              client.exchange({.target = uncached(c * 10 + i) + "&delay=5ms"}, {.content = 1});
          right += response.status == 200 && response.right();
        }
      });
    }
    for (std::thread& client : clients) client.join();
    CHECK(right == 300);
    for (const auto& origin : origins.all) {
      CHECK(origin->count("total") >= 100);
      CHECK(origin->count("open_max") == row.most);
    }
  }
}

TEST_CASE("A connection carries as many requests as it may") {
  const Origins origins(1);
  const Weir weir(origins.conf({}, "keepalive_requests = 3\n[server]\nworkers = 1\n"));
  for (int i = 0; i < 9; ++i) served(weir, i);
  CHECK(origins[0].count("connections") == 3);
}

}  // namespace weir::test
