#pragma once
// What becomes of an origin's answer (RFC 9111 §3): keep, pass or freshen; each no with its reason.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "http/head.h"
#include "policy/freshness.h"
#include "policy/request_class.h"
#include "policy/rules.h"

namespace weir::policy {

enum class Verdict : std::uint8_t {
  kKeep,     // may be stored; `freshness` is set
  kPass,     // for the one who asked; joined requests fetch for themselves
  kFreshen,  // 304 to our own validation: the stored response lives on if freshens() agrees
};

struct Admission {
  Verdict verdict = Verdict::kPass;
  // snake_case, static text, for the log, metrics and Cache-Status. "cacheable" for kKeep,
  // "not_modified" for kFreshen; for kPass the request class's reason, or "method",
  // "request_no_store", "not_modified" (304 to the client's own condition), "partial", "status",
  // "must_understand", "no_store", "private", "authorization", "vary_star", "set_cookie",
  // "no_cache" and "already_stale" (no validator, so never of use), "no_lifetime".
  std::string_view reason;
  Freshness freshness;
  // Later requests need not queue behind one another for this key (hit-for-miss): the response, not
  // the request, was the reason, so the next will likely be refused as well. Never after a 5xx.
  bool hit_for_miss = false;
  // Names of fields that are for the one who asked alone, and are not stored (private="field",
  // §5.2.2.7) or not used again (no-cache="field", §5.2.2.4); see without(). For kKeep.
  std::vector<std::string> withheld = {};
};

struct FetchTimes {
  WallTime request_time;   // request sent to the origin
  WallTime response_time;  // head received
};

// `response` is final (not 1xx). `validating`: we added If-None-Match/If-Modified-Since for a
// stored response. A response that can never be reused without its validator (lifetime 0, no-cache)
// is kept when it has one and is 2xx, the only kind that can be validated (RFC 9110 §13.2.1). A
// head made by freshen() is admitted again, with `validating` false: the 304 may have brought
// no-store.
Admission admit(const http::Request& request, const RequestClass& request_class,
                const http::Response& response, const Rules& rules, FetchTimes times,
                bool validating);

// Whether the answer to a POST may be kept to answer GET requests for its URI (RFC 9110 §9.3.3): it
// says for how long, and by its Content-Location that it is what a GET would bring. kPass else,
// with the reason "method" or one of admit()'s. `uri`: of the request, spelled as
// also_invalidated's.
Admission admit_post(const http::Request& request, const RequestClass& request_class,
                     std::string_view uri, const http::Response& response, const Rules& rules,
                     FetchTimes times);

// The head without these fields: as others may have it.
http::Response without(const http::Response& head, const std::vector<std::string>& withheld);

// Whether a stored response of that status may be validated: an origin ignores conditions where its
// answer without them would not be 2xx (RFC 9110 §13.2.1).
bool can_be_validated(int status);

// Whether a 304 speaks of the stored response (RFC 9111 §4.3.4). If not, it must not be used: fetch
// anew without conditions.
bool freshens(const http::Response& stored, const http::Response& update);

// Whether a 200 to a HEAD speaks of the stored response, which then is freshened by it; if not, the
// stored one is stale (RFC 9111 §4.3.5). `length`: of the stored body, if known; `head_length`:
// what the update's Content-Length said.
bool head_agrees(const http::Response& stored, std::optional<std::uint64_t> length,
                 const http::Response& update, std::optional<std::uint64_t> head_length);

// The stored head after a 304 (RFC 9111 §3.2), or a 206 that adds to it (§3.4): fields of `update`
// replace those of `stored`, all but Content-Length, Content-Encoding, Content-Range and what is
// hop-by-hop. A strong ETag is not replaced by its weak twin: the bytes are the same, and can be
// asked for in parts as before. The old Age and Warning go; that of the update stays, for admit().
// `update` has been through clean_response, so it has a Date.
void freshen(http::Response& stored, const http::Response& update);

}  // namespace weir::policy
