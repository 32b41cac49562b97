#include "http/head.h"

#include <doctest/doctest.h>

using namespace weir::http;

TEST_CASE("methods are told apart by their exact names") {
  const struct {
    std::string_view text;
    Method method;
    bool safe, idempotent;
  } cases[] = {
      // RFC 9110 §9.2.1 and §9.2.2
      {"GET", Method::kGet, true, true},          {"HEAD", Method::kHead, true, true},
      {"POST", Method::kPost, false, false},      {"PUT", Method::kPut, false, true},
      {"DELETE", Method::kDelete, false, true},   {"OPTIONS", Method::kOptions, true, true},
      {"TRACE", Method::kTrace, true, true},      {"CONNECT", Method::kConnect, false, false},
      {"PATCH", Method::kPatch, false, false},    {"PURGE", Method::kPurge, false, false},
      {"BREW", Method::kOther, false, false},     {"get", Method::kOther, false, false},
      {"PROPFIND", Method::kOther, false, false}, {"", Method::kOther, false, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_method(c.text) == c.method);
    CHECK(is_safe(c.method) == c.safe);
    CHECK(is_idempotent(c.method) == c.idempotent);
    CHECK(method_name(c.method) == (c.method == Method::kOther ? "" : c.text));
  }
}

TEST_CASE("reasons are known for the registered codes") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(404) == "Not Found");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(299).empty());
  CHECK(reason_phrase(0).empty());
}

TEST_CASE("a cleared head is as good as new") {
  Request request;
  request.method = Method::kPost;
  request.method_text = "POST";
  request.target = "/x";
  request.authority = "a";
  request.version = kHttp10;
  request.fields.add("A", "b");
  request.framing = Framing::kLength;
  request.length = 5;
  request.keep_alive = false;
  request.expect_continue = true;
  request.clear();
  CHECK(request.method == Method::kGet);
  CHECK(request.method_text.empty());
  CHECK(request.target.empty());
  CHECK(request.authority.empty());
  CHECK(request.version == kHttp11);
  CHECK(request.fields.empty());
  CHECK(request.framing == Framing::kNone);
  CHECK(request.length == 0);
  CHECK(request.keep_alive);
  CHECK_FALSE(request.expect_continue);

  Response response;
  response.status = 200;
  response.reason = "OK";
  response.version = kHttp10;
  response.fields.add("A", "b");
  response.framing = Framing::kUntilClose;
  response.length = 5;
  response.keep_alive = false;
  response.clear();
  CHECK(response.status == 0);
  CHECK(response.reason.empty());
  CHECK(response.version == kHttp11);
  CHECK(response.fields.empty());
  CHECK(response.framing == Framing::kNone);
  CHECK(response.length == 0);
  CHECK(response.keep_alive);
}
