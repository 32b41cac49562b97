#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
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
#include "app/pid_file.h"
#include "app/privileges.h"
#include "app/service_manager.h"
#include "app/shared.h"
#include "app/sockets.h"
#include "app/units.h"
#include "app/worker.h"
#include "base/log.h"

namespace weir::app {
namespace {

constexpr Duration kTicketsEvery = std::chrono::hours(1);

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

// What of each worker rises as its loop turns.
std::vector<std::uint64_t> turns(const Shared& shared) {
  std::vector<std::uint64_t> out;
  for (const auto& stats : shared.stats) out.push_back(stats->seen.get());
  return out;
}

void reload(ServiceManager& manager, ErrorLog& errors, Shared& shared) {
  manager.reloading(std::chrono::steady_clock::now());
  reopen(errors, shared);
  manager.ready();
}

timespec wait_of(Duration d) {
  const auto seconds = std::chrono::floor<Seconds>(d);
  return {.tv_sec = seconds.count(), .tv_nsec = (d - seconds).count()};
}

// Until SIGTERM or SIGINT; meanwhile SIGHUP, new keys for tickets each hour, and the manager's
// watchdog.
int serve(ServiceManager& manager, ErrorLog& errors, Shared& shared) {
  const sigset_t awaited = signals_of({SIGTERM, SIGINT, SIGHUP});
  const timespec wait = wait_of(std::min(manager.feed_every(), kTicketsEvery));
  TimePoint next_tickets = after(std::chrono::steady_clock::now(), kTicketsEvery);
  while (true) {
    const int signal = sigtimedwait(&awaited, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) return signal;
    if (signal == SIGHUP) reload(manager, errors, shared);
    if (manager.feed_every() != kForever) manager.feed(turns(shared));
    const TimePoint now = std::chrono::steady_clock::now();
    if (now < next_tickets) continue;
    rotate_tickets(shared.listens);
    next_tickets = after(now, kTicketsEvery);
  }
}

void drain(const Config& config, std::vector<std::unique_ptr<Worker>>& workers) {
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
  ServiceManager manager = ServiceManager::from_environment();
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
  Sockets sockets(manager.take_sockets());
  PidFile pid_file;
  why = sockets.open(config, shared->front.socket, count);
  if (why.empty()) why = open_admin(sockets, loaded);
  if (why.empty()) why = open_logs(config, *shared);
  if (why.empty()) why = load_certificates(config, shared->listens, shared->origins);
  if (why.empty()) why = pid_file.write(config.server.pid_file);
  if (why.empty()) why = become_user(config);
  if (why.empty()) why = shared->open_shelf();
  if (!why.empty()) return complain(why);
  shared->addresses = sockets.addresses();
  shared->config_page = config_page(loaded);
  for (const std::string& address : sockets.addresses()) {
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
    if (const int fd = sockets.take_admin(); fd >= 0) workers.front()->serve_admin(fd);
    for (auto& worker : workers) worker->start();
    log_info("serving workers={} memory={}", count, config.storage.memory);
    manager.ready();
    const int signal = serve(manager, **error_log, *shared);
    manager.stopping();
    log_info("draining signal={}", signal);
    drain(config, workers);
  }
  log_info("ended");
  return 0;
}

}  // namespace weir::app
