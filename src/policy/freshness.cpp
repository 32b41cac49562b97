#include "policy/freshness.h"

#include <algorithm>

#include "http/date.h"
#include "http/etag.h"
#include "http/syntax.h"

namespace weir::policy {
namespace {

using http::FieldId;

constexpr Seconds kZero{0};

constexpr std::string_view kTarget = "CDN-Cache-Control";  // RFC 9213 §3

struct Lifetime {
  Seconds value{0};
  LifetimeSource source = LifetimeSource::kNone;
};

Seconds clamped(Seconds s) { return std::clamp(s, kZero, kMostSeconds); }

std::optional<WallTime> date_of(const http::Response& response, FieldId id, WallTime now) {
  const auto text = response.fields.get(id);
  return text ? http::parse_date(*text, now) : std::nullopt;
}

// age_value: the first member of the field; what is no non-negative integer is ignored (§5.1).
Seconds age_value(const http::Response& response) {
  const auto line = response.fields.get(FieldId::kAge);
  if (!line) return kZero;
  std::string_view rest = *line;
  const auto value = http::parse_decimal(http::next_element(rest).value_or(""),
                                         static_cast<std::uint64_t>(kMostSeconds.count()));
  return value ? Seconds{static_cast<Seconds::rep>(*value)} : kZero;
}

// §4.2.2: a tenth of the time since the last change.
Seconds heuristic_lifetime(const http::Response& response, const Rules& rules, WallTime date) {
  const auto modified = date_of(response, FieldId::kLastModified, date);
  if (!rules.heuristic || !modified) return kZero;
  return std::clamp((date - *modified) / 10, kZero, std::max(rules.heuristic_max, kZero));
}

Lifetime lifetime_of(const http::Response& response, const http::CacheControl& cc,
                     const Rules& rules, WallTime date) {
  if (cc.s_maxage) return {clamped(*cc.s_maxage), LifetimeSource::kSMaxage};
  if (cc.max_age) return {clamped(*cc.max_age), LifetimeSource::kMaxAge};
  if (response.fields.has(FieldId::kExpires) && !cc.targeted) {
    // Invalid, "0" above all, means the past (§5.3).
    const auto expires = date_of(response, FieldId::kExpires, date);
    return {expires ? clamped(*expires - date) : kZero, LifetimeSource::kExpires};
  }
  if (!heuristically_cacheable(response.status) && !cc.is_public) return {};
  if (const Seconds guess = heuristic_lifetime(response, rules, date); guess > kZero) {
    return {guess, LifetimeSource::kHeuristic};
  }
  if (rules.default_ttl > kZero) return {clamped(rules.default_ttl), LifetimeSource::kSiteDefault};
  return {};
}

}  // namespace

Seconds Freshness::age(WallTime now) const {
  return initial_age + std::max<Seconds>(now - response_time, kZero);
}

Seconds Freshness::ttl(WallTime now) const { return lifetime - age(now); }

void Freshness::end(WallTime at) {
  if (!fresh(at)) return;
  lifetime = std::min(age(at), kMostSeconds);
  if (lifetime > kZero) return;
  // A lifetime of 0 would say that it never was fresh: see serves_waiters().
  lifetime = Seconds{1};
  initial_age += Seconds{1};
}

bool Freshness::serves_waiters() const {
  const bool ever = lifetime > kZero || (!must_revalidate && stale_while_revalidate > kZero);
  return ever && !no_cache;
}

http::CacheControl directives_of(const http::Response& response, const Rules& rules) {
  for (const std::string_view name : {rules.own_target, kTarget}) {
    auto cc = http::parse_targeted_cache_control(response.fields, name);
    if (cc) return std::move(*cc);
  }
  return http::parse_response_cache_control(response.fields);
}

bool has_explicit_lifetime(const http::Response& response, const http::CacheControl& cc) {
  return cc.s_maxage || cc.max_age || (response.fields.has(FieldId::kExpires) && !cc.targeted);
}

bool heuristically_cacheable(int status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;
  }
}

Freshness freshness_of(const http::Response& response, const http::CacheControl& cc,
                       const Rules& rules, WallTime request_time, WallTime response_time) {
  const WallTime date =
      date_of(response, FieldId::kDate, response_time).value_or(response_time);  // §6.6.1 of 9110
  const Lifetime lifetime = lifetime_of(response, cc, rules, date);

  Freshness f;
  f.response_time = response_time;
  f.lifetime = lifetime.value;
  if (response.status >= 400)
    f.lifetime = std::min<Seconds>(f.lifetime, clamped(rules.negative_max));
  f.source = lifetime.source;

  // §4.2.3
  const Seconds apparent_age = std::max(response_time - date, kZero);
  const Seconds response_delay = std::max(response_time - request_time, kZero);
  const Seconds corrected_age_value = age_value(response) + response_delay;
  f.initial_age = clamped(std::max(apparent_age, corrected_age_value));
  if (const auto set = rules.lifetime(response.status)) {
    f.lifetime = clamped(f.initial_age + *set);
    f.source = LifetimeSource::kSiteRule;
  }

  f.stale_while_revalidate = clamped(cc.stale_while_revalidate.value_or(rules.grace));
  f.stale_if_error = clamped(cc.stale_if_error.value_or(rules.stale_if_error));
  f.must_revalidate = cc.must_revalidate || cc.proxy_revalidate || cc.s_maxage.has_value();
  f.no_cache = cc.no_cache;
  f.keep = clamped(clamped(rules.keep) + std::max(f.stale_while_revalidate, f.stale_if_error));

  const std::string_view tag = response.fields.get(FieldId::kETag).value_or("");
  const auto parsed = http::parse_etag(tag);
  f.has_etag = !tag.empty();
  f.has_strong_etag = parsed && !parsed->weak;
  f.has_last_modified = date_of(response, FieldId::kLastModified, response_time).has_value();
  return f;
}

}  // namespace weir::policy
