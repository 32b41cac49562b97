#pragma once
// Reads the recordings that tests/samples keeps, and those of one connection that delivery.record
// writes (delivery/sample_lines.h has all lines of these):
//
//   weir-samples 1
//   # a comment
//   expect keep                       the verdict on the whole file; before the samples
//   expect reap zero_window 118 125   within this time, on the file's clock in seconds
//   t=... ...                         a sample a line, see delivery/sample.h
//
// The expectation is added by hand. A file that holds several connections, told apart by `conn`,
// can be read and has none. Of version 2 all but the samples is passed over.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "delivery/sample_lines.h"

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
  const int version = samples_version(line);
  REQUIRE(version != 0);
  Recording recording;
  while (std::getline(in, line)) {
    if (line.empty() || line.front() == '#') continue;
    CAPTURE(std::string(line));
    if (line.starts_with("expect")) {
      read_expectation(line, recording);
      continue;
    }
    const auto parsed = parse_line(line, version);
    REQUIRE(parsed.has_value());
    if (const auto* sample = std::get_if<Sample>(&*parsed)) recording.samples.push_back(*sample);
  }
  return recording;
}

}  // namespace weir::delivery
