#include "app/capabilities.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace weir::app {
namespace {

constexpr unsigned kLowPorts = CAP_NET_BIND_SERVICE;

struct Sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct half[2] = {};

  bool read() { return ::syscall(SYS_capget, &header, half) == 0; }
  bool write() { return ::syscall(SYS_capset, &header, half) == 0; }
};

// From the set that bounds what a program with file capabilities could get. Only who may change it
// has it to give; no_new_privs makes it idle for all others.
void shrink_bounds(bool low_ports) {
  for (unsigned long c = 0; ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) {
    if (!(low_ports && c == kLowPorts)) ::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
  }
}

}  // namespace

KeptCapabilities::KeptCapabilities() { ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); }
KeptCapabilities::~KeptCapabilities() { ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0); }

std::string reduce_capabilities(bool low_ports) {
  Sets had;
  if (!had.read()) return fmt::format("capabilities: {}", std::strerror(errno));
  Sets all = had;  // a change of user has left them permitted and not in effect
  for (__user_cap_data_struct& half : all.half) half.effective = half.permitted;
  static_cast<void>(all.write());
  shrink_bounds(low_ports);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  Sets left;
  const std::uint32_t kept = low_ports ? had.half[0].permitted & (1u << kLowPorts) : 0;
  left.half[0].permitted = left.half[0].effective = kept;
  if (!left.write()) return fmt::format("capabilities: {}", std::strerror(errno));
  return {};
}

std::string forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return {};
  return fmt::format("no_new_privs: {}", std::strerror(errno));
}

std::string capabilities_text() {
  Sets now;
  if (!now.read()) return "unknown";
  const std::uint64_t all = std::uint64_t{now.half[1].permitted} << 32 | now.half[0].permitted;
  if (all == 0) return "none";
  return all == 1u << kLowPorts ? "net_bind_service" : fmt::format("{:#x}", all);
}

}  // namespace weir::app
