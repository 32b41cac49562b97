#include "app/sample_log.h"

#include <fmt/format.h>

#include "base/log.h"

namespace weir::app {
namespace {

constexpr std::size_t kMost = 4 << 20;  // bytes kept for a file that takes nothing

}  // namespace

std::unique_ptr<SampleLog> SampleLog::open(const std::string& path) {
  if (path.empty()) return nullptr;
  auto output = LogOutput::open(path);
  if (!output) {
    log_error("delivery.record path={} error={}", path, describe(output.error()));
    return nullptr;
  }
  auto log = std::unique_ptr<SampleLog>(new SampleLog(std::move(*output)));
  log->lines_ = fmt::format("{}\n", delivery::kSamplesHeader);
  return log;
}

void SampleLog::record(std::uint64_t connection, const delivery::Sample& sample) {
  if (lines_.size() < kMost)
    lines_ += fmt::format("{} {}\n", connection, delivery::print_sample(sample));
}

void SampleLog::flush() {
  if (lines_.empty()) return;
  if (const auto taken = output_.write(lines_)) lines_.erase(0, *taken);
}

}  // namespace weir::app
