#pragma once
// Fill policy: what becomes of a fetch whose bytes nobody reads any more. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::proxy {

// What the conf says: by what is left, whatever is left, or never.
enum class Finish : std::uint8_t { kAuto, kAlways, kNever };

struct FillState {
  bool kept = false;                   // its bytes go to the cache; else only for who asked
  bool part = false;                   // only a part of the object was asked for
  std::uint64_t received = 0;          // bytes of the body
  std::optional<std::uint64_t> total;  // when known
  std::uint64_t keep_limit = 0;        // the largest body worth keeping whole
};

struct FillRules {
  Finish finish = Finish::kAuto;
  std::uint64_t finish_max = std::uint64_t{256} << 20;  // bytes left that are worth fetching
};

struct FillVerdict {
  bool finish = false;
  std::string_view reason;  // static; for the log
};

FillVerdict worth_finishing(const FillState& state, const FillRules& rules);
// The same before its head has come: it may be worth keeping.
FillVerdict worth_awaiting(const FillRules& rules);

}  // namespace weir::proxy
