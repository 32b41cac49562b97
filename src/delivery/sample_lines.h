#pragma once
// The lines of a recording of client connections: delivery.record of the conf writes them, `weir
// replay` and tests/samples read them.
//
//   weir-samples 2
//   run id=1764000000-42 t=12.5 wall=1764000000 every=100 stall_timeout=60 ... linger_max=10
//   begin t=13 conn=7 client=192.0.2.1:4711
//   t=13 conn=7 phase=sending state=established ...      a sample, see sample.h
//   end t=20 conn=7 acked=1000 reason=client_closed
//   lost lines=12
//
// A run line opens what one process recorded, and comes again with the same id where the recording
// goes on in another file or the settings change; `conn` is unique within a run. Connections begin
// before their first sample; one that never was owed anything for long has none. Version 1 has
// samples alone. Empty lines and those that begin with "#" say nothing, nor does one that begins
// with "expect" (tests/samples).
//
// Times keep microseconds; all else survives exactly.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"
#include "delivery/close_reason.h"
#include "delivery/patience.h"
#include "delivery/sample.h"

namespace weir::delivery {

inline constexpr std::string_view kSamplesHeader = "weir-samples 2";
// The version that a first line tells; 0: it is none of a recording, or of a version to come.
int samples_version(std::string_view first_line);

struct RecordedRun {
  std::string id;
  TimePoint now{};          // the same moment on the clock of the samples
  WallTime wall{};          // and on the calendar
  std::uint32_t every = 1;  // one of so many connections was recorded
  Settings settings;        // in force from here on; of those that are in the conf
};

struct RecordedBegin {
  TimePoint now{};
  std::uint64_t connection = 0;
  std::string client;  // address and port
};

struct RecordedEnd {
  TimePoint now{};
  std::uint64_t connection = 0;
  std::uint64_t acked = 0;  // bytes, our FIN not among them
  CloseReason reason = CloseReason::kOpen;
};

struct RecordedLoss {
  std::uint64_t lines = 0;  // dropped here, since the disk was too slow
};

std::string print_line(const RecordedRun& run);  // each without an end of line
std::string print_line(const RecordedBegin& begin);
std::string print_line(const RecordedEnd& end);
std::string print_line(const RecordedLoss& loss);

// monostate: the line says nothing.
using RecordedLine =
    std::variant<std::monostate, Sample, RecordedRun, RecordedBegin, RecordedEnd, RecordedLoss>;
// Fails with kCut or kBad. `version` as samples_version() told.
std::expected<RecordedLine, Parsed> parse_line(std::string_view line, int version);

}  // namespace weir::delivery
