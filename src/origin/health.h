#pragma once
// Health: whether a server counts as up, by the checks that passed and failed. Pure.
//
//        `fall` failures in a row
//   Up ---------------------------> Down
//     <---------------------------
//        `rise` passes in a row

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::origin {

// Statuses of answers, both ends included.
struct StatusRange {
  int least = 200;
  int most = 399;
  bool has(int status) const { return status >= least && status <= most; }
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};
// "200-399" or "204"; 100 to 599.
std::optional<StatusRange> parse_status_range(std::string_view text);

struct HealthSettings {
  std::string path;  // origin-form; empty: no checks
  Duration interval = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(2);
  StatusRange expect;
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
};

class Health {
 public:
  // `up`: what is known of the server so far; true: nothing against it.
  Health(std::uint32_t rise, std::uint32_t fall, bool up = true)
      : rise_(rise), fall_(fall), up_(up) {}

  bool up() const { return up_; }
  // The result of a check. True: up() has changed.
  bool note(bool passed);

 private:
  std::uint32_t rise_;
  std::uint32_t fall_;
  std::uint32_t against_ = 0;  // results in a row that speak against the state
  bool up_;
};

// A tenth more or less than `interval`, so that checks of many servers, or from many Weirs, do not
// fall together. `random`: any 32 bits.
Duration with_jitter(Duration interval, std::uint32_t random);

}  // namespace weir::origin
