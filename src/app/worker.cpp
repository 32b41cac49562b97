#include "app/worker.h"

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "net/listen_drops.h"
#include "proxy/compression.h"
#include "proxy/disk_fill.h"

namespace weir::app {
namespace {

constexpr Duration kTick = std::chrono::seconds(1);
constexpr Duration kStatusEvery = std::chrono::minutes(1);
constexpr Duration kDrainTick = std::chrono::milliseconds(50);

}  // namespace

Worker::Worker(Shared& shared, std::uint32_t number, std::vector<int> listeners)
    : shared_(shared),
      stats_(*shared.stats[number]),
      loop_(&stats_.loop),
      resolver_(loop_),
      access_(shared.access_log.get(), shared.config.log.format),
      samples_(shared.sample_log.get(), number, shared.workers),
      purger_(loop_, shared.index, stats_.proxy.purges),
      house_{.loop = loop_,
             .index = shared.index,
             .store = shared.store,
             .transit = shared.transit,
             .source = shared.store,
             .sites = shared.sites,
             .access = *this,
             .stats = stats_.proxy,
             .purger = purger_,
             .origins = origins(),
             .transit_lead = transit_lead(shared.config.storage, shared.transit.has_spool()),
             .worker = number,
             .tunnels = tunnel_rules(shared.config, shared.front),
             .shelf = shared.shelf.get(),
             .compress_memory = shared.config.server.compress_memory},
      exchanges_(house_),
      frontend_(std::make_unique<front::Frontend>(loop_, shared.front, exchanges_, shared.store,
                                                  shared.connections, stats_.front,
                                                  samples_.sink())),
      each_second_(loop_, *this) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    frontend_->listen(listeners[i], shared.listens[i]);
  }
  shared.posts[number].open(loop_, *frontend_);
}

Worker::~Worker() {
  loop_.cancel(*this);
  shared_.posts[house_.worker].close();
  admin_.reset();
  frontend_.reset();
  while (proxy::CompressionPlace* place = house_.compressions.front()) place->compression->cancel();
  while (proxy::DiskFillPlace* place = house_.disk_fills.front()) delete place->fill;
  while (proxy::FetchPlace* place = house_.fetches.front()) delete place->fetch;
}

std::vector<proxy::Origin> Worker::origins() {
  std::vector<proxy::Origin> out;
  for (std::size_t i = 0; i < shared_.origins.size(); ++i) {
    const OriginConf& conf = shared_.config.origins[i];
    proxy::Origin origin;
    origin.name = conf.name;
    origin.gate = shared_.gates[i].get();
    origin.pool = std::make_unique<origin::Pool>(loop_, resolver_, *shared_.origins[i]);
    origin.window_shut_max = conf.window_shut_max;
    origin.fill = {.finish = conf.finish_abandoned, .finish_max = conf.finish_max};
    origin.retry = {.retry_for = conf.retry_for,
                    .attempts = static_cast<std::uint32_t>(conf.retry_attempts)};
    origin.resume_attempts = static_cast<std::uint32_t>(conf.resume_attempts);
    origin.stats = &stats_.origins[i].fetches;
    origin.tunnels = shared_.tunnels[i].get();
    out.push_back(std::move(origin));
  }
  return out;
}

void Worker::serve_admin(int fd) { admin_ = std::make_unique<Admin>(loop_, shared_, purger_, fd); }

void Worker::start() {
  thread_ = std::thread([this] {
    each_second_.set(after(loop_.now(), kTick));
    watch_origins();
    loop_.run();
  });
}

void Worker::drain(Duration patience) {
  shared_.draining.store(true, std::memory_order_relaxed);
  patience_.store(patience.count());
  loop_.post(*this);
}

void Worker::run() noexcept {
  if (deadline_ != TimePoint::max()) return;
  deadline_ = after(loop_.now(), Duration(patience_.load()));
  frontend_->drain();
  each_second_.set(loop_.now());
}

void Worker::on_timer(net::Timer&) {
  access_.flush();
  samples_.flush();
  frontend_->relieve(1.0 / shared_.workers);
  watch_queues();
  const TimePoint now = loop_.now();
  publish(now);
  log_status(now);
  // All workers end together: until then the clients of others read what is fetched here, and want
  // the places of idle connections that are kept here.
  const bool draining = deadline_ != TimePoint::max();
  if (draining && (shared_.connections.open() == 0 || now >= deadline_)) {
    if (frontend_->sessions() > 0) {
      log_warn("drain deadline worker={} connections_cut={}", house_.worker, frontend_->sessions());
    }
    return loop_.stop();
  }
  each_second_.set(after(now, draining ? kDrainTick : kTick));
}

// The accept queue as the listener itself tells it; an overflow loses connections without an error.
void Worker::watch_queues() {
  for (std::size_t i = 0; i < frontend_->listeners().size(); ++i) {
    const auto queue = frontend_->listeners()[i]->queue();
    stats_.queues[i].waiting.set(queue.waiting);
    stats_.queues[i].backlog.set(queue.backlog);
    stats_.queues[i].most.raise(queue.waiting);
    const bool deep = queue.waiting > fullest_queue_ && queue.waiting * 2 > queue.backlog;
    fullest_queue_ = std::max(fullest_queue_, queue.waiting);
    if (deep) {
      log_warn("accept queue worker={} waiting={} backlog={}", house_.worker, queue.waiting,
               queue.backlog);
    }
  }
}

// What only this thread may look at, for others to read.
void Worker::publish(TimePoint now) {
  for (std::size_t i = 0; i < house_.origins.size(); ++i) {
    stats_.origins[i].publish(*house_.origins[i].pool);
  }
  stats_.lag_ns.set(static_cast<std::uint64_t>(loop_.lag().count()));
  timespec cpu{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  stats_.cpu_ns.set(static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000'000 +
                    static_cast<std::uint64_t>(cpu.tv_nsec));
  stats_.seen.set(static_cast<std::uint64_t>(now.time_since_epoch().count()));
}

// Once a minute, by the first worker for all: what an operator would ask for first.
void Worker::log_status(TimePoint now) {
  if (house_.worker != 0 || now < next_status_) return;
  next_status_ = after(now, kStatusEvery);
  const store::StoreStats store = shared_.store.stats();
  const auto drops = net::read_listen_drops().value_or(net::ListenDrops{});
  log_info(
      "status connections={} storage_used={} storage_limit={} chunks={} evicted_chunks={} "
      "accept_queue_max={} listen_overflows={} listen_drops={}",
      shared_.connections.open(), store.used, store.limit, store.chunks, store.evicted_chunks,
      fullest_queue_, drops.overflows, drops.drops);
  for (std::size_t i = 0; i < shared_.gates.size(); ++i) {
    const auto load = shared_.gates[i]->load();
    log_info("status origin={} fetches={} waiting={} connections={}",
             shared_.origins[i]->settings.name, load.running, load.waiting,
             shared_.origins[i]->limit.open());
  }
}

// What concerns an origin as a whole is the first worker's: its health checks, and how much may be
// asked of it.
void Worker::watch_origins() {
  if (house_.worker != 0) return;
  for (const auto& servers : shared_.origins) {
    capacities_.push_back(std::make_unique<origin::CapacityWatch>(loop_, servers->balancer, *this));
    if (servers->settings.health.path.empty()) continue;
    health_.push_back(std::make_unique<origin::HealthChecker>(loop_, resolver_, *servers));
  }
}

// Here the scheduler of the origin is told: shared_.gates[i].
void Worker::on_capacity(const origin::CapacityWatch& watch, std::uint32_t connections) {
  const auto mine = [&](const auto& w) { return w.get() == &watch; };
  const auto i = std::ranges::find_if(capacities_, mine) - capacities_.begin();
  const auto& servers = *shared_.origins[static_cast<std::size_t>(i)];
  // Without a server fetches go on to be refused, or to wait for a trial: not in the queue.
  if (connections > 0) {
    shared_.gates[static_cast<std::size_t>(i)]->set_capacity(connections, loop_.now());
  } else {
    log_warn("no server in use origin={}", servers.settings.name);
  }
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::app
