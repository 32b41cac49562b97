// What a Fetch makes of the head of the origin's answer: a stored object, a part of one, a passed
// response, or the continuation of what it has. What it tells of stored ones: fetch_update.cpp.
#include <charconv>

#include "base/log.h"
#include "http/etag.h"
#include "http/range.h"
#include "policy/answer.h"
#include "policy/vary.h"
#include "proxy/fetch.h"
#include "proxy/range_ask.h"

namespace weir::proxy {
namespace {

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
  tags_ = cache::tags_of(response.fields);
  if (!plan_.site->forward_tags) cache::remove_tags(response.fields);
  policy::Admission admission = judge(response, static_cast<bool>(plan_.object));
  if (admission.verdict == policy::Verdict::kFreshen) return freshen(response);
  if (plan_.kind == FetchPlan::Kind::kPass && plan_.object && learn_from_head(response, length))
    return;
  const Keep keep = how_to_keep(response, length, part, admission);
  if (keep == Keep::kNot && (part || client_wants_less(response, length))) {
    refused_ = admission;
    return ask_as_client();
  }
  if (plan_.range && !part) no_ranges_ = true;  // who answers a range with all does so again
  if (refused_ && keep == Keep::kNot) admission = *refused_;
  open_body(response, length, admission, part, keep);
}

// Whether it may be kept: by the RFCs, and by the rules of the site.
policy::Admission Fetch::judge(const http::Response& response, bool validating) {
  const Ruling& ruling = plan_.ruling;
  policy::Admission admission{policy::Verdict::kPass, "pass", {}, false};
  if (plan_.kind == FetchPlan::Kind::kLead) {
    if (policy::is_failure(response.status) && stale_will_do()) {
      rest();  // what is stored stays, and is better than this
      return {policy::Verdict::kPass, kOriginFailure, {}, false};
    }
    admission =
        policy::admit(plan_.client_request, plan_.cls, response, ruling.policy, times_, validating);
  } else if (plan_.client_request.method == http::Method::kPost) {
    admission = policy::admit_post(plan_.client_request, plan_.cls, plan_.key.text, response,
                                   ruling.policy, times_);
  }
  return heed_site(std::move(admission), response);
}

// What the RFCs allow to keep, a rule of the site may not, or there is no keeping track of it.
policy::Admission Fetch::heed_site(policy::Admission admission,
                                   const http::Response& response) const {
  if (admission.verdict != policy::Verdict::kKeep) return admission;
  const Rule* refuses = plan_.ruling.refuses_cookies;
  const bool cookie = refuses && response.fields.has(http::FieldId::kSetCookie);
  if (!cookie && !tags_.too_many()) return admission;
  std::string_view reason = "too_many_tags";
  if (cookie) reason = refuses->reason;
  return {policy::Verdict::kPass, reason, policy::Freshness{}, true};
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

void Fetch::describe_variant(cache::ObjectParts& parts) const {
  parts.vary_names = policy::vary_names(parts.head).value_or(std::vector<std::string>{});
  parts.variant.clear();
  policy::variant_text(parts.vary_names, plan_.client_request, parts.variant);
}

// A POST is not sent again for the rest of its answer.
bool Fetch::can_refill(const http::Response& response, bool needed) const {
  return plan_.kind == FetchPlan::Kind::kLead && !no_ranges_ && is_refillable(response, needed);
}

// As all of the object, as a part that others can be added to, or as a part that stands alone: of
// what cannot be known to be the same, or begins within a chunk. Where it cannot be kept,
// `admission` says so.
Fetch::Keep Fetch::how_to_keep(const http::Response& response, std::optional<std::uint64_t> length,
                               const std::optional<http::ContentRange>& part,
                               policy::Admission& admission) const {
  if (admission.verdict != policy::Verdict::kKeep) return Keep::kNot;
  const std::uint64_t most = house_.store.keep_limit();
  if (!part) {
    const bool oversize = call_->has_body() && length.value_or(0) > most;
    if (!oversize || can_refill(response, true)) return Keep::kWhole;
  } else if (can_refill(response, false) && part->range->first % body::kChunkSize == 0) {
    return Keep::kHoles;
  } else if (part->range->size() <= most &&
             policy::part_answers(plan_.client_request, response, *part->range, *part->total,
                                  times_.response_time)) {
    return Keep::kPart;
  }
  admission.verdict = policy::Verdict::kPass;
  admission.reason = part ? "partial" : "larger_than_store";
  admission.hit_for_miss = !part || *part->total > most;  // nor would all of it be kept
  return Keep::kNot;
}

// `part`: the bytes of the whole that this answer brings; nothing: all.
void Fetch::open_body(http::Response& response, std::optional<std::uint64_t> length,
                      policy::Admission admission, const std::optional<http::ContentRange>& part,
                      Keep keep) {
  kept_ = keep != Keep::kNot;
  part_ = keep == Keep::kHoles;
  if (kept_) response.fields.remove(http::FieldId::kAge);  // made anew for each answer
  cache::ObjectParts parts;
  body::BodyOptions options = body_options(response, keep);
  if (part) options.total = part_ ? *part->total : part->range->size();
  if (keep == Keep::kPart) parts.part = cache::Part{*part->range, *part->total};
  if (part_) plan_.end = part->range->last + 1;

  parts.length = length;
  parts.origin_status = part ? 206 : response.status;
  parts.head = std::move(response);
  if (kept_ && house_.shelf) options.backing = house_.shelf->backing(plan_.key, options.total);
  parts.tags = tags_.text;
  parts.purges = born_;
  if (kept_) {
    describe_variant(parts);
    options.meta_bytes = cache::Object::footprint(parts, plan_.key);
  }
  parts.body = kept_ ? house_.store.create(options) : house_.transit.create(options);
  writer_.emplace(parts.body, part_ ? part->range->first : 0, plan_.end, *this);
  be_patient();
  if (call_->has_body()) call_->receive(*writer_, 0, part ? part->range->size() : body::kUnlimited);
  make_object(std::move(parts), admission);
  deliver(admission);
}

// How the body is held: for the cache, or only on its way to who asked.
body::BodyOptions Fetch::body_options(const http::Response& response, Keep keep) const {
  body::BodyOptions options;
  options.id = plan_.key.digest;
  if (!call_->has_body()) options.total = 0;
  if (response.framing == http::Framing::kLength) options.total = response.length;
  if (keep == Keep::kNot) {
    options.drop_passed = true;
    options.lead_limit = house_.transit_lead;
    return options;
  }
  const std::uint64_t most = house_.store.keep_limit();
  const bool oversize = options.total.value_or(0) > most;
  options.refillable = keep != Keep::kPart && can_refill(response, oversize && !part_);
  // Most of the store is for those who follow the fastest reader.
  if (oversize) options.lead_limit = most / 4;
  return options;
}

// What others get is without the fields that are for who asked alone.
void Fetch::make_object(cache::ObjectParts parts, const policy::Admission& admission) {
  parts.shared = kept_;
  parts.freshness = admission.freshness;
  if (kept_) describe_variant(parts);
  for_leader_ = nullptr;
  if (kept_ && !admission.withheld.empty()) {
    if (!parts.forms) parts.forms = make_ref<cache::Forms>();  // both are of one body
    for_leader_ = make_ref<cache::Object>(parts);
    parts.head = policy::without(parts.head, admission.withheld);
  }
  object_ = make_ref<cache::Object>(std::move(parts));
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
    if (kept_) house_.index.insert(plan_.key, object_);  // of a POST
    plan_.busy->pass(for_leader_ ? for_leader_ : object_);
  } else if (kept_) {
    const bool freshened = plan_.object && &object_->body() == &plan_.object->body();
    house_.index.publish(plan_.key, plan_.busy, object_, for_leader_,
                         freshened ? plan_.object.get() : nullptr);
  } else {
    // A credential may be the reason: others need not go their own way for it.
    const auto whom = plan_.cls.authorization ? cache::Whom::kAuthorized : cache::Whom::kEveryone;
    const Seconds pause = plan_.ruling.policy.hit_for_miss;
    const auto until = admission.hit_for_miss ? times_.response_time + pause : WallTime{};
    house_.index.pass(plan_.key, plan_.busy, object_, until, whom);
  }
}

// The answer to our Range: the bytes from the writer's offset on, of the same representation. Bytes
// of two representations are never mixed.
void Fetch::continue_part(const http::Response& response) {
  if (!fits(response)) return;
  if (plan_.kind == FetchPlan::Kind::kFill && response.status == 206) learn_from_part(response);
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
