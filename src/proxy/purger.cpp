#include "proxy/purger.h"

#include <algorithm>
#include <utility>

#include "cache/purge_log.h"

namespace weir::proxy {
namespace {

// Objects of one step: some 100 us.
constexpr std::size_t kStep = 256;
// What an unsafe request changed is no longer met by who saw its answer: some ms at most.
constexpr std::size_t kAtOnce = 64 * kStep;

}  // namespace

Purger::Job::Job(Purger& p, PurgeGate::Ticket t, cache::PurgeOrder order, PurgeKind k, Listener* l)
    : purger(p),
      ticket(t),
      kind(k),
      mode(order.mode),
      purge(p.index_, std::move(order)),
      listener(l) {}

// If not, it is posted: by itself, when the log has written what it must, or when it was heard of.
bool Purger::Job::over() {
  cache::PurgeLog* log = purger.index_.purge_log();
  if (!carried_out) {
    const bool at_once = kind == PurgeKind::kInvalidation && !std::exchange(begun, true);
    if (!purge.step(at_once ? kAtOnce : kStep)) {
      purger.loop_.post(*this);
      return false;
    }
    carried_out = true;
    if (log) logged = log->added();
  }
  if (!listener) return true;
  if (log && !log->await(logged, purger.loop_, *this)) return false;
  return purger.gate_.await(ticket, purger.loop_, *this);
}

void Purger::Job::run() noexcept {
  if (!over()) return;
  purger.count(*this);
  const auto mine = std::ranges::find(purger.jobs_, this, &std::unique_ptr<Job>::get);
  const std::unique_ptr<Job> self = std::move(*mine);
  purger.jobs_.erase(mine);
  if (listener) listener->on_purged(purge.objects());
}

Purger::~Purger() {
  for (const auto& job : jobs_) {
    if (cache::PurgeLog* log = index_.purge_log()) log->forget(*job);
    gate_.forget(*job);
    loop_.cancel(*job);
    gate_.leave(job->ticket);
  }
}

Purger::Begun Purger::start(cache::PurgeOrder order, PurgeKind kind, Listener* listener,
                            std::size_t& objects) {
  const PurgeGate::Ticket ticket = gate_.enter(order);
  auto job = std::make_unique<Job>(*this, ticket, std::move(order), kind, listener);
  if (!job->purge.begin(loop_.wall_now())) {
    gate_.leave(ticket);
    return Begun::kTooMany;
  }
  if (!job->over()) {
    jobs_.push_back(std::move(job));
    return Begun::kUnderWay;
  }
  count(*job);
  objects = job->purge.objects();
  return Begun::kDone;
}

void Purger::forget(const Listener& listener) {
  for (const auto& job : jobs_) {
    if (job->listener == &listener) job->listener = nullptr;
  }
}

void Purger::count(const Job& job) {
  gate_.leave(job.ticket);
  const auto mode = static_cast<std::size_t>(job.mode);
  stats_.purges[static_cast<std::size_t>(job.kind)][mode].add();
  stats_.objects[mode].add(job.purge.objects());
}

}  // namespace weir::proxy
