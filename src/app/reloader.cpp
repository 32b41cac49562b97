#include "app/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "app/certificates.h"
#include "app/conf_diff.h"
#include "app/config_check.h"
#include "app/log_output.h"
#include "app/log_target.h"
#include "app/sockets.h"
#include "base/log.h"
#include "base/log_level.h"
#include "base/quoted.h"

namespace weir::app {
namespace {

constexpr Duration kWorkersPatience = std::chrono::seconds(5);
constexpr Duration kLook = std::chrono::milliseconds(1);

// What a conf is with values that were kept until a restart may be wrong where neither that file
// nor the one before is: an admin address for everybody, without the token. Empty, or what is
// wrong.
std::string check_kept(const LoadedConfig& merged) {
  Findings found;
  check_config(merged.config, merged.places, found);
  std::string out;
  for (const ConfMessage& error : found.errors)
    out += fmt::format("{}:{}: {}\n", merged.file, error.at.line, error.text);
  if (out.empty()) return out;
  return out + fmt::format("with what keeps its value until a restart: {}\n",
                           fmt::join(merged.kept, ", "));
}

}  // namespace

// What becomes the Setup in force, if nothing goes wrong until then.
struct Reloader::Next {
  std::shared_ptr<Setup> setup;
  std::vector<std::vector<WorkerSocket>> sockets;  // by worker, of new [[listen]]s
  bool new_log = false;

  ~Next() {
    for (const auto& of_worker : sockets) {
      for (const WorkerSocket& socket : of_worker) ::close(socket.fd);
    }
  }
};

void Reloader::reload() {
  shared_.reloads.begin();
  ReloadOutcome outcome = change();
  if (!outcome.error.empty()) {
    log_error("reload=failed conf=unchanged error={}", quoted(outcome.error));
  } else {
    log_info("reload=done changes={} after_restart={}", outcome.changes.size(),
             outcome.kept.size());
  }
  // In single quotes: values have double ones.
  for (const std::string& change : outcome.changes) log_info("reload changed='{}'", change);
  for (const std::string& kept : outcome.kept) log_warn("reload needs_restart='{}'", kept);
  outcome.logs = reopen_logs();
  for (const std::string& log : outcome.logs) log_error("reload log_failed='{}'", log);
  shared_.reloads.finish(std::move(outcome));
}

// The threads that write them open them when they come to it: whether that goes wrong is found out
// here, for whoever waits for the outcome.
std::vector<std::string> Reloader::reopen_logs() {
  const std::shared_ptr<const Setup> setup = shared_.setup();
  const Config& config = setup->config();
  std::vector<std::string> failed;
  const auto look = [&](const std::string& path, const Result<void>& probed) {
    if (!probed) failed.push_back(fmt::format("{}: {}", path, describe(probed.error())));
  };
  for (const std::string& target : {config.log.access, config.log.error}) {
    if (is_log_file(target)) look(target, LogOutput::probe(target));
  }
  look(shared_.recorder.plan().path, shared_.recorder.probe());
  if (setup->access_log) setup->access_log->reopen();
  shared_.recorder.reopen();
  errors_.reopen();
  return failed;
}

ReloadOutcome Reloader::change() {
  const std::shared_ptr<const Setup> now = shared_.setup();
  if (shared_.purge_gate.state(proxy::PurgeGate::Peer::kAfter) != proxy::PurgeGate::State::kNone)
    return {.error = "another Weir is taking over", .changes = {}, .kept = {}};
  LoadedConfig loaded = now->loaded;
  if (!loaded.file.empty()) {
    auto read = load_config(loaded.file);
    if (!read) return {.error = read.error(), .changes = {}, .kept = {}};
    loaded = std::move(*read);
  }
  ReloadOutcome out;
  for (const ConfChange& change : conf_diff(now->loaded, loaded)) {
    (change.restart ? out.kept : out.changes).push_back(change.text());
  }
  keep_until_restart(loaded, now->config());
  if (std::string why = check_kept(loaded); !why.empty())
    return {.error = std::move(why), .changes = {}, .kept = {}};
  Next next{.setup = make_setup(std::move(loaded), shared_.workers, descriptors_, now.get()),
            .sockets = {}};
  if (std::string why = prepare(next); !why.empty())
    return {.error = std::move(why), .changes = {}, .kept = {}};
  put_in_force(next);
  return out;
}

// Certificates come last: what stays of the listeners has them from then on.
std::string Reloader::prepare(Next& next) {
  std::string why = open_listeners(next);
  if (why.empty()) why = open_log(next);
  if (why.empty()) why = load_certificates(*next.setup);
  return why;
}

std::string Reloader::open_listeners(Next& next) {
  next.sockets.resize(shared_.workers);
  auto& listens = next.setup->listens;
  for (std::size_t i = 0; i < listens.size(); ++i) {
    if (!listens[i].address.empty()) continue;  // it is open already
    const auto opened = open_listen(listens[i].conf, next.setup->front.socket, shared_.workers);
    if (!opened) return opened.error();
    listens[i].address = opened->address;
    for (std::size_t n = 0; n < opened->sockets.size(); ++n)
      next.sockets[n % shared_.workers].push_back({i, opened->sockets[n]});
  }
  return {};
}

std::string Reloader::open_log(Next& next) {
  const LogConf& log = next.setup->config().log;
  if (log.access == shared_.setup()->config().log.access) return {};
  auto opened = open_access_log(log);
  if (!opened) return fmt::format("cannot open {}: {}", log.access, describe(opened.error()));
  next.setup->access_log = std::move(*opened);
  next.new_log = true;
  return {};
}

void Reloader::put_in_force(Next& next) {
  if (next.new_log && next.setup->access_log) next.setup->access_log->start();
  const LogLevel level = next.setup->config().log.level;
  if (level != shared_.setup()->config().log.level) set_log_level(level);
  shared_.recorder.set_settings(next.setup->front.delivery);
  shared_.connections.set_per_client(next.setup->front.max_connections_per_client);
  old_ones_.push_back(shared_.setup());
  shared_.set_setup(next.setup);
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->change({next.setup, std::exchange(next.sockets[i], {})});
  ++changes_;
  wait_for_workers();
  sweep();
}

// So that it holds when somebody is told so, and what is closed is closed before it is opened anew.
void Reloader::wait_for_workers() const {
  const auto taken = [this](const auto& worker) { return worker->changes_taken() == changes_; };
  for (Duration waited{0}; waited < kWorkersPatience; waited += kLook) {
    if (std::ranges::all_of(workers_, taken)) return;
    std::this_thread::sleep_for(kLook);
  }
  log_warn("reload: a worker is busy and takes it later");
}

void Reloader::sweep() {
  std::erase_if(old_ones_, [](const auto& setup) { return setup.use_count() == 1; });
}

}  // namespace weir::app
