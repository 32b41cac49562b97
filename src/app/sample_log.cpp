#include "app/sample_log.h"

#include <cstring>

namespace weir::app {

Result<std::unique_ptr<LineLog>> open_sample_log(const std::string& path) {
  if (path.empty()) return nullptr;
  auto output = LogOutput::open(path, delivery::kSamplesHeader);
  if (!output) return std::unexpected(output.error());
  return std::make_unique<LineLog>("delivery.record", std::move(*output), LineLog::Limits{});
}

void SampleWriter::record(std::uint64_t connection, const delivery::Sample& sample) {
  delivery::Sample numbered = sample;
  numbered.connection = connection * workers_ + worker_;
  const std::string line = delivery::print_sample(numbered);
  char* at = batch_.bytes.room(line.size() + 1);
  std::memcpy(at, line.data(), line.size());
  at[line.size()] = '\n';
  batch_.bytes.advance(at + line.size() + 1);
  ++batch_.lines;
  if (batch_.bytes.size() >= log_->limits().buffer) flush();
}

void SampleWriter::flush() {
  if (log_) log_->hand_over(batch_);
}

}  // namespace weir::app
