#include "policy/request_class.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

using http::Method;

TEST_CASE("an ordinary GET or HEAD is looked up and asks for nothing") {
  for (const Method method : {Method::kGet, Method::kHead}) {
    const RequestClass c = classify(
        request(method, {{"Host", "a"}, {"Cookie", "b"}, {"Range", "bytes=0-1"}}), Rules{});
    CHECK(c.use == Use::kLookup);
    CHECK_FALSE((c.must_validate || c.no_store || c.only_if_cached || c.authorization));
    CHECK_FALSE((c.max_age || c.min_fresh || c.max_stale || c.any_max_stale || c.invalidates));
  }
}

TEST_CASE("other methods pass, and the unsafe ones invalidate") {
  const std::pair<Method, bool> cases[] = {
      {Method::kPost, true},     {Method::kPut, true},    {Method::kDelete, true},
      {Method::kPatch, true},    {Method::kOther, true},  {Method::kPurge, true},  // RFC 9111 §4.4
      {Method::kOptions, false}, {Method::kTrace, false},
  };
  for (const auto& [method, invalidates] : cases) {
    CAPTURE(static_cast<int>(method));
    const RequestClass c = classify(request(method, {{"Cache-Control", "no-store"}}), Rules{});
    CHECK(c.use == Use::kPass);
    CHECK(c.reason == "method");
    CHECK(c.invalidates == invalidates);
  }
}

TEST_CASE("of a POST is known what matters for keeping its answer") {
  const RequestClass c = classify(
      request(Method::kPost, {{"Cache-Control", "no-store"}, {"Authorization", "Basic x"}}), {});
  CHECK((c.use == Use::kPass && c.no_store && c.authorization));
}

TEST_CASE("a GET with content passes") {  // RFC 9110 §9.3.1
  http::Request r = get({});
  r.framing = http::Framing::kLength;
  CHECK(classify(r, Rules{}).use == Use::kLookup);  // Content-Length: 0
  r.length = 1;
  CHECK(classify(r, Rules{}).reason == "request_body");
  r.framing = http::Framing::kChunked;
  r.length = 0;
  CHECK(classify(r, Rules{}).reason == "request_body");
}

TEST_CASE(
    "an upgrade that is allowed passes, any other is as if it were not there") {  // RFC 9110 §7.8
  const std::vector<std::string> websocket = {"websocket"};
  Rules rules;
  rules.upgrades = websocket;
  const auto asks = [](const char* protocols) {
    return get({{"Connection", "upgrade"}, {"Upgrade", protocols}});
  };
  CHECK(classify(asks("websocket"), rules).reason == "upgrade");
  CHECK(classify(asks("h2c, WebSocket"), rules).use == Use::kPass);
  CHECK(classify(asks("h2c"), rules).use == Use::kLookup);
  CHECK(classify(asks("other"), rules).use == Use::kLookup);
  CHECK(classify(asks("websocket"), Rules{}).use == Use::kLookup);
}

struct ValidateCase {
  const char* section;
  FieldList fields;
  bool must_validate;
};

TEST_CASE("no-cache, max-age=0 and Pragma ask for validation") {
  const ValidateCase cases[] = {
      {"5.2.1.4", {{"Cache-Control", "no-cache"}}, true},
      {"5.2.1.4", {{"Cache-Control", "foo, NO-CACHE"}}, true},
      {"5.2.1.1", {{"Cache-Control", "max-age=0"}}, true},
      {"5.2.1.1", {{"Cache-Control", "max-age=1"}}, false},
      {"5.2.1.1", {{"Cache-Control", "max-age=junk"}}, false},
      {"5.4", {{"Pragma", "no-cache"}}, true},
      {"5.4", {{"Pragma", "foo, No-Cache"}}, true},
      {"5.4", {{"Pragma", "foo"}}, false},
      {"5.4", {{"Pragma", "no-cache"}, {"Cache-Control", "max-age=9"}}, false},
  };
  for (const ValidateCase& c : cases) {
    CAPTURE(c.section);
    CHECK(classify(get(c.fields), Rules{}).must_validate == c.must_validate);
    CHECK_FALSE(classify(get(c.fields), {.honour_request_no_cache = false}).must_validate);
  }
}

TEST_CASE("the other directives of a request are read, unless the site ignores them") {
  const http::Request r = get({{"Cache-Control", "no-store, only-if-cached, max-age=5"},
                               {"Cache-Control", "min-fresh=6, max-stale=7, stale-if-error=8"},
                               {"Authorization", "Basic x"}});
  const RequestClass c = classify(r, Rules{});
  CHECK((c.use == Use::kLookup && c.no_store && c.only_if_cached && c.authorization));
  CHECK(c.max_age == Seconds{5});
  CHECK(c.min_fresh == Seconds{6});
  CHECK(c.max_stale == Seconds{7});
  CHECK(c.stale_if_error == Seconds{8});
  CHECK_FALSE(c.any_max_stale);
  CHECK(classify(get({{"Cache-Control", "max-stale"}}), Rules{}).any_max_stale);

  const RequestClass deaf = classify(r, {.honour_request_no_cache = false});
  CHECK_FALSE((deaf.no_store || deaf.only_if_cached || deaf.max_age || deaf.max_stale));
  CHECK(deaf.authorization);  // §3.5 is not the client's wish
}

}  // namespace
}  // namespace weir::policy
