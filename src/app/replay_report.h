#pragma once
// What a recording shows under several settings: values, and their forms for people and programs.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "delivery/close_reason.h"
#include "delivery/replay.h"

namespace weir::app {

// A connection that would have been cut.
struct CutConnection {
  std::string client;  // empty: not known
  std::uint64_t number = 0;
  TimePoint at{};                // when
  Duration age{0};               // the same, since its first sample
  std::optional<WallTime> wall;  // the same, where it is known
  delivery::CloseReason reason = delivery::CloseReason::kOpen;
  delivery::Fate fate = delivery::Fate::kUnknown;
  Duration watched{0};  // recorded behind that moment
  bool perhaps = false;
  std::optional<delivery::CloseReason> ended;  // as it happened
};

// All connections under one choice of settings.
struct ReplayColumn {
  std::string name;  // "recorded", "conf", "set", "defaults"
  std::string title;
  bool used = false;  // for some connection
  std::array<std::array<std::uint64_t, delivery::kFates>, delivery::kCloseReasons> cuts{};
  std::vector<CutConnection> connections;  // in the order of their times

  std::uint64_t cut(delivery::CloseReason reason) const;
  std::uint64_t cut() const;
  std::uint64_t cut(delivery::Fate fate) const;
  std::uint64_t perhaps() const;
};

struct ReplayReport {
  std::size_t files = 0;
  std::uint64_t connections = 0;  // also those without a sample
  std::uint64_t judged = 0;       // by samples
  std::uint64_t samples = 0;
  Duration span{0};
  std::uint32_t every = 1;  // one of so many was recorded
  std::uint64_t ended = 0;  // whose end was recorded
  std::array<std::uint64_t, delivery::kCloseReasons> happened{};
  std::vector<ReplayColumn> columns;
  std::vector<std::string> notes;
};

// A table, and with `verbose` a list of those that the last column cuts.
std::string replay_table(const ReplayReport& report, bool verbose);
std::string replay_json(const ReplayReport& report);

}  // namespace weir::app
