// Replays every file of tests/samples through Patience and compares with what the file expects.
//
//   weir-samples 1
//   # a comment
//   expect keep                       the verdict on the whole file; before the samples
//   expect reap zero_window 118 125   within this time, on the file's clock in seconds
//   t=... ...                         a sample a line, see delivery/sample.h
//
// A file may come from a real connection (then its expectation is added by hand) or be written by
// hand.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "delivery/patience.h"

using weir::Duration;
using weir::TimePoint;
using namespace weir::delivery;

namespace {

struct Recording {
  std::vector<Sample> samples;
  std::string verdict;  // keep, reap or close
  std::string reason;
  double earliest = 0;
  double latest = 0;
};

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SAMPLES_DIR)) {
    if (entry.path().extension() == ".samples") found.push_back(entry.path());
  }
  return found;
}

void read_expectation(const std::string& line, Recording& recording) {
  std::istringstream words(line);
  std::string expect;
  words >> expect >> recording.verdict;
  REQUIRE(expect == "expect");
  if (recording.verdict == "keep") return;
  words >> recording.reason >> recording.earliest >> recording.latest;
  REQUIRE_FALSE(words.fail());
}

Recording read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  REQUIRE(line == kSamplesHeader);
  Recording recording;
  while (std::getline(in, line)) {
    if (line.empty() || line.front() == '#') continue;
    CAPTURE(std::string(line));
    if (line.starts_with("expect")) {
      read_expectation(line, recording);
      continue;
    }
    const auto sample = parse_sample(line);
    REQUIRE(sample.has_value());
    recording.samples.push_back(*sample);
  }
  return recording;
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
    const Recording recording = read(path);
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
