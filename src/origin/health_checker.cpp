#include "origin/health_checker.h"

#include <fmt/format.h>

#include <array>
#include <random>

#include "base/check.h"
#include "base/log.h"
#include "http/head.h"
#include "net/conn.h"
#include "origin/dial.h"

namespace weir::origin {
namespace {

// Of the body of an answer: read to its end, so that the server sees a client that behaves.
constexpr std::size_t kBodyMost = 64 * 1024;

}  // namespace

// The checks of one server.
//
//   Resting --interval--> Connecting --> Asking --head--> Ending --end of the answer--> Resting
//      ^                       \            \----------------\ error, timeout, too much  |
//      \------------------------\-----------------------------\--------------------------/
//
// The head is the result, or the error before it.
class HealthChecker::Check final : public Dial::Owner,
                                   public net::Conn::Owner,
                                   public net::Timer::Owner {
 public:
  Check(net::Loop& loop, net::Resolver& resolver, Servers& servers, std::size_t server)
      : loop_(loop),
        resolver_(resolver),
        servers_(servers),
        server_(server),
        health_(settings().rise, settings().fall, servers.balancer.view(server).healthy),
        timer_(loop, *this),
        parser_(servers.settings.limits),
        random_(std::random_device{}()) {
    timer_.set(loop_.now());
  }

 private:
  enum class State : std::uint8_t { kResting, kConnecting, kAsking, kEnding };

  const HealthSettings& settings() const { return servers_.settings.health; }
  const Server& server() const { return servers_.settings.servers[server_]; }

  void on_timer(net::Timer&) override;
  void on_dialled(Result<std::unique_ptr<net::Conn>> conn) override;
  void on_ready(net::Conn&, net::Ready) override;
  void start();
  bool send();
  void step_asking();
  void step_ending();
  void judge();
  void note(bool passed, const std::string& reason);
  void fail_with(Error why);
  void rest();

  net::Loop& loop_;
  net::Resolver& resolver_;
  Servers& servers_;
  const std::size_t server_;
  Health health_;
  net::Timer timer_;  // the next check; while one runs, its end
  http::ResponseParser parser_;
  http::Response response_;
  std::string request_;   // what of it is to be sent
  std::size_t read_ = 0;  // of the body
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<net::Conn> conn_;
  std::mt19937 random_;
  State state_ = State::kResting;
};

void HealthChecker::Check::on_timer(net::Timer&) {
  switch (state_) {
    case State::kResting:
      return start();
    case State::kConnecting:
      return fail_with(Error{Errc::kConnectTimeout});
    case State::kAsking:
      return fail_with(Error{Errc::kFirstByteTimeout});
    case State::kEnding:
      return rest();
  }
}

void HealthChecker::Check::start() {
  state_ = State::kConnecting;
  const std::string& host = servers_.settings.host;
  request_ = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: weir-health\r\nConnection: close\r\n\r\n",
      settings().path, host.empty() ? server().name : host);
  parser_.reset();
  response_.clear();
  read_ = 0;
  timer_.set(after(loop_.now(), settings().timeout));
  dial_ = std::make_unique<Dial>(loop_, resolver_, servers_, server_, std::string_view(),
                                 settings().timeout, *this);
}

void HealthChecker::Check::on_dialled(Result<std::unique_ptr<net::Conn>> conn) {
  WEIR_CHECK(state_ == State::kConnecting);
  dial_.reset();
  if (!conn) return fail_with(conn.error());
  conn_ = std::move(*conn);
  conn_->set_owner(*this);
  state_ = State::kAsking;
  send();
}

void HealthChecker::Check::on_ready(net::Conn&, net::Ready) {
  if (!send()) return;
  if (state_ == State::kAsking) step_asking();
  if (state_ == State::kEnding) step_ending();
}

// False: the check is over.
bool HealthChecker::Check::send() {
  if (request_.empty()) return true;
  const net::Piece piece{std::as_bytes(std::span(request_)), -1, 0};
  const net::IoResult r = conn_->write({&piece, 1});
  request_.erase(0, r.bytes);
  if (r.state != net::IoState::kError) return true;
  fail_with(Error{Errc::kOriginReset, r.error});
  return false;
}

void HealthChecker::Check::step_asking() {
  std::array<std::byte, 4096> bytes;
  while (state_ == State::kAsking) {
    const net::IoResult r = conn_->read(bytes);
    if (r.state == net::IoState::kAgain) return;
    if (r.state == net::IoState::kEnd) return fail_with(Error{Errc::kOriginClosed});
    if (r.state == net::IoState::kError) return fail_with(Error{Errc::kOriginReset, r.error});
    std::string_view in(reinterpret_cast<const char*>(bytes.data()), r.bytes);
    while (!in.empty() && state_ == State::kAsking) {
      const auto step = parser_.feed(in, http::Method::kGet, response_);
      if (!step) return fail_with(step.error());
      in.remove_prefix(step->used);
      if (step->complete) judge();
    }
  }
}

void HealthChecker::Check::judge() {
  if (response_.status < 200) {  // RFC 9110 §15.2: the final one follows
    parser_.reset();
    return response_.clear();
  }
  state_ = State::kEnding;
  note(settings().expect.has(response_.status), fmt::format("status_{}", response_.status));
}

void HealthChecker::Check::step_ending() {
  const net::IoResult r = conn_->read_discard(kBodyMost - read_);
  read_ += r.bytes;
  if (r.state != net::IoState::kAgain) rest();
}

void HealthChecker::Check::fail_with(Error why) {
  note(false, std::string(info(why).name));
  rest();
}

void HealthChecker::Check::note(bool passed, const std::string& reason) {
  if (!health_.note(passed)) return;
  servers_.balancer.set_healthy(server_, health_.up());
  if (health_.up()) {
    log_info("server healthy origin={} server={} reason={}", servers_.settings.name, server().name,
             reason);
  } else {
    log_warn("server unhealthy origin={} server={} reason={}", servers_.settings.name,
             server().name, reason);
  }
}

void HealthChecker::Check::rest() {
  state_ = State::kResting;
  dial_.reset();
  conn_.reset();
  const auto random = static_cast<std::uint32_t>(random_());
  timer_.set(after(loop_.now(), with_jitter(settings().interval, random)));
}

HealthChecker::HealthChecker(net::Loop& loop, net::Resolver& resolver, Servers& servers) {
  WEIR_CHECK(!servers.settings.health.path.empty());
  for (std::size_t i = 0; i < servers.settings.servers.size(); ++i) {
    checks_.push_back(std::make_unique<Check>(loop, resolver, servers, i));
  }
}

HealthChecker::~HealthChecker() = default;

}  // namespace weir::origin
