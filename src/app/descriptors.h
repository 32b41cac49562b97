#pragma once
// File descriptors: each client connection needs one, and so does each connection to an origin. Who
// lets clients take them all can fetch nothing for them.

#include <cstdint>

#include "app/config.h"

namespace weir::app {

// Raises the soft limit of descriptors to the hard one. Returns what then holds.
std::uint64_t raise_descriptor_limit();

// What `config` needs beside client connections: connections to origins, in use and idle, files of
// the store, listeners, logs, and what each worker has for itself.
std::uint64_t descriptor_reserve(const Config& config, std::uint32_t workers);

// How many clients `limit` descriptors allow when `reserve` of them are kept, with room for those
// that are accepted only to be answered 503. Clients get half where the reserve would leave less.
std::uint64_t connections_that_fit(std::uint64_t limit, std::uint64_t reserve);

// server.max_connections (0: no limit) as far as the process's descriptors allow, which is logged
// when it is less.
std::uint64_t affordable_connections(const Config& config, std::uint32_t workers,
                                     std::uint64_t limit);

}  // namespace weir::app
