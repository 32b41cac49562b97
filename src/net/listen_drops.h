#pragma once
// What the kernel dropped at full accept queues since it started, in this network namespace
// (/proc/net/netstat; kernel-facts M). Connections lost so leave no error anywhere else.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::net {

struct ListenDrops {
  std::uint64_t overflows = 0;  // ListenOverflows
  std::uint64_t drops = 0;      // ListenDrops
};

// Nothing when the text is not of that form.
std::optional<ListenDrops> parse_listen_drops(std::string_view netstat);
// Reads a few KiB of procfs: for once in a while, not for each event.
std::optional<ListenDrops> read_listen_drops();

}  // namespace weir::net
