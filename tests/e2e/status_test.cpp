// The admin address: what is counted, and how it is told.

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/exposition.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

using Labels = Metrics::Labels;

Metrics metrics(Weir& weir) {
  const Response page = get(weir.admin_port(), "/metrics");
  REQUIRE(page.status == 200);
  CHECK(page.field("Content-Type").starts_with("text/plain; version=0.0.4"));
  return Metrics(page.body);
}

// A number that Weir counts in its own time: when a receipt is settled, or once a second.
bool becomes(Weir& weir, const std::string& name, const Labels& labels, double value) {
  const bool met = eventually([&] { return metrics(weir).sum(name, labels) == value; });
  if (!met) MESSAGE(name << " is " << metrics(weir).sum(name, labels));
  return met;
}

Labels fetch(const char* kind, const char* outcome) {
  return {{"origin", "main"}, {"kind", kind}, {"outcome", outcome}};
}

}  // namespace

TEST_CASE("The accept queues told of are those of the listening sockets") {
  const Origin origin;
  Weir weir("origin = \"" + origin.address() +
            "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\nbacklog = 64\n[server]\nworkers = 1\n");
  CHECK(becomes(weir, "weir_accept_queue_backlog", {}, 64));
}

TEST_CASE("A miss, hits and a pass are counted as what they are") {
  const Origin origin;
  Weir weir(origin);
  const std::string target = "/counted?size=100KiB&n=1&cc=max-age=60";
  for (int i = 0; i < 3; ++i) CHECK(get(weir.port(), target, {.content = 1}).right());
  CHECK(test::fetch(weir.port(), {.method = "POST", .target = "/pass?size=10", .body = "x"})
            .complete());
  CHECK(becomes(weir, "weir_requests_total", {}, 4));
  const Metrics now = metrics(weir);
  CHECK(now.sum("weir_requests_total", {{"result", "miss"}, {"reason", "cacheable"}}) == 1);
  CHECK(now.sum("weir_requests_total", {{"result", "hit"}}) == 2);
  CHECK(now.sum("weir_requests_total", {{"result", "pass"}}) == 1);
  CHECK(now.sum("weir_responses_total", {{"class", "2xx"}}) == 4);
  CHECK(now.sum("weir_fetches_total") == 2);
  CHECK(now.sum("weir_fetches_total", fetch("lead", "whole")) == 1);
  CHECK(now.sum("weir_fetches_total", fetch("pass", "whole")) == 1);
  CHECK(now.sum("weir_response_first_byte_seconds_count") == 4);
  CHECK(now.sum("weir_response_delivery_seconds_count") == 4);
  CHECK(now.sum("weir_client_connections_accepted_total") == 4);
  CHECK(now.sum("weir_client_connections_closed_total", {{"reason", "client_closed"}}) == 4);
  const double sent = now.sum("weir_client_sent_bytes_total");
  CHECK(sent > 3 * 100 * 1024);
  CHECK(sent < 3 * 100 * 1024 + 4 * 1024);
  CHECK(now.sum("weir_client_acked_bytes_total") == sent);
  CHECK(becomes(weir, "weir_origin_received_bytes_total", {}, 100 * 1024 + 10));
  CHECK(now.sum("weir_fetches_running") == 0);
}

TEST_CASE("Connections are counted by phase") {
  const Origin origin;
  Weir weir(origin, "[server]\ndrain_timeout = \"1 s\"\n");
  Client idle(weir.port());
  CHECK(idle.exchange({.target = "/a?size=10"}).complete());
  Client reading(weir.port());
  reading.send("GET /b HT");
  Client waiting(weir.port());
  waiting.send(Request{.target = "/c?size=10&delay=60s"});
  for (const char* phase : {"idle", "reading", "awaiting_origin"}) {
    CAPTURE(std::string(phase));
    CHECK(becomes(weir, "weir_client_connections", {{"phase", phase}}, 1));
  }
  CHECK(metrics(weir).sum("weir_fetches_running") == 1);
  CHECK(weir.status().at("connections").at("open") == 3);
  waiting.abort();  // else it would be served, and Weir wait for it
}

TEST_CASE("A fetch that fails is an error page and a failure with its name") {
  Weir weir("listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:" + std::to_string(free_port()) +
            "\"\n");
  CHECK(get(weir.port(), "/down").status == 502);
  CHECK(becomes(weir, "weir_requests_total", {{"result", "error"}, {"reason", "connect_refused"}},
                1));
  const Metrics now = metrics(weir);
  CHECK(now.sum("weir_fetches_total", fetch("lead", "failed")) == 1);
  CHECK(now.sum("weir_fetch_failures_total", {{"reason", "connect_refused"}}) == 1);
  CHECK(now.sum("weir_responses_total", {{"class", "5xx"}}) == 1);
}

TEST_CASE(
    "Servers of an origin are told apart, and a request that went on to the next is a retry") {
  const Origin origin;
  const std::string dead = "127.0.0.1:" + std::to_string(free_port());
  Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" + dead +
            "\", \"" + origin.address() + "\"]\n");
  for (int i = 0; i < 4; ++i) {
    CHECK(get(weir.port(), "/s?size=10&cc=no-store&n=" + std::to_string(i)).status == 200);
  }
  const Metrics now = metrics(weir);
  const double failures = now.sum("weir_server_failures_total", {{"server", dead}});
  CHECK(failures >= 1);
  CHECK(now.sum("weir_fetch_retries_total", {{"origin", "main"}}) == failures);
  CHECK(now.sum("weir_server_requests_total", {{"server", origin.address()}}) == 4);
  CHECK(now.sum("weir_server_failures_total", {{"server", origin.address()}}) == 0);
  CHECK(now.sum("weir_server_up", {{"server", origin.address()}}) == 1);
  CHECK(now.sum("weir_origin_connections") >= 1);
}

TEST_CASE("A client that is reaped is a close with its reason, and a standstill") {
  const Origin origin;
  Weir weir(origin, "[delivery]\nzero_window_timeout = \"3 s\"\n");
  Client stuck(weir.port(), {.receive_buffer = 16384});
  stuck.send(Request{.target = "/stuck?size=64MiB&n=1&cc=max-age=60"});
  CHECK(becomes(weir, "weir_client_connections_closed_total", {{"reason", "zero_window"}}, 1));
  const Metrics now = metrics(weir);
  CHECK(now.sum("weir_response_standstill_seconds_count") == 1);
  CHECK(now.sum("weir_response_standstill_seconds_sum") >= 2);
  CHECK(now.sum("weir_response_delivery_seconds_count") == 0);
  CHECK(now.sum("weir_client_acked_bytes_total") < now.sum("weir_client_sent_bytes_total"));
}

TEST_CASE("A request that is refused before it is understood is counted by its error") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  CHECK(client.receive().status == 400);
  CHECK(becomes(weir, "weir_requests_refused_total", {{"reason", "bad_host"}}, 1));
  client.close();
  CHECK(becomes(weir, "weir_client_connections_closed_total", {{"reason", "bad_request"}}, 1));
  CHECK(metrics(weir).sum("weir_requests_total") == 0);
}

TEST_CASE("The admin address has pages, and none of its own traffic in them") {
  const Origin origin;
  Weir weir(origin);
  const std::uint16_t port = weir.admin_port();
  const Response page = get(port, "/", {.keep = SIZE_MAX});
  CHECK(page.status == 200);
  CHECK(page.field("Content-Type") == "text/html; charset=utf-8");
  CHECK(page.field("Content-Security-Policy").starts_with("default-src 'none'; "));
  CHECK(page.body.ends_with("</html>\n"));
  CHECK(page.body.find("://") == page.body.find("://www.w3.org/2000/svg"));
  CHECK(get(port, "/status?x=1").field("Content-Type") == "application/json");
  const Response none = get(port, "/statu");
  CHECK(none.status == 404);
  for (const char* path : {"/status", "/connections", "/config", "/metrics", "/purge"}) {
    CHECK(none.body.find(path) != std::string::npos);
  }
  const Response wrong = test::fetch(port, {.method = "POST", .target = "/status", .body = "x"});
  CHECK(wrong.status == 405);
  CHECK(wrong.field("Allow") == "GET, HEAD");
  CHECK(test::fetch(port, {.method = "HEAD", .target = "/metrics"}, {.to_head = true}).status ==
        200);
  Client client(port);
  for (int i = 0; i < 3; ++i) CHECK(client.exchange({.target = "/metrics"}).complete());
  const Metrics now = metrics(weir);
  CHECK(now.sum("weir_requests_total") == 0);
  CHECK(now.sum("weir_client_connections_accepted_total") == 0);
  CHECK(weir.status().at("state") == "serving");
}

TEST_CASE("A token is asked for when the conf has one, and weir status brings it") {
  const Origin origin;
  const std::uint16_t port = free_port();
  const std::string conf = "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
                           "\"\n[server]\nadmin = \"127.0.0.1:" + std::to_string(port) +
                           "\"\nadmin_token = \"open-sesame\"\n";
  Weir weir(conf);
  REQUIRE(weir.admin_port() == port);
  CHECK(get(port, "/").status == 200);  // what asks for the token
  for (const char* path : {"/connections", "/config", "/metrics", "/none"}) {
    CHECK(get(port, path).status == 401);
  }
  const Response refused = get(port, "/status");
  CHECK(refused.status == 401);
  CHECK(refused.has("WWW-Authenticate"));
  CHECK(get(port, "/status", {}, {{"Authorization", "Bearer open-sesamE"}}).status == 401);
  CHECK(get(port, "/status", {}, {{"Authorization", "Basic open-sesame"}}).status == 401);
  CHECK(get(port, "/status", {}, {{"Authorization", "bearer open-sesame"}}).status == 200);

  const Finished screen = run_weir({"status"}, conf);
  CAPTURE(screen.err);
  CHECK(screen.exit.code == 0);
  CHECK(screen.out.find("serving   pid " + std::to_string(weir.process().pid())) !=
        std::string::npos);
  const Finished json = run_weir({"status", "--json"}, conf);
  CHECK(nlohmann::json::parse(json.out).at("pid") == weir.process().pid());
  std::string wrong = conf;
  wrong.replace(wrong.find("sesame"), 6, "barley");
  const Finished stranger = run_weir({"status"}, wrong);
  CHECK(stranger.exit.code == 1);
  CHECK(stranger.err.find("admin_token") != std::string::npos);
}

TEST_CASE("The connections worth a look are those of all workers, with what comes") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 2\ndrain_timeout = \"1 s\"\n");
  std::vector<std::unique_ptr<Client>> stuck;
  std::set<int> workers;
  // The kernel chooses the worker of each.
  for (int i = 0; i < 40 && workers.size() < 2; ++i) {
    stuck.push_back(std::make_unique<Client>(weir.port(), ClientOptions{.receive_buffer = 16384}));
    stuck.back()->send(Request{.target = "/film?size=8MiB&n=1&cc=max-age=60"});
    REQUIRE(eventually([&] {
      const auto page =
          nlohmann::json::parse(get(weir.admin_port(), "/connections", {.keep = SIZE_MAX}).body);
      workers.clear();
      std::size_t seen = 0;
      for (const auto& one : page.at("connections")) {
        if (!one.at("will").is_object() || one.at("held_bytes") == 0) continue;
        CHECK(one.at("request") == "GET localhost/film?size=8MiB&n=1&cc=max-age=60");
        CHECK(one.at("phase") == "sending");
        CHECK(one.at("will").at("reason") == "zero_window");
        CHECK(one.at("will").at("in_seconds") <= 120);
        workers.insert(one.at("worker").get<int>());
        ++seen;
      }
      CHECK(page.at("missing_workers").empty());
      return seen == stuck.size();
    }));
  }
  CHECK(workers.size() == 2);
  for (auto& client : stuck) client->abort();
}

TEST_CASE("The values in force are told with the line that set each, and the token is not") {
  const Origin origin;
  Weir weir(origin, "[server]\nadmin = \"127.0.0.1:0\"\nadmin_token = \"geheim\"\nworkers = 1\n");
  const Response answer =
      get(weir.admin_port(), "/config", {.keep = SIZE_MAX}, {{"Authorization", "Bearer geheim"}});
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.body.find("geheim") == std::string::npos);
  const auto server = nlohmann::json::parse(answer.body).at("tables").at(0);
  CHECK(server.at("table") == "[server]");
  const auto workers = server.at("values").at(0);
  CHECK(workers.at("value") == "1");
  CHECK(workers.at("set_at").get<std::string>().ends_with("/weir.conf:6"));
}

TEST_CASE("The admin address may be a Unix socket, which asks for no token and goes with Weir") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string path = (directory.path() / "admin.sock").string();
  const std::string conf = "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
                           "\"\n[server]\nadmin = \"unix:" + path + "\"\n";
  {
    Weir weir(conf);
    REQUIRE(weir.process().wait_for_line("admin on unix:" + path));
    for (int i = 0; i < 3; ++i) {
      const Finished json = run_weir({"status", "--json"}, conf);
      CAPTURE(json.err);
      REQUIRE(json.exit.code == 0);
      CHECK(nlohmann::json::parse(json.out).at("pid") == weir.process().pid());
    }
    CHECK(get(weir.port(), "/a?size=10&cc=max-age=60").status == 200);
    const Finished purged = run_weir(
        {"purge", "http://127.0.0.1:" + std::to_string(weir.port()) + "/a?size=10&cc=max-age=60"},
        conf);
    CHECK(purged.exit.code == 0);
    // Several requests on a connection, larger than what the kernel takes at once, and one that is
    // slow to read.
    const std::string metrics = "http://localhost/metrics";
    const Finished curl =
        run({"/usr/bin/curl", "-sS", "--limit-rate", "200k", "--unix-socket", path, metrics,
             metrics, "http://localhost/", "-w", "%{num_connects} "});
    CAPTURE(curl.err);
    CHECK(curl.exit.code == 0);
    CHECK(curl.out.find("</html>\n0 ") != std::string::npos);
    const Finished second = run_weir({"run"}, conf);
    CHECK(second.exit.code == 1);
    CHECK(second.err.find("(server.admin): Address already in use") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const Finished none = run_weir({"status"}, conf);
  CHECK(none.exit.code == 1);
  CHECK(none.err.find("there is no such socket; is Weir running?") != std::string::npos);
}

TEST_CASE("weir status says so when nobody answers") {
  const std::string at = "127.0.0.1:" + std::to_string(free_port());
  const Finished status = run_weir(
      {"status"},
      "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\nadmin = \"" + at + "\"\n");
  CHECK(status.exit.code == 1);
  CHECK(status.out.empty());
  CHECK(status.err ==
        "weir status: nobody answers at " + at + ": connection refused; is Weir running?\n");
  // As where a directory may not be looked into, which root always may.
  const Finished never =
      run_weir({"status"},
               "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\nadmin = "
               "\"unix:/etc/passwd/admin\"\n");
  CHECK(never.exit.code == 1);
  CHECK(never.err ==
        "weir status: the admin address unix:/etc/passwd/admin cannot be reached: "
        "Not a directory\n");
}

TEST_CASE(
    "An admin address that is taken ends Weir when the conf names it, and is done without else") {
  const Origin origin;
  Weir first(origin);
  const std::string head =
      "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() + "\"\n[server]\n";
  const Finished named = run_weir(
      {"run"}, head + "admin = \"127.0.0.1:" + std::to_string(first.admin_port()) + "\"\n");
  CHECK(named.exit.code == 1);
  CHECK(named.err.find("(server.admin): Address already in use") != std::string::npos);

  // Whoever comes second finds the default taken.
  Weir one(head + "# admin = the default\n");
  Weir two(head + "# admin = the default\n");
  CHECK(get(two.port(), "/a?size=10").status == 200);
  CHECK(two.process().wait_for_line("(server.admin): Address already in use; going on without"));
}

TEST_CASE("An admin address open to others is refused without a token") {
  const std::string head = "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\n";
  const Finished open = run_weir({"check"}, head + "admin = \"0.0.0.0:6180\"\n");
  CHECK(open.exit.code == 2);
  CHECK(open.err.find(":4:9: error: server.admin is open to other machines") != std::string::npos);
  CHECK(run_weir({"check"}, head + "admin = \"0.0.0.0:6180\"\nadmin_token = \"t\"\n").exit.code ==
        0);
}

}  // namespace weir::test
