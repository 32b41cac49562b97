#pragma once
// The access log: a line for each exchange, formatted by the worker and written by a LineLog.

#include <memory>

#include "app/line_log.h"
#include "app/log_format.h"

namespace weir::app {

// Null when the conf says "off". Fails with the errno of open().
Result<std::unique_ptr<LineLog>> open_access_log(const LogConf& conf);

// A worker's end of the log; its thread only.
class AccessWriter {
 public:
  // Null: nothing is logged. The log must outlive the writer.
  // `text`: log.template.
  AccessWriter(LineLog* log, LogFormat format, std::string_view text = {});
  ~AccessWriter() { flush(); }
  AccessWriter(const AccessWriter&) = delete;

  bool on() const { return log_ != nullptr; }
  void write(const proxy::AccessEntry& entry);
  // Hands over what there is; to be called about once a second, so that lines are not late.
  void flush();

 private:
  LineLog* log_;
  LineFormat format_;
  LineBatch batch_;
};

}  // namespace weir::app
