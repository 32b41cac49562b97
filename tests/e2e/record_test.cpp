// Clients that a running Weir records, and what weir replay finds about them under other settings.

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "support/fixtures.h"

namespace weir::test {
namespace {

using nlohmann::json;

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string conf_of(Weir& weir, const std::string& more = {}) {
  return "listen = \"127.0.0.1:1\"\norigin = \"127.0.0.1:1\"\n" + more +
         "[server]\nadmin = \"127.0.0.1:" + std::to_string(weir.admin_port()) + "\"\n";
}

json recording(Weir& weir) { return weir.status().at("recording"); }

// Until the worker has looked: connections from then on are recorded.
bool records(Weir& weir) {
  return eventually([&] {
    get(weir.port(), "/probe?size=1");
    return recording(weir).at("connections") > 0;
  });
}

json replay(const std::string& file, std::vector<std::string> set, const std::string& conf) {
  std::vector<std::string> command = {"replay", file, "--json"};
  for (const std::string& one : set) command.insert(command.end(), {"--set", one});
  const Finished done = run_weir(command, conf);
  CAPTURE(done.err);
  REQUIRE(done.exit == Exit{.code = 0});
  return json::parse(done.out);
}

}  // namespace

TEST_CASE("Clients are recorded while that is ordered, and replayed with other limits") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string file = (directory.path() / "samples").string();
  Weir weir(origin, "[delivery]\nzero_window_timeout = \"8 s\"\nrecord_on_order = \"" + file +
                        "\"\n[log]\naccess = \"stdout\"\n[server]\nworkers = 1\n");
  CHECK(run_weir({"record", "status"}, conf_of(weir)).out == "not recording: " + file + "\n");
  CHECK_FALSE(std::filesystem::exists(file));
  get(weir.port(), "/before?size=1");

  const Finished on = run_weir({"record", "on", "--max-size", "1M"}, conf_of(weir));
  CHECK(on.exit == Exit{.code = 0});
  CHECK(on.out.starts_with("recording each connection to " + file + ": "));
  CHECK(on.out.ends_with(" of at most 1 MiB\n"));
  REQUIRE(records(weir));

  Client stuck(weir.port(), {.receive_buffer = 16384});
  stuck.send(Request{.target = "/stuck?size=64MiB&n=1&cc=max-age=60"});
  Client paused(weir.port(), {.receive_buffer = 16384});
  paused.send(Request{.target = "/paused?size=8MiB&n=2", .keep_alive = false});
  Response response = paused.receive({.content = 2, .stop_at = 1 << 20});
  CHECK(response.end == End::kStopped);
  CHECK(get(weir.port(), "/fast?size=24MiB&n=3", {.content = 3, .rate = 8 << 20}).right());
  std::this_thread::sleep_for(Millis(2000));  // five seconds in all: the pause is what is tested
  paused.receive_body(response, {.content = 2});
  CHECK(response.right());
  CHECK(weir.log_line("/stuck").value("close", "") == "zero_window");
  CHECK_FALSE(weir.log_line("/paused").empty());

  CHECK(run_weir({"record", "off"}, conf_of(weir)).out == "not recording: " + file + "\n");
  CHECK(eventually(
      [&] { return weir.process().err().find("record state=off") != std::string::npos; }));
  const std::string recorded = content(file);
  get(weir.port(), "/after?size=1");
  std::this_thread::sleep_for(Millis(1100));  // a worker hands over once a second
  CHECK(content(file) == recorded);

  const std::string conf = conf_of(weir, "[delivery]\nzero_window_timeout = \"60 s\"\n");
  const json page = replay(file, {"delivery.zero_window_timeout=3s"}, conf);
  CAPTURE(page.dump(1));
  CHECK(page["judged"] >= 3);
  CHECK(page["happened"]["zero_window"] == 1);
  CHECK(page["with"]["recorded"]["cut"] == 1);
  CHECK(page["with"]["recorded"]["alive"] == 0);
  CHECK(page["with"]["conf"]["cut"] == 0);
  const json& set = page["with"]["set"];
  CHECK(set["cut"] == 2);
  CHECK(set["alive"] == 1);
  CHECK(set["dead"] == 1);
  for (const json& c : set["connections"]) {
    CHECK(c["client"].get<std::string>().starts_with("127.0.0.1:"));
    CHECK(c["reason"] == "zero_window");
    CHECK(c["ended"] == (c["fate"] == "dead" ? "zero_window" : "response_done"));
    CHECK(c["after_seconds"] < 8.0);
  }
}

TEST_CASE("A recording ends at its bound, says so, and is begun again by order") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string file = (directory.path() / "samples").string();
  Weir weir(origin, "[delivery]\nrecord = \"" + file +
                        "\"\nrecord_max = \"64 KiB\"\n[server]\nworkers = 1\n");
  CHECK(recording(weir).at("state") == "on");
  CHECK(eventually([&] {
    for (int i = 0; i < 200; ++i) get(weir.port(), "/many?size=1");
    return recording(weir).at("state") == "full";
  }));
  CHECK(std::filesystem::file_size(file) <= 64 << 10);
  CHECK(recording(weir).at("dropped_lines") > 0);
  CHECK(weir.process().err().find("record state=full") != std::string::npos);
  const Finished again = run_weir({"record", "on"}, conf_of(weir));
  CHECK(again.exit == Exit{.code = 1});
  CHECK(again.out == "not recording: " + file + " has reached its limit, 64 KiB\n");
  CHECK(replay(file, {}, conf_of(weir))["connections"] > 100);

  std::filesystem::rename(file, file + ".1");
  CHECK(run_weir({"record", "on", "--sample", "1/3"}, conf_of(weir)).exit == Exit{.code = 0});
  CHECK(recording(weir).at("sample") == 3);
  CHECK(content(file).starts_with("weir-samples 2\n"));
}

TEST_CASE("A recording whose Weir was killed is read as far as it goes, and goes on in the next") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string file = (directory.path() / "samples").string();
  const std::string conf = "[delivery]\nrecord = \"" + file + "\"\n[server]\nworkers = 1\n";
  {
    Weir weir(origin, conf);
    Client client(weir.port(), {.receive_buffer = 16384});
    client.send(Request{.target = "/stuck?size=64MiB&n=1"});
    CHECK(eventually([&] { return content(file).find("phase=sending") != std::string::npos; }));
    weir.process().signal(SIGKILL);
    CHECK(weir.process().wait(Millis(5000)).has_value());
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 20);  // a cut line
  Weir weir(origin, conf);
  get(weir.port(), "/next?size=1");
  CHECK(
      eventually([&] { return content(file).find("reason=client_closed") != std::string::npos; }));
  const json page = replay(file, {}, conf_of(weir));
  CHECK(page["connections"] == 2);
  CHECK(page["judged"] >= 1);
  CHECK(page["notes"].size() == 1);
}

TEST_CASE("Who orders a recording cannot name its file, and needs one in the conf") {
  const Origin origin;
  Weir weir(origin, "[delivery]\nrecord_on_order = \"\"\n");
  const auto post = [&](const std::string& body) {
    return fetch(weir.admin_port(), {.method = "POST",
                                     .target = "/record",
                                     .fields = {{"Content-Type", "application/json"}},
                                     .body = body});
  };
  CHECK(post(R"({"record": "on"})").status == 409);
  CHECK(post(R"({"record": "on", "file": "/tmp/x"})").status == 400);
  CHECK(get(weir.admin_port(), "/record").status == 200);
  CHECK(get(weir.admin_port(), "/purge").field("Allow") == "POST");
  const Response wrong = fetch(weir.admin_port(), {.method = "DELETE", .target = "/record"});
  CHECK(wrong.status == 405);
  CHECK(wrong.field("Allow") == "GET, HEAD, POST");
  const Finished on = run_weir({"record", "on"}, conf_of(weir));
  CHECK(on.exit == Exit{.code = 1});
  CHECK(on.err.find("delivery.record_on_order") != std::string::npos);
}

}  // namespace weir::test
