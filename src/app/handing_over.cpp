#include "app/handing_over.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/files_of.h"
#include "app/handover.h"
#include "app/purge_relay.h"
#include "base/log.h"
#include "base/quoted.h"
#include "cache/snapshot.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr int kBacklog = 4;
constexpr Duration kPurgesPatience = 10s;  // for those under way to be carried out
constexpr Duration kRest = 100ms;          // where there are no descriptors

void close_all(const std::vector<int>& fds) {
  for (const int fd : fds) ::close(fd);
}

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

HandingOver::~HandingOver() {
  stop();
  if (listener_ >= 0) ::close(listener_);
}

std::string HandingOver::open(const Config& config, int inherited) {
  listener_ = inherited;
  const auto address = net::parse_unix_address(config.server.handover);
  if (!address) return {};
  const auto failed = [&](int why) {
    return fmt::format("cannot listen on {} (server.handover): {}", config.server.handover,
                       std::strerror(why));
  };
  if (inherited >= 0) return {};
  const FilesOf group(config.server.user);
  auto listener = net::UnixListener::open(*address, kBacklog, net::UnixKind::kMessages);
  if (!listener) return failed(listener.error().sys);
  file_ = std::move(*listener);
  listener_ = file_.take();
  return {};
}

void HandingOver::own_file(const Config& config) {
  if (const auto address = net::parse_unix_address(config.server.handover))
    file_ = net::UnixListener::of(*address);
}

void HandingOver::start(Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers,
                        bool managed) {
  managed_ = managed;
  shared_ = &shared;
  workers_ = &workers;
  if (listener_ >= 0) thread_ = std::thread([this] { run(); });
}

void HandingOver::stop() {
  if (!thread_.joinable()) return;
  stop_.wake();
  thread_.join();
}

void HandingOver::run() {
  while (!over_ && wait_for(listener_, kForever)) {
    auto come = net::FdChannel::accept(listener_);
    if (!come) {
      if (come.error().sys != EAGAIN && !wait_for(-1, kRest)) break;
      continue;
    }
    auto channel = std::make_unique<net::FdChannel>(std::move(*come));
    const auto user = channel->peer_user();
    if (!user || (*user != 0 && *user != ::geteuid())) {
      log_error("handover refused user={}", user ? static_cast<int>(*user) : -1);
      continue;
    }
    serve(*channel);
    if (over_) successor_ = std::move(channel);
  }
  if (over_) PurgeRelay(*shared_, *successor_, PurgeRelay::Peer::kAfter).run(stop_);
}

// False: we are to stop. `fd`: something has come there, too; -1: for so long.
bool HandingOver::wait_for(int fd, Duration patience) const {
  return stop_.wait(fd, patience) != net::WakeUp::Why::kWoken;
}

void HandingOver::serve(net::FdChannel& channel) {
  log_info("handover begins");
  const TimePoint deadline = after(clock_now(), handover::kReadingPatience);
  while (!over_ && clock_now() < deadline && wait_for(channel.fd(), handover::kReadingPatience)) {
    const auto question = channel.receive(Duration{0});
    if (!question && question.error().sys == ETIMEDOUT) continue;
    if (question) close_all(question->fds);
    if (!question || question->text.empty() || !answer(channel, question->text)) break;
  }
  if (!over_) give_up();
}

// The new one was nothing: all goes on as before.
void HandingOver::give_up() {
  log_warn("handover given up: the new Weir did not come to serve");
  shared_->store.thaw();
  shared_->purge_gate.gone(PurgeRelay::Peer::kAfter);
  if (!disks_given_) return;
  log_error("handover: the disks were let go, and are begun anew at the next start");
  shared_->disks->disown();
}

bool HandingOver::answer(net::FdChannel& channel, const std::string& question) {
  const std::string asked = handover::text_of(question, "ask");
  if (asked == "sockets") return give_sockets(channel, question);
  if (asked == "memory") return give_memory(channel);
  if (asked == "disks") return give_disks(channel);
  if (!handover::has(question, "ready")) return false;
  pid_file_given_ =
      handover::text_of(question, "pid_file") == shared_->setup()->config().server.pid_file;
  return let_go(channel);
}

bool HandingOver::give_sockets(net::FdChannel& channel, const std::string& question) {
  const auto json = Json::parse(question, nullptr, false);
  const auto refuse = [&](std::string_view why) {
    const auto sent = channel.send(Json{{"refused", why}}.dump(), {}, handover::kPatience);
    log_warn("handover refused why={} told={}", quoted(why), sent.has_value());
    return false;
  };
  if (!json.contains("protocol") || json["protocol"] != handover::kProtocol)
    return refuse("the running Weir speaks another protocol");
  if (managed_ && json.value("managed", false) == false)
    return refuse(
        "a service manager watches the running Weir and would not know of the new one: "
        "begin it as a service, too (systemd: weir@a and weir@b)");
  if (shared_->draining.load()) return refuse("the running Weir is about to end");
  return give_listeners(channel) &&
         channel.send(Json{{"end", "sockets"}}.dump(), {}, handover::kPatience);
}

bool HandingOver::give_listeners(net::FdChannel& channel) {
  std::map<std::string, std::vector<int>> by_address;
  for (const auto& worker : *workers_) {
    for (const auto& [address, fd] : worker->copy_sockets()) by_address[address].push_back(fd);
  }
  bool given = true;
  for (const auto& [address, fds] : by_address) {
    for (std::size_t i = 0; given && i < fds.size(); i += net::FdChannel::kFdsMost) {
      const std::size_t n = std::min(net::FdChannel::kFdsMost, fds.size() - i);
      given = channel
                  .send(Json{{"listen", address}}.dump(), std::span(fds).subspan(i, n),
                        handover::kPatience)
                  .has_value();
    }
    close_all(fds);
  }
  const Config& config = shared_->setup()->config();
  return given && give_one(channel, "admin", config.server.admin, shared_->admin_socket.load()) &&
         give_one(channel, "handover", config.server.handover, listener_) &&
         give_one(channel, "stdout", "", STDOUT_FILENO) &&
         give_one(channel, "stderr", "", STDERR_FILENO);
}

bool HandingOver::give_one(net::FdChannel& channel, const char* name, const std::string& address,
                           int fd) {
  if (fd < 0) return true;
  const int fds[] = {fd};
  return channel.send(Json{{name, address}}.dump(), fds, handover::kPatience).has_value();
}

// Purges that were begun before end first: the snapshot does not know of them.
std::string HandingOver::freeze() {
  shared_->purge_gate.note(PurgeRelay::Peer::kAfter);
  const TimePoint deadline = after(clock_now(), kPurgesPatience);
  while (!shared_->purge_gate.quiet()) {
    if (clock_now() >= deadline) return "purges are under way";
    if (!wait_for(-1, 10ms)) return "the running Weir is about to end";
  }
  if (!shared_->store.freeze()) return "its memory was taken over itself, a moment ago";
  return {};
}

bool HandingOver::give_memory(net::FdChannel& channel) {
  const auto cold = [&](std::string_view why) {
    log_warn("handover memory=cold why={}", quoted(why));
    return channel.send(Json{{"cold", why}}.dump(), {}, handover::kPatience).has_value();
  };
  const TimePoint begun = clock_now();
  if (const std::string why = freeze(); !why.empty()) return cold(why);
  const int file = cache::make_snapshot_file();
  if (file < 0) return cold("no memory for a snapshot");
  const cache::SnapshotSettings settings{
      .now = std::chrono::floor<Seconds>(std::chrono::system_clock::now())};
  const auto counts = cache::write_snapshot(shared_->index, shared_->store, settings, file);
  bool given = counts.has_value();
  const auto slabs = shared_->store.frozen_slabs();
  for (std::size_t i = 0; given && i < slabs.size(); i += net::FdChannel::kFdsMost) {
    std::vector<int> fds;
    const std::size_t end = std::min(slabs.size(), i + net::FdChannel::kFdsMost);
    for (std::size_t n = i; n < end; ++n) fds.push_back(slabs[n].fd);
    given = channel.send(Json{{"slabs", fds.size()}}.dump(), fds, handover::kPatience).has_value();
  }
  if (given) {
    const int fds[] = {file};
    given = channel.send(Json{{"snapshot", counts->objects}}.dump(), fds, handover::kPatience)
                .has_value();
  }
  ::close(file);
  if (!counts) return cold(describe(counts.error()));
  const auto took = std::chrono::floor<std::chrono::milliseconds>(clock_now() - begun);
  log_info("handover memory objects={} left_out={} slab_bytes={} copied_bytes={} took_ms={}",
           counts->objects, counts->left_out, counts->slab_bytes, counts->copied_bytes,
           took.count());
  return given;
}

bool HandingOver::give_disks(net::FdChannel& channel) {
  if (shared_->purges) shared_->purges->stop();
  if (shared_->disks) shared_->disks->let_go();
  disks_given_ = shared_->disks != nullptr;
  return channel.send(Json{{"end", "disks"}}.dump(), {}, handover::kPatience).has_value();
}

// From here on the new one serves, and may write into the slabs once we have ended. What was purged
// since the snapshot it hears of before it serves.
bool HandingOver::let_go(net::FdChannel& channel) {
  const auto purged = shared_->purge_gate.hear(PurgeRelay::Peer::kAfter);
  if (!purged) {
    log_warn("handover: more was purged meanwhile than can be told");
    return false;
  }
  if (!PurgeRelay(*shared_, channel, PurgeRelay::Peer::kAfter).tell(*purged)) return false;
  if (!channel.send(Json{{"over", true}}.dump(), {}, handover::kPatience)) return false;
  over_ = true;
  file_.leave_file();
  shared_->recorder.order_off();
  log_info("handover done: the new Weir serves");
  ::pthread_kill(main_, SIGUSR2);
  return true;
}

}  // namespace weir::app
