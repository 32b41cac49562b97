// Replays every file of tests/samples through Patience and compares with what the file expects (see
// recording.h). A file may come from a real connection or be written by hand.

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "delivery/patience.h"
#include "delivery/recording.h"

using weir::Duration;
using weir::TimePoint;
using namespace weir::delivery;

namespace {

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SAMPLES_DIR)) {
    if (entry.path().extension() == ".samples") found.push_back(entry.path());
  }
  return found;
}

std::string verdict_name(Decision::What what) {
  switch (what) {
    case Decision::What::kReap:
      return "reap";
    case Decision::What::kClose:
      return "close";
    case Decision::What::kKeep:
    case Decision::What::kProbe:
      break;
  }
  return "keep";
}

}  // namespace

TEST_CASE("recorded connections get the verdict that their files expect") {
  const auto paths = files();
  CHECK(paths.size() >= 15);
  for (const auto& path : paths) {
    CAPTURE(path.filename().string());
    const Recording recording = read_recording(path);
    REQUIRE_FALSE(recording.verdict.empty());
    const Settings settings;
    Patience patience(settings);
    Decision decision;
    TimePoint at{};
    for (const Sample& sample : recording.samples) {
      decision = patience.on(sample);
      at = sample.now;
      if (verdict_name(decision.what) != "keep") break;
    }
    CHECK(verdict_name(decision.what) == recording.verdict);
    if (recording.verdict == "keep") continue;
    CHECK(std::string(name(decision.reason)) == recording.reason);
    const double seconds = std::chrono::duration<double>(at.time_since_epoch()).count();
    CHECK(seconds >= recording.earliest);
    CHECK(seconds <= recording.latest);
  }
}
