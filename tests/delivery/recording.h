#pragma once
// Reads the recordings that delivery.record writes and that tests/samples keeps:
//
//   weir-samples 1
//   # a comment
//   expect keep                       the verdict on the whole file; before the samples
//   expect reap zero_window 118 125   within this time, on the file's clock in seconds
//   t=... ...                         a sample a line, see delivery/sample.h
//
// The expectation is added by hand. A file that holds several connections, told apart by `conn`,
// can be read and has none.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "delivery/sample.h"

namespace weir::delivery {

struct Recording {
  std::vector<Sample> samples;
  std::string verdict;  // keep, reap or close; empty: the file has no expectation
  std::string reason;
  double earliest = 0;
  double latest = 0;
};

inline void read_expectation(const std::string& line, Recording& recording) {
  std::istringstream words(line);
  std::string expect;
  words >> expect >> recording.verdict;
  REQUIRE(expect == "expect");
  if (recording.verdict == "keep") return;
  words >> recording.reason >> recording.earliest >> recording.latest;
  REQUIRE_FALSE(words.fail());
}

inline Recording read_recording(const std::filesystem::path& path) {
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

}  // namespace weir::delivery
