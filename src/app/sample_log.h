#pragma once
// SampleWriter: a worker's end of the Recorder. What the worker's sessions see of their clients
// becomes lines of a recording, of some of the connections: chosen by their number, and only those
// that began after the recording did, so that each is recorded whole or not at all. Its thread
// only.

#include <optional>
#include <string>
#include <unordered_set>

#include "app/recorder.h"
#include "front/delivery_watch.h"

namespace weir::app {

class SampleWriter final : public front::SampleSink {
 public:
  // The recorder outlives the writer. `worker`: one of `workers`, from 0.
  SampleWriter(Recorder& recorder, std::uint32_t worker, std::uint32_t workers)
      : recorder_(recorder), worker_(worker), workers_(workers), turn_(recorder.turn()) {}
  ~SampleWriter() { hand_over(); }
  SampleWriter(const SampleWriter&) = delete;

  // Null: nothing can ever be recorded.
  front::SampleSink* sink() { return recorder_.possible() ? this : nullptr; }

  // `connection`: its number within the worker.
  void record(std::uint64_t connection, const net::Address& client,
              const delivery::Sample& sample) override;
  void ended(std::uint64_t connection, const net::Address& client,
             const delivery::RecordedEnd& end) override;

  // To be called about once a second, with the number of the latest connection: hands over what was
  // recorded, and looks whether to record.
  void look(std::uint64_t latest);

 private:
  // Its number among all workers; nothing: it is not recorded.
  std::optional<std::uint64_t> chosen(std::uint64_t connection) const;
  void begin(std::uint64_t number, TimePoint now, const net::Address& client);
  void add(const std::string& line);
  void hand_over();

  Recorder& recorder_;
  const std::uint64_t worker_;
  const std::uint64_t workers_;
  Recorder::Turn turn_;
  std::uint64_t latest_ = 0;                 // connection before the recording began
  std::unordered_set<std::uint64_t> begun_;  // those that are open and have a line
  LineBatch batch_;
};

}  // namespace weir::app
