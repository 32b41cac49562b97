#include "app/replay_command.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/pipe.h"
#include "delivery/sample_lines.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using delivery::CloseReason;
using nlohmann::json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome replay(ReplayArguments given, const LoadedConfig* conf = nullptr) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = replay_command(conf, given, out, err);
  return {code, out.str(), err.str()};
}

json replay_json(std::vector<std::string> files, std::vector<std::string> set = {},
                 const LoadedConfig* conf = nullptr) {
  const Outcome outcome = replay({std::move(files), std::move(set), true}, conf);
  CHECK(outcome.err == "");
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

std::string run_line(const std::string& id, int second) {
  delivery::RecordedRun run;
  run.id = id;
  run.now = TimePoint(1s * second);
  run.wall = WallTime(1'764'000'000s);
  run.settings.zero_window_timeout = 50s;
  return print_line(run) + '\n';
}

// A connection whose window is shut from `shut` to `open`, seconds; a sample each second.
std::string samples(std::uint64_t conn, int from, int to, int shut, int open) {
  std::string out;
  for (int t = from; t <= to; ++t) {
    const bool still = t > shut && t < open;
    delivery::Sample s;
    s.now = TimePoint(1s * t);
    s.connection = conn;
    s.phase = delivery::Phase::kSending;
    s.acked = 1'000'000 * static_cast<std::uint64_t>(still ? shut : t);
    s.queued = s.notsent = 500'000;
    s.written = s.acked + s.queued;
    s.snd_wnd = still ? 0 : 65536;
    s.last_ack_age = 100ms;
    out += print_sample(s) + '\n';
  }
  return out;
}

std::string begin(std::uint64_t conn, int t) {
  return print_line(delivery::RecordedBegin{TimePoint(1s * t), conn,
                                            "192.0.2." + std::to_string(conn) + ":4711"}) +
         '\n';
}
std::string end(std::uint64_t conn, int t, CloseReason why) {
  return print_line(delivery::RecordedEnd{TimePoint(1s * t), conn, 0, why}) + '\n';
}

const std::string kHeader = "weir-samples 2\n";

// A reader without pause; one that pauses 40 s; one that never reads again and was cut.
std::string three_clients() {
  return kHeader + run_line("a", 0) + begin(1, 1) + samples(1, 1, 90, 1000, 1000) +
         end(1, 90, CloseReason::kClientClosed) + begin(2, 1) + samples(2, 1, 90, 20, 60) +
         end(2, 90, CloseReason::kClientClosed) + begin(3, 1) + samples(3, 1, 70, 20, 1000) +
         end(3, 70, CloseReason::kZeroWindow) + begin(4, 1) + end(4, 2, CloseReason::kClientClosed);
}

std::string write(const ScratchDir& dir, const std::string& name, const std::string& text) {
  std::ofstream(dir.file(name), std::ios::binary) << text;
  return dir.file(name);
}

TEST_CASE("a recording is judged as it was, by the conf, and with --set") {
  const ScratchDir dir;
  const std::string file = write(dir, "samples", three_clients());
  const auto conf = parse_config(
      "listen = \"127.0.0.1:1\"\norigin = \"a:1\"\n[delivery]\nzero_window_timeout = \"45 s\"\n",
      "/etc/weir.conf");
  REQUIRE(conf.has_value());
  const json page = replay_json({file}, {"delivery.zero_window_timeout=30s"}, &*conf);
  CHECK(page["connections"] == 4);
  CHECK(page["judged"] == 3);
  CHECK(page["samples"] == 250);
  CHECK(page["happened"] == json{{"client_closed", 3}, {"zero_window", 1}});
  CHECK(page["with"]["recorded"]["cut"] == 1);
  CHECK(page["with"]["recorded"]["unknown"] == 1);  // Weir itself ended the recording there
  CHECK(page["with"]["conf"]["cut"] == 1);
  CHECK(page["with"]["conf"]["dead"] == 1);
  const json& set = page["with"]["set"];
  CHECK(set["cut"] == 2);
  CHECK(set["alive"] == 1);
  CHECK(set["dead"] == 1);
  CHECK(set["reasons"]["zero_window"] == json{{"unknown", 0}, {"alive", 1}, {"dead", 1}});
  const json& paused = set["connections"][0]["client"] == "192.0.2.2:4711" ? set["connections"][0]
                                                                           : set["connections"][1];
  CHECK(paused["fate"] == "alive");
  CHECK(paused["after_seconds"] == 49.0);
  CHECK(paused["time"] == "2025-11-24T16:00:50Z");
  CHECK(paused["ended"] == "client_closed");
}

TEST_CASE("people get a table, and whom it would hit") {
  const ScratchDir dir;
  const std::string file = write(dir, "samples", three_clients());
  const Outcome table = replay({{file}, {"delivery.zero_window_timeout=30 s"}});
  CHECK(table.code == 0);
  CHECK(table.out.find("3 connections judged by 250 samples over 90 s in 1 file; 1 more never owed "
                       "anything for long.\n") == 0);
  CHECK(table.out.find("\n                as it happened  as recorded  --set\n") !=
        std::string::npos);
  CHECK(table.out.find("\ncut                          1            1      2\n") !=
        std::string::npos);
  CHECK(table.out.find("\nas zero_window               1            1      2\n") !=
        std::string::npos);
  CHECK(table.out.find("192.0.2.2") == std::string::npos);
  const Outcome list = replay({{file}, {"delivery.zero_window_timeout=30 s"}, false, true});
  CHECK(list.out.find("192.0.2.2:4711           zero_window          after     49.0 s  "
                      "2025-11-24T16:00:50Z alive, ended as client_closed\n") != std::string::npos);
}

TEST_CASE("what --set names is checked as the conf is") {
  const ScratchDir dir;
  const std::string file = write(dir, "samples", three_clients());
  struct Row {
    const char* set;
    const char* says;
  };
  for (const Row& row : {
           Row{"delivery.stal_timeout=3s", "did you mean \"stall_timeout\"?"},
           Row{"delivery.stall_timeout=3x", "unknown unit \"x\""},
           Row{"delivery.stall_timeout=3", "needs a unit: s, ms, min, h, d"},
           Row{"delivery.stall_timeout=1ms", "below the least, 100 ms"},
           Row{"delivery.stall_timeout=\"3s\"", "must be a number and a unit"},
           Row{"delivery.stall_timeout", "is not NAME=VALUE"},
           Row{"=3s", "is not NAME=VALUE"},
           Row{"a b=3s", "is not NAME=VALUE"},
           Row{"stall_timeout=3s", "did you mean \"delivery.stall_timeout\"?"},
           Row{"http.idle_timeout=3s", "has no part in a replay"},
           Row{"delivery.max_owed=1GiB", "has no part in a replay"},
           Row{"log.access=off", "has no part in a replay"},
       }) {
    CAPTURE(row.set);
    const Outcome bad = replay({{file}, {row.set}});
    CHECK(bad.code == 2);
    CHECK(bad.out == "");
    CAPTURE(bad.err);
    CHECK(bad.err.find(row.says) != std::string::npos);
  }
  for (const char* good :
       {"delivery.stall_timeout=3s", "delivery.half_closed_stall_timeout=3 s",
        "delivery.trickle_rate=1KiB/s", "delivery.min_rate=1 KiB/s", "http.linger_timeout=0s"}) {
    CAPTURE(good);
    CHECK(replay({{file}, {good}}).code == 0);
  }
}

TEST_CASE("parts of a recording go together in any order") {
  const ScratchDir dir;
  const std::string second = kHeader + run_line("a", 31) + samples(2, 31, 90, 20, 60) +
                             end(2, 90, CloseReason::kClientClosed);
  const std::string late = write(dir, "samples", second);
  const std::string early =
      write(dir, "samples.1", kHeader + run_line("a", 0) + begin(2, 1) + samples(2, 1, 30, 20, 60));
  for (const auto& files : {std::vector{early, late}, std::vector{late, early}}) {
    const json page = replay_json(files, {"delivery.zero_window_timeout=30s"});
    CHECK(page["judged"] == 1);
    CHECK(page["with"]["set"]["alive"] == 1);
    CHECK(page["with"]["set"]["connections"][0]["after_seconds"] == 49.0);
  }
  // Another process counts its connections anew.
  const std::string other = write(
      dir, "other", kHeader + run_line("b", 100) + begin(2, 101) + samples(2, 101, 130, 999, 999));
  CHECK(replay_json({other, early, late})["judged"] == 2);
}

TEST_CASE("a recording that was cut is read as far as it goes, and that is said") {
  const ScratchDir dir;
  const std::string whole = three_clients();
  for (std::size_t less = 1; less < 40; ++less) {
    const Outcome cut = replay({{write(dir, "cut", whole.substr(0, whole.size() - less))}});
    CHECK(cut.code == 0);
    CHECK(cut.out.find("cut:") != std::string::npos);  // FILE:LINE
    CHECK(cut.out.find("left out") != std::string::npos);
  }
  // A second run behind a line without its end.
  const std::string torn = write(
      dir, "torn",
      whole + "t=99 conn=8 phase=sen\n\n" + run_line("b", 200) + samples(9, 200, 210, 999, 999));
  const json page = replay_json({torn});
  CHECK(page["judged"] == 4);
  CHECK(page["notes"].size() == 1);
  const json lost = replay_json({write(dir, "lost", whole + "lost lines=12\n")});
  CHECK(lost["notes"][0].get<std::string>().find("12 lines are missing") == 0);
}

TEST_CASE("what is no recording is told with its line") {
  const ScratchDir dir;
  struct Row {
    const char* name;
    std::string text;
    const char* says;
  };
  for (const Row& row : {
           Row{"rubbish", kHeader + "t=1 conn=1 lag=0\nwhat is this\n", "rubbish:3: error: not a "},
           Row{"binary",
               std::string("\x7f"
                           "ELF\0\1\2",
                           7),
               "binary:1: \"?ELF???\" is not"},
           Row{"later", "weir-samples 3\nt=1\n", "is of a later version of Weir"},
           Row{"long", kHeader + std::string(1 << 20, 'x') + "\n", "long:2: error: not a line"},
       }) {
    CAPTURE(row.name);
    const Outcome bad = replay({{write(dir, row.name, row.text)}});
    CHECK(bad.code == 1);
    CHECK(bad.out == "");
    CAPTURE(bad.err);
    CHECK(bad.err.find(row.says) != std::string::npos);
  }
  CHECK(replay({{"/no/such/file"}}).err ==
        "weir replay: /no/such/file: No such file or directory\n");
  CHECK(replay({{dir.file("")}}).err.find("Is a directory") != std::string::npos);
  const std::string empty = write(dir, "empty", "");
  CHECK(replay({{empty}}).code == 1);
  CHECK(replay({{empty}}).err == "weir replay: there are no samples in " + empty + "\n");
}

TEST_CASE("the samples that are kept give the verdicts that they expect") {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/../tests/samples"))
    if (entry.path().extension() == ".samples") files.push_back(entry.path().string());
  const json page = replay_json(files);
  CHECK(page["judged"] == files.size());
  CHECK(page["with"]["defaults"]["cut"] > 5);
  CHECK(page["notes"].size() == 1);
}

TEST_CASE("access logs bound what settings would do, or say that they cannot") {
  const ScratchDir dir;
  const std::string lines =
      R"({"time":"t","status":200,"complete":true,"acked":5,"delivered":true,"standstill_ms":45000.5})"
      "\n"
      R"({"time":"t","status":200,"complete":false,"delivered":false,"standstill_ms":130000,"close":"zero_window"})"
      "\n"
      R"({"time":"t","status":200,"complete":true,"delivered":true})"
      "\nother\n";
  const std::string file = write(dir, "access.log", lines);
  const json page = replay_json({file}, {"delivery.stall_timeout=30s"});
  CHECK(page["responses"] == 3);
  CHECK(page["cut"] == 1);
  CHECK(page["other_lines"] == 1);
  CHECK(page["bounds"]["delivery.stall_timeout"] ==
        json{{"seconds", 30.0}, {"cut_at_most", 2}, {"arrived_whole", 1}});
  CHECK(page["bounds"]["delivery.zero_window_timeout"]["cut_at_most"] == 1);
  CHECK(replay({{file}}).out.find("For verdicts") != std::string::npos);
  const std::string combined =
      write(dir, "combined",
            "127.0.0.1 - - [22/Nov/2026:18:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n");
  const Outcome none = replay({{combined}});
  CHECK(none.code == 1);
  CHECK(none.err.find("record samples") != std::string::npos);
}

}  // namespace
}  // namespace weir::app
