#include "app/sample_log.h"

#include <doctest/doctest.h>

#include <map>

#include "app/pipe.h"
#include "delivery/recording.h"
#include "net/address.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

const net::Address kClient = *net::parse_address("192.0.2.1:4711");

delivery::Sample sample(int second) {
  delivery::Sample s;
  s.now = TimePoint(1s * second);
  s.acked = 100 * static_cast<std::uint64_t>(second);
  return s;
}

Recorder::Plan plan(const ScratchDir& dir, std::uint32_t every = 1) {
  return {.path = dir.file("samples"), .most = 1 << 20, .every = every};
}

std::map<std::uint64_t, int> samples_of(const delivery::Recording& recording) {
  std::map<std::uint64_t, int> out;
  for (const delivery::Sample& s : recording.samples) ++out[s.connection];
  return out;
}

TEST_CASE("what workers record is one file, to which a second run is appended") {
  const ScratchDir dir;
  for (int run = 0; run < 2; ++run) {
    Recorder recorder(plan(dir), {});
    REQUIRE(recorder.begin());
    {
      SampleWriter first(recorder, 0, 2);
      SampleWriter second(recorder, 1, 2);
      for (int i = 0; i < 3; ++i) {
        for (SampleWriter* writer : {&first, &second}) writer->record(1, kClient, sample(i));
        first.record(2, kClient, sample(i));
      }
      first.ended(2, kClient, {TimePoint(9s), 2, 200, delivery::CloseReason::kClientClosed});
      second.look(5);
    }
    CHECK(recorder.status().connections == 3);
    recorder.stop();
  }
  const auto recording = delivery::read_recording(dir.file("samples"));
  CHECK(samples_of(recording) == std::map<std::uint64_t, int>{{2, 6}, {3, 6}, {4, 6}});
  CHECK(recording.samples.back().acked == 200);
  const std::string text = dir.content("samples");
  CHECK(text.find("begin t=0 conn=4 client=192.0.2.1:4711\n") != std::string::npos);
  CHECK(text.find("end t=9 conn=4 acked=200 reason=client_closed\n") != std::string::npos);
  CHECK(text.find("weir-samples") == 0);
  CHECK(text.rfind("weir-samples") == 0);
}

TEST_CASE("of a sample of connections each is recorded whole or not at all") {
  const ScratchDir dir;
  Recorder recorder(plan(dir, 10), {});
  REQUIRE(recorder.begin());
  {
    SampleWriter writer(recorder, 0, 1);
    for (int i = 0; i < 3; ++i) {
      for (std::uint64_t c = 1; c <= 1000; ++c) writer.record(c, kClient, sample(i));
    }
  }
  recorder.stop();
  const auto counts = samples_of(delivery::read_recording(dir.file("samples")));
  CHECK(counts.size() > 60);
  CHECK(counts.size() < 140);
  for (const auto& [connection, n] : counts) CHECK(n == 3);
  CHECK(recorder.status().connections == counts.size());
}

TEST_CASE("switched on, a writer records the connections that begin from then on") {
  const ScratchDir dir;
  Recorder recorder(plan(dir), {});
  {
    SampleWriter writer(recorder, 0, 1);
    writer.record(1, kClient, sample(1));
    REQUIRE(recorder.begin());
    writer.record(1, kClient, sample(2));  // it has not looked yet
    writer.look(1);
    writer.record(1, kClient, sample(3));
    writer.record(2, kClient, sample(4));
    recorder.order_off();
    writer.record(2, kClient, sample(5));  // nor here
    writer.look(2);
    writer.record(2, kClient, sample(6));
    writer.record(3, kClient, sample(7));
  }
  recorder.stop();
  CHECK(samples_of(delivery::read_recording(dir.file("samples"))) ==
        std::map<std::uint64_t, int>{{2, 2}});
  CHECK(recorder.status().state == Recorder::State::kOff);
}

TEST_CASE("where nothing can be recorded there is no sink") {
  Recorder recorder({}, {});
  SampleWriter writer(recorder, 0, 1);
  CHECK_FALSE(recorder.possible());
  CHECK(writer.sink() == nullptr);
}

}  // namespace
}  // namespace weir::app
