// What the head of an origin's answer tells of responses that are stored already.
#include "policy/admission.h"
#include "policy/forwarding.h"
#include "policy/invalidation.h"
#include "policy/reuse.h"
#include "proxy/fetch.h"

namespace weir::proxy {

// An unsafe request was done: what is stored of its resource is of the past (RFC 9111 §4.4).
void Fetch::invalidate(const http::Response& response) {
  if (!policy::invalidates(response.status)) return;
  cache::PurgeOrder order;
  order.urls = policy::also_invalidated(plan_.key.url(), response);
  order.urls.emplace_back(plan_.key.url());
  order.answered = true;
  for (std::string& url : order.urls) url = url_in_cache(*plan_.site, url);
  const std::uint64_t own = order.urls.size() * (house_.index.knows_parts() ? 2 : 1);
  std::size_t objects = 0;
  house_.purger.start(std::move(order), PurgeKind::kInvalidation, nullptr, objects);
  // Its own answer comes after what was purged beside its own URL, too, if it came after no other.
  if (house_.index.purges() == plan_.busy->purges() + own) born_ += own;
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
  cache::ObjectParts parts = stale.parts();
  const auto admission = judge_again(parts, update);
  kept_ = admission.verdict == policy::Verdict::kKeep;
  parts.purges = born_;
  if (!kept_) house_.index.forget(plan_.key, stale);
  make_object(std::move(parts), admission);
  deliver(admission);
}

// The stored head with the fields of an update may say no-store now, or another Vary.
policy::Admission Fetch::judge_again(cache::ObjectParts& parts, const http::Response& update) {
  policy::freshen(parts.head, update);
  parts.origin_status = update.status;
  if (tags_.count > 0) parts.tags = tags_.text;
  const auto admission = heed_site(policy::admit(plan_.client_request, plan_.cls, parts.head,
                                                 plan_.ruling.policy, times_, false),
                                   parts.head);
  if (admission.verdict == policy::Verdict::kKeep) parts.head.fields.remove(http::FieldId::kAge);
  return admission;
}

// RFC 9111 §4.3.5. True: the stored response is fresh again, and answers the HEAD.
bool Fetch::learn_from_head(const http::Response& response, std::optional<std::uint64_t> length) {
  const cache::Object& known = *plan_.object;
  if (response.status != 200) return false;
  const auto total = known.body().total();
  if (!policy::head_agrees(known.head(), total ? total : known.length(), response, length)) {
    house_.index.forget(plan_.key, known);
    return false;
  }
  plan_.client_request.method = http::Method::kGet;  // whose response is judged
  cache::ObjectParts parts = known.parts();
  parts.purges = born_;
  const auto admission = judge_again(parts, response);
  kept_ = admission.verdict == policy::Verdict::kKeep;
  if (!kept_) return false;
  make_object(std::move(parts), admission);
  house_.index.renew(plan_.key, known, object_);
  plan_.busy->set_reason("head");
  plan_.busy->pass(for_leader_ ? for_leader_ : object_);
  return true;
}

// A 206 that adds to a stored response brings news of its fields, too (RFC 9111 §3.4).
void Fetch::learn_from_part(const http::Response& response) {
  http::Response update = response;
  policy::clean_response(update, plan_.site->forward.via, times_.response_time);
  if (plan_.ruling.edits_origin) edit_origin_response(plan_.ruling, update.fields);
  tags_ = cache::tags_of(update.fields);
  if (!plan_.site->forward_tags) cache::remove_tags(update.fields);
  const Ref<cache::Object> known = object_;
  cache::ObjectParts parts = known->parts();
  const auto admission = judge_again(parts, update);
  if (admission.verdict != policy::Verdict::kKeep) return;
  make_object(std::move(parts), admission);
  house_.index.renew(plan_.key, *known, object_);
}

// Whether the stale response may be served should this fetch fail (RFC 5861 §4), by its own word:
// requests may allow more.
bool Fetch::stale_will_do() const {
  return plan_.kind == FetchPlan::Kind::kLead && plan_.object && !plan_.object->mark().gone() &&
         policy::may_serve_on_error({}, plan_.object->freshness(), house_.loop.wall_now());
}

void Fetch::rest() {
  cache::ObjectParts parts = plan_.object->parts();
  parts.purges = born_;
  if (const auto since = plan_.object->mark().stale_since()) parts.freshness.end(*since);
  parts.freshness = policy::resting(parts.freshness, house_.loop.wall_now());
  house_.index.renew(plan_.key, *plan_.object, make_ref<cache::Object>(std::move(parts)));
}

}  // namespace weir::proxy
