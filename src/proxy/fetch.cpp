#include "proxy/fetch.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "http/etag.h"
#include "http/range.h"
#include "policy/vary.h"
#include "proxy/fill_policy.h"

namespace weir::proxy {
namespace {

constexpr Duration kLook = std::chrono::seconds(1);
// Looks without a reader before a fetch counts as unread: a joined reader may still be on its way.
constexpr std::uint32_t kIdleLooks = 2;
constexpr Duration kResumeWait =
    std::chrono::milliseconds(100);  // doubles with each resume in vain
constexpr Seconds kHitForMiss{120};

bool never_connected(Error e) {
  return e.code == Errc::kResolveFailed || e.code == Errc::kConnectRefused ||
         e.code == Errc::kConnectFailed || e.code == Errc::kConnectTimeout;
}

bool answerless(Error e) { return e.code == Errc::kOriginClosed || e.code == Errc::kOriginReset; }

std::optional<std::uint64_t> content_length(const http::Response& response) {
  const auto text = response.fields.get(http::FieldId::kContentLength);
  std::uint64_t n = 0;
  if (!text) return {};
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (ec != std::errc{} || end != text->data() + text->size()) return {};
  return n;
}

// A byte of it that was evicted, or never came, can be fetched again and be known to be the same.
bool is_refillable(const http::Response& response) {
  if (response.status != 200) return false;
  const auto ranges = response.fields.get(http::FieldId::kAcceptRanges);
  if (ranges && http::iequals(*ranges, "none")) return false;
  const auto text = response.fields.get(http::FieldId::kETag);
  const auto etag = text ? http::parse_etag(*text) : std::nullopt;
  return etag && !etag->weak;
}

bool same_strong_etag(const cache::Object& object, const http::Response& response) {
  const auto text = response.fields.get(http::FieldId::kETag);
  const auto etag = text ? http::parse_etag(*text) : std::nullopt;
  return etag && !etag->weak && etag->opaque == object.strong_etag();
}

}  // namespace

Fetch& Fetch::start(House& house, FetchPlan plan, Listener* listener) {
  auto* fetch = new Fetch(house, std::move(plan), listener);
  house.fetches.push_back(fetch->place_);
  fetch->enter();
  return *fetch;
}

Fetch::Fetch(House& house, FetchPlan plan, Listener* listener)
    : house_(house), plan_(std::move(plan)), listener_(listener), timer_(house.loop, *this) {
  place_.fetch = this;
  ticket_.owner = this;
  ticket_.lane = plan_.lane;
  if (plan_.kind != FetchPlan::Kind::kFill) return;
  object_ = plan_.object;
  kept_ = true;
  writer_.emplace(object_->body_ref(), plan_.first, plan_.end, *this);
}

Fetch::~Fetch() {
  if (state_ != State::kOver) {  // the worker ends
    state_ = State::kOver;
    origin().gate->leave(ticket_);
    call_.reset();
    if (!object_) refuse(Error{Errc::kDraining});
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
  if (origin().gate->enter(ticket_, now) == Gate::State::kWaiting) {
    timer_.set(ticket_.deadline);
  } else {
    wake();  // running or refused: go on outside of the caller
  }
}

void Fetch::run() noexcept {
  switch (state_) {
    case State::kQueued:
      switch (origin().gate->state(ticket_)) {
        case Gate::State::kRunning:
          return ask();
        case Gate::State::kRefused:
          return fail(Error{Errc::kQueueFull});
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
      if (writer_->space(1, {}).bytes.empty()) return;
      return enter();
    case State::kAsking:
    case State::kOver:
      return;
  }
}

// ---- Asking

void Fetch::ask() {
  state_ = State::kAsking;
  if (writer_) {
    add_range();
  } else if (plan_.kind == FetchPlan::Kind::kLead && plan_.object) {
    policy::add_validators(plan_.object->head(), plan_.request);
  }
  times_.request_time = house_.loop.wall_now();
  bad_part_.reset();
  const origin::Route route{plan_.key.digest.low, tried_};
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

void Fetch::decide(http::Response& response) {
  if (response.framing == http::Framing::kLength && response.length > body::kMaxTotal) {
    bad_part_ = Error{Errc::kOriginBadResponse};
    return;
  }
  const auto length = content_length(response);
  policy::clean_response(response, plan_.site->forward.via, times_.response_time);
  policy::Admission admission;
  if (plan_.kind == FetchPlan::Kind::kLead) {
    admission = policy::admit(plan_.client_request, plan_.cls, response, plan_.site->rules, times_,
                              static_cast<bool>(plan_.object));
  } else {
    admission.reason = "pass";
  }
  if (admission.verdict == policy::Verdict::kFreshen) return freshen(response);
  open_body(response, length, admission);
}

// A 304 to our own validators: the stored response lives on, on the same Body (RFC 9111 §4.3.4).
void Fetch::freshen(const http::Response& update) {
  const cache::Object& stale = *plan_.object;
  if (!policy::freshens(stale.head(), update)) {  // it speaks of another: ask without conditions
    ask_again_ = true;
    plan_.request.fields.remove(http::FieldId::kIfNoneMatch);
    plan_.request.fields.remove(http::FieldId::kIfModifiedSince);
    plan_.object = nullptr;
    return;
  }
  cache::ObjectParts parts;
  parts.head = stale.head();
  policy::freshen(parts.head, update);
  // It may say no-store now, or another Vary.
  const auto admission =
      policy::admit(plan_.client_request, plan_.cls, parts.head, plan_.site->rules, times_, false);
  kept_ = admission.verdict == policy::Verdict::kKeep;
  parts.freshness = admission.freshness;
  describe_variant(parts);
  parts.body = stale.body_ref();
  parts.length = stale.length();
  parts.origin_status = update.status;
  parts.shared = kept_;
  if (!kept_) house_.index.forget(plan_.key, stale);
  object_ = make_ref<cache::Object>(std::move(parts));
  deliver(admission);
}

void Fetch::describe_variant(cache::ObjectParts& parts) const {
  parts.vary_names = policy::vary_names(parts.head).value_or(std::vector<std::string>{});
  policy::variant_text(parts.vary_names, plan_.client_request, parts.variant);
}

void Fetch::open_body(http::Response& response, std::optional<std::uint64_t> length,
                      policy::Admission admission) {
  body::BodyOptions options;
  cache::ObjectParts parts;
  parts.length = length;
  parts.origin_status = response.status;
  options.id = plan_.key.digest;
  if (!call_->has_body()) options.total = 0;
  if (response.framing == http::Framing::kLength) options.total = response.length;

  kept_ = admission.verdict == policy::Verdict::kKeep;
  options.refillable = kept_ && is_refillable(response);
  const bool oversize = options.total.value_or(0) > house_.store.keep_limit();
  if (kept_ && oversize && !options.refillable) {
    kept_ = false;
    admission.reason = "larger_than_store";
    admission.hit_for_miss = true;
  }
  if (kept_) {
    response.fields.remove(http::FieldId::kAge);  // made anew for each answer
    options.meta_bytes = cache::Object::footprint(response, plan_.key.text.size());
    // Most of the store is for those who follow the fastest reader.
    if (oversize) options.lead_limit = house_.store.keep_limit() / 4;
  } else {
    options.drop_passed = true;
    options.lead_limit = house_.transit_window;
  }
  parts.head = std::move(response);
  if (kept_) describe_variant(parts);
  parts.freshness = admission.freshness;
  parts.body = house_.store.create(options);
  parts.shared = kept_;
  writer_.emplace(parts.body, 0, body::kUnlimited, *this);
  if (call_->has_body()) call_->receive(*writer_, 0);
  object_ = make_ref<cache::Object>(std::move(parts));
  deliver(admission);
}

void Fetch::deliver(const policy::Admission& admission) {
  log_debug("fetch key={} status={} kept={} reason={}", plan_.key.text, object_->head().status,
            kept_, admission.reason);
  plan_.busy->set_reason(admission.reason);
  if (plan_.kind == FetchPlan::Kind::kPass) {
    plan_.busy->pass(object_);
  } else if (kept_) {
    house_.index.publish(plan_.key, plan_.busy, object_);
  } else {
    // A credential is the request's reason: others need not go their own way for it.
    const bool mark = admission.hit_for_miss && !plan_.cls.authorization;
    house_.index.pass(plan_.key, plan_.busy, object_,
                      mark ? times_.response_time + kHitForMiss : WallTime{});
  }
}

// ---- Filling

// The answer to our Range: the bytes from the writer's offset on, of the same representation. Bytes
// of two representations are never mixed.
void Fetch::continue_part(const http::Response& response) {
  const std::uint64_t from = writer_->offset();
  const auto total = writer_->body().total();
  const bool same = same_strong_etag(*object_, response);
  if (response.status == 206) {
    const auto text = response.fields.get(http::FieldId::kContentRange);
    const auto part = text ? http::parse_content_range(*text) : std::nullopt;
    const bool fits = part && part->range && part->range->first <= from &&
                      part->range->last >= from &&
                      (!total || !part->total || *total == *part->total);
    if (same && fits) return call_->receive(*writer_, from - part->range->first);
    bad_part_ = Error{same ? Errc::kOriginRefusedRange : Errc::kOriginChanged};
  } else if (response.status == 200) {
    const bool whole =
        !total || response.framing != http::Framing::kLength || response.length == *total;
    if (same && whole) return call_->receive(*writer_, from);
    bad_part_ = Error{Errc::kOriginChanged};
  } else if (response.status >= 500) {
    bad_part_ = Error{Errc::kOriginCut};
  } else {
    bad_part_ = Error{Errc::kOriginChanged};
  }
}

void Fetch::on_blocked(body::BodyWriter::Stop) {
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
  if (may_resume(why)) {
    if (writer_)
      log_info("resume key={} offset={} after={}", plan_.key.text, writer_->offset(),
               describe(why));
    state_ = State::kAsking;
    const auto vain = std::min(resumes_, 8u);
    return vain <= 1 ? ask() : timer_.set(after(house_.loop.now(), kResumeWait * (1 << vain)));
  }
  fail(why);
}

bool Fetch::may_resume(Error why) {
  if (!info(why).retryable) return false;
  if (!writer_) {  // no head yet: only another server, and only what may be sent twice
    const bool again = never_connected(why) || (answerless(why) && !plan_.request_body &&
                                                http::is_idempotent(plan_.request.method));
    return again && ++servers_tried_ < origin().pool->settings().servers.size();
  }
  if (!object_->body().refillable()) return false;
  if (writer_->offset() >= resumed_at_ + body::kChunkSize) resumes_ = 0;  // it does get on
  resumed_at_ = writer_->offset();
  return resumes_++ < origin().resume_attempts;
}

void Fetch::succeed() {
  if (writer_) {
    const body::Body& body = writer_->body();
    if (plan_.kind == FetchPlan::Kind::kFill) {
      std::move(*writer_).abandon();
    } else {
      std::move(*writer_).finish();
      // Without room for all of it, and no way to get the rest again, it is no object.
      if (kept_ && !body.complete() && !body.refillable()) house_.index.forget(plan_.key, *object_);
    }
  }
  end();
}

void Fetch::fail(Error why) {
  log_warn("fetch failed origin={} key={} reason={}", origin().name, plan_.key.text, describe(why));
  if (!object_) {
    refuse(why);
    return end();
  }
  if (!writer_) return end();
  const bool changed = why.code == Errc::kOriginChanged;
  if (plan_.kind == FetchPlan::Kind::kFill && !changed) {
    std::move(*writer_).abandon();  // its readers see the hole again and decide
  } else {
    std::move(*writer_).fail(why);
    if (kept_) house_.index.forget(plan_.key, *object_);
  }
  end();
}

// No head: whoever waits for one is told.
void Fetch::refuse(Error why) {
  if (plan_.kind == FetchPlan::Kind::kLead) {
    house_.index.fail(plan_.key, plan_.busy, why);
  } else {
    plan_.busy->fail(why);
  }
}

// ---- each second

void Fetch::on_timer(net::Timer&) {
  const TimePoint now = house_.loop.now();
  switch (state_) {
    case State::kQueued:
      if (origin().gate->state(ticket_) == Gate::State::kWaiting)
        return fail(Error{Errc::kQueueTimeout});
      return;
    case State::kAsking:
      if (!call_) return ask();  // a resume that had to wait
      break;
    case State::kFilling:
      if (blocked_since_ != TimePoint::max() && now - blocked_since_ >= origin().window_shut_max &&
          object_->body().refillable()) {
        call_.reset();
        origin().gate->leave(ticket_);
        state_ = State::kParked;
        run();  // in case there is space by now: else the writer's wake is set
      }
      break;
    case State::kParked:
      break;
    case State::kOver:
      return;
  }
  if (state_ == State::kQueued) return;
  timer_.set(after(now, kLook));
  look_for_readers();
}

// Ends a fetch that nobody reads and that is not worth finishing for the cache.
void Fetch::look_for_readers() {
  const bool read = writer_ ? writer_->body().readers() > 0 : plan_.busy && plan_.busy->wanted();
  idle_looks_ = read ? 0 : idle_looks_ + 1;
  if (idle_looks_ < kIdleLooks) return;
  if (!writer_) {
    if (plan_.kind != FetchPlan::Kind::kPass) return;
    call_.reset();
    return fail(Error{Errc::kFetchAbandoned});
  }
  const auto verdict = worth_finishing({.kept = kept_,
                                        .received = writer_->offset(),
                                        .total = writer_->body().total(),
                                        .keep_limit = house_.store.keep_limit()});
  if (verdict.finish && plan_.kind != FetchPlan::Kind::kFill) return;
  log_info("fetch abandoned key={} offset={} reason={}", plan_.key.text, writer_->offset(),
           verdict.reason);
  call_.reset();
  if (kept_ && object_->body().refillable()) {
    std::move(*writer_).abandon();  // what is here stays, and the rest can be fetched later
    return end();
  }
  fail(Error{Errc::kFetchAbandoned});
}

void Fetch::end() {
  state_ = State::kOver;
  origin().gate->leave(ticket_);
  delete this;
}

}  // namespace weir::proxy
