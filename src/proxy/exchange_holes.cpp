// What an Exchange does about bytes that are not in memory: it reads them from disk, or has them
// fetched again.
#include "base/log.h"
#include "body/chunk.h"
#include "proxy/disk_fill.h"
#include "proxy/exchange.h"
#include "proxy/first_hole.h"

namespace weir::proxy {
namespace {

// No client waits longer for what a disk may have.
constexpr auto kLoadPatience = std::chrono::seconds(1);
// Up to which byte the client wants those from `offset` on; nothing: to the end.
std::optional<std::uint64_t> last_wanted(const policy::Answer& answer, std::uint64_t offset) {
  if (answer.range) return answer.range->last;
  for (const http::ByteRange& part : answer.parts) {
    if (part.first <= offset && offset <= part.last) return part.last;
  }
  return {};
}

}  // namespace

// Reads what the disk has of the key beside what is here. False: nothing.
bool Exchange::load() {
  loaded_ = true;
  if (!house_.shelf->has_more(key_)) return false;
  load_ = std::make_unique<Load>(*this);
  if (!house_.shelf->disks().read(key_.digest, load_->job)) {
    load_ = nullptr;
    return false;
  }
  state_ = State::kLoad;
  return true;
}

Exchange::Load::Load(Exchange& e)
    : exchange(e),
      job(make_ref<store::ReadObjects>(e.house_.shelf->disks(), e.key_.digest, e.house_.loop, e)),
      timer(e.house_.loop, *this) {
  timer.set(after(e.house_.loop.now(), kLoadPatience));
}

Exchange::Load::~Load() { job->forget(); }

void Exchange::Load::on_timer(net::Timer&) {
  log_debug("key={} the disk has not answered in {} ms: asking the origin", exchange.key_.text,
            std::chrono::milliseconds(kLoadPatience).count());
  Exchange& e = exchange;
  e.load_ = nullptr;
  e.step_lookup();
}

void Exchange::step_load() {
  if (!load_->job->done()) return;
  const auto load = std::move(load_);
  house_.shelf->restore(key_, load->job->objects(), house_.index, house_.loop.wall_now());
  step_lookup();
}

// Where the first byte of the answer is not here, nothing is said before the origin has shown that
// it still has the same object.
bool Exchange::fill_first() {
  if (filled_first_) return false;
  const auto hole = first_hole(*object_, answer_);
  if (!hole) return how_ == How::kHit && look_again();
  filled_first_ = true;
  if (fill_first_from_disk(*hole)) return true;
  if (!object_->body().refillable()) return forget_and_look_again();
  how_ = How::kMiss;
  status_.hit = false;
  status_.ttl.reset();
  status_.forward = policy::Forward::kPartial;
  FetchPlan p = fill_plan(*hole);
  p.busy = house_.index.private_busy();
  Ref<cache::Busy> busy = p.busy;
  fetch_ = &Fetch::start(house_, std::move(p), this);
  joiner_.leader = true;
  wait_at(std::move(busy));
  return true;
}

// From disk the bytes are those of the object that was found; that their checksum is right is known
// before the client is told anything.
bool Exchange::fill_first_from_disk(const body::Hole& hole) {
  if (!house_.shelf) return false;
  auto busy = make_ref<cache::Busy>();
  if (!DiskFill::start(house_, key_, object_, hole, busy)) return false;
  from_disk_ = true;
  if (status_.hit && status_.detail.empty()) status_.detail = "disk";
  joiner_.leader = true;
  wait_at(std::move(busy));
  return true;
}

// Where what was found is no object any more, since the disk lost a part of it.
bool Exchange::look_again() {
  const body::Body& body = object_->body();
  if (!body.backing() || body.failed() || body.servable()) return false;
  return forget_and_look_again();
}

bool Exchange::forget_and_look_again() {
  house_.index.forget(key_, *object_);
  filled_first_ = false;
  step_lookup();
  return true;
}

FetchPlan Exchange::fill_plan(const body::Hole& hole) const {
  FetchPlan p = plan(FetchPlan::Kind::kFill, true);
  HoleFill::aim(p, house_.store.keep_limit(), object_, hole, last_wanted(answer_, hole.offset));
  return p;
}

// The body of a stored object lacks a part: evicted, or far ahead of the fetch that is under way.
std::optional<Error> Exchange::on_hole(front::Stream&, const body::Hole& hole) {
  if (!object_) return Error{Errc::kOriginCut};
  return hole_fill_.start(house_, key_, object_, hole, last_wanted(answer_, hole.offset),
                          [this] { return plan(FetchPlan::Kind::kFill, true); });
}

}  // namespace weir::proxy
