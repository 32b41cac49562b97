#pragma once
// What it costs to hand the memory cache over to another process.

#include <string>

namespace weir::bench {

// A JSON object: a million small objects (of 1 KiB) and 1 GiB of large ones; how long freezing,
// writing and reading take, and how long another thread that looks objects up was held up by it.
std::string handover();

}  // namespace weir::bench
