#include "delivery/sample_lines.h"

#include <doctest/doctest.h>

namespace weir::delivery {
namespace {

using namespace std::chrono_literals;

template <class T>
T reread(const T& value) {
  const std::string line = print_line(value);
  CAPTURE(line);
  const auto parsed = parse_line(line, 2);
  REQUIRE(parsed.has_value());
  REQUIRE(std::holds_alternative<T>(*parsed));
  return std::get<T>(*parsed);
}

TEST_CASE("a line that was printed is read as it was") {
  RecordedRun run;
  run.id = "1764000000-42-1";
  run.now = TimePoint(12500ms);
  run.wall = WallTime(1764000000s);
  run.every = 100;
  run.settings.stall_timeout = 1500ms;
  run.settings.half_closed_stall_timeout = 9s;
  run.settings.zero_window_timeout = 100s;
  run.settings.trickle_rate = 7;
  run.settings.min_rate = 8;
  run.settings.linger_timeout = 3s;
  run.settings.linger_max = 6s;
  const RecordedRun again = reread(run);
  CHECK(print_line(again) == print_line(run));
  CHECK(again.id == run.id);
  CHECK(again.wall == run.wall);
  CHECK(again.settings.stall_timeout == 1500ms);
  CHECK(again.settings.linger_max == 6s);

  const RecordedBegin begin = reread(RecordedBegin{TimePoint(1s), 7, "[2001:db8::1]:80"});
  CHECK(begin.connection == 7);
  CHECK(begin.client == "[2001:db8::1]:80");
  const RecordedEnd end = reread(RecordedEnd{TimePoint(2s), 7, 99, CloseReason::kZeroWindow});
  CHECK(end.acked == 99);
  CHECK(end.reason == CloseReason::kZeroWindow);
  CHECK(reread(RecordedLoss{12}).lines == 12);
}

TEST_CASE("a first line tells the version, or that it is none") {
  CHECK(samples_version("weir-samples 1") == 1);
  CHECK(samples_version(kSamplesHeader) == 2);
  for (const char* other : {"", "weir-samples", "weir-samples 3", "weir-samples 22", "# Weir"}) {
    CHECK(samples_version(other) == 0);
  }
}

TEST_CASE("lines that say nothing are no fault") {
  for (const char* line : {"", " ", "\r", "# t=1", "expect keep", "weir-samples 2"}) {
    const auto parsed = parse_line(line, 2);
    REQUIRE(parsed.has_value());
    CHECK(std::holds_alternative<std::monostate>(*parsed));
  }
}

TEST_CASE("a line without its end is told from one that is none") {
  struct Row {
    const char* line;
    Parsed parsed;
  };
  for (const Row& row : {
           Row{"t=1 conn=2 phase=sending acked=12", Parsed::kCut},  // lag= is the last
           Row{"t=1 conn=2 pha", Parsed::kCut},
           Row{"t=1 conn=2 phase=", Parsed::kCut},
           Row{"t=1 conn=2 phase=sen", Parsed::kCut},
           Row{"t", Parsed::kCut},
           Row{"ru", Parsed::kCut},
           Row{"begin t=1 conn=2", Parsed::kCut},
           Row{"begin t=1 conn=2 client=", Parsed::kCut},
           Row{"end t=1 conn=2 acked=3 reason=resp", Parsed::kCut},
           Row{"run", Parsed::kCut},
           Row{"run id=a t=1 wall=2 every=1 stall_timeout=60", Parsed::kCut},
           Row{"lost", Parsed::kCut},
           Row{"t=1 conn=x lag=0", Parsed::kBad},
           Row{"t=1 colour=red lag=0", Parsed::kBad},
           Row{"t=-1 lag=0", Parsed::kBad},
           Row{"t=1 conn=2 what", Parsed::kBad},
           Row{"127.0.0.1 - - [22/Nov/2026]", Parsed::kBad},
           Row{"\x01\x02", Parsed::kBad},
           Row{"end t=1 reason=nothing conn=2", Parsed::kBad},
           Row{"lost lines=-1 x=2", Parsed::kBad},
       }) {
    CAPTURE(row.line);
    const auto parsed = parse_line(row.line, 2);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error() == row.parsed);
  }
}

TEST_CASE("cut at any place, a line is cut or read, never taken for rubbish") {
  RecordedRun run;
  run.id = "a";
  Sample sample;
  sample.now = TimePoint(1s);
  for (const std::string& line :
       {print_sample(sample), print_line(run), print_line(RecordedBegin{TimePoint(1s), 1, "a:1"}),
        print_line(RecordedEnd{TimePoint(1s), 1, 0, CloseReason::kResponseDone})}) {
    for (std::size_t n = 1; n < line.size(); ++n) {
      CAPTURE(line.substr(0, n));
      const auto parsed = parse_line(line.substr(0, n), 2);
      CHECK((parsed.has_value() || parsed.error() == Parsed::kCut));
    }
  }
}

TEST_CASE("version 1 has samples alone, and those may leave fields out") {
  CHECK(std::holds_alternative<Sample>(parse_line("t=1 acked=3", 1).value()));
  CHECK(parse_line("end t=1 conn=2 acked=3 reason=stalled", 1).error() == Parsed::kBad);
}

}  // namespace
}  // namespace weir::delivery
