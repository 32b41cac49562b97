#include "app/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace weir::app {
namespace {

// Of cgroup v2 the line is "0::/path".
std::string own_cgroup() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

std::uint64_t least(std::uint64_t a, std::uint64_t b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

std::uint64_t cgroup_memory(const std::string& root, std::string group) {
  std::uint64_t limit = 0;
  while (true) {
    std::uint64_t bytes = 0;  // stays 0 for "max" and where there is no such file
    std::ifstream(root + group + "/memory.max") >> bytes;
    limit = least(limit, bytes);
    if (group.empty() || group == "/") return limit;
    group.resize(group.rfind('/'));
  }
}

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  const auto physical = pages > 0 && page > 0
                            ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
                            : 0;
  return least(physical, cgroup_memory("/sys/fs/cgroup", own_cgroup()));
}

}  // namespace weir::app
