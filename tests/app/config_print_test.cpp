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
  std::string uncommented, with_examples;
  int rows = 0;
  bool nested = false;  // [[site.rule]] and its rows: examples, too
  bool files = false;   // [[listen.tls]] names files that are not here
  bool unset = false;
  for (std::string line; std::getline(lines, line);) {
    const bool row = line.starts_with('#') && !line.starts_with("# ");
    nested = !line.starts_with('[') && (nested || line.starts_with("#[["));
    files = !line.starts_with('[') && !line.starts_with("#[[site") &&
            (files || line == "#[[listen.tls]]");
    rows += row;
    if (files) continue;
    const std::string text = (row ? line.substr(1) : line) + "\n";
    if (!text.starts_with("fields = ")) with_examples += text;  // which no rule has beside query_*
    if (!nested && !unset) uncommented += text;
    unset = line == "# Unset by default.";
  }
  CHECK(rows > 30);
  const Config defaults = good(sample_config()).config;
  CHECK(good(uncommented).config == defaults);
  const Config examples = good(with_examples).config;  // each of them is sound
  CHECK(examples.sites[0].rules.at(0).ttl == std::chrono::minutes(10));
  CHECK(examples != defaults);
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
      "[[site]]\nhosts = [\"*\"]\norigin = \"b\"\ndefault_ttl = \"90 s\"\npurge_from = "
      "\"10.0.0.0/8\"\n"
      "[[site.rule]]\npaths = [\"/a*\", \"*.b\"]\nttl = \"2 s\"\npass = false\nranges = \"pass\"\n"
      "[[site.rule]]\nrespond = 404\ntext = \"no\"\n"
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

TEST_CASE("what is not set in a rule is not shown, and the token never is") {
  const std::string text = effective_config(
      good("listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n[server]\nadmin_token = \"geheim\"\n"
           "[[site]]\nhosts = \"*\"\norigin = \"main\"\n[[site.rule]]\nkeep = \"1 h\"\n"));
  CAPTURE(text);
  CHECK(text.find("[[site.rule]]\n") != text.npos);
  CHECK(text.find("\nkeep = \"1 h\" ") != text.npos);
  CHECK(text.find("\nttl = ") == text.npos);
  CHECK(text.find("geheim") == text.npos);
  CHECK(text.find("\n#admin_token is not shown ") != text.npos);
}

TEST_CASE("a file name cannot break out of its comment") {
  auto loaded = parse_config("listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n", "x\ny = 1");
  REQUIRE(loaded.has_value());
  CHECK(good(effective_config(*loaded)).config == loaded->config);
}

TEST_CASE("the help page has every parameter of the sample") {
  const std::string help = params_help();
  for (const char* text : {"[[origin]]", "stall_timeout           \"60 s\"  (100 ms to 1 d)",
                           "\n  format                  \"json\"  (\"json\", \"combined\", "
                           "\"extended\" or \"custom\")\n",
                           "[[site.rule]]", "\n  ttl                     unset, as \"10 min\""}) {
    CAPTURE(std::string(text));
    CHECK(help.find(text) != help.npos);
  }
}

}  // namespace
}  // namespace weir::app
