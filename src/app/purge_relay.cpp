#include "app/purge_relay.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <semaphore>
#include <thread>
#include <utility>

#include "app/handover.h"
#include "base/log.h"
#include "base/quoted.h"
#include "cache/purge.h"
#include "cache/purge_log.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kStep = 256;      // objects
constexpr Duration kTellEvery = 5ms;    // so long may an answer to a purge wait
constexpr Duration kHearPatience = 5s;  // for a sign of the other end, before nobody waits for it
constexpr Duration kSignEvery = 1s;     // while a purge takes its time
constexpr Duration kBanPatience = 3s;   // where too many bans are under way
constexpr Duration kBanRest = 50ms;

using Words = std::vector<std::string>;

Words words_of(const Json& json, const char* key) {
  Words out;
  if (const auto at = json.find(key); at != json.end() && at->is_array()) {
    for (const Json& word : *at) {
      if (word.is_string()) out.push_back(word.get<std::string>());
    }
  }
  return out;
}

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

// A thread that waits for what a Loop would be told.
struct Waiter final : Executor, Task {
  void post(Task&) noexcept override { told.release(); }
  void cancel(Task&) noexcept override {}
  void run() noexcept override {}
  std::binary_semaphore told{0};
};

}  // namespace

bool PurgeRelay::tell(const std::vector<cache::PurgeOrder>& orders) {
  for (const cache::PurgeOrder& order : orders) {
    for (const std::string& url : order.urls) {
      if (!tell_one(order.mode, "urls", {url})) return false;
    }
    for (const std::string& tag : order.tags) {
      if (!tell_one(order.mode, "tags", {tag})) return false;
    }
    if (order.ban && !tell_one(order.mode, "ban", order.ban->texts())) return false;
  }
  return true;
}

bool PurgeRelay::tell_one(cache::PurgeMode mode, const char* key, const Words& words) {
  const Json told{{"purge", {{key, words}, {"soft", mode == cache::PurgeMode::kSoft}}}};
  const std::string text = told.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > net::FdChannel::kTextMost) {
    log_error("handover: a purge is too long to be told: {}", words.front().substr(0, 200));
    return true;
  }
  return channel_.send(text, {}, handover::kPatience).has_value();
}

void PurgeRelay::take(const std::string& message) {
  const Json json = Json::parse(message, nullptr, false);
  if (!json.is_object()) return;
  if (const auto at = json.find("heard"); at != json.end() && at->is_number_unsigned()) {
    heard_ = at->get<std::uint64_t>();
    sign_at_ = clock_now();
    shared_.purge_gate.heard(peer_, heard_);
  } else if (json.contains("busy")) {
    sign_at_ = clock_now();
  } else if (json.contains("bye")) {
    shared_.purge_gate.gone(peer_);
    heard_ = told_;
  } else if (const auto until = json.find("until"); until != json.end()) {
    await_log();
    [[maybe_unused]] const auto sent =
        channel_.send(Json{{"heard", *until}}.dump(), {}, handover::kPatience);
  } else if (const auto told = json.find("purge"); told != json.end() && told->is_object()) {
    cache::PurgeOrder order;
    if (told->contains("soft") && (*told)["soft"] == true) order.mode = cache::PurgeMode::kSoft;
    order.urls = words_of(*told, "urls");
    order.tags = words_of(*told, "tags");
    if (const Words ban = words_of(*told, "ban"); !ban.empty()) {
      if (auto parsed = cache::Ban::parse(ban)) order.ban = std::move(*parsed);
    }
    purge(std::move(order));
  }
}

void PurgeRelay::purge(cache::PurgeOrder order) {
  const auto ticket = shared_.purge_gate.enter(order, peer_);
  cache::Purge purge(shared_.index, std::move(order));
  if (begin(purge)) {
    TimePoint said = clock_now();
    while (!purge.step(kStep)) {
      if (clock_now() - said < kSignEvery) continue;
      say("busy");
      said = clock_now();
    }
  } else {
    log_error("handover: too many bans are under way for one that the other Weir told");
  }
  shared_.purge_gate.leave(ticket);
}

bool PurgeRelay::begin(cache::Purge& purge) {
  for (Duration waited{0}; waited < kBanPatience; waited += kBanRest) {
    if (purge.begin(std::chrono::floor<Seconds>(std::chrono::system_clock::now()))) return true;
    std::this_thread::sleep_for(kBanRest);
  }
  return false;
}

// What is said to be done is still done after a kill: it is on disk.
void PurgeRelay::await_log() {
  cache::PurgeLog* log = shared_.index.purge_log();
  Waiter waiter;
  if (!log || log->await(log->added(), waiter, waiter)) return;
  while (!waiter.told.try_acquire_for(kSignEvery)) say("busy");
}

void PurgeRelay::say(const char* word) {
  [[maybe_unused]] const auto sent =
      channel_.send(Json{{word, true}}.dump(), {}, handover::kPatience);
}

bool PurgeRelay::run(const net::WakeUp& stop) {
  while (stop.wait(channel_.fd(), kTellEvery) != net::WakeUp::Why::kWoken) {
    if (!read()) {
      shared_.purge_gate.gone(peer_);
      return true;
    }
    tell_news();
    look(clock_now());
  }
  tell_news();
  say("bye");  // our workers are gone: nobody need wait for us
  return false;
}

// False: the other end is gone.
bool PurgeRelay::read() {
  while (true) {
    const auto message = channel_.receive(Duration{0});
    // It may have gone with something of ours unread; what it said before is still there.
    if (!message && message.error().sys == ECONNRESET) continue;
    if (!message) return message.error().sys == ETIMEDOUT;
    if (message->text.empty()) return false;
    for (const int fd : message->fds) ::close(fd);
    take(message->text);
  }
}

void PurgeRelay::tell_news() {
  if (shared_.purge_gate.state(peer_) != proxy::PurgeGate::State::kHearing) return;
  const auto news = shared_.purge_gate.take(peer_);
  if (!news) return give_up("it is more than can be told");
  if (news->until == told_) return;
  const bool told = tell(news->orders) &&
                    channel_.send(Json{{"until", news->until}}.dump(), {}, handover::kPatience);
  if (!told) return give_up("does not take it");
  if (told_ == heard_) sign_at_ = clock_now();
  told_ = news->until;
}

void PurgeRelay::look(TimePoint now) {
  if (told_ == heard_ || now - sign_at_ < kHearPatience) return;
  give_up("does not answer");
  heard_ = told_;
}

void PurgeRelay::give_up(const char* why) {
  log_error("handover: what is purged here does not reach the other Weir why={}", quoted(why));
  shared_.purge_gate.gone(peer_);
}

}  // namespace weir::app
