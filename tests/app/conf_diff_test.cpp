#include "app/conf_diff.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "app/config_rows.h"

namespace weir::app {
namespace {

constexpr std::string_view kConf = R"(
[server]
workers = 2
admin_token = "one"
[[listen]]
address = "127.0.0.1:80"
[storage]
memory = "64 MiB"
[[storage.disk]]
path = "/d"
size = "1 GiB"
[[origin]]
name = "a"
servers = ["a:1"]
[[origin]]
name = "b"
servers = ["b:1"]
[[site]]
hosts = ["x.example"]
origin = "a"
[[site.rule]]
paths = ["/news/*"]
ttl = "5 s"
[[site]]
hosts = ["y.example"]
origin = "b"
)";

LoadedConfig loaded(std::string text) {
  auto out = parse_config(text, "t.conf");
  if (!out) FAIL(out.error());
  return std::move(*out);
}

// kConf with one place of it replaced.
LoadedConfig with(std::string_view part, std::string_view by) {
  std::string text(kConf);
  const std::size_t at = text.find(part);
  REQUIRE(at != text.npos);
  return loaded(text.replace(at, part.size(), by));
}

}  // namespace

TEST_CASE(
    "what two confs differ in is named as the conf names it, and so is what needs a restart") {
  struct Case {
    std::string_view part;
    std::string_view by;
    std::vector<std::string> changes;
    bool restart = false;
  };
  const Case cases[] = {
      {"workers = 2", "workers = 2", {}},
      {"workers = 2", "workers = 3", {"server.workers: 2 -> 3"}, true},
      {"workers = 2\n", "", {"server.workers: 2 -> 0"}, true},
      {"\"one\"", "\"two\"", {"server.admin_token: (not shown) -> (not shown)"}},
      {"127.0.0.1:80",
       "127.0.0.1:81",
       {"listen \"127.0.0.1:80\": removed", "listen \"127.0.0.1:81\": added"}},
      {"127.0.0.1:80\"\n",
       "127.0.0.1:80\"\nbacklog = 16\n",
       {"listen \"127.0.0.1:80\" backlog: 4096 -> 16"}},
      {"64 MiB", "65 MiB", {"storage.memory: \"64 MiB\" -> \"65 MiB\""}, true},
      {"1 GiB", "2 GiB", {"storage disk \"/d\" size: \"1 GiB\" -> \"2 GiB\""}, true},
      {"a:1", "a:2", {"origin \"a\" servers: [\"a:1\"] -> [\"a:2\"]"}},
      {"b:1\"]\n", "b:1\"]\nhost = \"h\"\n", {"origin \"b\" host: \"\" -> \"h\""}},
      {"origin = \"a\"", "origin = \"b\"", {"site [\"x.example\"] origin: \"a\" -> \"b\""}},
      {"5 s", "6 s", {"site [\"x.example\"] rule ttl: \"5 s\" -> \"6 s\""}},
      {"ttl = \"5 s\"",
       "pass = true",
       {"site [\"x.example\"] rule ttl: \"5 s\" -> unset",
        "site [\"x.example\"] rule pass: unset -> true"}},
  };
  const LoadedConfig before = loaded(std::string(kConf));
  for (const Case& c : cases) {
    CAPTURE(c.part);
    CAPTURE(c.by);
    std::vector<std::string> found;
    for (const ConfChange& change : conf_diff(before, with(c.part, c.by))) {
      found.push_back(change.text());
      CHECK(change.restart == c.restart);
    }
    CHECK(found == c.changes);
  }
}

TEST_CASE("the order of tables is no difference, but a second one of the same name is one") {
  const LoadedConfig before = loaded(std::string(kConf));
  std::string text(kConf);
  const std::string a = "[[origin]]\nname = \"a\"\nservers = [\"a:1\"]\n";
  text.erase(text.find(a), a.size());
  CHECK(conf_diff(before, loaded(text + a)).empty());
}

TEST_CASE("what needs a restart stays as it is, and the values in force say so") {
  const LoadedConfig before = loaded(std::string(kConf));
  std::string text(kConf);
  for (const auto& [part, by] : {std::pair{"workers = 2", "workers = 3\ndrain_timeout = \"7 s\""},
                                 std::pair{"64 MiB", "65 MiB"}}) {
    text.replace(text.find(part), std::string_view(part).size(), by);
  }
  LoadedConfig next = loaded(text);
  keep_until_restart(next, before.config);
  CHECK(next.config.server.workers == 2);
  CHECK(next.config.server.drain_timeout == std::chrono::seconds(7));
  CHECK(next.config.storage == before.config.storage);
  const std::string shown = effective_config(next);
  CHECK(shown.find("workers = 2                                  # until a restart") != shown.npos);
  CHECK(shown.find("memory = \"64 MiB\"                            # until a restart") !=
        shown.npos);
  CHECK(shown.find("drain_timeout = \"7 s\"                        # t.conf:4") != shown.npos);
  // Read again, it still differs.
  CHECK(conf_diff(next, loaded(text)).size() == 2);
}

}  // namespace weir::app
