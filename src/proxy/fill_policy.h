#pragma once
// Fill policy: what becomes of a fetch whose bytes nobody reads any more. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::proxy {

struct FillState {
  bool kept = false;                   // its bytes go to the cache; else only for who asked
  std::uint64_t received = 0;          // bytes of the body
  std::optional<std::uint64_t> total;  // when known
  std::uint64_t keep_limit = 0;        // the largest body worth keeping whole
};

struct FillVerdict {
  bool finish = false;
  std::string_view reason;  // static; for the log
};

FillVerdict worth_finishing(const FillState& state);

}  // namespace weir::proxy
