#pragma once
// How often a cache of so many bytes has what is asked for, by several rules of eviction over the
// same requests.

#include <cstdint>
#include <string>

#include "traces.h"

namespace weir::bench {

struct Ratios {
  double objects = 0;  // share of requests all of which was there
  double bytes = 0;    // share of bytes that were there
};

enum class Rule : std::uint8_t {
  kStore,        // S3Fifo and its Ghost, as MemoryStore uses them
  kS3Fifo,       // as published (SOSP 2023, algorithm 1), by bytes
  kS3FifoWhole,  // the same over whole objects; not for ranges
  kLru,
  kFifo,
};

// All but kS3FifoWhole keep and evict chunks of 1 MiB at most, as the store does.
Ratios replay(const Trace& trace, Rule rule, std::uint64_t room);

// The table of all traces at 1 % and 10 % of their footprint, as JSON. `worse`: in how many of them
// the store's rule is more than 2 % below the published one.
std::string eviction_table(int& worse);

}  // namespace weir::bench
