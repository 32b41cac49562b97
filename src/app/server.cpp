#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
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
#include "app/descriptors.h"
#include "app/error_log.h"
#include "app/log_target.h"
#include "app/machine.h"
#include "app/pid_file.h"
#include "app/privileges.h"
#include "app/reloader.h"
#include "app/restriction.h"
#include "app/service_manager.h"
#include "app/shared.h"
#include "app/sockets.h"
#include "app/units.h"
#include "app/upgrade.h"
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
    if (is_log_file(target)) files.push_back(target);
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

// What of each worker rises as its loop turns.
std::vector<std::uint64_t> turns(const Shared& shared) {
  std::vector<std::uint64_t> out;
  for (const auto& stats : shared.stats) out.push_back(stats->seen.get());
  return out;
}

timespec wait_of(Duration d) {
  const auto seconds = std::chrono::floor<Seconds>(d);
  return {.tv_sec = seconds.count(), .tv_nsec = (d - seconds).count()};
}

// Until SIGTERM or SIGINT, or another Weir has taken over; meanwhile SIGHUP, new keys for tickets
// each hour, and the manager's watchdog.
int serve(ServiceManager& manager, Reloader& reloader, const HandingOver& next, Shared& shared) {
  const sigset_t awaited = signals_of({SIGTERM, SIGINT, SIGHUP, SIGUSR2});
  const timespec wait = wait_of(std::min(manager.feed_every(), kTicketsEvery));
  TimePoint next_tickets = after(std::chrono::steady_clock::now(), kTicketsEvery);
  while (true) {
    const int signal = sigtimedwait(&awaited, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT || next.handed_over()) return signal;
    if (signal == SIGHUP) {
      manager.reloading(std::chrono::steady_clock::now());
      reloader.reload();
      manager.ready();
    }
    reloader.sweep();
    if (manager.feed_every() != kForever) manager.feed(turns(shared));
    const TimePoint now = std::chrono::steady_clock::now();
    if (now < next_tickets) continue;
    rotate_tickets(*shared.setup());
    next_tickets = after(now, kTicketsEvery);
  }
}

void drain(const Shared& shared, std::vector<std::unique_ptr<Worker>>& workers, bool handed_over) {
  const Duration patience = shared.setup()->config().server.drain_timeout;
  for (auto& worker : workers) handed_over ? worker->retire(patience) : worker->drain(patience);
  // A second signal ends at once: the default action. SIGHUP never does. Who has handed over drains
  // without one, so its first says nothing new.
  const sigset_t ending = signals_of({SIGTERM, SIGINT});
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  if (handed_over) {
    action.sa_handler = [](int) {};
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  }
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  for (auto& worker : workers) worker->join();
}

struct Reloads {
  ErrorLog& errors;
  std::uint64_t descriptors;
};

// Null, with what went wrong in `why`: storage that the machine does not have.
std::unique_ptr<Shared> make_shared_parts(std::shared_ptr<const Setup> setup, std::uint32_t workers,
                                          std::string& why) {
  const std::uint64_t wanted = setup->config().storage.memory;
  const std::uint64_t memory = machine_memory();
  if (memory != 0 && wanted > memory) {
    why = fmt::format("storage.memory = {}: there are {} of memory",
                      format_quantity(wanted, kByteUnits), format_quantity(memory, kByteUnits));
    return nullptr;
  }
  try {
    return std::make_unique<Shared>(std::move(setup), workers);
  } catch (const std::bad_alloc&) {
    why = fmt::format("storage.memory = {}: no memory for its index",
                      format_quantity(wanted, kByteUnits));
    return nullptr;
  }
}

// Empty, or what went wrong.
std::string open_logs(Setup& setup, Shared& shared, bool taking_over) {
  const Config& config = setup.config();
  auto access_log = open_access_log(config.log);
  if (!access_log) {
    return fmt::format("cannot open {}: {}", config.log.access, describe(access_log.error()));
  }
  setup.access_log = std::move(*access_log);
  if (config.delivery.record.empty() || taking_over) return {};
  if (const auto begun = shared.recorder.begin(); !begun) {
    return fmt::format("cannot open {}: {}", config.delivery.record, describe(begun.error()));
  }
  return {};
}

// The user that stays, with the least that it can do. Before threads: each has privileges of its
// own.
std::string give_up_privileges(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  const std::vector<std::string> files = log_files(config);
  std::string why = drop_privileges(config.server.user, files, wants_low_ports(config));
  if (!why.empty()) return why;
  const auto left = restrict_process(loaded);
  if (!left) return left.error();
  log_info("privileges uid={} {}", ::geteuid(), *left);
  for (const std::string& file : not_reopenable(files)) {
    log_warn("log={} uid={} cannot open it again: SIGHUP cannot begin a new file here", file,
             ::geteuid());
  }
  if (!loaded.file.empty() && ::access(loaded.file.c_str(), R_OK) != 0) {
    log_warn("conf={} is not readable to user={}: a reload will fail", loaded.file,
             loaded.config.server.user);
  }
  return {};
}

// Until the end. Empty, or why it did not begin.
std::string serve_until_ended(ServiceManager& manager, Reloads with, Shared& shared,
                              Sockets& sockets, Upgrade& upgrade, PidFile& pid_file) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t i = 0; i < shared.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(shared, i, sockets.take(i)));
  }
  if (const int fd = sockets.take_admin(); fd >= 0) workers.front()->serve_admin(fd);
  if (std::string why = upgrade.take_the_word(shared); !why.empty()) return why;
  sockets.own_admin_file(shared.setup()->config().server);
  if (std::string why = pid_file.write(); !why.empty()) log_error("{}", why);
  // Two must not write to one recording.
  if (upgrade.from && !shared.setup()->config().delivery.record.empty())
    shared.recorder.order_on({});
  for (auto& worker : workers) worker->start();
  upgrade.next.start(shared, workers, manager.is_there());
  Reloader reloader(shared, with.errors, workers, with.descriptors);
  log_info("serving workers={} memory={}", shared.workers, shared.storage.memory);
  manager.ready();
  upgrade.tell_ready();
  const int signal = serve(manager, reloader, upgrade.next, shared);
  const bool handed_over = upgrade.next.handed_over();
  if (handed_over) sockets.leave_admin_file();
  if (handed_over && upgrade.next.pid_file_given()) pid_file.leave();
  shared.reloads.close();
  manager.stopping();
  log_info("draining signal={} handed_over={}", signal, handed_over);
  drain(shared, workers, handed_over);
  upgrade.stop();
  if (upgrade.next.handed_over()) sockets.leave_admin_file();  // perhaps only while it drained
  return {};
}

}  // namespace

int run_server(const LoadedConfig& loaded, const RunOptions& options) {
  const Config& config = loaded.config;
  ServiceManager manager = ServiceManager::from_environment();
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NAME, "weir");  // also where weir upgrade began it, by /proc/self/exe
  // Before any thread: only sigwait takes them.
  const sigset_t awaited = signals_of({SIGTERM, SIGINT, SIGHUP, SIGUSR2});
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);

  auto error_log = ErrorLog::open(config.log);
  if (!error_log) {
    return complain(
        fmt::format("cannot open {}: {}", config.log.error, describe(error_log.error())));
  }
  const std::uint32_t count = worker_count(config);
  const std::uint64_t descriptors = raise_descriptor_limit();
  const std::shared_ptr<Setup> setup = make_setup(loaded, count, descriptors, nullptr);
  Upgrade upgrade(options.ready_fd);  // outlives what it gives to the next Weir
  std::string why;
  const std::unique_ptr<Shared> shared = make_shared_parts(setup, count, why);
  if (shared && options.take_over) why = upgrade.begin(config, manager.is_there());
  if (!why.empty()) return complain(why);
  shared->error_log = error_log->get();
  Sockets sockets(manager.take_sockets(), upgrade.take_sockets());
  PidFile pid_file;
  why = sockets.open(config, setup->front.socket, count);
  if (why.empty()) why = open_admin(sockets, loaded);
  if (why.empty()) why = upgrade.open(config);
  if (why.empty()) why = open_logs(*setup, *shared, upgrade.from != nullptr);
  if (why.empty()) why = load_certificates(*setup);
  if (why.empty()) why = pid_file.open(config.server.pid_file);
  if (why.empty()) why = give_up_privileges(loaded);
  if (why.empty()) (*error_log)->start();
  if (why.empty()) upgrade.ask_for_memory();
  if (why.empty()) why = shared->open_shelf();
  if (!why.empty()) return complain(why);
  upgrade.read_memory(*shared);
  for (std::size_t i = 0; i < setup->listens.size(); ++i) {
    setup->listens[i].address = sockets.addresses()[i];
    fmt::print(stderr, "weir: listening on {}\n", sockets.addresses()[i]);
  }
  if (setup->access_log) setup->access_log->start();
  shared->recorder.start();
  why = serve_until_ended(manager, {**error_log, descriptors}, *shared, sockets, upgrade, pid_file);
  if (!why.empty()) return complain(why);
  log_info("ended");
  return 0;
}

}  // namespace weir::app
