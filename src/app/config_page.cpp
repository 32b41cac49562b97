#include "app/config_page.h"

#include <nlohmann/json.hpp>

namespace weir::app {

bool is_secret(const EffectiveValue& value) {
  return value.hidden || (value.name == "request_set" && value.where != "default");
}

std::string config_page(const LoadedConfig& loaded) {
  using Json = nlohmann::ordered_json;
  Json tables = Json::array();
  for (const EffectiveTable& table : effective_tables(loaded)) {
    Json values = Json::array();
    for (const EffectiveValue& value : table.values) {
      values.push_back({{"name", value.name},
                        {"value", is_secret(value) ? Json() : Json(value.text)},
                        {"set_at", value.where}});
    }
    tables.push_back({{"table", table.title}, {"values", values}});
  }
  const Json page = {{"file", loaded.file}, {"tables", tables}};
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
