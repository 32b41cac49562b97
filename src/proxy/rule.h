#pragma once
// Rule: one exception that a site makes for some of its requests, compiled from a [[site.rule]] of
// the conf. Plain values; immutable once in a RuleSet.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/coding.h"
#include "http/fields.h"
#include "proxy/glob.h"

namespace weir::proxy {

// What Range means.
enum class Ranges : std::uint8_t {
  kServe,   // what was asked for, and on a miss no more than that is fetched
  kWhole,   // likewise, but a miss fetches the whole object
  kIgnore,  // nothing: everybody gets all of it
  kPass,    // the origin's business: the request goes there and the answer is not kept
};

// What Set-Cookie in a response means.
enum class SetCookie : std::uint8_t {
  kStore,        // kept and replayed, as RFC 9111 §7.3 allows
  kStrip,        // dropped: nobody gets it
  kUncacheable,  // the response is for one client: it is passed on and not kept
};

// A condition on one field of the request.
struct FieldTest {
  std::string name;
  bool absent = false;        // it must not be there
  std::optional<Glob> value;  // one of its lines must match; nothing: any value will do
};

struct FieldLine {
  std::string name;
  std::string value;
};

// What becomes of the fields of a message: first some go, then some are set.
struct FieldEdits {
  std::vector<Glob> remove;  // names, in lower case
  std::vector<FieldLine> set;

  bool empty() const { return remove.empty() && set.empty(); }
};

// In place. Removed text stays in the arena of `fields`.
void edit(http::Fields& fields, const FieldEdits& edits);

struct Rule {
  std::string reason;  // "rule:NAME": its name in the log and in Cache-Status

  // It acts where all of these hold. Empty: any.
  std::vector<std::string> hosts;  // as Site::hosts
  std::vector<Glob> paths;         // of plain_path()
  std::vector<std::string> methods;
  std::vector<FieldTest> fields;

  // What it sets; the later rule wins. Lists add to those of earlier rules.
  std::optional<bool> pass;
  std::optional<Seconds> ttl, negative_ttl, grace, keep;
  std::vector<Glob> query_ignore;  // not in the key, but sent to the origin
  std::vector<Glob> query_strip;   // neither
  std::optional<bool> query_sort;
  std::vector<std::string> key_fields, key_cookies;
  std::vector<Glob> strip_cookies;  // of the request, by name
  std::optional<SetCookie> set_cookie;
  std::optional<Ranges> ranges;
  FieldEdits request;   // before anything is looked at
  FieldEdits origin;    // of the origin's response, before it is judged and kept
  FieldEdits response;  // as the client gets it
  std::optional<int> respond;
  // How answers are compressed; what is said here counts instead of the site's.
  std::optional<std::vector<http::Coding>> compress;
  std::vector<std::string> compress_types;
  std::optional<std::uint64_t> compress_min, compress_max;
  std::string location;  // of the answer, see filled_in(); empty: none
  std::string text;      // its content; empty: one line of our own
  bool last = false;     // no rule behind it is looked at

  // Whether requests for which it acts, and others for the same URL, must not share what is kept:
  // it looks at fields, and changes what is asked or kept, or keeps later rules from it.
  bool splits_key() const;
};

}  // namespace weir::proxy
