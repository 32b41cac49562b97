#include "app/recorder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "app/pipe.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using State = Recorder::State;

LineBatch batch_of(const std::string& text) {
  LineBatch batch;
  std::memcpy(batch.bytes.room(text.size()), text.data(), text.size());
  batch.bytes.advance(batch.bytes.room(0) + text.size());
  batch.lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  return batch;
}

void hand_over(Recorder& recorder, const Recorder::Turn& turn, const std::string& text) {
  LineBatch batch = batch_of(text);
  recorder.hand_over(turn, batch);
  CHECK(batch.bytes.size() == 0);
}

bool becomes(Recorder& recorder, State state) {
  recorder.step();
  return recorder.status().state == state;
}

Recorder::Plan plan(const ScratchDir& dir, std::uint64_t most = 1 << 20) {
  return {.path = dir.file("samples"), .most = most, .every = 5};
}

TEST_CASE("ordered on, it opens the file, tells the turn, and writes what it is given") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  CHECK(recorder.turn().every == 0);
  CHECK_FALSE(std::filesystem::exists(dir.file("samples")));
  recorder.order_on({.most = 5000, .every = 7});
  REQUIRE(becomes(recorder, State::kOn));
  CHECK(recorder.turn().every == 7);
  CHECK(recorder.status().most == 5000);
  hand_over(recorder, recorder.turn(), "one\ntwo\n");
  recorder.stop();
  const std::string text = dir.content("samples");
  CHECK(text.starts_with("weir-samples 2\nrun id="));
  CHECK(text.find(" every=7 stall_timeout=60 ") != std::string::npos);
  CHECK(text.ends_with("\none\ntwo\n"));
  CHECK(recorder.status().bytes == text.size());
  CHECK(recorder.status().written_lines == 4);
}

TEST_CASE("no order goes beyond what the conf allows, and each turn has the conf's values anew") {
  const ScratchDir dir;
  Recorder recorder(plan(dir, 10'000), {});
  recorder.order_on({.most = 1 << 30, .every = 9});
  CHECK(recorder.status().most == 10'000);
  recorder.order_on({});
  CHECK(recorder.status().every == 5);
  recorder.stop();
}

TEST_CASE("at its bound it stops by itself, with whole lines, and what comes after is counted") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  recorder.order_on({.most = 8000});
  REQUIRE(becomes(recorder, State::kOn));
  const Recorder::Turn turn = recorder.turn();
  const std::string line = std::string(99, 'x') + "\n";
  for (int i = 0; i < 50; ++i) hand_over(recorder, turn, line + line);
  CHECK(recorder.status().state == State::kOn);
  REQUIRE(becomes(recorder, State::kFull));
  CHECK(recorder.turn().every == 0);
  hand_over(recorder, turn, line);
  CHECK(dir.content("samples").size() <= 8000);
  CHECK(dir.content("samples").ends_with(line));
  const auto written =
      static_cast<std::uint64_t>(std::ranges::count(dir.content("samples"), 'x')) / 99;
  CHECK(written >= 75);
  CHECK(recorder.status().dropped_lines == 101 - written);
  recorder.order_on({.most = 8000});  // the file is as full as it was
  CHECK(becomes(recorder, State::kFull));
  recorder.order_on({.most = 20'000});
  CHECK(becomes(recorder, State::kOn));
  recorder.stop();
}

TEST_CASE("ordered off, it takes what workers still have of the turn, and no more") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  REQUIRE(recorder.begin());
  const Recorder::Turn turn = recorder.turn();
  recorder.order_off();
  CHECK(recorder.turn().every == 0);
  CHECK(recorder.status().state == State::kOff);
  hand_over(recorder, turn, "last\n");
  recorder.order_on({});
  REQUIRE(becomes(recorder, State::kOn));
  hand_over(recorder, turn, "stale\n");
  CHECK(recorder.status().dropped_lines == 1);
  recorder.stop();
  const std::string text = dir.content("samples");
  CHECK(text.find("\nlast\n\nrun id=") != std::string::npos);
  CHECK(text.find("stale") == std::string::npos);
}

TEST_CASE("a file that was renamed goes on in a new one, of the same run") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  REQUIRE(recorder.begin());
  hand_over(recorder, recorder.turn(), "old\n");
  std::filesystem::rename(dir.file("samples"), dir.file("samples.1"));
  recorder.reopen();
  recorder.step();
  hand_over(recorder, recorder.turn(), "new\n");
  recorder.stop();
  CHECK(dir.content("samples.1").ends_with("\nold\n"));
  CHECK(dir.content("samples").ends_with("\nnew\n"));
  const auto run_of = [](const std::string& text) {
    return text.substr(text.find("run id="), text.find(" t=") - text.find("run id="));
  };
  CHECK(run_of(dir.content("samples")) == run_of(dir.content("samples.1")));
}

TEST_CASE("other settings are told where they come into force") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  REQUIRE(recorder.begin());
  delivery::Settings settings;
  settings.stall_timeout = 5s;
  recorder.set_settings(settings);
  recorder.stop();
  CHECK(dir.content("samples").find(" stall_timeout=5 ") != std::string::npos);
}

TEST_CASE("a file that cannot be had is told with its reason, and can be had later") {
  const ScratchDir dir;
  {
    Recorder nowhere({.path = "/no/such/dir/samples"}, {});
    CHECK(nowhere.begin().error() == Error{Errc::kSystem, ENOENT});
  }
  std::ofstream(dir.file("elsewhere")) << "secret";
  std::filesystem::create_symlink(dir.file("elsewhere"), dir.file("samples"));
  Recorder recorder(plan(dir), {});
  recorder.order_on({});
  REQUIRE(becomes(recorder, State::kFailed));
  CHECK(recorder.status().error == Error{Errc::kSystem, ELOOP});
  CHECK(dir.content("elsewhere") == "secret");
  std::filesystem::remove(dir.file("samples"));
  REQUIRE(::mkfifo(dir.file("samples").c_str(), 0600) == 0);
  recorder.order_on({});
  CHECK(becomes(recorder, State::kFailed));
  std::filesystem::remove(dir.file("samples"));
  recorder.order_on({});
  CHECK(becomes(recorder, State::kOn));
}

TEST_CASE("a thread of its own does the same") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  recorder.start();
  recorder.order_on({});
  while (recorder.status().state == State::kOpening) std::this_thread::yield();
  recorder.stop();
  CHECK(dir.content("samples").starts_with("weir-samples 2\nrun id="));
}

}  // namespace
}  // namespace weir::app
