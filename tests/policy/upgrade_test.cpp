#include "policy/upgrade.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace weir::policy {
namespace {

using http::FieldId;

http::Request get(const char* connection, const char* upgrade) {
  http::Request r;
  r.method_text = "GET";
  r.target = "/chat";
  if (connection) r.fields.add("Connection", connection);
  if (upgrade) r.fields.add("Upgrade", upgrade);
  return r;
}

struct AskCase {
  const char* why;
  http::Request request;
  const char* asked;
};

TEST_CASE("of the protocols that a client offers only the allowed ones are asked for") {
  const std::vector<std::string> allowed = {"websocket", "chat/2", "h2c"};
  http::Request post = get("upgrade", "websocket");
  post.method = http::Method::kPost;
  http::Request old = get("upgrade", "websocket");
  old.version = http::kHttp10;
  http::Request two = get("upgrade", "websocket");
  two.version = {2, 0};
  http::Request body = get("upgrade", "websocket");
  body.framing = http::Framing::kChunked;
  const AskCase cases[] = {
      {"RFC 6455 §4.1", get("Upgrade", "websocket"), "websocket"},
      {"names are compared without case", get("keep-alive, UPGRADE", "WebSocket"), "WebSocket"},
      {"the client's order is kept", get("upgrade", "chat/2, nope, websocket"),
       "chat/2, websocket"},
      {"another version is another protocol", get("upgrade", "chat/1"), ""},
      {"h2c never is, whatever the conf says", get("upgrade", "h2c"), ""},
      {"RFC 9110 §7.8: Connection must say so", get(nullptr, "websocket"), ""},
      {"...and say upgrade", get("close", "websocket"), ""},
      {"nothing is offered", get("upgrade", nullptr), ""},
      {"only GET", post, ""},
      {"RFC 9110 §7.8: not of HTTP/1.0", old, ""},
      {"RFC 9113 §8.6: nor of HTTP/2", two, ""},
      {"a request with content is no tunnel", body, ""},
  };
  for (const AskCase& c : cases) {
    CAPTURE(c.why);
    CHECK(upgrades_to_ask(c.request, allowed) == c.asked);
    CHECK(wants_upgrade(c.request, allowed) == (*c.asked != 0));
    CHECK(upgrades_to_ask(c.request, {}).empty());
  }
}

TEST_CASE("two Upgrade fields are one list") {
  http::Request r = get("upgrade", "a");
  r.fields.add("Upgrade", "b");
  const std::vector<std::string> allowed = {"a", "b"};
  CHECK(upgrades_to_ask(r, allowed) == "a, b");
}

TEST_CASE("the origin is asked by Connection and Upgrade") {
  http::Request to;
  ask_upgrade("websocket", to);
  CHECK(to.fields.get(FieldId::kConnection) == "Upgrade");
  CHECK(to.fields.get(FieldId::kUpgrade) == "websocket");
}

TEST_CASE("a 101 must switch to what was asked for") {
  const auto to = [](const char* upgrade) {
    http::Response r;
    r.status = 101;
    r.fields.add("Connection", "upgrade");
    if (upgrade) r.fields.add("Upgrade", upgrade);
    return r;
  };
  CHECK(is_switch(to("websocket"), "websocket"));
  CHECK(is_switch(to("WebSocket"), "websocket"));
  CHECK(is_switch(to("b"), "a, b"));
  CHECK_FALSE(is_switch(to("c"), "a, b"));
  CHECK_FALSE(is_switch(to("a, c"), "a, b"));
  CHECK_FALSE(is_switch(to(nullptr), "websocket"));
  CHECK_FALSE(is_switch(to(""), "websocket"));
  http::Response other = to("websocket");
  other.status = 200;
  CHECK_FALSE(is_switch(other, "websocket"));
  http::Response silent = to("websocket");
  silent.fields.remove(FieldId::kConnection);
  CHECK_FALSE(is_switch(silent, "websocket"));
}

TEST_CASE("a 101 keeps Upgrade and what is end-to-end, and nothing else of its connection") {
  http::Response r;
  r.status = 101;
  r.fields.add("Connection", "Upgrade, X-Hop");
  r.fields.add("Upgrade", "websocket");
  r.fields.add("X-Hop", "1");
  r.fields.add("Keep-Alive", "timeout=5");
  r.fields.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  clean_switch(r, true, WallTime{Seconds{1'700'000'000}});
  CHECK(r.fields.get(FieldId::kConnection) == "Upgrade");
  CHECK(r.fields.get(FieldId::kUpgrade) == "websocket");
  CHECK(r.fields.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK_FALSE(r.fields.get("X-Hop"));
  CHECK_FALSE(r.fields.has(FieldId::kKeepAlive));
  CHECK(r.fields.get(FieldId::kVia) == "1.1 weir");
}

}  // namespace
}  // namespace weir::policy
