#include "app/record_page.h"

#include <nlohmann/json.hpp>

namespace weir::app {

std::string record_page(const Recorder::Status& s) {
  using Json = nlohmann::ordered_json;
  Json page = {{"state", name(s.state)},
               {"file", s.path},
               {"bytes", s.bytes},
               {"max_bytes", s.most},
               {"sample", s.every},
               {"connections", s.connections},
               {"written_lines", s.written_lines},
               {"dropped_lines", s.dropped_lines}};
  if (s.state == Recorder::State::kFailed) page["error"] = describe(s.error);
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
