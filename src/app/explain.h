#pragma once
// What becomes of a request, and why: which site and rules, which key, and, with a running Weir's
// index, what is stored and whether it would be a hit.

#include <expected>
#include <string>
#include <string_view>

#include "app/admin_orders.h"
#include "app/config.h"
#include "base/time.h"
#include "cache/index.h"
#include "proxy/site.h"

namespace weir::app {

// What a running Weir has.
struct Stored {
  cache::Index& index;
  WallTime now;
};

// As JSON. `stored` null: by the conf alone. Nothing is fetched, counted or touched.
std::string explain(const Question& question, const Config& config, const proxy::SiteTable& sites,
                    const Stored* stored);

// That JSON as a page for people, or why it cannot be read.
std::expected<std::string, std::string> explain_screen(std::string_view json);

}  // namespace weir::app
