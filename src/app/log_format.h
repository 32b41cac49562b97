#pragma once
// Lines of the access log. On the hit path: a line costs well under a microsecond and allocates
// only while its buffer grows.
//
// JSON: one object a line, keys in the order of log_format.cpp; texts and numbers that are not
// known are left out. Any bytes are safe: valid UTF-8 stays, a byte that is not is written \u00XX.
// Combined: as Apache and nginx, unknown texts are "-", what could break a line is \xXX.
// Extended: combined, and behind it the receipt as key=value.
// Custom: what log_template.h makes of log.template.

#include <cstddef>

#include "app/config.h"
#include "app/log_buffer.h"
#include "app/log_template.h"
#include "proxy/access_entry.h"

namespace weir::app {

// One a writer, never shared: it remembers the text of the last second.
class LineFormat {
 public:
  // `text`: log.template, for LogFormat::kCustom.
  explicit LineFormat(LogFormat format, std::string_view text = {});
  // Appends the line and its end.
  void append(LogBuffer& to, const proxy::AccessEntry& entry);

 private:
  void remember(WallTime second);
  // Without the end of the line.
  char* json(char* at, const proxy::AccessEntry& entry) const;
  char* combined(char* at, const proxy::AccessEntry& entry) const;
  static char* receipt(char* at, const proxy::AccessEntry& entry);

  LogFormat format_;
  LogTemplate template_;  // of custom lines
  WallTime second_ = WallTime::min();
  char time_[32] = {};  // "2026-11-21T20:31:02" or "21/Nov/2026:20:31:02 +0000"
  std::size_t time_size_ = 0;
};

}  // namespace weir::app
