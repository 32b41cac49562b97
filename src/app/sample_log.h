#pragma once
// SampleLog: samples of real connections, appended to a file, a line each behind the connection's
// number, to be replayed through the patience machines later. A switch for diagnosis: it writes
// from the worker.

#include <memory>
#include <string>

#include "app/log_output.h"
#include "front/delivery_watch.h"

namespace weir::app {

class SampleLog final : public front::SampleSink {
 public:
  // Null when `path` is empty or cannot be opened, which is logged.
  static std::unique_ptr<SampleLog> open(const std::string& path);

  void record(std::uint64_t connection, const delivery::Sample& sample) override;
  void flush();

 private:
  explicit SampleLog(LogOutput output) : output_(std::move(output)) {}

  LogOutput output_;
  std::string lines_;
};

}  // namespace weir::app
