// The policy over any two heads: a request and a response of lines "Name: value", with an empty
// line between them. Verdicts agree with one another, whatever the heads say.

#include <string>

#include "base/check.h"
#include "http/head.h"
#include "http/syntax.h"
#include "http_input.h"
#include "policy/admission.h"
#include "policy/answer.h"
#include "policy/forwarding.h"
#include "policy/reuse.h"
#include "policy/vary.h"

using namespace weir;
using namespace weir::policy;

namespace {

constexpr WallTime kNow{Seconds{1'750'000'000}};

// Up to the first empty line, which is taken off, too.
void take_fields(std::string_view& text, http::Fields& into) {
  while (!text.empty() && into.size() < 40) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) return;
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !http::is_token(name)) continue;
    const std::string_view value = http::trim(line.substr(colon + 1));
    if (http::run_of(value, http::kTextChar) == value.size()) into.add(name, value);
  }
}

void try_reuse(const http::Request& request, const Freshness& stored) {
  const RequestClass cls = classify(request, {});
  bool was_fresh = true;
  for (const std::int64_t later : {0, 1, 60, 3600, 1 << 30}) {
    const WallTime now = kNow + Seconds{later};
    const ReuseVerdict verdict = may_reuse(cls, stored, now);
    WEIR_CHECK(was_fresh || !stored.fresh(now));  // nothing becomes fresh by waiting
    was_fresh = stored.fresh(now);
    if (verdict.reuse == Reuse::kFresh) WEIR_CHECK(was_fresh && !stored.no_cache);
    if (verdict.reuse == Reuse::kStaleServe) WEIR_CHECK(!stored.must_revalidate);
    if (stored.must_revalidate && !was_fresh) WEIR_CHECK(!may_serve_on_error(cls, stored, now));
  }
}

void try_answer(const http::Request& request, const http::Response& stored, std::uint64_t total) {
  const Answer a = answer(request, stored, total, kNow);
  WEIR_CHECK(!a.range || (a.status == 206 && a.range->last < total && a.parts.empty()));
  WEIR_CHECK(a.parts.size() != 1 && a.parts.size() <= 16);
  if (a.parts.empty()) return;
  std::uint64_t length = 0;
  const Multipart made = multipart(a.parts, total, "a/b", "x");
  for (const std::string& text : made.texts) length += text.size();
  for (const http::ByteRange& part : a.parts) {
    WEIR_CHECK(part.last < total);
    length += part.size();
  }
  WEIR_CHECK(made.length == length && made.texts.size() == a.parts.size() + 1);
}

void try_vary(const http::Request& request, const http::Response& response) {
  const auto names = vary_names(response);
  if (!names) return;
  std::string once, twice;
  variant_text(*names, request, once);
  variant_text(*names, request, twice);
  WEIR_CHECK(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  http::Request request;
  request.method = data[0] % 4 == 0   ? http::Method::kHead
                   : data[0] % 4 == 1 ? http::Method::kPost
                                      : http::Method::kGet;
  request.authority = "a";
  take_fields(text, request.fields);
  http::Response response;
  response.status = data[1] < 200 ? 200 : 200 + data[2] * 2;
  take_fields(text, response.fields);

  clean_response(response, true, kNow);
  const RequestClass cls = classify(request, {});
  const Admission kept = admit(request, cls, response, {}, {kNow, kNow}, data[1] % 2 == 0);
  if (kept.verdict == Verdict::kKeep) {
    WEIR_CHECK(request.method == http::Method::kGet && !cls.no_store && vary_names(response));
    WEIR_CHECK(kept.freshness.lifetime >= Seconds{0} && kept.freshness.lifetime <= kMostSeconds);
    try_reuse(request, kept.freshness);
    http::Response others = without(response, kept.withheld);
    WEIR_CHECK(others.fields.size() <= response.fields.size());
  }
  admit_post(request, cls, "http://a/", response, {}, {kNow, kNow});
  try_answer(request, response, data[2]);
  try_vary(request, response);
  http::Response update = response;
  if (freshens(response, update)) freshen(response, update);
  return 0;
}
