#pragma once
// LogTemplate: lines of the access log as log.template says:
//   {client} [{time}] "{method} {target}" {status} {acked}
// Names in braces are those of the JSON lines, and what is not known is "-". Texts are escaped as
// in combined lines: no byte of a client's ends a field that is quoted, or the line. "{{" and "}}"
// are braces. Read once; a line costs no allocation. Any thread may write by it.

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access_entry.h"

namespace weir::app {

struct LogTemplateField;

class LogTemplate {
 public:
  // What is wrong, and what was probably meant, or nothing.
  struct Fault {
    std::string text;
    std::string hint;
  };
  static std::expected<LogTemplate, Fault> parse(std::string_view text);

  // No line of this entry has more bytes.
  std::size_t longest(const proxy::AccessEntry& entry) const;
  // Without the end of the line. `second`: the time as "2026-11-21T20:31:02".
  char* put(char* at, const proxy::AccessEntry& entry, std::string_view second) const;

 private:
  struct Piece {
    std::string before;
    const LogTemplateField* field;  // null: nothing follows
  };

  std::expected<void, Fault> add_field(std::string_view name);

  std::vector<Piece> pieces_;
};

// The names that it knows, in the order of JSON lines.
std::vector<std::string_view> log_template_names();

}  // namespace weir::app
