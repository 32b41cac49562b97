#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "app/error_log.h"
#include "app/privileges.h"
#include "app/shared.h"
#include "app/worker.h"
#include "base/log.h"

namespace weir::app {
namespace {

constexpr int kAdminBacklog = 64;

// For what goes wrong before, or beside, the error log.
int complain(const std::string& text) {
  fmt::print(stderr, "weir: {}\n", text);
  return 1;
}

std::uint32_t worker_count(const Config& config) {
  if (config.server.workers != 0) return static_cast<std::uint32_t>(config.server.workers);
  return std::max(1u, std::thread::hardware_concurrency());
}

// A connection needs a descriptor, a fetch another: take what the hard limit gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

sigset_t end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

// Listening sockets: one for each [[listen]] and worker, told apart by SO_REUSEPORT; and one for
// the admin address.
struct Sockets {
  std::vector<std::vector<int>> of_worker;
  std::vector<std::string> addresses;  // of the listens, with their real ports
  int admin = -1;

  ~Sockets() {
    if (admin >= 0) ::close(admin);
    for (const auto& fds : of_worker) {
      for (const int fd : fds) ::close(fd);
    }
  }
  // Empty, or what went wrong.
  std::string open(const Config& config, std::uint32_t workers);
  std::string open_admin(const std::string& at);
  std::vector<int> take(std::uint32_t worker) { return std::exchange(of_worker[worker], {}); }
};

std::string Sockets::open(const Config& config, std::uint32_t workers) {
  of_worker.resize(workers);
  for (const Listen& listen : config.listens) {
    auto address = net::parse_address(listen.address);
    if (!address) return fmt::format("cannot listen on {}: not an address", listen.address);
    // SO_REUSEPORT would let a second Weir of the same user share the port unnoticed: ask first.
    if (const auto taken = net::Listener::probe(*address); !taken) {
      return fmt::format("cannot listen on {}: {}", listen.address,
                         std::strerror(taken.error().sys));
    }
    for (std::uint32_t i = 0; i < workers; ++i) {
      const auto fd = net::Listener::open_socket(*address, static_cast<int>(listen.backlog));
      if (!fd) {
        return fmt::format("cannot listen on {}: {}", listen.address,
                           std::strerror(fd.error().sys));
      }
      of_worker[i].push_back(*fd);
      *address = net::local_address(*fd);  // port 0: all workers share the one that was given
    }
    addresses.push_back(address->text());
    fmt::print(stderr, "weir: listening on {}\n", address->text());
  }
  return {};
}

std::string Sockets::open_admin(const std::string& at) {
  const auto address = net::parse_address(at);
  if (!address) return {};  // "off"
  const auto failed = [&](Error why) {
    return fmt::format("cannot listen on {} (server.admin): {}", at, std::strerror(why.sys));
  };
  if (const auto taken = net::Listener::probe(*address); !taken) return failed(taken.error());
  const auto fd = net::Listener::open_socket(*address, kAdminBacklog);
  if (!fd) return failed(fd.error());
  admin = *fd;
  fmt::print(stderr, "weir: admin on {}\n", net::local_address(admin).text());
  return {};
}

void wait_for_end(const Config& config, std::vector<std::unique_ptr<Worker>>& workers) {
  const sigset_t signals = end_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  log_info("draining signal={}", signal);
  for (auto& worker : workers) worker->drain(config.server.drain_timeout);
  // A second signal ends at once: restore the default action for it.
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  for (auto& worker : workers) worker->join();
}

}  // namespace

int run_server(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = end_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: only sigwait takes them
  raise_descriptor_limit();

  Sockets sockets;
  const std::uint32_t count = worker_count(config);
  if (const std::string why = sockets.open(config, count); !why.empty()) return complain(why);
  // Several Weirs on a machine need not be told about the admin address: the first has it.
  if (const std::string why = sockets.open_admin(config.server.admin); !why.empty()) {
    if (loaded.places.contains("server.admin")) return complain(why);
    complain(why + "; going on without");
  }
  auto error_log = ErrorLog::open(config.log);
  if (!error_log)
    return complain(
        fmt::format("cannot open {}: {}", config.log.error, describe(error_log.error())));
  Shared shared(config, count);
  auto access_log = AccessLog::open(config.log);
  if (!access_log)
    return complain(
        fmt::format("cannot open {}: {}", config.log.access, describe(access_log.error())));
  shared.access_log = std::move(*access_log);
  shared.addresses = sockets.addresses;
  if (const std::string why = drop_privileges(config.server.user); !why.empty())
    return complain(why);

  if (shared.access_log) shared.access_log->start();
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::uint32_t i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>(shared, i, sockets.take(i)));
    }
    if (sockets.admin >= 0) workers.front()->serve_admin(std::exchange(sockets.admin, -1));
    for (auto& worker : workers) worker->start();
    log_info("serving workers={} memory={}", count, config.storage.memory);
    wait_for_end(config, workers);
  }
  log_info("ended");
  return 0;
}

}  // namespace weir::app
