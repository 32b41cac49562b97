#include "app/sample_log.h"

#include <doctest/doctest.h>

#include <map>

#include "app/pipe.h"
#include "delivery/recording.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

void write_all(LineLog& log) {
  while (log.step() != LineLog::Step::kIdle) {
  }
}

TEST_CASE("what workers record is one file with one header, which the replay reads") {
  const ScratchDir dir;
  for (int run = 0; run < 2; ++run) {  // appended to by a second run of the program
    const auto log = open_sample_log(dir.file("samples")).value();
    SampleWriter first(log.get(), 0, 2);
    SampleWriter second(log.get(), 1, 2);
    for (std::uint64_t i = 0; i < 3; ++i) {
      delivery::Sample s;
      s.now = TimePoint(1s * i);
      s.acked = 100 * i;
      for (SampleWriter* writer : {&first, &second}) writer->sink()->record(1, s);
      first.record(2, s);
    }
    first.flush();
    second.flush();
    write_all(*log);
  }
  const auto recording = delivery::read_recording(dir.file("samples"));
  std::map<std::uint64_t, int> samples_of;
  for (const delivery::Sample& s : recording.samples) ++samples_of[s.connection];
  CHECK(recording.samples.size() == 18);
  CHECK(samples_of == std::map<std::uint64_t, int>{{2, 6}, {3, 6}, {4, 6}});
  CHECK(recording.samples.back().acked == 200);
}

TEST_CASE("a file that was renamed goes on in a new one with a header of its own") {
  const ScratchDir dir;
  const auto log = open_sample_log(dir.file("samples")).value();
  SampleWriter writer(log.get(), 0, 1);
  std::filesystem::rename(dir.file("samples"), dir.file("samples.1"));
  log->reopen();
  writer.record(1, {});
  writer.flush();
  write_all(*log);
  CHECK(delivery::read_recording(dir.file("samples.1")).samples.empty());
  CHECK(delivery::read_recording(dir.file("samples")).samples.size() == 1);
}

TEST_CASE("without a file nothing is recorded") {
  const auto log = open_sample_log("");
  REQUIRE(log.has_value());
  CHECK(*log == nullptr);
  SampleWriter writer(nullptr, 0, 1);
  CHECK(writer.sink() == nullptr);
  writer.flush();
}

TEST_CASE("a file that cannot be opened is told with its reason") {
  CHECK(open_sample_log("/no/such/dir/samples").error() == Error{Errc::kSystem, ENOENT});
}

}  // namespace
}  // namespace weir::app
