#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "app/config.h"

namespace weir::app {
namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string conf_file(std::string_view name) {
  return std::string(WEIR_CONF_DIR "/") + std::string(name);
}

LoadedConfig good(std::string_view text) {
  auto loaded = parse_config(text, "t.conf");
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
  return *loaded;
}

TEST_CASE("conf/weir.conf is what weir config --sample prints") {
  CHECK(content(conf_file("weir.conf")) == sample_config());
}

TEST_CASE("the sample means the same as the conf of two lines") {
  CHECK(good(sample_config()).config == good(content(conf_file("minimal.conf"))).config);
}

TEST_CASE("every parameter of the sample is one, with the default that it shows") {
  std::istringstream lines(sample_config());
  std::string uncommented;
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool row = line.starts_with('#') && !line.starts_with("# ");
    rows += row;
    uncommented += (row ? line.substr(1) : line) + "\n";
  }
  CHECK(rows > 30);
  Config config = good(uncommented).config;
  CHECK(config.disks.size() == 1);  // the sample shows one, commented out
  config.disks.clear();
  CHECK(config == good(sample_config()).config);
}

TEST_CASE("the conf files of this tree are good") {
  for (const char* name : {"weir.conf", "minimal.conf", "demo.conf"}) {
    CAPTURE(std::string(name));
    const auto loaded = load_config(conf_file(name));
    REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
    CHECK(loaded->warnings.empty());
  }
}

TEST_CASE("effective values load to the same configuration") {
  const std::string_view texts[] = {
      "listen = [\"127.0.0.1:80\", \"[::1]:81\"]\norigin = [\"a:1\", \"b:2\"]\n",
      "listen = \"127.0.0.1:80\"\n"
      "[server]\nuser = \"we\\\\ir \\\"\\u0007\"\ndrain_timeout = \"1500 ms\"\n"
      "[storage]\nmemory = \"512 MB\"\n"
      "[[origin]]\nname = \"a\"\nservers = [\"a:1\"]\n"
      "[[origin]]\nname = \"b\"\nservers = [\"b:1\"]\nconnect_timeout = \"2 min\"\n"
      "[[site]]\nhosts = [\"A.org\", \"*.a.org\"]\norigin = \"a\"\nforwarded = \"off\"\nvia = "
      "false\n"
      "[[site]]\nhosts = [\"*\"]\norigin = \"b\"\ndefault_ttl = \"90 s\"\n"
      "[log]\nlevel = \"debug\"\nformat = \"combined\"\n",
  };
  for (const std::string_view text : texts) {
    CAPTURE(std::string(text));
    const LoadedConfig first = good(text);
    const LoadedConfig second = good(effective_config(first));
    CHECK(first.config == second.config);
  }
}

TEST_CASE("effective values tell where each was set") {
  const std::string text = effective_config(
      good("listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n[server]\nworkers = 7\n"));
  const auto has_line = [&](std::string_view value, std::string_view where) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(value) && line.ends_with(where)) return true;
    }
    return false;
  };
  CHECK(has_line("workers = 7 ", " # t.conf:4"));
  CHECK(has_line("address = \"127.0.0.1:80\" ", " # t.conf:1"));
  CHECK(has_line("servers = [\"a:1\"] ", " # t.conf:2"));
  CHECK(has_line("hosts = [\"*\"] ", " # implied"));
  CHECK(has_line("stall_timeout = \"60 s\" ", " # default"));
}

TEST_CASE("a file name cannot break out of its comment") {
  auto loaded = parse_config("listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n", "x\ny = 1");
  REQUIRE(loaded.has_value());
  CHECK(good(effective_config(*loaded)).config == loaded->config);
}

TEST_CASE("the help page has every parameter of the sample") {
  const std::string help = params_help();
  for (const char* text : {"[[origin]]", "stall_timeout           \"60 s\"  (100 ms to 1 d)",
                           "\n  format                  \"json\"  (\"json\", \"combined\" or "
                           "\"extended\")\n"}) {
    CAPTURE(std::string(text));
    CHECK(help.find(text) != help.npos);
  }
}

}  // namespace
}  // namespace weir::app
