#pragma once
// GET /config of the admin address.

#include <string>

#include "app/config.h"

namespace weir::app {

// The values in force as JSON, each with where it was set; no secrets. Members are added, never
// renamed.
std::string config_page(const LoadedConfig& loaded);

// Whether a value is not for those who may look at the page. Fields that are set on the way to an
// origin are where its credentials stand. Who may look need not be one who may read the conf file.
bool is_secret(const EffectiveValue& value);

}  // namespace weir::app
