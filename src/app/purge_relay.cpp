#include "app/purge_relay.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/handover.h"
#include "base/log.h"
#include "base/quoted.h"
#include "cache/purge.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kStep = 256;      // objects
constexpr Duration kTellEvery = 5ms;    // so long may an answer to a purge wait
constexpr Duration kHearPatience = 5s;  // for the other end, before nobody waits for it

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
    shared_.purge_gate.heard(peer_, heard_);
  } else if (const auto until = json.find("until"); until != json.end()) {
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
  if (purge.begin(std::chrono::floor<Seconds>(std::chrono::system_clock::now()))) {
    while (!purge.step(kStep)) continue;
  } else {
    log_error("handover: too many bans are under way for one that the other Weir told");
  }
  shared_.purge_gate.leave(ticket);
}

bool PurgeRelay::run(const net::WakeUp& stop) {
  while (stop.wait(channel_.fd(), kTellEvery) != net::WakeUp::Why::kWoken) {
    if (!read()) {
      shared_.purge_gate.gone(peer_);
      return true;
    }
    tell_news();
    look(std::chrono::steady_clock::now());
  }
  tell_news();
  return false;
}

// False: the other end is gone.
bool PurgeRelay::read() {
  while (true) {
    const auto message = channel_.receive(Duration{0});
    if (!message) return message.error().sys == ETIMEDOUT;
    if (message->text.empty()) return false;
    for (const int fd : message->fds) ::close(fd);
    take(message->text);
  }
}

void PurgeRelay::tell_news() {
  if (shared_.purge_gate.state(peer_) != proxy::PurgeGate::State::kHearing) return;
  const auto news = shared_.purge_gate.take(peer_);
  if (news.until == told_) return;
  const bool told = tell(news.orders) &&
                    channel_.send(Json{{"until", news.until}}.dump(), {}, handover::kPatience);
  if (!told) return give_up("does not take it");
  if (told_ == heard_) told_at_ = std::chrono::steady_clock::now();
  told_ = news.until;
}

void PurgeRelay::look(TimePoint now) {
  if (told_ == heard_ || now - told_at_ < kHearPatience) return;
  give_up("does not answer");
  heard_ = told_;
}

void PurgeRelay::give_up(const char* why) {
  log_error("handover: what is purged here does not reach the other Weir why={}", quoted(why));
  shared_.purge_gate.gone(peer_);
}

}  // namespace weir::app
