#include "app/log_words.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "delivery/close_reason.h"

namespace weir::app {
namespace {

std::optional<Meaning> meaning_of_close(std::string_view value) {
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto& row = delivery::info(static_cast<delivery::CloseReason>(i));
    if (row.name == value) return Meaning{row.text, row.advice};
  }
  return {};
}

std::optional<Meaning> meaning_of_error(std::string_view value) {
  for (std::size_t i = 0; i < kErrcs; ++i) {
    const ErrorInfo& row = info(static_cast<Errc>(i));
    if (row.name == value) return Meaning{row.text, row.advice};
  }
  return {};
}

}  // namespace

const LogField* find_log_field(std::string_view name) {
  const auto at = std::ranges::find(kLogFields, name, &LogField::name);
  return at == std::end(kLogFields) ? nullptr : at;
}

std::optional<Meaning> meaning_of(std::string_view field, std::string_view value) {
  if (field == "close") return meaning_of_close(value);
  const auto at = std::ranges::find_if(
      kLogWords, [&](const LogWord& word) { return word.field == field && word.name == value; });
  if (at != std::end(kLogWords)) return Meaning{at->text, at->advice};
  if (field != "reason") return {};
  if (value.starts_with("rule:")) {
    return Meaning{"a rule of the site says so", "Look for the [[site.rule]] of that name."};
  }
  return meaning_of_error(value);
}

}  // namespace weir::app
