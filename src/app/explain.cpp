#include "app/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "http/date.h"
#include "policy/answer.h"
#include "policy/forwarding.h"
#include "policy/request_class.h"
#include "proxy/first_hole.h"
#include "proxy/rules.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;
using policy::LifetimeSource;

constexpr std::size_t kPiecesMost = 16;  // of a body, to tell

std::string_view source_name(LifetimeSource source) {
  switch (source) {
    case LifetimeSource::kNone:
      return "none";
    case LifetimeSource::kSMaxage:
      return "s-maxage";
    case LifetimeSource::kMaxAge:
      return "max-age";
    case LifetimeSource::kExpires:
      return "Expires";
    case LifetimeSource::kHeuristic:
      return "Last-Modified, a tenth of the time since";
    case LifetimeSource::kSiteDefault:
      return "default_ttl of the site";
    case LifetimeSource::kSiteRule:
      return "ttl or negative_ttl of a rule";
  }
  return "none";
}

// One request on its way through: the steps of proxy/Exchange before it does anything.
struct Case {
  const Question& question;
  const proxy::Site* site = nullptr;
  proxy::Ruling ruling = {};
  http::Request edited = {};
  policy::RequestClass cls = {};
  cache::Key key = {};
};

void consider(Case& c) {
  const http::Request& asked = c.question.request;
  c.ruling.begin(c.site->rules);
  c.site->exceptions.judge(asked, c.ruling);
  edit_request(c.ruling, asked, c.edited);
  c.cls = policy::classify(c.edited, c.ruling.policy);
  make_key(c.ruling, c.question.scheme, asked, c.edited, c.key);
}

struct Verdict {
  std::string_view what;  // "pass", "own"; empty: it is looked up
  std::string_view reason;
};

Verdict before_lookup(const Case& c) {
  const http::Request& asked = c.question.request;
  const bool purge = asked.method == http::Method::kPurge && !c.site->purge_from.empty();
  if (asked.method == http::Method::kConnect || asked.method == http::Method::kTrace) {
    return {"error", "unsupported_method"};
  }
  if (policy::hops_left(asked) == 0) return {"own", "max_forwards"};
  if (purge) return {"own", "purged"};
  if (c.ruling.respond) return {"own", c.ruling.respond->reason};
  if (c.cls.use == policy::Use::kPass) return {"pass", c.cls.reason};
  if (c.ruling.pass) return {"pass", c.ruling.pass->reason};
  if (c.ruling.passes_ranges && c.edited.fields.has(http::FieldId::kRange)) {
    return {"pass", c.ruling.passes_ranges->reason};
  }
  const auto preconditions =
      http::field_bit(http::FieldId::kIfMatch) | http::field_bit(http::FieldId::kIfUnmodifiedSince);
  if (c.edited.fields.known() & preconditions) return {"pass", "precondition"};
  return {};
}

Json describe_body(const cache::Object& object) {
  const body::Body& body = object.body();
  Json out{{"present", body.present()}};
  if (const auto total = body.total()) out["total"] = *total;
  out["complete"] = body.complete();
  out["filling"] = body.filling();
  Json& parts = out["parts"] = Json::array();
  for (const body::Piece& p : body.pieces(kPiecesMost)) parts.push_back({p.first, p.end - 1});
  return out;
}

Json describe(const cache::Object& object, WallTime now) {
  const policy::Freshness f = object.freshness();
  const WallTime until = now + f.ttl(now);
  Json out{{"status", object.head().status},
           {"age", f.age(now).count()},
           {"ttl", f.ttl(now).count()},
           {"fresh_until", http::print_date(until)},
           {"lifetime_from", source_name(f.source)},
           {"stale_while_revalidate", f.stale_while_revalidate.count()},
           {"stale_if_error", f.stale_if_error.count()},
           {"must_revalidate", f.must_revalidate},
           {"no_cache", f.no_cache},
           {"purged_soft", object.mark().stale_since().has_value()}};
  if (const auto etag = object.head().fields.get(http::FieldId::kETag)) out["etag"] = *etag;
  out["vary"] = object.vary_names();
  out["variant"] = object.variant();
  out["tags"] = object.tags();
  out["body"] = describe_body(object);
  return out;
}

// Then it is fetched before anything is said.
bool lacks_first_byte(const Case& c, const cache::Object& object, WallTime now) {
  if (c.edited.method != http::Method::kGet || object.part()) return false;
  const auto answer = policy::answer(c.edited, object.head(), object.body().total(), now);
  return proxy::first_hole(object, answer).has_value();
}

// What Index::lookup would say to it now, in the words of the access log.
void look_up(Case& c, const Stored& stored, Json& out) {
  const http::Request& request = c.edited;
  const cache::Lookup found = stored.index.lookup(c.key, request, c.cls, stored.now, false);
  const cache::Index::View view = stored.index.view(c.key, c.cls.authorization, stored.now);
  if (found.what == cache::Lookup::What::kHit) {
    const bool filled = lacks_first_byte(c, *found.object, stored.now);
    out["verdict"] = {{"what", filled ? "miss" : "hit"},
                      {"reason", filled ? "partial" : found.verdict.reason}};
  } else if (c.cls.only_if_cached) {
    out["verdict"] = {{"what", "error"}, {"reason", "only_if_cached"}};
  } else if (request.method != http::Method::kGet || c.cls.no_store) {
    out["verdict"] = {{"what", "pass"}, {"reason", c.cls.no_store ? "request_no_store" : "head"}};
  } else if (view.passes) {
    out["verdict"] = {{"what", "pass"}, {"reason", "hit_for_miss"}};
  } else {
    const bool fetches = view.fetches > 0;
    const std::string_view reason = found.object      ? found.verdict.reason
                                    : found.vary_miss ? "no stored variant is for this request"
                                                      : "nothing is stored under this key";
    out["verdict"] = {{"what", fetches ? "join or miss" : "miss"}, {"reason", reason}};
  }
  out["fetches"] = view.fetches;
  out["hit_for_miss"] = view.passes;
  Json& objects = out["stored"] = Json::array();
  for (const auto& object : view.objects) {
    objects.push_back(describe(*object, stored.now));
    objects.back()["chosen"] = object == found.object;
  }
}

Json describe_rules(const Case& c) {
  Json out = Json::array();
  for (const proxy::Rule* rule : c.ruling.acting) out.push_back(rule->reason);
  return out;
}

}  // namespace

std::string explain(const Question& question, const Config& config, const proxy::SiteTable& sites,
                    const Stored* stored) {
  Case c{.question = question, .site = sites.find(question.request.authority)};
  Json out{{"url", fmt::format("{}://{}{}", question.scheme, question.request.authority,
                               question.request.target)},
           {"method", question.request.method_text},
           {"running", stored != nullptr}};
  if (!c.site) {
    out["verdict"] = {{"what", "error"}, {"reason", "no_such_site"}};
  } else {
    consider(c);
    out["site"] = {{"hosts", c.site->hosts}, {"origin", config.origins[c.site->origin].name}};
    out["rules"] = describe_rules(c);
    if (c.edited.target != question.request.target) out["asked_as"] = c.edited.target;
    out["key"] = c.key.text;
    const Verdict verdict = before_lookup(c);
    if (!verdict.what.empty()) {
      out["verdict"] = {{"what", verdict.what}, {"reason", verdict.reason}};
    } else if (stored) {
      look_up(c, *stored, out);
    } else {
      out["verdict"] = {{"what", "lookup"}, {"reason", "what is stored decides"}};
    }
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
