#include "app/taking_over.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/handover.h"
#include "app/purge_relay.h"
#include "base/log.h"
#include "base/quoted.h"
#include "cache/snapshot.h"
#include "net/unix_socket.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;

void close_all(std::vector<int>& fds) {
  for (const int fd : fds) ::close(fd);
  fds.clear();
}

}  // namespace

std::expected<std::unique_ptr<TakingOver>, std::string> TakingOver::begin(const Config& config,
                                                                          bool managed) {
  const auto address = net::parse_unix_address(config.server.handover);
  if (!address) return std::unexpected("server.handover says nowhere to take over from");
  auto channel = net::FdChannel::connect(*address);
  if (!channel) {
    const int why = channel.error().sys;
    if (why == ENOENT || why == ECONNREFUSED) return nullptr;
    return std::unexpected(
        fmt::format("{}: {}", config.server.handover, describe(channel.error())));
  }
  std::unique_ptr<TakingOver> out(new TakingOver(std::move(*channel)));
  std::string why = out->check_user(config);
  if (why.empty()) why = out->ask_for_sockets(managed);
  if (!why.empty()) return std::unexpected(fmt::format("{}: {}", config.server.handover, why));
  return out;
}

TakingOver::~TakingOver() {
  if (thread_.joinable()) {
    stop_.wake();
    thread_.join();
  }
  close_files();
  for (auto& [address, sockets] : sockets_.listens) close_all(sockets);
  if (sockets_.admin >= 0) ::close(sockets_.admin);
  for (const int fd : {listener_, streams_[0], streams_[1]}) {
    if (fd >= 0) ::close(fd);
  }
}

void TakingOver::close_files() {
  close_all(slabs_);
  if (snapshot_ >= 0) ::close(std::exchange(snapshot_, -1));
}

// Who takes over as root from another would keep what that one was not to have.
std::string TakingOver::check_user(const Config& config) const {
  if (::geteuid() != 0 || !config.server.user.empty()) return {};
  const auto user = channel_.peer_user();
  if (!user) return describe(user.error());
  if (*user == 0) return {};
  return fmt::format(
      "the running Weir is not root (uid {}): begin the new one as that user, or set server.user",
      *user);
}

std::string TakingOver::ask_for_sockets(bool managed) {
  const Json question{{"ask", "sockets"},
                      {"protocol", handover::kProtocol},
                      {"version", WEIR_VERSION},
                      {"managed", managed}};
  if (const auto sent = channel_.send(question.dump(), {}, handover::kPatience); !sent)
    return describe(sent.error());
  bool end = false;
  while (!end) {
    auto message = channel_.receive(handover::kPatience);
    if (!message) return describe(message.error());
    if (std::string why = keep(std::move(*message), end); !why.empty()) return why;
  }
  return {};
}

std::string TakingOver::keep(net::FdChannel::Message message, bool& end) {
  const std::string listen = handover::text_of(message.text, "listen");
  if (!listen.empty()) {
    auto& sockets = sockets_.listens[listen];
    sockets.insert(sockets.end(), message.fds.begin(), message.fds.end());
    return {};
  }
  if (message.fds.size() == 1 && keep_one(message.text, message.fds.front())) return {};
  close_all(message.fds);
  end = handover::text_of(message.text, "end") == "sockets";
  const std::string refused = handover::text_of(message.text, "refused");
  if (!refused.empty()) return refused;
  if (end) return {};
  return message.text.empty() ? "the running Weir ended" : "cannot be understood";
}

// Where a single file belongs; each comes once.
bool TakingOver::keep_one(const std::string& text, int fd) {
  const std::pair<const char*, int*> places[] = {{"admin", &sockets_.admin},
                                                 {"handover", &listener_},
                                                 {"stdout", &streams_[0]},
                                                 {"stderr", &streams_[1]}};
  for (const auto& [name, place] : places) {
    if (*place >= 0 || !handover::has(text, name)) continue;
    *place = fd;
    if (place == &sockets_.admin) sockets_.admin_address = handover::text_of(text, name);
    return true;
  }
  return false;
}

void TakingOver::end_streams(bool take) {
  for (int i = 0; i < 2; ++i) {
    if (streams_[i] < 0) continue;
    if (take) ::dup2(streams_[i], STDOUT_FILENO + i);
    ::close(std::exchange(streams_[i], -1));
  }
}

void TakingOver::ask_for_memory() {
  const auto cold = [&](std::string_view why) {
    log_warn("takeover memory=cold why={}", quoted(why));
    close_files();
  };
  if (!channel_.send(Json{{"ask", "memory"}}.dump(), {}, handover::kPatience))
    return cold("the running Weir ended");
  while (snapshot_ < 0) {
    auto message = channel_.receive(handover::kMemoryPatience);
    if (!message) {
      channel_.close();  // a late answer must not be taken for another one
      return cold(describe(message.error()));
    }
    if (handover::has(message->text, "slabs")) {
      slabs_.insert(slabs_.end(), message->fds.begin(), message->fds.end());
    } else if (handover::has(message->text, "snapshot") && message->fds.size() == 1) {
      snapshot_ = message->fds.front();
    } else {
      close_all(message->fds);
      const std::string why = handover::text_of(message->text, "cold");
      cold(why.empty() ? "cannot be understood" : why);
      break;
    }
  }
  // Also without its memory: the disks can have one master only.
  if (!channel_.send(Json{{"ask", "disks"}}.dump(), {}, handover::kPatience)) return;
  auto freed = channel_.receive(handover::kMemoryPatience);
  if (freed) close_all(freed->fds);
  if (!freed) channel_.close();
}

void TakingOver::read_memory(Shared& shared) {
  if (snapshot_ < 0) return;
  const auto counts =
      cache::read_snapshot(snapshot_, slabs_, shared.index, shared.store, shared.shelf.get());
  close_files();
  if (!counts) {
    log_warn("takeover memory=cold reason={} why={}", cache::name(counts.error().reason),
             quoted(counts.error().text));
    return;
  }
  log_info("takeover memory=warm objects={} left_out={} chunks={} slab_bytes={} copied_bytes={}",
           counts->objects, counts->left_out, counts->chunks, counts->slab_bytes,
           counts->copied_bytes);
}

std::string TakingOver::take_the_word(Shared& shared) {
  const Json told{{"ready", ::getpid()}, {"pid_file", shared.setup()->config().server.pid_file}};
  if (const auto sent = channel_.send(told.dump(), {}, handover::kPatience); !sent)
    return fmt::format("taking over: {}", describe(sent.error()));
  auto answer = channel_.receive(handover::kPatience);
  for (; answer && handover::has(answer->text, "purge");
       answer = channel_.receive(handover::kPatience)) {
    close_all(answer->fds);
    PurgeRelay(shared, channel_, PurgeRelay::Peer::kBefore).take(answer->text);
  }
  if (answer) close_all(answer->fds);
  if (!answer || !handover::has(answer->text, "over")) {
    channel_.close();  // at once: it must not let go of us now
    return "taking over: the running Weir goes on";
  }
  shared.purge_gate.note(PurgeRelay::Peer::kBefore);
  shared.purge_gate.hear(PurgeRelay::Peer::kBefore);
  thread_ = std::thread([this, &shared] { wait_for_end(shared); });
  return {};
}

void TakingOver::wait_for_end(Shared& shared) {
  if (!PurgeRelay(shared, channel_, PurgeRelay::Peer::kBefore).run(stop_)) return;
  shared.store.predecessor_gone();
  log_info("takeover done: the Weir before this one has ended");
}

}  // namespace weir::app
