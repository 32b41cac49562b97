#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <new>
#include <thread>

#include "app/admin_socket.h"
#include "app/certificates.h"
#include "app/config_page.h"
#include "app/descriptors.h"
#include "app/error_log.h"
#include "app/machine.h"
#include "app/privileges.h"
#include "app/shared.h"
#include "app/units.h"
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

sigset_t signals_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

// The logs that are files.
std::vector<std::string> log_files(const Config& config) {
  std::vector<std::string> files;
  for (const std::string& target : {config.log.access, config.log.error, config.delivery.record}) {
    const bool file =
        !target.empty() && target != "off" && target != "stdout" && target != "stderr";
    if (file) files.push_back(target);
  }
  return files;
}

// Listening sockets: one for each [[listen]] and worker, told apart by SO_REUSEPORT; and one for
// the admin address.
struct Sockets {
  std::vector<std::vector<int>> of_worker;
  std::vector<std::string> addresses;  // of the listens, with their real ports
  AdminSocket admin;

  ~Sockets() {
    for (const auto& fds : of_worker) {
      for (const int fd : fds) ::close(fd);
    }
  }
  // Empty, or what went wrong.
  std::string open(const Config& config, std::uint32_t workers);
  std::string open_admin(const Server& server);
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
  }
  return {};
}

std::string Sockets::open_admin(const Server& server) {
  auto socket = AdminSocket::open(server);
  if (!socket) return socket.error();
  admin = std::move(*socket);
  if (!admin.text().empty()) fmt::print(stderr, "weir: admin on {}\n", admin.text());
  return {};
}

// Several Weirs on a machine need not be told about the admin address: the first has it.
std::string open_admin(Sockets& sockets, const LoadedConfig& loaded) {
  const std::string why = sockets.open_admin(loaded.config.server);
  if (why.empty() || loaded.places.contains("server.admin")) return why;
  complain(why + "; going on without");
  return {};
}

// Opens the logs that are files again, after they were renamed, and reads the certificates again.
void reopen(ErrorLog& errors, Shared& shared) {
  log_info("reopening logs and certificates");
  const std::string why = load_certificates(shared.config, shared.listens, shared.origins);
  if (!why.empty()) log_error("certificates=unchanged error=\"{}\"", why);
  for (LineLog* log : {shared.access_log.get(), shared.sample_log.get()}) {
    if (log) log->reopen();
  }
  errors.reopen();
}

void wait_for_end(const Config& config, ErrorLog& errors, Shared& shared,
                  std::vector<std::unique_ptr<Worker>>& workers) {
  const sigset_t awaited = signals_of({SIGTERM, SIGINT, SIGHUP});
  const timespec hour{.tv_sec = 3600, .tv_nsec = 0};
  int signal = 0;
  while (signal != SIGTERM && signal != SIGINT) {
    signal = sigtimedwait(&awaited, nullptr, &hour);
    if (signal == SIGHUP) reopen(errors, shared);
    if (signal < 0 && errno == EAGAIN) rotate_tickets(shared.listens);
  }
  log_info("draining signal={}", signal);
  for (auto& worker : workers) worker->drain(config.server.drain_timeout);
  // A second signal ends at once: restore the default action for it. SIGHUP never does.
  const sigset_t ending = signals_of({SIGTERM, SIGINT});
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  for (auto& worker : workers) worker->join();
}

// Null, with what went wrong in `why`: storage that the machine does not have.
std::unique_ptr<Shared> make_shared_parts(const Config& config, std::uint32_t workers,
                                          std::string& why) {
  const std::uint64_t memory = machine_memory();
  if (memory != 0 && config.storage.memory > memory) {
    why = fmt::format("storage.memory = {}: there are {} of memory",
                      format_quantity(config.storage.memory, kByteUnits),
                      format_quantity(memory, kByteUnits));
    return nullptr;
  }
  try {
    return std::make_unique<Shared>(config, workers);
  } catch (const std::bad_alloc&) {
    why = fmt::format("storage.memory = {}: no memory for its index",
                      format_quantity(config.storage.memory, kByteUnits));
    return nullptr;
  }
}

// Empty, or what went wrong.
std::string open_logs(const Config& config, Shared& shared) {
  auto access_log = open_access_log(config.log);
  if (!access_log) {
    return fmt::format("cannot open {}: {}", config.log.access, describe(access_log.error()));
  }
  shared.access_log = std::move(*access_log);
  auto sample_log = open_sample_log(config.delivery.record);
  if (!sample_log) {
    return fmt::format("cannot open {}: {}", config.delivery.record, describe(sample_log.error()));
  }
  shared.sample_log = std::move(*sample_log);
  return {};
}

std::string become_user(const Config& config) {
  const std::vector<std::string> files = log_files(config);
  std::string why = drop_privileges(config.server.user, files);
  if (!why.empty()) return why;
  for (const std::string& file : not_reopenable(files)) {
    log_warn("log={} directory is not writable: SIGHUP cannot begin a new file here", file);
  }
  return {};
}

}  // namespace

int run_server(const LoadedConfig& loaded) {
  const Config& given = loaded.config;
  ::signal(SIGPIPE, SIG_IGN);
  // Before any thread: only sigwait takes them.
  const sigset_t awaited = signals_of({SIGTERM, SIGINT, SIGHUP});
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);

  auto error_log = ErrorLog::open(given.log);
  if (!error_log) {
    return complain(
        fmt::format("cannot open {}: {}", given.log.error, describe(error_log.error())));
  }
  const std::uint32_t count = worker_count(given);
  Config config = given;
  config.server.max_connections = affordable_connections(given, count, raise_descriptor_limit());

  std::string why;
  const std::unique_ptr<Shared> shared = make_shared_parts(config, count, why);
  if (!shared) return complain(why);
  Sockets sockets;
  why = sockets.open(config, count);
  if (why.empty()) why = open_admin(sockets, loaded);
  if (why.empty()) why = open_logs(config, *shared);
  if (why.empty()) why = load_certificates(config, shared->listens, shared->origins);
  if (why.empty()) why = become_user(config);
  if (why.empty()) why = shared->open_shelf();
  if (!why.empty()) return complain(why);
  shared->addresses = sockets.addresses;
  shared->config_page = config_page(loaded);
  for (const std::string& address : sockets.addresses) {
    fmt::print(stderr, "weir: listening on {}\n", address);
  }

  for (LineLog* log : {shared->access_log.get(), shared->sample_log.get()}) {
    if (log) log->start();
  }
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::uint32_t i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>(*shared, i, sockets.take(i)));
    }
    if (const int fd = sockets.admin.take(); fd >= 0) workers.front()->serve_admin(fd);
    for (auto& worker : workers) worker->start();
    log_info("serving workers={} memory={}", count, config.storage.memory);
    wait_for_end(config, **error_log, *shared, workers);
  }
  log_info("ended");
  return 0;
}

}  // namespace weir::app
