#include "app/access_log.h"

#include <utility>

namespace weir::app {

Result<std::unique_ptr<LineLog>> open_access_log(const LogConf& conf) {
  if (conf.access == "off") return nullptr;
  auto output = LogOutput::open(conf, "access_log");
  if (!output) return std::unexpected(output.error());
  return std::make_unique<LineLog>("access_log", std::move(*output), LineLog::Limits{});
}

AccessWriter::AccessWriter(LineLog* log, LogFormat format, std::string_view text)
    : log_(log), format_(format, text) {}

void AccessWriter::write(const proxy::AccessEntry& entry) {
  if (!log_) return;
  const std::size_t full = log_->limits().buffer;
  if (batch_.bytes.capacity() == 0) batch_.bytes.room(full + 4096);
  format_.append(batch_.bytes, entry);
  ++batch_.lines;
  if (batch_.bytes.size() >= full) flush();
}

void AccessWriter::flush() {
  if (log_) log_->hand_over(batch_);
}

}  // namespace weir::app
