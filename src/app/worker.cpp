#include "app/worker.h"

#include <unistd.h>

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
// Where another Weir serves on, a client that has been idle for so long has no request under way.
constexpr Duration kIdleGrace = std::chrono::seconds(10);

void close_sockets(const std::vector<WorkerSocket>& sockets) {
  for (const WorkerSocket& socket : sockets) ::close(socket.fd);
}

}  // namespace

Worker::Worker(Shared& shared, std::uint32_t number, std::vector<WorkerSocket> sockets)
    : shared_(shared),
      number_(number),
      stats_(*shared.stats[number]),
      setup_(shared.setup()),
      front_(setup_->front),
      loop_(&stats_.loop),
      resolver_(loop_),
      access_(std::in_place, setup_->access_log.get(), setup_->config().log.format,
              setup_->config().log.template_),
      samples_(shared.recorder, number, shared.workers),
      purger_(loop_, shared.index, shared.purge_gate, stats_.proxy.purges),
      house_{.loop = loop_,
             .index = shared.index,
             .store = shared.store,
             .transit = shared.transit,
             .source = shared.store,
             .access = *this,
             .stats = stats_.proxy,
             .purger = purger_,
             .routes = routes(),
             .transit_lead = transit_lead(shared.storage, shared.transit.has_spool()),
             .worker = number,
             .tunnels = tunnel_rules(setup_->config(), front_),
             .shelf = shared.shelf.get(),
             .compress_memory = setup_->config().server.compress_memory},
      exchanges_(house_),
      frontend_(std::make_unique<front::Frontend>(loop_, front_, exchanges_, shared.store,
                                                  shared.connections, stats_.front,
                                                  samples_.sink())),
      each_second_(loop_, *this) {
  change_listeners(sockets);
  if (number == 0) origin_watch_ = std::make_unique<OriginWatch>(loop_, resolver_);
  shared.posts[number].open(loop_, *frontend_);
}

Worker::~Worker() {
  loop_.cancel(*this);
  shared_.posts[number_].close();
  admin_.reset();
  frontend_.reset();
  while (proxy::CompressionPlace* place = house_.compressions.front()) place->compression->cancel();
  while (proxy::DiskFillPlace* place = house_.disk_fills.front()) delete place->fill;
  while (proxy::FetchPlace* place = house_.fetches.front()) delete place->fetch;
  const Lock lock(mutex_);
  for (const WorkerChange& change : changes_) close_sockets(change.sockets);
}

Ref<proxy::Routes> Worker::routes() {
  std::vector<std::shared_ptr<proxy::Origin>> origins;
  for (const auto& origin : setup_->origins) origins.push_back(origin_of(origin));
  return make_ref<proxy::Routes>(setup_->sites, std::move(origins));
}

// One that is as it was keeps its idle connections.
std::shared_ptr<proxy::Origin> Worker::origin_of(const std::shared_ptr<SharedOrigin>& origin) {
  for (const MyOrigin& known : origins_) {
    if (known.shared.lock() != origin) continue;
    if (auto mine = known.mine.lock()) return mine;
  }
  const OriginConf& conf = origin->conf;
  auto out = std::make_shared<proxy::Origin>();
  out->keeper = origin;
  out->name = conf.name;
  out->gate = &origin->gate;
  out->pool = std::make_unique<origin::Pool>(loop_, resolver_, origin->servers);
  out->window_shut_max = conf.window_shut_max;
  out->fill = {.finish = conf.finish_abandoned, .finish_max = conf.finish_max};
  out->retry = {.retry_for = conf.retry_for,
                .attempts = static_cast<std::uint32_t>(conf.retry_attempts)};
  out->resume_attempts = static_cast<std::uint32_t>(conf.resume_attempts);
  out->stats = &(*origin->stats)[number_].fetches;
  out->tunnels = &origin->tunnels;
  origins_.push_back({.shared = origin, .mine = out});
  return out;
}

void Worker::serve_admin(int fd) {
  admin_ = std::make_unique<Admin>(loop_, shared_, purger_, fd);
  shared_.admin_socket = fd;
}

void Worker::start() {
  thread_ = std::thread([this] {
    each_second_.set(after(loop_.now(), kTick));
    if (origin_watch_) origin_watch_->watch(setup_->origins);
    loop_.run();
  });
}

void Worker::change(WorkerChange change) {
  {
    const Lock lock(mutex_);
    changes_.push_back(std::move(change));
  }
  loop_.post(*this);
}

void Worker::drain(Duration patience) {
  shared_.draining.store(true, std::memory_order_relaxed);
  patience_.store(patience.count());
  loop_.post(*this);
}

void Worker::retire(Duration patience) {
  retiring_.store(true);
  drain(patience);
}

void Worker::run() noexcept {
  std::vector<WorkerChange> changes;
  {
    const Lock lock(mutex_);
    changes.swap(changes_);
  }
  for (WorkerChange& change : changes) {
    take_change(std::move(change));
    ++changes_taken_;
  }
  const Duration patience(patience_.load());
  if (patience < Duration::zero() || deadline_ != TimePoint::max()) return;
  deadline_ = after(loop_.now(), patience);
  {
    const Lock lock(mutex_);
    sockets_.clear();  // before they are closed
  }
  frontend_->drain(retiring_.load());
  listens_.clear();
  if (retiring_.load() && admin_) admin_->close_door();
  each_second_.set(loop_.now());
}

void Worker::take_change(WorkerChange change) {
  if (deadline_ != TimePoint::max()) return close_sockets(change.sockets);
  access_->flush();
  // The log of the old Setup lives until its last worker has gone on.
  const std::shared_ptr<const Setup> old = std::exchange(setup_, std::move(change.setup));
  const Config& config = setup_->config();
  access_.emplace(setup_->access_log.get(), config.log.format, config.log.template_);
  front_ = setup_->front;
  frontend_->on_settings();
  house_.tunnels = tunnel_rules(config, front_);
  house_.compress_memory = config.server.compress_memory;
  house_.routes = routes();
  exchanges_.on_new_routes();
  if (origin_watch_) origin_watch_->watch(setup_->origins);
  change_listeners(change.sockets);
}

// `sockets` are those of new ones. What the Setup has no more is closed.
void Worker::change_listeners(const std::vector<WorkerSocket>& sockets) {
  for (std::size_t door = listens_.size(); door-- > 0;) {
    const std::string& address = listens_[door].conf_address;
    const auto listen = std::ranges::find(setup_->listens, address,
                                          [](const SharedListen& l) { return l.conf.address; });
    if (listen == setup_->listens.end()) {
      hide(door);
      frontend_->close(door);
      listens_.erase(listens_.begin() + static_cast<std::ptrdiff_t>(door));
    } else {
      frontend_->change(door, listen->settings);
      frontend_->doors()[door].listener->change(static_cast<int>(listen->conf.backlog),
                                                front_.socket);
    }
  }
  for (const WorkerSocket& socket : sockets) {
    const SharedListen& listen = setup_->listens[socket.listen];
    frontend_->listen(socket.fd, listen.settings);
    listens_.push_back({listen.conf.address, listen.queues});
  }
  show_sockets();
}

// Before it is closed: its number may soon be that of another file.
void Worker::hide(std::size_t door) {
  const Lock lock(mutex_);
  sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(door));
}

void Worker::show_sockets() {
  const Lock lock(mutex_);
  sockets_.clear();
  for (std::size_t i = 0; i < listens_.size(); ++i)
    sockets_.emplace_back(listens_[i].conf_address, frontend_->doors()[i].listener->fd());
}

std::vector<std::pair<std::string, int>> Worker::copy_sockets() {
  const Lock lock(mutex_);
  std::vector<std::pair<std::string, int>> out;
  for (const auto& [address, fd] : sockets_) {
    if (const auto copy = net::Listener::share(fd)) out.emplace_back(address, *copy);
  }
  return out;
}

void Worker::on_timer(net::Timer&) {
  access_->flush();
  samples_.look(frontend_->connections_made());
  if (origin_watch_) origin_watch_->sweep();
  frontend_->relieve(1.0 / shared_.workers);
  watch_queues();
  const TimePoint now = loop_.now();
  publish(now);
  log_status(now);
  // All workers end together: until then the clients of others read what is fetched here, and want
  // the places of idle connections that are kept here.
  const bool draining = deadline_ != TimePoint::max();
  if (draining && retiring_.load()) frontend_->end_idle(kIdleGrace);
  if (draining && (shared_.connections.open() == 0 || now >= deadline_)) {
    if (frontend_->sessions() > 0) {
      log_warn("drain deadline worker={} connections_cut={}", number_, frontend_->sessions());
    }
    return loop_.stop();
  }
  each_second_.set(after(now, draining ? kDrainTick : kTick));
}

// The accept queue as the listener itself tells it; an overflow loses connections without an error.
void Worker::watch_queues() {
  for (const MyListen& listen : listens_) {
    net::Listener::Queue queue;  // of all its sockets
    for (std::size_t i = 0; i < listens_.size(); ++i) {
      if (listens_[i].queues != listen.queues) continue;
      const auto one = frontend_->doors()[i].listener->queue();
      queue = {queue.waiting + one.waiting, queue.backlog + one.backlog};
    }
    WorkerStats::Queue& stats = (*listen.queues)[number_];
    stats.waiting.set(queue.waiting);
    stats.backlog.set(queue.backlog);
    stats.most.raise(queue.waiting);
    const bool deep = queue.waiting > fullest_queue_ && queue.waiting * 2 > queue.backlog;
    fullest_queue_ = std::max(fullest_queue_, queue.waiting);
    if (deep) {
      log_warn("accept queue worker={} waiting={} backlog={}", number_, queue.waiting,
               queue.backlog);
    }
  }
}

// What only this thread may look at, for others to read. Of origins with the same name the one in
// force comes last.
void Worker::publish(TimePoint now) {
  std::erase_if(origins_, [](const MyOrigin& o) { return o.mine.expired(); });
  for (MyOrigin& origin : origins_) {
    const auto shared = origin.shared.lock();
    const auto mine = origin.mine.lock();
    if (shared && mine) (*shared->stats)[number_].publish(*mine->pool, origin.told);
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
  if (number_ != 0 || now < next_status_) return;
  next_status_ = after(now, kStatusEvery);
  const store::StoreStats store = shared_.store.stats();
  const auto drops = net::read_listen_drops().value_or(net::ListenDrops{});
  log_info(
      "status connections={} storage_used={} storage_limit={} chunks={} evicted_chunks={} "
      "accept_queue_max={} listen_overflows={} listen_drops={}",
      shared_.connections.open(), store.used, store.limit, store.chunks, store.evicted_chunks,
      fullest_queue_, drops.overflows, drops.drops);
  for (const auto& origin : setup_->origins) {
    const auto load = origin->gate.load();
    log_info("status origin={} fetches={} waiting={} connections={}", origin->conf.name,
             load.running, load.waiting, origin->servers.limit.open());
  }
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::app
