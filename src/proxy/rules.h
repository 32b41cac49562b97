#pragma once
// The rules of a site, and what they say about one request.
//
// Every rule that matches acts, in the order of the conf: of what several set, the last one counts;
// lists add up. So a short rule can say one thing about many requests, and a later one make an
// exception from it, without repeating the first. A rule that answers by itself (respond, location)
// or has `last` ends the walk. All look at the request as the client sent it: what one rule
// changes, no other sees.
//
// Pure; nothing is allocated once the memory of `Ruling` is warm. Immutable; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"
#include "http/head.h"
#include "policy/compression.h"
#include "policy/rules.h"
#include "proxy/rule.h"

namespace weir::proxy {

// The outcome for one request. Pointers are into the RuleSet, which outlives it.
struct Ruling {
  std::vector<const Rule*> acting;        // in the order of the conf
  policy::Rules policy;                   // the site's, as the rules change it
  const Rule* pass = nullptr;             // why it is passed
  const Rule* respond = nullptr;          // which answers it
  const Rule* refuses_cookies = nullptr;  // which keeps nothing with Set-Cookie
  const Rule* passes_ranges = nullptr;
  Ranges ranges = Ranges::kServe;
  bool strips_set_cookie = false;
  bool edits_request = false;
  bool edits_origin = false;    // the origin's response
  bool edits_response = false;  // the one for the client
  bool edits_key = false;       // beyond what edits_request does
  bool sorts_query = false;

  void begin(const policy::Rules& site);  // nothing acts
  // The site's compression, as the rules change it.
  policy::CompressionRules compression(policy::CompressionRules site) const;
};

void set_codings(const std::vector<http::Coding>& from, policy::CompressionRules& to);

class RuleSet {
 public:
  RuleSet() = default;
  explicit RuleSet(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  bool empty() const { return rules_.empty(); }
  // `into` has been begun.
  void judge(const http::Request& request, Ruling& into) const;

 private:
  std::vector<Rule> rules_;
};

// The request with what the rules change of it: query, fields, cookies, Range. `to` keeps its
// memory.
void edit_request(const Ruling& ruling, const http::Request& from, http::Request& to);
// The key of a request that came as `asked` and that rules made `edited`: without the parameters
// that are ignored, with what tells objects apart behind the URL: " field:accept=x", " cookie:a=b",
// " rule:c". Values are escaped, so that it is one text for one meaning.
void make_key(const Ruling& ruling, std::string_view scheme, const http::Request& asked,
              const http::Request& edited, cache::Key& into);
// What the origin answered, before it is judged and kept.
void edit_origin_response(const Ruling& ruling, http::Fields& fields);
// A Location or the like with its parts filled in from the request: {scheme}, {host} (with its
// port), {path}, {target} (path and query).
std::string filled_in(std::string_view text, std::string_view scheme, const http::Request& request);

}  // namespace weir::proxy
