#include "app/connections_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string_view meaning(std::string_view reason) {
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const delivery::CloseInfo& row = delivery::info(static_cast<delivery::CloseReason>(i));
    if (row.name == reason) return row.text;
  }
  return {};
}

// What happens if nothing moves until then; null: nothing.
Json prospect(const front::ConnectionView& view, TimePoint now) {
  if (view.will.empty()) return nullptr;
  return {{"reason", view.will},
          {"text", meaning(view.will)},
          {"in_seconds", seconds(std::max(view.at - now, Duration::zero()))}};
}

Json connection(const Seen& seen, TimePoint now) {
  const front::ConnectionView& view = seen.view;
  return {{"client", view.client},
          {"worker", seen.worker},
          {"connection", view.number},
          {"protocol", view.http2 ? "HTTP/2" : "HTTP/1"},
          {"tls", view.tls},
          {"phase", delivery::name(view.phase)},
          {"requests", view.requests},
          {"request", view.request},
          {"request_seconds", seconds(view.request_age)},
          {"held_bytes", view.held},
          {"acked_bytes", view.acked},
          {"acked_bytes_per_second", view.rate},
          {"still_seconds", seconds(view.still)},
          {"will", prospect(view, now)}};
}

}  // namespace

std::string connections_page(const Sight& sight) {
  Json rows = Json::array();
  for (const Seen& seen : sight.connections) rows.push_back(connection(seen, sight.now));
  const Json page = {
      {"connections", rows}, {"most", Lookout::kMost}, {"missing_workers", sight.missing}};
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
