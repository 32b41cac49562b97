#include "proxy/fetch.h"

#include <algorithm>

#include "base/log.h"
#include "policy/upgrade.h"
#include "proxy/fill_policy.h"
#include "proxy/range_ask.h"

namespace weir::proxy {
namespace {

constexpr Duration kLook = std::chrono::seconds(1);
// Looks without a reader before a fetch counts as unread: a joined reader may still be on its way.
constexpr std::uint32_t kIdleLooks = 2;
constexpr Duration kResumeWait =
    std::chrono::milliseconds(100);  // doubles with each resume in vain
constexpr Duration kRoomLook = std::chrono::milliseconds(250);
// What is read at a time from an origin that must not be kept waiting for longer: enough for its
// kernel to see an open window again, of a receive buffer of 6 MiB.
constexpr std::uint64_t kTrickle = body::kChunkSize;
constexpr std::uint64_t kPressFor = 64 * body::kChunkSize;  // once somebody was left behind

}  // namespace

Fetch& Fetch::start(House& house, FetchPlan plan, Listener* listener) {
  auto* fetch = new Fetch(house, std::move(plan), listener);
  house.fetches.push_back(fetch->place_);
  fetch->enter();
  return *fetch;
}

Fetch::Fetch(House& house, FetchPlan plan, Listener* listener)
    : house_(house),
      plan_(std::move(plan)),
      listener_(listener),
      timer_(house.loop, *this),
      room_timer_(house.loop, *this),
      retry_(origin().retry),
      born_(plan_.busy ? plan_.busy->purges() : 0) {
  place_.fetch = this;
  ticket_.owner = this;
  ticket_.lane = plan_.lane;
  ticket_.client = plan_.client;
  if (plan_.kind != FetchPlan::Kind::kFill) return;
  object_ = plan_.object;
  kept_ = true;
  writer_.emplace(object_->body_ref(), plan_.first, plan_.end, *this);
  be_patient();
}

Fetch::~Fetch() {
  if (state_ != State::kOver) {  // the worker ends
    state_ = State::kOver;
    origin().gate->leave(ticket_, house_.loop.now());
    call_.reset();
    if (!object_ || plan_.kind == FetchPlan::Kind::kFill) refuse(Error{Errc::kDraining});
  }
  house_.loop.cancel(*this);
  if (listener_) listener_->on_fetch_over();
}

void Fetch::forget_listener(const Listener& listener) {
  if (listener_ == &listener) listener_ = nullptr;
}

// ---- Queued

void Fetch::enter() {
  state_ = State::kQueued;
  const TimePoint now = house_.loop.now();
  queued_ = now;
  if (origin().gate->enter(ticket_, now) == Gate::State::kWaiting) {
    timer_.set(std::min(ticket_.deadline, after(now, kLook)));
  } else {
    wake();  // running or refused: go on outside of the caller
  }
}

void Fetch::run() noexcept {
  switch (state_) {
    case State::kQueued:
      switch (origin().gate->state(ticket_)) {
        case Gate::State::kRunning:
          return begin();
        case Gate::State::kRefused:
          return fail(writer_ ? Error{ticket_.refusal} : retry_.reason(Error{ticket_.refusal}));
        case Gate::State::kNew:
        case Gate::State::kWaiting:
          return;
      }
      return;
    case State::kFilling:
      blocked_since_ = TimePoint::max();
      if (call_) call_->resume();
      return;
    case State::kParked:
      if (std::byte none[1]; !writer_->space(1, none).bytes.empty()) enter();
      return;
    case State::kAsking:
    case State::kBackingOff:
    case State::kOver:
      return;
  }
}

// There is a place. Who waited for it may be gone: then the origin is not troubled.
void Fetch::begin() {
  origin().stats->queued.add(house_.loop.now() - queued_);
  const bool wanted = writer_ || ticket_.lane != sched::Lane::kClientWaits || is_read();
  wanted ? ask() : fail(Error{Errc::kFetchAbandoned});
}

// ---- Asking

void Fetch::ask() {
  state_ = State::kAsking;
  if (writer_) {
    add_range();
  } else if (plan_.kind == FetchPlan::Kind::kLead) {
    if (plan_.range) plan_.request.fields.set(http::FieldId::kRange, print_range(*plan_.range));
    if (plan_.object) policy::add_validators(plan_.object->head(), plan_.request);
  }
  times_.request_time = house_.loop.wall_now();
  blocked_since_ = TimePoint::max();
  blocked_at_ = body::kUnlimited;
  bad_part_.reset();
  const origin::Route route{plan_.key.digest.low, tried_, plan_.introduction};
  call_ = std::make_unique<origin::Call>(*origin().pool, plan_.request, plan_.request_body, route,
                                         *this);
  timer_.set(after(house_.loop.now(), kLook));
}

// RFC 9110 §13.1.5, §14.2: the rest of the same representation, or all of the new one.
void Fetch::add_range() {
  http::Fields& fields = plan_.request.fields;
  fields.remove(http::FieldId::kIfNoneMatch);
  fields.remove(http::FieldId::kIfModifiedSince);
  std::string range = fmt::format("bytes={}-", writer_->offset());
  if (plan_.end != body::kUnlimited) range += std::to_string(plan_.end - 1);
  fields.set(http::FieldId::kRange, range);
  fields.set(http::FieldId::kIfRange, object_->strong_etag());
}

void Fetch::on_informational(const http::Response& response) {
  if (listener_) listener_->on_informational(response);
}

void Fetch::on_head(http::Response& response) {
  times_.response_time = house_.loop.wall_now();
  state_ = State::kFilling;
  writer_ ? continue_part(response) : decide(response);
}

void Fetch::on_switched(http::Response& response, origin::Switched origin) {
  if (!policy::is_switch(response, plan_.upgrade)) {
    bad_part_ = Error{Errc::kOriginBadResponse};
    return;
  }
  switched_ = true;
  if (!listener_) return;  // its client is gone
  policy::clean_switch(response, plan_.site->forward.via, house_.loop.wall_now());
  if (plan_.ruling.edits_origin) edit_origin_response(plan_.ruling, response.fields);
  listener_->on_switched(response, std::move(origin));
}

void Fetch::on_blocked(body::BodyWriter::Stop why) {
  if (convoy_ && why == body::BodyWriter::Stop::kNoRoom && !std::exchange(waited_, true))
    room_timer_.set(after(house_.loop.now(), kRoomLook));
  const std::uint64_t at = writer_->offset();
  if (at != blocked_at_) blocked_from_ = house_.loop.now();
  blocked_at_ = at;
  blocked_since_ = blocked_from_;
}

void Fetch::on_over(Result<void> result) {
  call_.reset();
  const Error why = bad_part_ ? *bad_part_ : result ? Error{} : result.error();
  if (result && std::exchange(ask_again_, false)) return ask();
  if (result && !bad_part_) return succeed();
  const TimePoint now = house_.loop.now();
  const auto at = writer_ ? when_to_resume(why, now) : when_to_retry(why, now);
  if (!at) return fail(writer_ ? why : retry_.reason(why));
  *at <= now ? ask() : back_off(*at);
}

void Fetch::back_off(TimePoint until) {
  state_ = State::kBackingOff;
  leave_gate(house_.loop.now());
  timer_.set(until);
}

// For a while: others may have the place.
void Fetch::leave_gate(TimePoint now) {
  origin().gate->leave(ticket_, now);
  ticket_.again = true;
}

// No head yet: the same request, once more.
std::optional<TimePoint> Fetch::when_to_retry(Error why, TimePoint now) {
  origin::Servers& servers = origin().pool->servers();
  const Retry::Failure failure{
      .why = why,
      .repeatable = !plan_.request_body && http::is_safe(plan_.request.method),
      .another = tried_.size() < servers.settings.servers.size(),
      .next_try = servers.balancer.capacity(now).changes_at,
      .random = origin().pool->random()};
  const auto at = retry_.after_failure(failure, now);
  if (at && *at > now && stale_will_do()) return {};  // nobody need wait
  if (!at || (retry_.costs() && !origin().gate->may_retry(now))) return {};
  origin().stats->retries.add();
  log_info("retry origin={} key={} after={}", origin().name, plan_.key.text, describe(why));
  return at;
}

// The rest of what was cut, by range.
std::optional<TimePoint> Fetch::when_to_resume(Error why, TimePoint now) {
  if (!info(why).retryable || !object_->body().refillable()) return {};
  if (writer_->offset() >= resumed_at_ + body::kChunkSize) resumes_ = 0;  // it does get on
  resumed_at_ = writer_->offset();
  if (resumes_++ >= origin().resume_attempts) return {};
  origin().stats->resumes.add();
  log_info("resume key={} offset={} after={}", plan_.key.text, writer_->offset(), describe(why));
  const auto vain = std::min(resumes_, 8u);
  return vain <= 1 ? now : after(now, kResumeWait * (1 << vain));
}

void Fetch::succeed() {
  if (switched_) {
    origin().stats->end(plan_.kind, FetchEnd::kSwitched);
    refuse(Error{Errc::kFetchAbandoned});
    return end();
  }
  origin().stats->end(plan_.kind, writer_ ? FetchEnd::kWhole : FetchEnd::kFreshened);
  if (writer_) {
    const body::Body& body = writer_->body();
    if (plan_.kind == FetchPlan::Kind::kFill || part_) {
      std::move(*writer_).abandon();
    } else {
      std::move(*writer_).finish();
      if (kept_ && house_.shelf) house_.shelf->finished(plan_.key, *object_, house_.index);
      // Without room for all of it, and no way to get the rest again, it is no object.
      if (kept_ && !body.servable()) house_.index.forget(plan_.key, *object_);
    }
  }
  end();
}

void Fetch::fail(Error why) {
  origin().stats->fail(plan_.kind, why);
  const bool ours = info(why).side != Side::kClient && why.code != Errc::kFetchAbandoned;
  if (ours) {
    log_warn("fetch failed origin={} key={} reason={}", origin().name, plan_.key.text,
             describe(why));
  } else {
    log_info("fetch given up origin={} key={} reason={}", origin().name, plan_.key.text,
             describe(why));
  }
  if (!object_) {
    refuse(why);
    return end();
  }
  if (!writer_) return end();
  if (plan_.kind == FetchPlan::Kind::kFill) refuse(why);
  const bool changed = why.code == Errc::kOriginChanged;
  const bool right = kept_ && object_->body().refillable() && !changed;
  if (right) {
    std::move(*writer_).abandon();  // what is here stays; readers see the hole again and decide
  } else {
    std::move(*writer_).fail(why);
  }
  if (kept_ && (!right || why.code == Errc::kOriginRefusedRange))
    house_.index.forget(plan_.key, *object_);
  end();
}

// No head: whoever waits for one is told.
void Fetch::refuse(Error why) {
  if (plan_.kind == FetchPlan::Kind::kLead) {
    if (policy::is_failure(info(why).status) && stale_will_do()) rest();
    house_.index.fail(plan_.key, plan_.busy, why);
  } else if (plan_.busy) {
    std::exchange(plan_.busy, nullptr)->fail(why);
  }
}

// ---- each second

void Fetch::look_for_room() {
  const bool waited = std::exchange(waited_, false);
  if (state_ != State::kFilling) return;
  const TimePoint now = house_.loop.now();
  if (convoy_->leave_behind(now, writer_->offset(), waited)) {
    log_info("fetch leaves slow readers behind key={} offset={}", plan_.key.text,
             writer_->offset());
    writer_->press(kPressFor);
    return run();
  }
  waited_ = blocked_since_ != TimePoint::max();
  if (waited_) room_timer_.set(after(now, kRoomLook));
}

void Fetch::on_timer(net::Timer& timer) {
  if (&timer == &room_timer_) return look_for_room();
  const TimePoint now = house_.loop.now();
  switch (state_) {
    case State::kQueued:
      origin().gate->look(now);
      if (!look_for_readers()) return;
      timer_.set(std::min(ticket_.deadline, after(now, kLook)));
      return run();
    case State::kFilling:
      look_at_window(now);
      break;
    case State::kAsking:
    case State::kParked:
      break;
    case State::kBackingOff:
      return enter();
    case State::kOver:
      return;
  }
  if (state_ == State::kQueued) return;
  timer_.set(after(now, std::min(kLook, origin().window_shut_max / 4)));
  look_for_readers();
}

// The origin's window must not stay shut. What can be fetched again by range is given up for now;
// of anything else a little is read.
void Fetch::look_at_window(TimePoint now) {
  if (blocked_since_ == TimePoint::max()) return;
  const Duration shut = now - blocked_since_;
  if (object_->body().refillable()) {
    if (shut < origin().window_shut_max) return;
    call_.reset();
    leave_gate(now);
    state_ = State::kParked;
    origin().stats->parked.add();
    wake();  // in case there is space by now: else the writer's wake is set
  } else if (shut >= origin().window_shut_max / 2) {
    writer_->press(kTrickle);
    wake();  // not now: what comes may be its end
  }
}

// Ends a fetch that nobody reads and that is not worth finishing for the cache. False: it is over.
bool Fetch::look_for_readers() {
  idle_looks_ = is_read() ? 0 : idle_looks_ + 1;
  if (idle_looks_ == 0) wait_in(sched::Lane::kClientWaits);
  if (idle_looks_ < kIdleLooks) return true;
  if (!writer_ && plan_.lane != sched::Lane::kClientWaits) return true;  // nobody ever waited
  if (go_on_unread()) return true;
  call_.reset();
  if (writer_ && kept_ && object_->body().refillable()) {
    origin().stats->end(plan_.kind, FetchEnd::kAbandoned);
    if (plan_.kind == FetchPlan::Kind::kFill) refuse(Error{Errc::kFetchAbandoned});
    std::move(*writer_).abandon();  // what is here stays, and the rest can be fetched later
    end();
  } else {
    fail(Error{Errc::kFetchAbandoned});
  }
  return false;
}

bool Fetch::is_read() const {
  return (writer_ && writer_->body().readers() > 0) || (plan_.busy && plan_.busy->wanted());
}

// Whether it is worth finishing though nobody reads it; then it makes way for what clients wait
// for.
bool Fetch::go_on_unread() {
  FillVerdict verdict = fill_verdict();
  if (verdict.finish && ticket_.lane == sched::Lane::kPrefetch) return true;
  if (verdict.finish && !wait_in(sched::Lane::kPrefetch)) verdict = {false, "no_place"};
  log_info("fetch {} key={} offset={} reason={}", verdict.finish ? "goes on unread" : "abandoned",
           plan_.key.text, writer_ ? writer_->offset() : 0, verdict.reason);
  return verdict.finish;
}

FillVerdict Fetch::fill_verdict() {
  if (writer_) {
    return worth_finishing({.kept = kept_,
                            .part = part_ || plan_.kind == FetchPlan::Kind::kFill,
                            .received = writer_->offset(),
                            .total = writer_->body().total(),
                            .keep_limit = house_.store.keep_limit()},
                           origin().fill);
  }
  // No head yet. One that still stands in the queue has cost the origin nothing.
  if (plan_.kind == FetchPlan::Kind::kPass) return {false, "not_kept"};
  if (state_ == State::kQueued && ticket_.lane == sched::Lane::kClientWaits)
    return {false, "not_begun"};
  return worth_awaiting(origin().fill);
}

// False: it runs, and that lane has no place for it.
bool Fetch::wait_in(sched::Lane lane) {
  if (ticket_.lane == lane) return true;
  const TimePoint now = house_.loop.now();
  switch (state_) {
    case State::kAsking:
    case State::kFilling:
      return origin().gate->move(ticket_, lane, now);
    case State::kQueued:
      origin().gate->leave(ticket_, now);
      ticket_.lane = lane;
      enter();
      return true;
    case State::kParked:
    case State::kBackingOff:
    case State::kOver:
      ticket_.lane = lane;
      return true;
  }
  return true;
}

void Fetch::end() {
  state_ = State::kOver;
  origin().gate->leave(ticket_, house_.loop.now());
  delete this;
}

}  // namespace weir::proxy
