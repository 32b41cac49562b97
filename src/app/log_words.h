#pragma once
// What the words of the access log mean: log_words.def, with the close reasons and the errors.
// Static texts; any thread.

#include <optional>
#include <string_view>

namespace weir::app {

struct LogField {
  std::string_view name;
  std::string_view unit;  // empty: none
  std::string_view text;
};

struct LogWord {
  std::string_view field;  // "cache", "delivery" or "reason"
  std::string_view name;
  std::string_view text;
  std::string_view advice;  // empty: none
};

inline constexpr LogField kLogFields[] = {
#define WEIR_FIELD(name, unit, text) {name, unit, text},
#include "app/log_words.def"
};

inline constexpr LogWord kLogWords[] = {
#define WEIR_WORD(field, name, text, advice) {field, name, text, advice},
#include "app/log_words.def"
};

// What happened, and what to do about it.
struct Meaning {
  std::string_view text;
  std::string_view advice;  // empty: none
};

// Null: no line has such a key.
const LogField* find_log_field(std::string_view name);
// Of a value that is one of a few, as "zero_window" of "close"; else nothing.
std::optional<Meaning> meaning_of(std::string_view field, std::string_view value);

}  // namespace weir::app
