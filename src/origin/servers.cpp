#include "origin/servers.h"

namespace weir::origin {
namespace {

constexpr Duration kTellEvery = std::chrono::minutes(1);

}  // namespace

std::string Settings::tls_name_of(const Server& server) const {
  if (!tls_name.empty()) return tls_name;
  if (host.empty()) return server.address.host;
  const auto parts = net::split_host_port(host);
  return parts ? parts->host : host;
}

bool Servers::may_tell_of_tls(TimePoint now) {
  TimePoint told = told_of_tls_.load(std::memory_order_relaxed);
  const bool silent = told == TimePoint::min() || now - told >= kTellEvery;
  return silent && told_of_tls_.compare_exchange_strong(told, now, std::memory_order_relaxed);
}

}  // namespace weir::origin
