#include "proxy/exchange.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"
#include "body/text_body.h"
#include "http/date.h"
#include "policy/forwarding.h"
#include "policy/upgrade.h"
#include "policy/vary.h"
#include "proxy/access.h"
#include "proxy/range_ask.h"

namespace weir::proxy {
namespace {

// Waiting for heads of other variants in turn, before a request goes its own way.
constexpr std::uint32_t kLookupsMax = 4;
policy::Forward forward_reason(const cache::Lookup& found) {
  if (found.object) {
    const bool asked = found.verdict.reason.starts_with("request");
    return asked ? policy::Forward::kRequest : policy::Forward::kStale;
  }
  return found.vary_miss ? policy::Forward::kVaryMiss : policy::Forward::kUriMiss;
}

// Not to be guessed by who writes the content.
std::string boundary_for(const cache::Key& key, TimePoint now) {
  const auto seed = static_cast<std::uint64_t>(now.time_since_epoch().count());
  return fmt::format("weir{:016x}{:016x}", hash64(key.text, seed), hash64(key.text, ~seed));
}

}  // namespace

Exchange::~Exchange() {
  load_ = nullptr;
  house_.loop.cancel(*this);
}

void Exchange::on_request(front::Stream& stream) {
  WEIR_CHECK(state_ == State::kDone && !stream_);
  stream_ = &stream;
  request_ = &stream.request();
  state_ = State::kRecv;
  step_recv();
}

// ---- Recv

void Exchange::step_recv() {
  const http::Request& request = stream_->request();
  if (routes_.get() != house_.routes.get()) routes_ = house_.routes;
  site_ = routes_->sites->find(request.authority);
  if (!site_) return refuse(Error{Errc::kNoSuchSite});
  origin_ = routes_->origin_of(*site_).name;
  if (request.method == http::Method::kConnect || request.method == http::Method::kTrace) {
    return refuse(Error{Errc::kUnsupportedMethod});
  }
  if (policy::hops_left(request) == 0) return answer_for_origin();
  const std::uint64_t body_max = site_->request_body_max;
  if (body_max != 0 && request.framing == http::Framing::kLength && request.length > body_max) {
    return refuse(Error{Errc::kBodyTooLarge});
  }
  if (request.method == http::Method::kPurge && !site_->purge_from.empty()) return purge();
  if (!site_->exceptions.empty()) consider_rules();
  if (ruled_ && rules_->ruling.respond) return respond(*rules_->ruling.respond);
  classify();
  if (cls_.use == policy::Use::kPass) {
    if (cls_.upgrade) return ask_upgrade();
    const bool method = cls_.reason == "method";
    return pass(method ? policy::Forward::kMethod : policy::Forward::kBypass, cls_.reason);
  }
  if (ruled_ && rules_->ruling.pass)
    return pass(policy::Forward::kBypass, rules_->ruling.pass->reason);
  if (ruled_ && rules_->ruling.passes_ranges && request_->fields.has(http::FieldId::kRange)) {
    return pass(policy::Forward::kBypass, rules_->ruling.passes_ranges->reason);
  }
  // Whether the origin's state still is what the client believes is the origin's to say (RFC 9111
  // §4.3.2).
  const auto preconditions =
      http::field_bit(http::FieldId::kIfMatch) | http::field_bit(http::FieldId::kIfUnmodifiedSince);
  if (request_->fields.known() & preconditions)
    return pass(policy::Forward::kRequest, "precondition");
  step_lookup();
}

// ---- Lookup

void Exchange::step_lookup() {
  state_ = State::kLookup;
  status_ = {};
  stale_ = nullptr;
  if (++lookups_ > kLookupsMax) return pass(policy::Forward::kVaryMiss, "variants");
  const http::Request& request = *request_;
  // What is fetched for a HEAD, or must not be stored, is of no use to those who would wait for it.
  const bool may_lead =
      request.method == http::Method::kGet && !cls_.only_if_cached && !cls_.no_store;
  const WallTime now = house_.loop.wall_now();
  const bool may_be_absent = house_.shelf && !loaded_;
  cache::Lookup found = house_.index.lookup(key_, request, cls_, now, may_lead, may_be_absent);
  if (found.what == cache::Lookup::What::kAbsent) {
    if (load()) return;
    found = house_.index.lookup(key_, request, cls_, now, may_lead);
  }
  switch (found.what) {
    case cache::Lookup::What::kHit:
      if (found.busy) revalidate(found);
      if (house_.shelf) house_.shelf->hit(key_, *found.object, house_.index);
      how_ = How::kHit;
      status_.hit = true;
      status_.ttl = found.object->freshness().ttl(now);
      if (found.verdict.reuse == policy::Reuse::kStaleServe) status_.detail = found.verdict.reason;
      return step_deliver(std::move(found.object));
    case cache::Lookup::What::kLead:
      return lead(found);
    case cache::Lookup::What::kJoin:
      status_.forward = forward_reason(found);
      how_ = How::kJoin;
      stale_ = std::move(found.object);
      status_.collapsed = true;
      joiner_.leader = false;
      return wait_at(std::move(found.busy));
    case cache::Lookup::What::kPass:
      return pass(policy::Forward::kMiss, "hit_for_miss");
    case cache::Lookup::What::kNone:
      if (cls_.only_if_cached) return refuse(Error{Errc::kOnlyIfCached});
      return pass(forward_reason(found), cls_.no_store ? "request_no_store" : "head",
                  std::move(found.object));
    case cache::Lookup::What::kAbsent:
      break;
  }
  check_failed("an object absent though it was looked for", __FILE__, __LINE__);
}

FetchPlan Exchange::plan(FetchPlan::Kind kind, bool for_storing) const {
  const http::Request& request = *request_;
  FetchPlan out;
  out.kind = kind;
  out.key = key_;
  out.routes = routes_;
  out.site = site_;
  out.client_request = request;
  out.cls = cls_;
  out.ruling.begin(site_->rules);
  if (ruled_) out.ruling = rules_->ruling;
  out.client = hash64(stream_->client_host());
  if (routes_->origin_of(*site_).pool->settings().proxy_protocol)
    out.introduction = stream_->introduction();
  policy::forward_request(request, site_->forward, {stream_->client_host(), stream_->scheme()},
                          for_storing, out.request);
  out.request.fields.remove(http::FieldId::kExpect);  // front/ has answered it
  return out;
}

void Exchange::lead(const cache::Lookup& found) {
  how_ = How::kMiss;
  status_.forward = forward_reason(found);
  FetchPlan p = plan(FetchPlan::Kind::kLead, true);
  p.busy = found.busy;
  p.object = found.object;
  if (!ruled_ || rules_->ruling.ranges != Ranges::kWhole) p.range = range_to_ask(*request_);
  stale_ = found.object;
  fetch_ = &Fetch::start(house_, std::move(p), this);
  joiner_.leader = true;
  wait_at(found.busy);
}

// Stale but servable: somebody must ask the origin, and nobody need wait for it (RFC 5861 §3).
void Exchange::revalidate(const cache::Lookup& found) {
  FetchPlan p = plan(FetchPlan::Kind::kLead, true);
  p.busy = found.busy;
  p.object = found.object;
  p.lane = sched::Lane::kRevalidation;
  Fetch::start(house_, std::move(p), nullptr);
}

// `known`: what is stored and would have been the answer to a GET. A HEAD may bring news of it.
void Exchange::pass(policy::Forward why, std::string_view detail, Ref<cache::Object> known) {
  how_ = How::kPass;
  status_.forward = why;
  status_.detail = detail;
  status_.collapsed = false;
  FetchPlan p = plan(FetchPlan::Kind::kPass, false);
  p.busy = house_.index.private_busy();
  p.request_body = stream_->request_body();
  if (site_->compresses && compression_rules().on()) policy::restore_if_match(p.request.fields);
  if (stream_->request().method == http::Method::kHead) p.object = known;
  if (known) stale_ = std::move(known);
  if (tunnel_place_) {
    p.upgrade = policy::upgrades_to_ask(*request_, site_->rules.upgrades);
    policy::ask_upgrade(p.upgrade, p.request);
  }
  Ref<cache::Busy> busy = p.busy;
  fetch_ = &Fetch::start(house_, std::move(p), this);
  joiner_.leader = true;
  wait_at(std::move(busy));
}

// ---- Wait

void Exchange::wait_at(Ref<cache::Busy> busy) {
  if (busy_) busy_->leave(joiner_);
  busy_ = std::move(busy);
  joiner_.waiter = this;
  state_ = State::kWait;
  step_wait();
}

void Exchange::run() noexcept {
  // A wake may come late, when this Exchange serves another request: one look too many does no
  // harm.
  if (state_ == State::kWait) step_wait();
  if (state_ == State::kLoad) step_load();
}

void Exchange::step_wait() {
  cache::Busy::State now = busy_->join(joiner_);
  if (std::holds_alternative<cache::Busy::Pending>(now)) return;
  stop_listening();  // the head is here: no more 1xx
  if (auto* object = std::get_if<Ref<cache::Object>>(&now)) return on_head(std::move(*object));
  if (const auto* passed = std::get_if<cache::Busy::Passed>(&now)) return on_passed(passed->whom);
  on_failure(std::get<Error>(now));
}

void Exchange::on_head(Ref<cache::Object> object) {
  if (from_disk_) return step_deliver(std::move(object));
  if (policy::is_failure(object->head().status) && may_serve_stale()) {
    status_.forward_status = object->origin_status();
    return serve_stale();
  }
  if (!joiner_.leader && !may_share(*object)) {
    if (object->part()) return pass(policy::Forward::kPartial, "partial");
    return step_lookup();
  }
  if (status_.detail.empty()) status_.detail = busy_->reason();
  status_.forward_status = object->origin_status();
  status_.stored = object->shared();
  step_deliver(std::move(object));
}

void Exchange::on_passed(cache::Whom whom) {
  if (whom == cache::Whom::kAuthorized && !cls_.authorization) return step_lookup();  // not for us
  // The origin's failure is the answer to who asked; those who waited may do better.
  if (busy_->reason() == kOriginFailure && may_serve_stale()) return serve_stale();
  pass(status_.forward, busy_->reason());
}

void Exchange::on_failure(Error why) {
  if (std::exchange(from_disk_, false) && why.code == Errc::kDiskRead) {
    filled_first_ = false;
    return step_lookup();
  }
  // The object that was here is no more: what is at the origin now is as good to who got nothing
  // yet.
  const bool other = why.code == Errc::kOriginChanged || why.code == Errc::kOriginRefusedRange;
  if (filled_first_ && other) return step_lookup();
  if (policy::is_failure(info(why).status) && may_serve_stale()) return serve_stale();
  if (takes_over(why)) return step_lookup();
  refuse(why);
}

// Who led the fetch failed, perhaps for reasons of its own: its turn in the queue, its client. One
// of those who waited for it leads now, and the others wait for that one; once, so that a crowd
// does not ask an origin that is down one after the other. queue_timeout is over for all.
bool Exchange::takes_over(Error why) {
  const bool may_help =
      why.code == Errc::kFetchAbandoned || (info(why).retryable && why.code != Errc::kQueueTimeout);
  return may_help && !joiner_.leader && !std::exchange(took_over_, true);
}

// Whether what was stored before will do, now that the origin has failed (RFC 5861 §4).
bool Exchange::may_serve_stale() const {
  return stale_ && !filled_first_ && !stale_->mark().gone() &&
         policy::may_serve_on_error(cls_, stale_->freshness(), house_.loop.wall_now());
}

void Exchange::serve_stale() {
  how_ = How::kHit;
  status_.detail = "stale_if_error";
  status_.stored = false;
  status_.ttl = stale_->freshness().ttl(house_.loop.wall_now());
  step_deliver(std::move(stale_));
}

// Whether what another's request brought answers this one, too, which waited for it.
bool Exchange::may_share(const cache::Object& object) const {
  // Purged while it was fetched: who waited last may have come after the purge.
  if (object.mark().gone() || object.mark().stale_since()) return false;
  if (!object.freshness().serves_waiters()) return false;
  if (const auto& part = object.part()) {
    const WallTime now = house_.loop.wall_now();
    if (!policy::part_answers(*request_, object.head(), part->range, part->total, now))
      return false;
  }
  if (object.vary_names().empty()) return true;
  std::string mine;
  policy::variant_text(object.vary_names(), *request_, mine);
  return mine == object.variant();
}

void Exchange::stop_listening() {
  if (fetch_) fetch_->forget_listener(*this);
  fetch_ = nullptr;
}

// RFC 9110 §7.6.1: what is for one connection alone is so in a 1xx, too.
void Exchange::on_informational(const http::Response& response) {
  http::Response cleaned = response;
  policy::clean_response(cleaned, site_->forward.via, house_.loop.wall_now());
  stream_->inform(cleaned.status, cleaned.fields);
}

// ---- Deliver

void Exchange::step_deliver(Ref<cache::Object> object) {
  state_ = State::kDeliver;
  tunnel_place_.free();
  object_ = std::move(object);
  if (site_->compresses && mixes_forms() && ask_for_whole()) return;
  const http::Response& head = object_->head();
  answer_ = answer_from(*object_);
  if (fill_first()) return;

  front::Reply reply;
  reply.status = answer_.status;
  if (answer_.status == head.status) reply.reason = head.reason;
  reply.fields = fields_for(answer_.status, head);
  if (ruled_ && rules_->ruling.edits_response) edit_reply(reply);
  add_own_fields(*object_);
  frame(reply);
  std::optional<body::BodyPin> pin;
  if (site_->compresses) encode(reply, pin);
  stream_->reply(reply);  // and reads what is pinned
}

policy::Answer Exchange::answer_from(const cache::Object& object) const {
  const http::Request& request = *request_;
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  const WallTime now = house_.loop.wall_now();
  if (const auto& part = object.part())
    return policy::answer_part(request, object.head(), part->range, part->total, now);
  if (!object.shared() || !reads) return {.status = object.head().status};
  return policy::answer(request, object.head(), object.body().total(), now);
}

// Which bytes follow, and how many are announced. A HEAD announces what its GET would get.
void Exchange::frame(front::Reply& reply) {
  const auto total = object_->body().total();
  http::Fields& extra = stream_->extra();
  const bool stored_status = answer_.status == object_->head().status;
  if (!stored_status && answer_.status == 416) {
    reply.length = 0;
    extra.add(http::FieldId::kContentRange,
              http::print_content_range_unsatisfied(total.value_or(0)));
  } else if (!stored_status && answer_.status != 206) {
    reply.length = 0;  // 304 and 412 have no content
  } else if (answer_.range) {
    frame_range(reply);
  } else if (!answer_.parts.empty()) {
    frame_parts(reply, total.value_or(0));
  } else if (stream_->request().method == http::Method::kHead) {
    reply.length = object_->shared() ? total : object_->length();
  } else {
    reply.length = total;
    reply.body = object_->body_ref();
  }
}

void Exchange::frame_range(front::Reply& reply) {
  const http::ByteRange range = *answer_.range;
  const auto& part = object_->part();
  const std::uint64_t begin = part ? part->range.first : 0;
  const std::uint64_t total = part ? part->total : object_->body().total().value_or(0);
  reply.first = range.first - begin;
  reply.end = range.last + 1 - begin;
  reply.length = range.size();
  stream_->extra().add(http::FieldId::kContentRange, http::print_content_range(range, total));
  reply.body = object_->body_ref();
}

// RFC 9110 §15.3.7.2: each part says what it is, the head does not.
void Exchange::frame_parts(front::Reply& reply, std::uint64_t total) {
  const http::Fields& stored = object_->head().fields;
  const auto type = stored.get(http::FieldId::kContentType).value_or("");
  const policy::Multipart made =
      policy::multipart(answer_.parts, total, type, boundary_for(key_, house_.loop.now()));
  for (std::size_t i = 0; i < made.texts.size(); ++i) {
    front::Part& part = reply.parts.emplace_back(made.texts[i]);
    if (i == answer_.parts.size()) break;
    part.first = answer_.parts[i].first;
    part.end = answer_.parts[i].last + 1;
  }
  reply.length = made.length;
  reply.body = object_->body_ref();
  if (reply.fields != &fields_) fields_ = stored;
  fields_.set(http::FieldId::kContentType, made.content_type);
  reply.fields = &fields_;
}

// The stored fields that go along; for an answer without the content, not those that describe it.
const http::Fields* Exchange::fields_for(int status, const http::Response& stored) {
  if (status == stored.status || status == 206) return &stored.fields;
  fields_.clear();
  for (std::size_t i = 0; i < stored.fields.size(); ++i) {
    const http::Field field = stored.fields[i];
    if (policy::goes_with(status, field.id)) fields_.add(field.name, field.value);
  }
  return &fields_;
}

void Exchange::add_own_fields(const cache::Object& object) {
  if (object.shared()) {
    const Seconds age = object.freshness().age(house_.loop.wall_now());
    if (status_.hit || age > Seconds{0})
      stream_->extra().add(http::FieldId::kAge, fmt::format_int(age.count()).c_str());
  }
  add_cache_status();
}

void Exchange::add_cache_status() {
  if (site_ && !site_->cache_status) return;
  status_text_.clear();
  if (site_ && site_->cache_status_key) status_.key = key_.text;
  policy::print_cache_status(status_, status_text_);
  stream_->extra().add(http::FieldId::kCacheStatus, status_text_);
}

// An answer of our own: the named reason stands in its text, in Cache-Status and in the log.
void Exchange::refuse(Error error) {
  state_ = State::kDeliver;
  refused_ = true;
  const ErrorInfo& why = info(error);
  status_.detail = why.name;
  http::Fields& fields = stream_->extra();
  fields.add(http::FieldId::kDate, http::print_date(house_.loop.wall_now()));
  fields.add(http::FieldId::kContentType, "text/plain");
  if (why.status == 503 && site_) {
    const Seconds wait = routes_->origin_of(*site_).gate->retry_after(house_.loop.now());
    fields.add(http::FieldId::kRetryAfter, fmt::format_int(wait.count()).c_str());
  }
  add_cache_status();
  int status = why.status != 0 ? why.status : 502;
  // RFC 9111 §5.2.2.2: what must not be served stale while the origin cannot be asked.
  if (status == 502 && stale_ && stale_->freshness().must_revalidate) status = 504;
  reply_text(status, fmt::format("{} {}\n{}: {}\n", status, http::reason_phrase(status), why.name,
                                 why.text));
}

// An OPTIONS that may go no further: about us, who offer nothing of our own (RFC 9110 §7.6.2).
void Exchange::answer_for_origin() {
  state_ = State::kDeliver;
  status_.detail = "max_forwards";
  stream_->extra().add(http::FieldId::kDate, http::print_date(house_.loop.wall_now()));
  add_cache_status();
  front::Reply reply;
  reply.length = 0;
  stream_->reply(reply);
}

// ---- Done

void Exchange::on_sent(front::Stream&) { let_go(); }

void Exchange::on_done(front::Stream&, const front::Ending& ending) {
  let_go();
  const std::string_view reason = ending.error ? info(*ending.error).name : status_.detail;
  house_.stats.requests.add(refused_ ? How::kError : how_, reason);
  house_.stats.response(ending);
  if (tunnelled_) house_.stats.tunnels.ended[static_cast<std::size_t>(ending.close)].add();
  if (house_.access.wanted()) log_access(ending, reason);
  stream_ = nullptr;
  site_ = nullptr;
  request_ = nullptr;
  ruled_ = false;
  status_ = {};
  answer_ = {};
  how_ = How::kUndecided;
  refused_ = false;
  origin_ = {};
  hole_fill_ = {};
  lookups_ = 0;
  tunnelled_.reset();
  filled_first_ = took_over_ = loaded_ = from_disk_ = false;
  key_.text.clear();  // an error page must not tell of the request before
  pool_.give(*this);
}

void Exchange::log_access(const front::Ending& ending, std::string_view reason) const {
  AccessEntry entry = access_entry(house_, *stream_, ending);
  entry.cache = name(how_);
  entry.reason = reason;
  if (how_ != How::kHit) entry.origin = origin_;
  entry.received = tunnelled_;
  if (answer_.range) entry.range = AccessRange{answer_.range->first, answer_.range->last};
  house_.access.write(entry);
}

// Nothing of the cache or of a fetch is held any more; only what the log wants is left.
void Exchange::let_go() {
  stop_listening();
  load_ = nullptr;
  if (compression_) std::exchange(compression_, nullptr)->cancel();
  if (tunnel_) tunnelled_ = tunnel_->from_client();
  tunnel_ = nullptr;
  tunnel_place_.free();
  if (busy_) busy_->leave(joiner_);
  if (state_ == State::kPurge) house_.purger.forget(*this);
  state_ = State::kDone;
  busy_ = nullptr;
  object_ = stale_ = nullptr;
  joiner_.leader = false;
}

// ---- ExchangePool

front::Handler& ExchangePool::begin() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Exchange>(house_, *this));
    return *all_.back();
  }
  Exchange* exchange = free_.back();
  free_.pop_back();
  return *exchange;
}

void ExchangePool::give(Exchange& exchange) {
  exchange.forget_old_routes();
  free_.push_back(&exchange);
}

void ExchangePool::on_new_routes() {
  for (Exchange* exchange : free_) exchange->forget_old_routes();
}

void ExchangePool::on_refused(const front::Stream& stream, const front::Ending& ending) {
  house_.stats.response(ending);
  if (!house_.access.wanted()) return;
  AccessEntry entry = access_entry(house_, stream, ending);
  if (ending.error) entry.reason = info(*ending.error).name;
  house_.access.write(entry);
}

}  // namespace weir::proxy
