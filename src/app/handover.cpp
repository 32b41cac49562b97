#include "app/handover.h"

#include <nlohmann/json.hpp>

namespace weir::app::handover {

std::string text_of(std::string_view message, const char* key) {
  const auto json = nlohmann::json::parse(message, nullptr, false);
  return json.is_object() && json.contains(key) && json[key].is_string()
             ? json[key].get<std::string>()
             : std::string();
}

bool has(std::string_view message, const char* key) {
  const auto json = nlohmann::json::parse(message, nullptr, false);
  return json.is_object() && json.contains(key);
}

}  // namespace weir::app::handover
