#include "proxy/purger.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {
namespace {

// Objects of one step: some 100 us.
constexpr std::size_t kStep = 256;
// What an unsafe request changed is no longer met by who saw its answer: some ms at most.
constexpr std::size_t kAtOnce = 64 * kStep;

}  // namespace

Purger::Job::Job(Purger& p, cache::PurgeOrder order, PurgeKind k, Listener* l)
    : purger(p), kind(k), mode(order.mode), purge(p.index_, std::move(order)), listener(l) {}

void Purger::Job::run() noexcept {
  if (!purge.step(kStep)) return purger.loop_.post(*this);
  purger.count(*this);
  const auto mine = std::ranges::find(purger.jobs_, this, &std::unique_ptr<Job>::get);
  const std::unique_ptr<Job> self = std::move(*mine);
  purger.jobs_.erase(mine);
  if (listener) listener->on_purged(purge.objects());
}

Purger::~Purger() {
  for (const auto& job : jobs_) loop_.cancel(*job);
}

Purger::Begun Purger::start(cache::PurgeOrder order, PurgeKind kind, Listener* listener,
                            std::size_t& objects) {
  auto job = std::make_unique<Job>(*this, std::move(order), kind, listener);
  if (!job->purge.begin(loop_.wall_now())) return Begun::kTooMany;
  if (!job->purge.step(kind == PurgeKind::kInvalidation ? kAtOnce : kStep)) {
    loop_.post(*job);
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
  const auto mode = static_cast<std::size_t>(job.mode);
  stats_.purges[static_cast<std::size_t>(job.kind)][mode].add();
  stats_.objects[mode].add(job.purge.objects());
}

}  // namespace weir::proxy
