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

// Listening sockets: one for each [[listen]] and worker, told apart by SO_REUSEPORT.
struct Sockets {
  std::vector<std::vector<int>> of_worker;

  ~Sockets() {
    for (const auto& fds : of_worker) {
      for (const int fd : fds) ::close(fd);
    }
  }
  // Empty, or what went wrong.
  std::string open(const Config& config, std::uint32_t workers);
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
    fmt::print(stderr, "weir: listening on {}\n", address->text());
  }
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

int run_server(const Config& config) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = end_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: only sigwait takes them
  raise_descriptor_limit();

  Sockets sockets;
  const std::uint32_t count = worker_count(config);
  if (const std::string why = sockets.open(config, count); !why.empty()) return complain(why);
  auto error_log = ErrorLog::open(config.log);
  if (!error_log)
    return complain(
        fmt::format("cannot open {}: {}", config.log.error, describe(error_log.error())));
  Shared shared(config, count);
  auto access_log = open_access_log(config.log);
  if (!access_log)
    return complain(
        fmt::format("cannot open {}: {}", config.log.access, describe(access_log.error())));
  shared.access_log = std::move(*access_log);
  auto sample_log = open_sample_log(config.delivery.record);
  if (!sample_log)
    return complain(
        fmt::format("cannot open {}: {}", config.delivery.record, describe(sample_log.error())));
  shared.sample_log = std::move(*sample_log);
  if (const std::string why = drop_privileges(config.server.user); !why.empty())
    return complain(why);

  for (LineLog* log : {shared.access_log.get(), shared.sample_log.get()}) {
    if (log) log->start();
  }
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::uint32_t i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>(shared, i, sockets.take(i)));
    }
    for (auto& worker : workers) worker->start();
    log_info("serving workers={} memory={}", count, config.storage.memory);
    wait_for_end(config, workers);
  }
  log_info("ended");
  return 0;
}

}  // namespace weir::app
