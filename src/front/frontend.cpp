#include "front/frontend.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "delivery/pressure.h"
#include "front/http1_session.h"
#include "front/http2_session.h"

namespace weir::front {
namespace {

// Of a limit: where relief begins.
constexpr double kHighMark = 0.9;

}  // namespace

Frontend::Frontend(net::Loop& loop, const Settings& settings, Service& service,
                   body::ChunkSource& source, Connections& connections, Stats& stats,
                   SampleSink* samples)
    : settings_(settings),
      connections_(connections),
      scratch_(std::make_unique<std::byte[]>(kScratch)),
      streams_(loop, settings),
      http2_streams_(loop, settings),
      home_{.loop = loop,
            .settings = settings,
            .service = service,
            .source = source,
            .streams = streams_,
            .http2_streams = http2_streams_,
            .stats = stats,
            .scratch = {scratch_.get(), kScratch},
            .handshakes = &handshakes_,
            .samples = samples} {}

Frontend::~Frontend() {
  doors_.clear();
  while (Session* session = sessions_.front()) on_session_closed(*session);
}

void Frontend::listen(int fd, std::shared_ptr<const ListenSettings> settings) {
  doors_.push_back({std::make_unique<net::Listener>(home_.loop, fd, *this), std::move(settings)});
}

void Frontend::on_settings() {
  streams_.forget();
  http2_streams_.forget();
}

void Frontend::change(std::size_t door, std::shared_ptr<const ListenSettings> settings) {
  doors_[door].settings = std::move(settings);
}

// Who waits in the queue believes to be connected, and would be reset.
void Frontend::close(std::size_t door) {
  doors_[door].listener->accept_waiting();
  doors_.erase(doors_.begin() + static_cast<std::ptrdiff_t>(door));
}

void Frontend::drain(bool patient) {
  while (!doors_.empty()) close(doors_.size() - 1);
  home_.draining = true;
  Session* next = nullptr;
  for (Session* session = sessions_.front(); session; session = next) {
    next = sessions_.next(*session);
    patient ? session->drain_soon() : session->drain();
  }
}

void Frontend::end_idle(Duration idle) {
  const TimePoint now = home_.loop.now();
  Session* next = nullptr;
  for (Session* session = sessions_.front(); session; session = next) {
    next = sessions_.next(*session);
    const TimePoint since = session->useless_since();
    if (since != TimePoint::max() && now - since >= idle) session->drain();
  }
}

std::size_t Frontend::close_useless(std::size_t most) {
  struct Useless {
    TimePoint since;
    Session* session;
  };
  std::vector<Useless> useless;
  for (Session* s = sessions_.front(); s; s = sessions_.next(*s)) {
    const TimePoint since = s->useless_since();
    if (since != TimePoint::max()) useless.push_back({since, s});
  }
  std::ranges::sort(useless, {}, &Useless::since);
  std::size_t closed = 0;
  for (auto at = useless.begin(); at != useless.end() && closed < most; ++at) {
    if (at->session->give_way()) ++closed;
  }
  return closed;
}

bool Frontend::out_of_descriptors() {
  bool any = false;
  for (const Door& door : doors_) any |= door.listener->take_starved();
  return any;
}

void Frontend::relieve(double share) {
  const auto part = [share](std::uint64_t now, std::uint64_t limit) {
    const double excess = static_cast<double>(now) - kHighMark * static_cast<double>(limit);
    return excess > 0 ? static_cast<std::size_t>(excess * share) + 1 : 0;
  };
  delivery::Need need;
  need.connections = part(connections_.open(), settings_.max_connections);
  // Out of descriptors below the limit: somebody else took them, or the limit was lowered.
  if (out_of_descriptors()) need.connections = std::max(need.connections, count_ / 8 + 1);
  // First, for it destroys sessions that might be among the holders.
  if (need.connections > 0) need.connections -= close_useless(need.connections);
  std::uint64_t owed = 0;
  std::vector<Session*> owing;
  std::vector<delivery::Holder> holders;
  std::array<std::uint64_t, delivery::kPhases> phases{};
  const TimePoint now = home_.loop.now();
  for (Session* s = sessions_.front(); s; s = sessions_.next(*s)) {
    ++phases[static_cast<std::size_t>(s->phase())];
    const DeliveryWatch& watch = s->watch();
    if (watch.queued() == 0) continue;
    owed += watch.queued();
    holders.push_back(
        {owing.size(), watch.queued(), watch.standstill(now), watch.progressing(now)});
    owing.push_back(s);
  }
  for (std::size_t i = 0; i < phases.size(); ++i) home_.stats.open[i].set(phases[i]);
  const auto limit = static_cast<std::uint64_t>(static_cast<double>(settings_.max_owed) * share);
  if (settings_.max_owed != 0) {
    const double excess = static_cast<double>(owed) - kHighMark * static_cast<double>(limit);
    if (excess > 0) need.bytes = static_cast<std::uint64_t>(excess);
  }
  if (need.connections == 0 && need.bytes == 0) return;
  const std::size_t victims = delivery::choose_victims(holders, need);
  if (victims > 0)
    log_warn("pressure connections={} owed={} victims={}", connections_.open(), owed, victims);
  for (std::size_t i = 0; i < victims; ++i) owing[holders[i].id]->sacrifice();
}

std::vector<ConnectionView> Frontend::worth_a_look(std::size_t most) const {
  struct Found {
    std::int64_t still;  // seconds
    float rate;
    std::uint64_t held;
    const Session* session;
  };
  std::vector<Found> found;
  for (const Session* s = sessions_.front(); s; s = sessions_.next(*s)) {
    const DeliveryWatch& watch = s->watch();
    if (s->phase() == delivery::Phase::kIdle && watch.queued() == 0) continue;
    found.push_back(
        {std::chrono::floor<Seconds>(s->still()).count(), watch.rate(), watch.queued(), s});
  }
  const auto worse = [](const Found& a, const Found& b) {
    if (a.still != b.still) return a.still > b.still;
    if (a.rate != b.rate) return a.rate < b.rate;
    return a.held > b.held;
  };
  const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(most, found.size()));
  std::partial_sort(found.begin(), end, found.end(), worse);
  std::vector<ConnectionView> out;
  for (auto at = found.begin(); at != end; ++at) out.push_back(at->session->view());
  return out;
}

// Above the limit clients are still told so; only when too many of those stand there does the
// kernel have to keep them.
bool Frontend::may_accept(const net::Listener&) {
  const std::uint64_t most = settings_.max_connections;
  return connections_.open() < most + std::max<std::uint64_t>(most / 8, 16);
}

void Frontend::on_accept(net::Listener& listener, int fd, const net::Address& peer) {
  const auto behind = [&](const Door& door) { return door.listener.get() == &listener; };
  const auto door = std::ranges::find_if(doors_, behind);
  const bool crowded = connections_.open() >= settings_.max_connections;
  auto* session = new Http1Session(home_, *this, door->settings, fd, peer);
  sessions_.push_back(*session);
  ++count_;
  home_.stats.accepted.add();
  const bool welcome = connections_.enter(std::string(session->client_host()));
  if (crowded || !welcome) session->turn_away(Error{Errc::kTooManyConnections});
  if (home_.handshake_count > settings_.max_handshakes)
    handshakes_.front()->session.give_up_handshake();
}

bool Frontend::on_introduced(Session& session, const std::string& before) {
  connections_.leave(before);
  return connections_.enter(std::string(session.client_host()));
}

void Frontend::on_session_closed(Session& session) {
  connections_.leave(std::string(session.client_host()));
  delete &session;  // takes itself off the list
  --count_;
}

void Frontend::on_http2(Session& session, std::unique_ptr<net::Conn> conn, std::string_view read) {
  auto* next = new Http2Session(home_, *this, session.listen(), std::move(conn), session.number());
  sessions_.push_back(*next);
  home_.stats.http2.add();
  delete &session;
  next->begin(read);  // may close it
}

}  // namespace weir::front
