// What a Fetch makes of the head of the origin's answer: a stored object, a part of one, a passed
// response, a freshened object, or the continuation of what it has.
#include <charconv>

#include "base/log.h"
#include "http/etag.h"
#include "http/range.h"
#include "policy/answer.h"
#include "policy/invalidation.h"
#include "policy/vary.h"
#include "proxy/fetch.h"
#include "proxy/range_ask.h"

namespace weir::proxy {
namespace {

constexpr Seconds kHitForMiss{120};

std::optional<std::uint64_t> content_length(const http::Response& response) {
  const auto text = response.fields.get(http::FieldId::kContentLength);
  std::uint64_t n = 0;
  if (!text) return {};
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (ec != std::errc{} || end != text->data() + text->size()) return {};
  return n;
}

// A byte of it that was evicted, or never came, can be fetched again and be known to be the same.
// `needed`: it does not fit the store, so ranges must work.
bool is_refillable(const http::Response& response, bool needed) {
  if (response.status != 200) return false;
  const auto ranges = response.fields.get(http::FieldId::kAcceptRanges);
  if (ranges ? !http::iequals(*ranges, "bytes") : needed) return false;
  const auto text = response.fields.get(http::FieldId::kETag);
  const auto etag = text ? http::parse_etag(*text) : std::nullopt;
  return etag && !etag->weak;
}

bool same_strong_etag(const cache::Object& object, const http::Response& response) {
  const auto text = response.fields.get(http::FieldId::kETag);
  const auto etag = text ? http::parse_etag(*text) : std::nullopt;
  return etag && !etag->weak && etag->opaque == object.strong_etag();
}

// Whether the response does not say that it has another length.
bool same_length(const http::Response& response, std::optional<std::uint64_t> length) {
  return !length || response.framing != http::Framing::kLength || response.length == *length;
}

http::ContentRange content_range(const http::Response& response) {
  const auto text = response.fields.get(http::FieldId::kContentRange);
  return (text ? http::parse_content_range(*text) : std::nullopt).value_or(http::ContentRange{});
}

// The head of a part as that of the whole, as which it is stored (RFC 9111 §3.4).
void become_whole(http::Response& response) {
  response.status = 200;
  response.reason = "OK";
  response.fields.remove(http::FieldId::kContentRange);
}

}  // namespace

void Fetch::decide(http::Response& response) {
  if (response.framing == http::Framing::kLength && response.length > body::kMaxTotal) {
    bad_part_ = Error{Errc::kOriginBadResponse};
    return;
  }
  if (plan_.cls.invalidates) invalidate(response);
  std::optional<http::ContentRange> part;
  if (plan_.range && response.status == 206) {
    part = content_range(response);
    if (!answers(*plan_.range, *part) || *part->total > body::kMaxTotal ||
        !same_length(response, part->range->size()))
      return ask_for_all();
    become_whole(response);
  }
  const auto length = part ? part->total : content_length(response);
  policy::clean_response(response, plan_.site->forward.via, times_.response_time);
  if (plan_.ruling.edits_origin) edit_origin_response(plan_.ruling, response.fields);
  policy::Admission admission;
  if (plan_.kind == FetchPlan::Kind::kLead) {
    admission = judge(response, static_cast<bool>(plan_.object));
  } else {
    admission.reason = "pass";
  }
  if (admission.verdict == policy::Verdict::kFreshen) return freshen(response);
  const bool keep = admission.verdict == policy::Verdict::kKeep;
  const bool useless = part ? !keep || !is_refillable(response, false)
                            : !keep && client_wants_less(response, length);
  if (useless) {
    if (!keep) refused_ = admission;
    return ask_as_client();
  }
  if (plan_.range && !part) no_ranges_ = true;  // who answers a range with all does so again
  if (refused_ && !keep) admission = *refused_;
  open_body(response, length, admission, part ? part->range : std::nullopt);
}

// Whether it may be kept: by the RFCs, and by the rules of the site.
policy::Admission Fetch::judge(const http::Response& response, bool validating) const {
  const Ruling& ruling = plan_.ruling;
  const auto admission =
      policy::admit(plan_.client_request, plan_.cls, response, ruling.policy, times_, validating);
  const bool refused = ruling.refuses_cookies && response.fields.has(http::FieldId::kSetCookie);
  if (!refused || admission.verdict != policy::Verdict::kKeep) return admission;
  return {policy::Verdict::kPass, ruling.refuses_cookies->reason, policy::Freshness{}, true};
}

// What came is not what was asked for: no range of this origin is trusted.
void Fetch::ask_for_all() {
  ask_again_ = no_ranges_ = true;
  plan_.range.reset();
  plan_.object = nullptr;
  for (const http::FieldId id : {http::FieldId::kIfNoneMatch, http::FieldId::kIfModifiedSince,
                                 http::FieldId::kRange, http::FieldId::kIfRange}) {
    plan_.request.fields.remove(id);
  }
}

// An unsafe request was done: what is stored of its resource is of the past (RFC 9111 §4.4).
void Fetch::invalidate(const http::Response& response) {
  if (!policy::invalidates(response.status)) return;
  house_.index.purge(plan_.key);
  for (std::string& uri : policy::also_invalidated(plan_.key.text, response))
    house_.index.purge(cache::key_of(std::move(uri)));
}

// Whether the client's own fields, which we left out to have something to keep, ask for less than
// this answer: a range of it, or only whether it has changed. Then the origin shall say so, as it
// would have without us: a download with a credential goes on where it stopped.
bool Fetch::client_wants_less(const http::Response& response,
                              std::optional<std::uint64_t> length) const {
  if (plan_.kind != FetchPlan::Kind::kLead || as_client_) return false;
  const std::uint64_t total = length.value_or(body::kMaxTotal);
  const policy::Answer answer =
      policy::answer(plan_.client_request, response, total, times_.response_time);
  const bool all = answer.range && answer.range->size() == total;
  return answer.status != response.status && !all;
}

// What cannot be kept is of no use to us: the client gets an answer to what it asked.
void Fetch::ask_as_client() {
  ask_again_ = true;
  as_client_ = true;
  plan_.range.reset();
  plan_.object = nullptr;
  http::Fields& fields = plan_.request.fields;
  for (const http::FieldId id : {http::FieldId::kRange, http::FieldId::kIfRange,
                                 http::FieldId::kIfNoneMatch, http::FieldId::kIfModifiedSince}) {
    fields.remove(id);
    if (const auto value = plan_.client_request.fields.joined(id)) fields.add(id, *value);
  }
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
  const auto admission = judge(parts.head, false);
  kept_ = admission.verdict == policy::Verdict::kKeep;
  if (kept_) parts.head.fields.remove(http::FieldId::kAge);  // made anew for each answer
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

// `part`: the bytes of the whole that this answer brings; nothing: all.
void Fetch::open_body(http::Response& response, std::optional<std::uint64_t> length,
                      policy::Admission admission, const std::optional<http::ByteRange>& part) {
  body::BodyOptions options;
  cache::ObjectParts parts;
  parts.length = length;
  parts.origin_status = part ? 206 : response.status;
  options.id = plan_.key.digest;
  if (!call_->has_body()) options.total = 0;
  if (response.framing == http::Framing::kLength) options.total = part ? length : response.length;

  kept_ = keep_or_pass(response, part.has_value(), options, admission);
  parts.head = std::move(response);
  if (kept_) describe_variant(parts);
  parts.freshness = admission.freshness;
  parts.body = kept_ ? house_.store.create(options) : house_.transit.create(options);
  parts.shared = kept_;
  part_ = part.has_value();
  if (part) plan_.end = part->last + 1;
  writer_.emplace(parts.body, part ? part->first : 0, plan_.end, *this);
  be_patient();
  if (call_->has_body()) call_->receive(*writer_, 0, part ? part->size() : body::kUnlimited);
  object_ = make_ref<cache::Object>(std::move(parts));
  deliver(admission);
}

// How its body is held: for the cache, or only on its way to who asked.
bool Fetch::keep_or_pass(http::Response& response, bool part, body::BodyOptions& options,
                         policy::Admission& admission) {
  bool keep = admission.verdict == policy::Verdict::kKeep;
  const bool oversize = options.total.value_or(0) > house_.store.keep_limit();
  options.refillable = keep && is_refillable(response, oversize && !part) && !no_ranges_;
  if (keep && oversize && !options.refillable) {
    keep = false;
    admission.reason = "larger_than_store";
    admission.hit_for_miss = true;
  }
  if (!keep) {
    options.drop_passed = true;
    options.lead_limit = house_.transit_lead;
    return false;
  }
  response.fields.remove(http::FieldId::kAge);  // made anew for each answer
  options.meta_bytes = cache::Object::footprint(response, plan_.key.text.size());
  // Most of the store is for those who follow the fastest reader.
  if (oversize) options.lead_limit = house_.store.keep_limit() / 4;
  return true;
}

// A large body, which would drive its own readers out of a store that is full, waits for them. One
// that is not kept waits for its client when its room is used up.
void Fetch::be_patient() {
  const body::Body& body = writer_->body();
  const bool large = body.total().value_or(body::kUnlimited) >= house_.store.keep_limit() / 4;
  const bool refilled = kept_ && body.refillable() && large;
  if (!kept_ || refilled) writer_->be_patient();
  if (refilled) convoy_.emplace(house_.loop.now(), writer_->offset());
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
    // A credential may be the reason: others need not go their own way for it.
    const auto whom = plan_.cls.authorization ? cache::Whom::kAuthorized : cache::Whom::kEveryone;
    const auto until = admission.hit_for_miss ? times_.response_time + kHitForMiss : WallTime{};
    house_.index.pass(plan_.key, plan_.busy, object_, until, whom);
  }
}

// The answer to our Range: the bytes from the writer's offset on, of the same representation. Bytes
// of two representations are never mixed.
void Fetch::continue_part(const http::Response& response) {
  if (!fits(response)) return;
  if (plan_.kind == FetchPlan::Kind::kFill && plan_.busy)
    std::exchange(plan_.busy, nullptr)->resolve(object_);
}

bool Fetch::fits(const http::Response& response) {
  switch (response.status) {
    case 206:
      return fits_part(response);
    case 200:
      if (same_strong_etag(*object_, response) && same_length(response, writer_->body().total())) {
        call_->receive(*writer_, writer_->offset());
        return true;
      }
      bad_part_ = Error{Errc::kOriginChanged};
      return false;
    case 416:  // what came before was cut at its very end
      if (content_range(response).total == writer_->offset()) {
        writer_->set_total(writer_->offset());
        return true;
      }
      [[fallthrough]];
    case 404:
    case 410:
    case 412:
      bad_part_ = Error{Errc::kOriginChanged};
      return false;
    default:  // about the request or the server, not about the object
      bad_part_ = Error{response.status >= 500 ? Errc::kOriginCut : Errc::kOriginRefused};
      return false;
  }
}

// The part must be where the writer stands, of the same object, and as long as it says.
bool Fetch::fits_part(const http::Response& response) {
  const std::uint64_t from = writer_->offset();
  const auto total = writer_->body().total();
  const http::ContentRange part = content_range(response);
  const bool placed = part.range && part.range->first <= from && part.range->last >= from &&
                      (total || part.total) && (!total || !part.total || *total == *part.total) &&
                      same_length(response, part.range->size());
  if (!same_strong_etag(*object_, response)) {
    bad_part_ = Error{Errc::kOriginChanged};
  } else if (!placed) {
    bad_part_ = Error{Errc::kOriginRefusedRange};
  } else {
    if (part.total) writer_->set_total(*part.total);
    call_->receive(*writer_, from - part.range->first, part.range->size());
    return true;
  }
  return false;
}

}  // namespace weir::proxy
