#include "app/service_manager.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "app/units.h"
#include "base/log.h"
#include "base/quoted.h"
#include "net/notify.h"

namespace weir::app {
namespace {

constexpr int kFirstSocket = 3;  // sd_listen_fds(3)
constexpr std::uint64_t kSocketsMost = 1024;

// The value of a variable, which is gone then.
std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string out = value ? value : "";
  ::unsetenv(name);
  return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  if (!parse_digits(text, out)) return {};
  return out;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager out;
  out.path_ = take_variable("NOTIFY_SOCKET");
  const auto us = number(take_variable("WATCHDOG_USEC"));
  const std::string watched = take_variable("WATCHDOG_PID");
  const auto own = static_cast<std::uint64_t>(::getpid());
  if (us && (watched.empty() || number(watched) == own)) {
    out.watchdog_ = std::chrono::microseconds(std::min<std::uint64_t>(*us, 86'400'000'000));
  }
  const auto owner = number(take_variable("LISTEN_PID"));
  const auto count = number(take_variable("LISTEN_FDS"));
  take_variable("LISTEN_FDNAMES");
  if (owner == own) {
    const std::uint64_t sockets = std::min(count.value_or(0), kSocketsMost);
    for (std::uint64_t i = 0; i < sockets; ++i)
      out.sockets_.push_back(kFirstSocket + static_cast<int>(i));
  }
  return out;
}

void ServiceManager::say(std::string_view state) const {
  if (path_.empty()) return;
  const Result<void> sent = net::notify(path_, state);
  if (!sent) log_warn("NOTIFY_SOCKET={} error={}", path_, quoted(describe(sent.error())));
}

void ServiceManager::ready() const { say("READY=1\nSTATUS=serving\n"); }
void ServiceManager::stopping() const { say("STOPPING=1\nSTATUS=draining\n"); }

void ServiceManager::reloading(TimePoint now) const {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", us.count()));
}

// Four times in the time that it waits: one that comes late is no reason to end Weir.
Duration ServiceManager::feed_every() const {
  if (path_.empty() || watchdog_ == Duration{0}) return kForever;
  return std::max<Duration>(watchdog_ / 4, std::chrono::milliseconds(10));
}

void ServiceManager::feed(const std::vector<std::uint64_t>& turns) {
  fed_.resize(turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i] == fed_[i]) return;
  }
  fed_ = turns;
  say("WATCHDOG=1\n");
}

}  // namespace weir::app
