#include "policy/admission.h"

#include <algorithm>

#include "http/etag.h"
#include "policy/invalidation.h"
#include "policy/vary.h"

namespace weir::policy {
namespace {

using http::FieldId;

struct Refusal {
  std::string_view reason;  // empty: none
  bool hit_for_miss = false;
};
constexpr Refusal kNoRefusal{};

// A status whose caching rules this cache knows (RFC 9111 §3, must-understand §5.2.2.3): those of
// RFC 9110 §15 but 206, which is not stored yet.
bool understood(int status) {
  return (status >= 200 && status <= 205) || (status >= 300 && status <= 305) || status == 307 ||
         status == 308 || (status >= 400 && status <= 417) || status == 421 || status == 422 ||
         status == 426 || (status >= 500 && status <= 505);
}

// §3: one of these must be there. A site's default lifetime is no reason to keep, say, a 302; one
// that a rule of the site sets is.
bool says_cacheable(const http::Response& response, const http::CacheControl& cc,
                    const Rules& rules) {
  return rules.lifetime(response.status) || cc.is_public || has_explicit_lifetime(response, cc) ||
         heuristically_cacheable(response.status);
}

// What no-cache="…" and private="…" name.
std::vector<std::string> named_fields(const http::CacheControl& cc) {
  std::vector<std::string> names = cc.private_fields;
  names.insert(names.end(), cc.no_cache_fields.begin(), cc.no_cache_fields.end());
  return names;
}

bool names(const std::vector<std::string>& list, std::string_view name) {
  return std::ranges::any_of(list, [&](const auto& one) { return http::iequals(one, name); });
}

// §7.3, and the site's wish. Cookies never come along by heuristics: nobody said then that the
// response is for many.
bool cookies_allowed(const http::Response& response, const http::CacheControl& cc,
                     const Rules& rules) {
  if (!response.fields.has(FieldId::kSetCookie) || cc.is_public || cc.s_maxage) return true;
  if (names(named_fields(cc), "Set-Cookie")) return true;  // they are not stored
  return rules.store_set_cookie && has_explicit_lifetime(response, cc);
}

// A response that answers only this request.
Refusal refused_for_status(const RequestClass& request_class, int status) {
  if (request_class.no_store) return {"request_no_store"};
  if (status == 304) return {"not_modified"};
  if (status == 206) return {"partial"};
  if (status == 412 || status == 416) return {"status"};  // about the request's conditions
  return kNoRefusal;
}

// Reasons that lie in the request.
Refusal refused_for_request(const http::Request& request, const RequestClass& request_class) {
  if (request_class.use == Use::kPass) return {request_class.reason};
  if (request.method != http::Method::kGet) return {"method"};
  return kNoRefusal;
}

// §3, the shared cache's list.
Refusal refused_for_response(const RequestClass& request_class, const http::Response& response,
                             const http::CacheControl& cc, const Rules& rules) {
  if (response.status < 200) return {"status"};
  if (cc.must_understand && !understood(response.status)) return {"must_understand", true};
  if (cc.no_store && !cc.must_understand) return {"no_store", true};
  if (cc.is_private) return {"private", true};
  if (request_class.authorization && !cc.is_public && !cc.must_revalidate && !cc.s_maxage) {
    return {"authorization", true};  // §3.5
  }
  if (!vary_names(response)) return {"vary_star", true};  // §4.1
  if (!cookies_allowed(response, cc, rules)) return {"set_cookie", true};
  if (!says_cacheable(response, cc, rules)) return {"status", true};
  return kNoRefusal;
}

// Whether storing it can ever spare a fetch or a body.
Refusal refused_as_useless(int status, const Freshness& f, WallTime now) {
  const bool can_validate = f.can_validate() && can_be_validated(status);
  if (can_validate) return kNoRefusal;
  if (f.no_cache) return {"no_cache", true};
  if (f.fresh(now)) return kNoRefusal;
  const Seconds staleness = -f.ttl(now);
  const bool useful_stale =
      !f.must_revalidate && (staleness < f.stale_while_revalidate || staleness < f.stale_if_error);
  if (useful_stale) return kNoRefusal;
  return {f.source == LifetimeSource::kNone ? "no_lifetime" : "already_stale", true};
}

// A 5xx is no promise about the next response.
Admission pass(Refusal refusal, int status) {
  return {Verdict::kPass, refusal.reason, Freshness{}, refusal.hit_for_miss && status < 500};
}

// All that lies in the response.
Admission judge(const RequestClass& request_class, const http::Response& response,
                const http::CacheControl& cc, const Rules& rules, FetchTimes times) {
  Refusal refusal = refused_for_status(request_class, response.status);
  if (!refusal.reason.empty()) return pass(refusal, response.status);
  refusal = refused_for_response(request_class, response, cc, rules);
  if (!refusal.reason.empty()) return pass(refusal, response.status);
  const Freshness freshness =
      freshness_of(response, cc, rules, times.request_time, times.response_time);
  refusal = refused_as_useless(response.status, freshness, times.response_time);
  if (!refusal.reason.empty()) return pass(refusal, response.status);
  return {Verdict::kKeep, "cacheable", freshness, false, named_fields(cc)};
}

// Whether the update has the weak form of the stored strong entity tag.
bool is_strong_twin(const http::Fields& stored, const http::Fields& update) {
  const auto old_tag = http::parse_etag(stored.get(FieldId::kETag).value_or(""));
  const auto new_tag = http::parse_etag(update.get(FieldId::kETag).value_or(""));
  return old_tag && new_tag && !old_tag->weak && new_tag->weak &&
         old_tag->opaque == new_tag->opaque;
}

bool never_freshened(FieldId id) {
  return http::is_hop_by_hop(id) || id == FieldId::kContentLength ||
         id == FieldId::kContentEncoding || id == FieldId::kContentRange;
}

}  // namespace

bool can_be_validated(int status) { return status >= 200 && status < 300; }

Admission admit(const http::Request& request, const RequestClass& request_class,
                const http::Response& response, const Rules& rules, FetchTimes times,
                bool validating) {
  if (response.status == 304 && validating) {
    return {Verdict::kFreshen, "not_modified", Freshness{}, false};
  }
  const Refusal refusal = refused_for_request(request, request_class);
  if (!refusal.reason.empty()) return pass(refusal, response.status);
  return judge(request_class, response, directives_of(response, rules), rules, times);
}

Admission admit_post(const http::Request& request, const RequestClass& request_class,
                     std::string_view uri, const http::Response& response, const Rules& rules,
                     FetchTimes times) {
  const http::CacheControl cc = directives_of(response, rules);
  const bool same = request.method == http::Method::kPost && response.status / 100 == 2 &&
                    has_explicit_lifetime(response, cc) && content_location_is(uri, response);
  if (!same) return pass({"method"}, response.status);
  return judge(request_class, response, cc, rules, times);
}

http::Response without(const http::Response& head, const std::vector<std::string>& withheld) {
  http::Response out = head;
  out.fields.clear();
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const http::Field field = head.fields[i];
    if (!names(withheld, field.name)) out.fields.add(field.name, field.value);
  }
  return out;
}

bool freshens(const http::Response& stored, const http::Response& update) {
  if (!can_be_validated(stored.status)) return false;
  const auto new_text = update.fields.get(FieldId::kETag);
  const auto old_text = stored.fields.get(FieldId::kETag);
  if (new_text) {
    const auto new_tag = http::parse_etag(*new_text);
    const auto old_tag = http::parse_etag(old_text.value_or(""));
    if (!new_tag || !old_tag) return new_text == old_text;  // malformed: equal text will do
    return new_tag->weak ? http::weak_match(*new_tag, *old_tag)
                         : http::strong_match(*new_tag, *old_tag);
  }
  const auto new_date = update.fields.get(FieldId::kLastModified);
  return !new_date || new_date == stored.fields.get(FieldId::kLastModified);
}

bool head_agrees(const http::Response& stored, std::optional<std::uint64_t> length,
                 const http::Response& update, std::optional<std::uint64_t> head_length) {
  for (const FieldId id : {FieldId::kETag, FieldId::kLastModified}) {
    const auto told = update.fields.get(id);
    if (told && told != stored.fields.get(id)) return false;
  }
  return !head_length || head_length == length;
}

void freshen(http::Response& stored, const http::Response& update) {
  const http::Fields& fresh = update.fields;
  const bool keeps_tag = is_strong_twin(stored.fields, fresh);
  const auto brings = [&](const http::Field& field) {
    return !never_freshened(field.id) && !(keeps_tag && field.id == FieldId::kETag);
  };
  const auto replaced = [&](const http::Field& old) {
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (brings(fresh[i]) && http::iequals(fresh[i].name, old.name)) return true;
    }
    return old.id == FieldId::kAge || old.id == FieldId::kWarning;
  };
  // Made anew: a head that is freshened again and again must not drag along what it had before.
  http::Fields all;
  for (std::size_t i = 0; i < stored.fields.size(); ++i) {
    const http::Field old = stored.fields[i];
    if (!replaced(old)) all.add(old.name, old.value);
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (brings(fresh[i])) all.add(fresh[i].name, fresh[i].value);
  }
  stored.fields = std::move(all);
}

}  // namespace weir::policy
