#pragma once
// The samples of client connections that delivery.record asks for, in the text form of
// delivery/sample.h, to be replayed through the patience machines later (tests/samples). Workers
// share one file, which a LineLog writes; `conn` tells the connections apart.

#include <memory>
#include <string>

#include "app/line_log.h"
#include "front/delivery_watch.h"

namespace weir::app {

// Null when `path` is empty. Fails with the errno of open().
Result<std::unique_ptr<LineLog>> open_sample_log(const std::string& path);

// A worker's end of the log; its thread only.
class SampleWriter final : public front::SampleSink {
 public:
  // Null: nothing is recorded. The log must outlive the writer. `worker`: one of `workers`, from 0.
  SampleWriter(LineLog* log, std::uint32_t worker, std::uint32_t workers)
      : log_(log), worker_(worker), workers_(workers) {}
  ~SampleWriter() { flush(); }
  SampleWriter(const SampleWriter&) = delete;

  front::SampleSink* sink() { return log_ ? this : nullptr; }
  // `connection`: its number within the worker.
  void record(std::uint64_t connection, const delivery::Sample& sample) override;
  // To be called about once a second, as AccessWriter::flush.
  void flush();

 private:
  LineLog* log_;
  std::uint64_t worker_;
  std::uint64_t workers_;
  LineBatch batch_;
};

}  // namespace weir::app
