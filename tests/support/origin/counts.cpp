#include "support/origin/counts.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace weir::test::origin {

namespace {

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

bool peer_is_there(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && errno == EAGAIN);
}

std::string peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[NI_MAXHOST] = "";
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, text, sizeof text, nullptr, 0,
                  NI_NUMERICHOST);
  }
  return text;
}

}  // namespace

// Looks itself whose peer has gone: their threads may not have run since. The FIN of a connection
// is here before the SYN of the one that takes its place.
void Counts::connected(int fd) {
  const std::lock_guard lock(mutex_);
  ++connections_;
  last_peer_ = peer_of(fd);
  open_.insert(fd);
  if (open_.size() > open_max_) {
    const auto there = std::ranges::count_if(open_, peer_is_there);
    open_max_ = std::max(open_max_, static_cast<std::uint64_t>(there));
  }
}

void Counts::disconnected(int fd) {
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
}

void Counts::shaken(const Shaken& shaken) {
  const std::lock_guard lock(mutex_);
  ++tls_;
  tls_resumed_ += shaken.resumed;
  last_shaken_ = shaken;
}

void Counts::introduced(const std::string& source) {
  const std::lock_guard lock(mutex_);
  last_source_ = source;
}

std::uint64_t Counts::begin(const Request& request) {
  const std::lock_guard lock(mutex_);
  ++total_;
  in_flight_max_ = std::max(in_flight_max_, ++in_flight_);
  last_request_ = request;
  last_body_bytes_ = 0;
  last_body_hash_ = 0;
  last_trailers_.clear();
  return ++requests_[request.target];
}

void Counts::received(const Request& request, std::uint64_t body_bytes, std::uint64_t body_hash,
                      std::vector<std::string> trailers) {
  const std::lock_guard lock(mutex_);
  last_request_ = request;
  last_body_bytes_ = body_bytes;
  last_body_hash_ = body_hash;
  last_trailers_ = std::move(trailers);
}

void Counts::end(const Request& request, Outcome outcome, double seconds) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  ++outcomes_[outcome];
  if (seconds >= 0) {
    last_transfer_seconds_ = seconds;
    transfer_seconds_[request.target] = seconds;
  }
}

std::string Counts::json() {
  const std::lock_guard lock(mutex_);
  nlohmann::json fields = nlohmann::json::array();
  for (const Field& field : last_request_.fields) {
    fields.push_back({field.name, field.value});
  }
  const nlohmann::json all{{"requests", requests_},
                           {"total", total_},
                           {"connections", connections_},
                           {"open", open_.size()},
                           {"open_max", open_max_},
                           {"last_peer", last_peer_},
                           {"tls", tls_},
                           {"tls_resumed", tls_resumed_},
                           {"tls_name", last_shaken_.asked_for},
                           {"tls_client", last_shaken_.client},
                           {"proxy_header", last_source_},
                           {"in_flight_max", in_flight_max_},
                           {"bytes_sent", bytes_sent_.load()},
                           {"not_modified", outcomes_[Outcome::kNotModified]},
                           {"ranges", outcomes_[Outcome::kRange]},
                           {"reset", outcomes_[Outcome::kReset]},
                           {"aborted_by_peer", outcomes_[Outcome::kPeerGone]},
                           {"blocked", outcomes_[Outcome::kBlocked]},
                           {"last_transfer_seconds", last_transfer_seconds_},
                           {"transfer_seconds", transfer_seconds_},
                           {"last_request",
                            {{"method", last_request_.method},
                             {"target", last_request_.target},
                             {"fields", fields},
                             {"body_bytes", last_body_bytes_},
                             {"body_hash", hex(last_body_hash_)},
                             {"trailers", last_trailers_}}}};
  return all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

void Counts::reset() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  transfer_seconds_.clear();
  outcomes_.clear();
  total_ = 0;
  connections_ = tls_ = tls_resumed_ = 0;
  last_shaken_ = {};
  last_source_.clear();
  open_max_ = open_.size();
  in_flight_max_ = in_flight_;
  last_transfer_seconds_ = 0;
  last_request_ = {};
  last_body_bytes_ = last_body_hash_ = 0;
  last_trailers_.clear();
  bytes_sent_ = 0;
}

void Counts::set_orders(std::string query) {
  const std::lock_guard lock(mutex_);
  orders_ = std::move(query);
}

std::string Counts::orders() {
  const std::lock_guard lock(mutex_);
  return orders_;
}

}  // namespace weir::test::origin
