#include "app/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"
#include "store/slab.h"

namespace weir::app {
namespace {

constexpr std::uint64_t kProcess = 32;      // standard streams, logs, admin, what libraries open
constexpr std::uint64_t kEachWorker = 12;   // epoll, wake-up, name servers
constexpr std::uint64_t kSlabs = 160;       // memfd files of the store, see store/memory_store.cpp
constexpr std::uint64_t kHandover = 8;      // its sockets, pipes, a snapshot
constexpr std::uint64_t kEachDisk = 8;      // lock, purge log, region that is made
constexpr std::uint64_t kUnlimited = 1024;  // connections of an origin that has no limit

std::uint64_t of_origin(const OriginConf& origin, std::uint32_t workers) {
  const std::uint64_t running = origin.max_connections == 0 ? kUnlimited : origin.max_connections;
  return running + origin.idle_connections * workers;
}

}  // namespace

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;  // what POSIX systems begin with
  if (limit.rlim_cur != limit.rlim_max) {
    const rlimit most{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &most) == 0) return most.rlim_cur;
  }
  return limit.rlim_cur;
}

std::uint64_t descriptor_reserve(const Config& config, std::uint32_t workers) {
  std::uint64_t reserve = kProcess + kSlabs + workers * (kEachWorker + config.listens.size());
  // Slabs of the Weir before are used beside our own, and some more while we hand over ourselves.
  if (!config.server.handover.empty()) reserve += kHandover + kSlabs + store::kStopgapSlabs;
  for (const OriginConf& origin : config.origins) reserve += of_origin(origin, workers);
  // A region is a file; one that is given up stays open while somebody reads from it.
  for (const DiskConf& disk : config.storage.disks) {
    const std::uint64_t region = std::min(config.storage.region_size, disk.size / 4);
    reserve += kEachDisk + disk.size / std::max<std::uint64_t>(region, 1) * 5 / 4;
  }
  return reserve;
}

// Frontend accepts a share more than its limit, an eighth or 16, to tell them so.
std::uint64_t connections_that_fit(std::uint64_t limit, std::uint64_t reserve) {
  const std::uint64_t left = limit - std::min(reserve, limit / 5 * 3);
  const std::uint64_t told = std::max<std::uint64_t>(left / 9 + 1, 16);
  return std::max<std::uint64_t>(left - std::min(told, left), 1);
}

std::uint64_t affordable_connections(const Config& config, std::uint32_t workers,
                                     std::uint64_t limit) {
  const std::uint64_t asked = config.server.max_connections;
  const std::uint64_t reserve = descriptor_reserve(config, workers);
  const std::uint64_t fit = connections_that_fit(limit, reserve);
  if (asked != 0 && asked <= fit) return asked;
  if (asked != 0) {
    log_warn("max_connections={} asked={} descriptors={} reserved={} hint=\"raise ulimit -Hn\"",
             fit, asked, limit, std::min(reserve, limit / 5 * 3));
  }
  return fit;
}

}  // namespace weir::app
