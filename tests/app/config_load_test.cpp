#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "app/config.h"
#include "app/pipe.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kMinimal = "listen = \"127.0.0.1:80\"\norigin = \"app:90\"\n";

LoadedConfig good(std::string_view text) {
  auto loaded = parse_config(text, "t.conf");
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
  return *loaded;
}

std::string bad(std::string_view text) {
  const auto loaded = weir::app::parse_config(text, "t.conf");
  return loaded ? "no error" : loaded.error();
}

// The messages of `text` behind a conf of two lines.
std::string bad_after_minimal(std::string_view text) {
  return bad(std::string(kMinimal) + std::string(text));
}

TEST_CASE("two lines are a whole conf") {
  const LoadedConfig l = good(kMinimal);
  const Config& c = l.config;
  REQUIRE(c.listens.size() == 1);
  CHECK(c.listens[0].address == "127.0.0.1:80");
  CHECK(c.listens[0].backlog == 4096);
  REQUIRE(c.origins.size() == 1);
  CHECK(c.origins[0].name == "main");
  CHECK(c.origins[0].servers == std::vector<std::string>{"app:90"});
  REQUIRE(c.sites.size() == 1);
  CHECK(c.sites[0].hosts == std::vector<std::string>{"*"});
  CHECK(c.sites[0].origin == "main");
  CHECK(l.warnings.empty());
}

TEST_CASE("what a conf does not say has the default of its row") {
  const Config c = good(kMinimal).config;
  CHECK(c.server.workers == 0);
  CHECK(c.server.drain_timeout == 30s);
  CHECK(c.storage.memory == 256ULL << 20);
  CHECK(c.storage.transit_window == 8ULL << 20);
  CHECK(c.origins[0].first_byte_timeout == 90s);
  CHECK(c.sites[0].forwarded == Forwarded::kXForwardedFor);
  CHECK(c.sites[0].via);
  CHECK(c.http.head_max == 65536);
  CHECK(c.delivery.stall_timeout == 60s);
  CHECK(c.log.access == "stdout");
  CHECK(c.log.format == LogFormat::kJson);
  CHECK(c.log.level == LogLevel::kInfo);
}

TEST_CASE("the full form sets every kind of value") {
  const Config c = good(R"(
[server]
workers = 3
user = "weir"
[[listen]]
address = "0.0.0.0:8080"
backlog = 64
[[listen]]
address = "[0::0]:8080"
[storage]
memory = "1 GiB"
[[origin]]
name = "a"
servers = ["10.0.0.1:9000", "[2001:db8::1]:9000", "app.example:9000"]
connect_timeout = "250 ms"
[[origin]]
name = "b"
servers = "10.0.0.2:80"
[[site]]
hosts = ["Example.org", "*.example.org"]
origin = "b"
forwarded = "both"
via = false
default_ttl = "2 min"
[[site]]
hosts = ["*"]
origin = "a"
[log]
level = "warn"
format = "combined"
)")
                       .config;
  CHECK(c.server.workers == 3);
  CHECK(c.server.user == "weir");
  CHECK(c.listens[0].backlog == 64);
  CHECK(c.listens[1].address == "[::]:8080");
  CHECK(c.storage.memory == 1ULL << 30);
  CHECK(c.origins[0].servers.size() == 3);
  CHECK(c.origins[0].connect_timeout == 250ms);
  CHECK(c.origins[1].servers == std::vector<std::string>{"10.0.0.2:80"});
  CHECK(c.sites[0].hosts == std::vector<std::string>{"example.org", "*.example.org"});
  CHECK(c.sites[0].forwarded == Forwarded::kBoth);
  CHECK_FALSE(c.sites[0].via);
  CHECK(c.sites[0].default_ttl == 120s);
  CHECK(c.sites[1].origin == "a");
  CHECK(c.log.level == LogLevel::kWarn);
  CHECK(c.log.format == LogFormat::kCombined);
}

TEST_CASE("short forms take lists") {
  const Config c =
      good("listen = [\"127.0.0.1:80\", \"[::1]:80\"]\norigin = [\"a:1\", \"b:2\"]").config;
  REQUIRE(c.listens.size() == 2);
  CHECK(c.listens[1].address == "[::1]:80");
  REQUIRE(c.origins.size() == 1);
  CHECK(c.origins[0].servers == std::vector<std::string>{"a:1", "b:2"});
}

TEST_CASE("a short origin may have sites of its own") {
  const Config c =
      good(std::string(kMinimal) + "[[site]]\nhosts = [\"a.org\"]\norigin = \"main\"\nvia = false")
          .config;
  REQUIRE(c.sites.size() == 1);
  CHECK(c.sites[0].hosts == std::vector<std::string>{"a.org"});
}

TEST_CASE("places tell where a value was set") {
  const LoadedConfig l = good(std::string(kMinimal) + "[server]\nworkers = 7\n");
  CHECK(l.places.at("server.workers") == Place{4, 11, 1});
  CHECK(l.places.at("listen[0].address") == Place{1, 10, 14});
  CHECK(l.places.at("origin[0].servers") == Place{2, 10, 8});
  CHECK_FALSE(l.places.contains("server.user"));
}

TEST_CASE("a wrong value is shown at its place, with what was probably meant") {
  struct Row {
    std::string_view text;
    std::string_view error;
  };
  const Row rows[] = {
      {"[server]\nworkers = 5000",
       "t.conf:4:11: error: server.workers: 5000 is above the most, 1024\n"
       "    workers = 5000\n"
       "              ^~~~\n"},
      {"[server]\nworker = 2",
       "t.conf:4:1: error: unknown key \"server.worker\"\n"
       "    worker = 2\n"
       "    ^~~~~~\n"
       "did you mean \"workers\"?\n"},
      {"[sever]\nworkers = 2",
       "t.conf:3:2: error: unknown key \"sever\"\n"
       "    [sever]\n"
       "     ^~~~~\n"
       "did you mean \"server\"?\n"},
      {"[server]\nmemory = \"1 GiB\"",
       "t.conf:4:1: error: unknown key \"server.memory\"\n"
       "    memory = \"1 GiB\"\n"
       "    ^~~~~~\n"
       "it belongs to [storage]\n"},
      {"[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n[[site.rule]]\npath = [\"/a\"]\npass = true",
       "t.conf:7:1: error: unknown key \"site.rule.path\"\n"
       "    path = [\"/a\"]\n"
       "    ^~~~\n"
       "did you mean \"paths\"?\n"},
      {"[server]\ndrain_timeout = 30",
       "t.conf:4:17: error: server.drain_timeout: needs a unit: s, ms, min, h, d\n"
       "    drain_timeout = 30\n"
       "                    ^~\n"
       "did you mean \"30 s\"?\n"},
      {"[storage]\nmemory = \"512\"",
       "t.conf:4:10: error: storage.memory: needs a unit: B, KiB, MiB, GiB, TiB, KB, MB, GB, TB\n"
       "    memory = \"512\"\n"
       "             ^~~~~\n"
       "did you mean \"512 MiB\"?\n"},
      {"[http]\nidle_timeout = \"2 m\"",
       "t.conf:4:16: error: http.idle_timeout: unknown unit \"m\", known are s, ms, min, h, d\n"
       "    idle_timeout = \"2 m\"\n"
       "                   ^~~~~\n"
       "did you mean \"2 min\"?\n"},
      {"[storage]\nmemory = \"1 MiB\"",
       "t.conf:4:10: error: storage.memory: 1 MiB is below the least, 8 MiB\n"
       "    memory = \"1 MiB\"\n"
       "             ^~~~~~~\n"},
      {"[storage]\nmemory = \"1.5 GiB\"",
       "t.conf:4:10: error: storage.memory: must be a whole number\n"
       "    memory = \"1.5 GiB\"\n"
       "             ^~~~~~~~~\n"},
      {"[server]\nworkers = \"2\"",
       "t.conf:4:11: error: server.workers: must be a whole number, without quotes\n"
       "    workers = \"2\"\n"
       "              ^~~\n"
       "did you mean 2?\n"},
      {"[log]\nformat = \"jsn\"",
       "t.conf:4:10: error: log.format must be one of \"json\", \"combined\", \"extended\", "
       "\"custom\"\n"
       "    format = \"jsn\"\n"
       "             ^~~~~\n"
       "did you mean \"json\"?\n"},
      {"[server]\nlisten = \"127.0.0.1:81\"",
       "t.conf:4:1: error: unknown key \"server.listen\"\n"
       "    listen = \"127.0.0.1:81\"\n"
       "    ^~~~~~\n"
       "\"listen = ...\" stands above the first [table]\n"},
      {"server = 3",
       "t.conf:3:10: error: \"server\" must be a table\n"
       "    server = 3\n"
       "             ^\n"
       "write [server] and its parameters below\n"},
      {"[site]\nhosts = [\"*\"]",
       "t.conf:3:2: error: [site] may repeat\n"
       "    [site]\n"
       "     ^~~~\n"
       "write [[site]]\n"},
      {"[[site]]\nhosts = [\"*\"]",
       "t.conf:3:1: error: site[0].origin is missing\n"
       "    [[site]]\n"
       "    ^~~~~~~~\n"
       "as: origin = \"main\"\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(bad_after_minimal(row.text) == row.error);
  }
}

TEST_CASE("all errors are told in one go, in the order of the file") {
  const std::string text = bad("[server]\nworkers = -1\nuser = 3\n[log]\nlevel = \"loud\"\n");
  const std::size_t workers = text.find("2:11: error: server.workers: must not be negative");
  const std::size_t user = text.find("3:8: error: server.user must be a text in quotes");
  const std::size_t level = text.find("5:9: error: log.level must be one of");
  const std::size_t listen = text.find("t.conf: error: no address to listen on");
  const std::size_t origin = text.find("t.conf: error: no origin");
  CAPTURE(text);
  CHECK(workers < user);
  CHECK(user < level);
  CHECK(level < listen);
  CHECK(listen < origin);
  CHECK(origin != text.npos);
}

TEST_CASE("short and full form do not mix") {
  CHECK(bad_after_minimal("[[listen]]\naddress = \"127.0.0.1:81\"") ==
        "t.conf:3:1: error: \"listen = ...\" and [[listen]] do not mix\n"
        "    [[listen]]\n"
        "    ^\n"
        "write every listen as [[listen]]\n");
  CHECK(bad_after_minimal("[[origin]]\nname = \"b\"").find("do not mix") != std::string::npos);
  CHECK(bad("origin = \"a:1\"\nlisten = [{address = \"127.0.0.1:80\"}, \"127.0.0.1:81\"]")
            .find("t.conf:2:39: error: a list of listen holds tables or texts, not both") == 0);
}

TEST_CASE("errors of TOML itself look the same") {
  CHECK(bad("[server]\nworkers =\n").find("t.conf:2:10: error: ") == 0);
  CHECK(bad("a = 1\na = 2\n").find("t.conf:2:") == 0);
  CHECK(bad("x = \"\xff\"").find("t.conf:1:") == 0);
}

// What is missing has no place. Everything else does, in every message.
bool well_told(const std::string& error) {
  static const std::regex kMessage(R"(t\.conf:\d+:\d+: error: .+)");
  std::istringstream lines(error);
  std::size_t messages = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("t.conf")) continue;
    const bool placeless = line == "t.conf: error: no address to listen on" ||
                           line == "t.conf: error: no origin" ||
                           line.starts_with("t.conf: error: several origins");
    if (!placeless && !std::regex_match(line, kMessage)) return false;
    ++messages;
  }
  return messages > 0;
}

TEST_CASE("any bytes give a conf or errors with their places") {
  const std::string seed = std::string(kMinimal) + "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n";
  for (std::size_t i = 0; i < seed.size(); ++i) {
    for (const char c : {'\0', '"', '[', ']', '=', '\n', '\xff', '{'}) {
      std::string text = seed;
      text[i] = c;
      const auto loaded = weir::app::parse_config(text, "t.conf");
      CAPTURE(text);
      CHECK((loaded.has_value() || well_told(loaded.error())));
    }
    const auto cut = parse_config(seed.substr(0, i), "t.conf");
    CAPTURE(i);
    CHECK((cut.has_value() || well_told(cut.error())));
  }
}

TEST_CASE("an empty file lacks everything, and says so") {
  constexpr std::string_view kLacks =
      "{0}: error: no address to listen on\nadd: listen = \"127.0.0.1:8080\"\n"
      "{0}: error: no origin\nadd: origin = \"127.0.0.1:9000\"\n";
  const ScratchDir dir;
  const std::string empty = dir.file("empty.toml");
  std::ofstream(empty).flush();
  for (const std::string& path : {empty, std::string("/dev/null")}) {
    const auto loaded = load_config(path);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error() == fmt::format(fmt::runtime(kLacks), path));
  }
}

TEST_CASE("a file larger than one read is read whole") {
  const ScratchDir dir;
  const std::string large = dir.file("large.toml");
  std::ofstream(large) << std::string(100'000, '#') << '\n' << kMinimal;
  CHECK(load_config(large).has_value());
}

TEST_CASE("a file that cannot be read is an error with its name") {
  CHECK(load_config("/no/such/file").error() ==
        "/no/such/file: error: No such file or directory\n");
  CHECK(load_config("/").error() == "/: error: Is a directory\n");
}

}  // namespace
}  // namespace weir::app

TEST_CASE("disks are tables inside of [storage], with or without it") {
  const auto loaded = weir::app::parse_config(
      "listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n[[storage.disk]]\npath = \"/a\"\nsize = "
      "\"1 GiB\"\n[[storage.disk]]\npath = \"/b\"\nsize = \"2 GiB\"\n[storage]\nmemory = \"64 "
      "MiB\"\n",
      "f");
  REQUIRE(loaded);
  REQUIRE(loaded->config.storage.disks.size() == 2);
  CHECK(loaded->config.storage.disks[1].path == "/b");
  CHECK(loaded->config.storage.disks[1].size == std::uint64_t{2} << 30);
  CHECK(loaded->config.storage.memory == 64 << 20);
}

TEST_CASE("what is wrong with a disk is told where it stands") {
  struct Case {
    const char* disk;
    const char* told;
  };
  for (const Case& c : {
           Case{"[[storage.disk]]\npath = \"/a\"\n", "storage.disk[0].size is missing"},
           Case{"[[storage.disk]]\npath = \"/a\"\nsize = \"1 MiB\"\n", "at least 32 MiB"},
           Case{"[[storage.disk]]\npath = \"\"\nsize = \"1 GiB\"\n", "must not be empty"},
           Case{"[[storage.disk]]\npath = \"/a\"\nsize = \"1 GiB\"\nseize = 1\n", "unknown key"},
           Case{"[storage.disk]\npath = \"/a\"\n", "storage.disk[0].size is missing"},
           Case{"[storage]\ndisk = \"/a\"\n", "must be a table"},
           Case{"[storage]\ndisks = \"/a\"\n", "unknown key"},
           Case{"[[storage.disk]]\npath = \"/a\"\nsize = \"1 GiB\"\n[[storage.disk]]\npath = "
                "\"/./a/\"\nsize = \"1 GiB\"\n",
                "is there already"},
       }) {
    CAPTURE(c.disk);
    const auto loaded = weir::app::parse_config(
        std::string("listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n") + c.disk, "f");
    REQUIRE_FALSE(loaded);
    CAPTURE(loaded.error());
    CHECK(loaded.error().find(c.told) != std::string::npos);
  }
}
