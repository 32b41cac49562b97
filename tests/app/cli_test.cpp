#include "app/cli.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "app/manual.h"
#include "app/pipe.h"
#include "app/reference.h"

namespace weir::app {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

int g_runs = 0;
int run_fails(const LoadedConfig& loaded, const RunOptions&) {
  ++g_runs;
  CHECK(loaded.config.listens.size() == 1);
  return 1;
}

Outcome weir(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weir");
  std::ostringstream out;
  std::ostringstream err;
  const int code =
      cli_main(static_cast<int>(arguments.size()), arguments.data(), run_fails, out, err);
  return {code, out.str(), err.str()};
}

constexpr const char* kMinimal = WEIR_CONF_DIR "/minimal.conf";

TEST_CASE("run serves with the conf and answers its exit code") {
  g_runs = 0;
  CHECK(weir({"run", "-c", kMinimal}).code == 1);
  CHECK(g_runs == 1);
}

TEST_CASE("check says ok, or what is wrong and 2") {
  const Outcome good = weir({"check", "-c", kMinimal});
  CHECK(good.code == 0);
  CHECK(good.out.starts_with(std::string(kMinimal) + ": ok\n"));
  CHECK(good.out.find("once it runs: capabilities none; landlock off") != std::string::npos);
  const Outcome missing = weir({"check", "-c", "/no/such/file"});
  CHECK(missing.code == 2);
  CHECK(missing.err == "/no/such/file: error: No such file or directory\n");
  CHECK(missing.out.empty());
}

TEST_CASE("a conf with errors starts nothing") {
  const ScratchDir dir;
  const std::string path = dir.file("bad.conf");
  std::ofstream(path) << "listen = \"127.0.0.1:80\"\n";
  g_runs = 0;
  const Outcome bad = weir({"run", "-c", path.c_str()});
  CHECK(bad.code == 2);
  CHECK(bad.err.find("no origin") != std::string::npos);
  CHECK(g_runs == 0);
}

TEST_CASE("config prints a sample or the effective values") {
  CHECK(weir({"config", "--sample"}).out == sample_config());
  const Outcome effective = weir({"config", "-c", kMinimal});
  CHECK(effective.code == 0);
  CHECK(effective.out.find("address = \"127.0.0.1:8080\"") != std::string::npos);
  CHECK(weir({"config"}).code == 2);
}

TEST_CASE("status says so when nobody answers") {
  const ScratchDir dir;
  const std::string path = dir.file("off.conf");
  std::ofstream(path) << "listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n[server]\nadmin = \"off\"\n";
  const Outcome off = weir({"status", "-c", path.c_str()});
  CHECK(off.code == 1);
  CHECK(off.out.empty());
  CHECK(off.err.find("there is nobody to ask") != std::string::npos);
  CHECK(weir({"status"}).code == 2);
}

TEST_CASE("help prints the pages of the tables") {
  CHECK(weir({"help", "reasons"}).out == reasons_page(PageForm::kTerminal));
  CHECK(weir({"help", "reasons", "--markdown"}).out == reasons_page(PageForm::kMarkdown));
  CHECK(weir({"help", "metrics"}).out == metrics_reference(PageForm::kTerminal));
  CHECK(weir({"help", "metrics", "--markdown"}).out == metrics_reference(PageForm::kMarkdown));
}

TEST_CASE("help prints the manual and a completion") {
  CHECK(weir({"help", "man", "weir.conf"}).out == conf_manual());
  CHECK(weir({"help", "man", "weir-log"}).out == log_manual());
  const std::string manual = weir({"help", "man", "weir"}).out;
  const std::string completion = weir({"help", "completion"}).out;
  for (const char* command : {"run", "check", "config", "status", "reload", "upgrade", "store",
                              "purge", "explain", "level", "log", "record", "replay", "help"}) {
    CAPTURE(std::string(command));
    CHECK(manual.find(".Ss \"weir " + std::string(command) + "\"\n") != std::string::npos);
    CHECK(completion.find("    " + std::string(command) + ")\n") != std::string::npos);
  }
  CHECK(manual.find(".It \"\\-H, \\-\\-header \\(dqName: value\\(dq\"\n") != std::string::npos);
  CHECK(weir({"help", "man", "nothing"}).code == 2);
}

TEST_CASE("log explains a line, or says that it is none") {
  CHECK(weir({"log", "{\"time\":\"t\",\"close\":\"stalled\"}"}).out.find("vanished") !=
        std::string::npos);
  CHECK(weir({"log", "no such line"}).code == 2);
  CHECK(weir({"log"}).code == 2);
}

TEST_CASE("help and version go to the output with 0, bad usage is 2") {
  CHECK(weir({"--version"}).out == "weir " WEIR_TEST_VERSION "\n");
  CHECK(weir({"--version"}).code == 0);
  CHECK(weir({"--help"}).code == 0);
  CHECK(weir({"--help"}).out.find("check") != std::string::npos);
  CHECK(weir({"help", "params"}).out == params_help());
  CHECK(weir({"help"}).out == weir({"--help"}).out);
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {}, {"frobnicate"}, {"run"}, {"run", "-c"}, {"check", "-x"}, {"help", "me"}}) {
    const Outcome bad = weir(arguments);
    CHECK(bad.code == 2);
    CHECK(bad.out.empty());
    CHECK_FALSE(bad.err.empty());
  }
}

TEST_CASE("output that cannot be written is a failure") {
  std::ofstream full("/dev/full");
  std::ostringstream err;
  const char* const arguments[] = {"weir", "config", "--sample"};
  CHECK(cli_main(3, arguments, run_fails, full, err) == 1);
}

}  // namespace
}  // namespace weir::app
