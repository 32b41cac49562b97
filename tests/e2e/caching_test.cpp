// Which responses are kept and reused, by whom, and what of them reaches the client.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

// What `count` clients get at one time.
template <class Get>
std::vector<Response> crowd(std::size_t count, Get get_one) {
  std::vector<Response> responses(count);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { responses[i] = get_one(i); });
  }
  for (std::thread& thread : threads) thread.join();
  return responses;
}

}  // namespace

TEST_CASE("A validated response has one Age, and it grows") {  // RFC 9111 §5.1
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/age?n=1&size=9&age=5&cc=max-age=5,%20stale-while-revalidate=0";
  REQUIRE(get(weir.port(), target, {.content = 1}).right());
  for (int i = 0; i < 2; ++i) {  // stale when it comes: each is validated
    const Response response = get(weir.port(), target, {.content = 1});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.count("Age") == 1);
    CHECK(response.field("Age") >= "5");
  }
  CHECK(eventually([&] { return origin.count("not_modified") == 2; }));
}

TEST_CASE("Interim responses lose the fields of the origin's connection") {  // RFC 9110 §7.6.1
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  client.send(Request{.target = "/e?n=1&size=9&early_status=103&early_field=Link:%3C/a%3E"
                                "&early_field=Connection:X-Hop&early_field=X-Hop:1"
                                "&early_field=Keep-Alive:timeout%3D5&early_field=Trailer:X"
                                "&early_field=Content-Length:7"});
  const Response early = client.receive_interim();
  REQUIRE(early.status == 103);
  CHECK(early.field("Link") == "</a>");
  for (const char* name : {"Connection", "X-Hop", "Keep-Alive", "Trailer", "Content-Length"}) {
    CAPTURE(name);
    CHECK(!early.has(name));
  }
  CHECK(client.receive({.content = 1}).right());
}

TEST_CASE("A host with its default port is the same object and the same Host to the origin") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/port?n=1&size=9&cc=max-age=60";
  CHECK(get(weir.port(), target, {.content = 1}, {{"Host", "test.example:80"}}).right());
  CHECK(origin.last_field("Host") == "test.example");
  CHECK(origin.last_field("X-Forwarded-Host") == "test.example");
  CHECK(get(weir.port(), target, {.content = 1}, {{"Host", "test.example"}}).right());
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("An OPTIONS that may go no further is answered here") {  // RFC 9110 §7.6.2
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  Request request{.method = "OPTIONS", .target = "/o?n=1&size=0"};
  request.fields = {{"Max-Forwards", "0"}};
  Response response = client.exchange(request);
  CHECK(response.status == 200);
  CHECK(response.complete());
  CHECK(response.field("Content-Length") == "0");
  CHECK(response.has("Date"));
  CHECK(origin.count("total") == 0);
  request.fields = {{"Max-Forwards", "2"}};
  response = client.exchange(request);
  CHECK(response.status == 200);
  CHECK(origin.count("total") == 1);
  CHECK(origin.last_field("Max-Forwards") == "1");
}

TEST_CASE("A crowd shares what is fresh, and each validates for itself what is not") {
  const Origin origin;
  const Weir weir(origin);
  struct Row {
    const char* cc;
    bool shared;
  };
  for (const Row& row :
       {Row{"max-age=60", true}, Row{"no-cache", false}, Row{"max-age=0", false}}) {
    const std::string target = std::string("/crowd?n=1&size=1MiB&delay=300ms&cc=") + row.cc;
    CAPTURE(target);
    for (int round = 0; round < 2; ++round) {  // cold, then stored
      const auto responses =
          crowd(8, [&](std::size_t) { return get(weir.port(), target, {.content = 1}); });
      double slowest = 0;
      for (const Response& response : responses) {
        CAPTURE(response.summary());
        CHECK(response.right());
        slowest = std::max(slowest, response.head_seconds);
      }
      CHECK(slowest < 1.2);  // at most once in vain, never one by one
    }
    CHECK(origin.requests(target) == (row.shared ? 1 : 16));
  }
  // And the bytes came once.
  CHECK(eventually([&] { return origin.count("not_modified") == 2 * (7 + 8); }));
}

TEST_CASE("A crowd on what is not for the cache goes its own way at once, and later ones too") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/mine?n=1&size=1KiB&delay=300ms&cc=private";
  for (int round = 0; round < 2; ++round) {  // cold, then with a hit-for-miss mark
    const auto responses =
        crowd(8, [&](std::size_t) { return get(weir.port(), target, {.content = 1}); });
    int marked = 0;
    for (const Response& response : responses) {
      CAPTURE(response.summary());
      CHECK(response.right());
      CHECK(response.head_seconds < (round == 0 ? 1.2 : 0.6));
      marked += response.field("Cache-Status").ends_with("hit_for_miss");
    }
    if (round == 1) CHECK(marked == 8);
  }
  CHECK(origin.requests(target) == 16);
}

TEST_CASE("A variant that was validated is found fresh, by those it is for and no others") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/v?n=1&size=9&cc=max-age=3,%20stale-while-revalidate=0&vary=X-Color";
  const auto red = [&] { return get(weir.port(), target, {.content = 1}, {{"X-Color", "red"}}); };
  REQUIRE(red().right());
  const auto validated = [](const Response& r) {
    return r.field("Cache-Status").find("fwd-status=304") != std::string::npos;
  };
  REQUIRE(eventually([&] { return validated(red()); }));
  CHECK_FALSE(validated(red()));
  const Response blue = get(weir.port(), target, {.content = 1}, {{"X-Color", "blue"}});
  CHECK(blue.field("Cache-Status").find("fwd=vary-miss") != std::string::npos);
}

TEST_CASE("Cold variants of one object are fetched side by side, each once") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/v?n=1&size=1KiB&cc=max-age=60&vary=X-Color&delay=500ms";
  const auto responses = crowd(16, [&](std::size_t i) {
    return get(weir.port(), target, {.content = 1}, {{"X-Color", std::to_string(i / 2)}});
  });
  for (const Response& response : responses) {
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.head_seconds < 1.9);  // the first one's time and their own
  }
  CHECK(origin.requests(target) == 8);
}

TEST_CASE("An unsafe request invalidates what it changed") {  // RFC 9111 §4.4
  const Origin origin;
  const Weir weir(origin);
  const std::string page = "/page?n=1&size=9&cc=max-age=60",
                    list = "/list?n=2&size=9&cc=max-age=60";
  const auto fetched = [&](const std::string& target) {
    const auto before = origin.requests(target);
    CHECK(get(weir.port(), target).complete());
    return origin.requests(target) > before;
  };
  CHECK(fetched(page));
  CHECK(fetched(list));
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "FROB"}) {
    CAPTURE(method);
    CHECK(fetch(weir.port(), {.method = method, .target = page}).status == 200);
    CHECK(fetched(page));
    CHECK_FALSE(fetched(page));
  }
  CHECK(fetch(weir.port(), {.method = "OPTIONS", .target = page}).status == 200);
  CHECK_FALSE(fetched(page));

  const auto post = [&](const std::string& more) {
    CHECK(fetch(weir.port(), {.method = "POST", .target = "/post?size=0&" + more}).complete());
  };
  const std::string to_list = "field=Location:%2Flist%3Fn%3D2%26size%3D9%26cc%3Dmax-age%3D60";
  post("status=201&" + to_list);
  CHECK(fetched(list));
  CHECK_FALSE(fetched(page));
  post("status=400&" + to_list);
  CHECK_FALSE(fetched(list));
  post("status=303&field=Content-Location:http:%2F%2Fevil.example%2Flist");
  CHECK_FALSE(fetched(list));
}

TEST_CASE("What is not kept is asked for as the client asked, also the first time") {
  const Origin origin;
  const Weir weir(origin);
  const Field secret{"Authorization", "Basic eDp5"};
  struct Row {
    const char *script, *reason;
  };
  for (const auto& [script, reason] :
       {Row{"cc=max-age=60", "authorization"}, Row{"cc=max-age=60&chunked=1", "authorization"},
        Row{"cc=no-store", "no_store"}, Row{"cc=private", "private"}}) {
    int cold = 0;
    for (const Field& own : {Field{"Range", "bytes=102300-"}, Field{"Range", "bytes=102300-102399"},
                             Field{"If-None-Match", "\"1-102400\""}}) {
      const std::string target =
          std::string("/own?n=1&size=100KiB&") + script + "&field=X:" + std::to_string(cold++);
      CAPTURE(target);
      for (int i = 0; i < 3; ++i) {
        const Response response = get(weir.port(), target, {.content = 1}, {secret, own});
        CAPTURE(response.summary());
        CHECK(response.status == (own.name == "Range" ? 206 : 304));
        CHECK(response.field("Cache-Status").ends_with(i == 0 ? reason : "hit_for_miss"));
        CHECK(response.right());
        CHECK(response.range_begin() == (own.name == "Range" ? 102300 : 0));
        CHECK(response.body_bytes == (own.name == "Range" ? 100 : 0));
      }
      CHECK(get(weir.port(), target, {.content = 1}, {secret}).body_bytes == 102400);
      CHECK(origin.requests(target) == 5);  // the first one was asked twice
    }
  }
}

TEST_CASE("A range that is all of it, or a condition that fails, is not asked for twice") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/once?n=1&size=9&cc=no-store&field=X:";
  CHECK(get(weir.port(), target + "1", {.content = 1}, {{"Range", "bytes=0-"}}).right());
  CHECK(get(weir.port(), target + "2", {.content = 1}, {{"If-None-Match", "\"no\""}}).right());
  CHECK(origin.count("total") == 2);
  const std::string stubborn = target + "3&conditional=0";
  CHECK(get(weir.port(), stubborn, {.content = 1}, {{"If-None-Match", "\"1-9\""}}).right());
  CHECK(origin.requests(stubborn) == 2);
}

TEST_CASE("Requests with Authorization pass side by side, and others share what is kept") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/both?n=1&size=9&cc=max-age=60&delay=200ms";
  const std::vector<Field> secret{{"Authorization", "Basic eDp5"}};
  CHECK(get(weir.port(), target, {.content = 1}, secret).right());
  const auto responses = crowd(8, [&](std::size_t i) {
    return get(weir.port(), target, {.content = 1}, i < 4 ? secret : std::vector<Field>{});
  });
  for (const Response& response : responses) {
    CAPTURE(response.summary());
    CHECK(response.right());
  }
  CHECK(origin.requests(target) <= 1 + 4 + 1);
  CHECK(get(weir.port(), target, {.content = 1}, secret)
            .field("Cache-Status")
            .starts_with("weir; hit"));
}

}  // namespace weir::test
