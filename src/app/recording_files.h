#pragma once
// Reads the files of a recording (delivery/sample_lines.h) as far as they go: several parts in any
// order, and parts whose last line is cut because the process was killed.

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "delivery/sample_lines.h"

namespace weir::app {

class RecordingReader {
 public:
  // `file`: its place in the order in which they are read.
  virtual void on_line(std::size_t file, delivery::RecordedLine&& line) = 0;

 protected:
  ~RecordingReader() = default;
};

// What a reader should know about what was read.
struct RecordingNotes {
  std::vector<std::string> cut;  // "FILE:LINE", each a line without its end, left out
  std::uint64_t lost_lines = 0;  // dropped when they should have been written
  std::size_t old_files = 0;     // of version 1, which says neither settings nor ends
};

// Why a recording cannot be read, in words for people.
struct RecordingFault {
  std::string text;
  bool no_recording = false;  // the file may be anything else
};

// The parts of a recording come to `reader` in the order of their times.
std::expected<RecordingNotes, RecordingFault> read_recording(const std::vector<std::string>& files,
                                                             RecordingReader& reader);

}  // namespace weir::app
