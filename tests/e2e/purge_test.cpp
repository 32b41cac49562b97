// What is stored is forgotten, or made stale, when somebody who may says so.

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "support/exposition.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

constexpr std::string_view kSite =
    "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\npurge_from = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";

bool hit(const Response& r) { return r.field("Cache-Status").starts_with("weir; hit"); }

Response post(std::uint16_t port, std::string path, std::string body,
              std::vector<Field> fields = {{"Content-Type", "application/json"}}) {
  return fetch(
      port,
      {.method = "POST", .target = std::move(path), .fields = std::move(fields), .body = body});
}

// The number of objects that an order was for.
std::uint64_t purge(Weir& weir, const std::string& order) {
  const Response answer = post(weir.admin_port(), "/purge", order);
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.field("Content-Type") == "application/json");
  return nlohmann::json::parse(answer.body).at("purged").get<std::uint64_t>();
}

// As Client asks for it.
std::string url(const std::string& target) { return "http://LOCALHOST:80" + target; }
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace

TEST_CASE("PURGE is obeyed from listed addresses alone") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = "/p?size=9&n=1&cc=max-age=60&vary=X-Color";
  for (const char* color : {"red", "blue"}) {
    CHECK(get(weir.port(), target, {.content = 1}, {{"X-Color", color}}).right());
  }
  Client stranger(weir.port(), {.address = 2});
  const Response refused = stranger.exchange({.method = "PURGE", .target = target});
  CHECK(refused.status == 403);
  CHECK(refused.field("Cache-Status") == "weir; detail=purge_refused");
  CHECK(hit(get(weir.port(), target, {}, {{"X-Color", "red"}})));

  Client client(weir.port());
  const Response purged = client.exchange({.method = "PURGE", .target = target});
  CHECK(purged.status == 200);
  CHECK(purged.body == "{\"purged\":2}\n");
  CHECK(client.exchange({.method = "PURGE", .target = target}).body == "{\"purged\":0}\n");
  CHECK_FALSE(hit(get(weir.port(), target, {}, {{"X-Color", "red"}})));
  CHECK(origin.requests(target) == 3);

  const Response soft =
      client.exchange({.method = "PURGE", .target = target, .fields = {{"Soft-Purge", "1"}}});
  CHECK(soft.body == "{\"purged\":1}\n");
  CHECK(get(weir.port(), target, {.content = 1}, {{"X-Color", "red"}}).right());
  CHECK(origin.count("not_modified") == 1);
}

TEST_CASE("PURGE goes to the origin where the site says nothing of it") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/p?size=9&n=1&echo=1";
  const Response response = fetch(weir.port(), {.method = "PURGE", .target = target});
  CHECK(response.body.starts_with("PURGE /p?"));
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("A URL is purged with all its variants and key parts, by any spelling of its host") {
  const Origin origin;
  Weir weir(origin, std::string(kSite) +
                        "[[site.rule]]\nkey_cookies = [\"lang\"]\nquery_strip = [\"utm_*\"]\n");
  const std::string target = "/u?size=9&n=1&cc=max-age=60";
  for (const char* lang : {"de", "fr", "en"}) {
    CHECK(get(weir.port(), target, {}, {{"Cookie", std::string("lang=") + lang}}).complete());
  }
  CHECK(get(weir.port(), target).complete());
  CHECK(purge(weir, "{\"url\": " + quoted(url(target + "&utm_x=1")) + "}") == 4);
  CHECK_FALSE(hit(get(weir.port(), target, {}, {{"Cookie", "lang=de"}})));
  CHECK(fetch(weir.port(), {.method = "POST", .target = target, .body = "x"}).status == 200);
  CHECK_FALSE(hit(get(weir.port(), target, {}, {{"Cookie", "lang=de"}})));  // RFC 9111 §4.4
}

TEST_CASE("What bears a tag is purged, and clients do not see tags") {
  const Origin origin;
  Weir weir(origin, kSite);
  const auto page = [](int i, const char* tags) {
    return "/" + std::to_string(i) + "?size=9&n=1&cc=max-age=60&field=Surrogate-Key:" + tags +
           "&field=Cache-Tag:x,y";
  };
  for (int i = 0; i < 10; ++i) {
    const Response response =
        get(weir.port(), page(i, i < 4 ? "a%20all" : "b%20all"), {.content = 1});
    CHECK(response.right());
    CHECK_FALSE(response.has("Surrogate-Key"));
    CHECK_FALSE(response.has("Cache-Tag"));
  }
  const Response stored = get(weir.port(), page(0, "a%20all"));
  CHECK(hit(stored));
  CHECK_FALSE(stored.has("Surrogate-Key"));
  const Response passed = get(weir.port(), "/p?size=9&cc=no-store&field=Surrogate-Key:a");
  CHECK_FALSE(passed.has("Surrogate-Key"));
  CHECK(purge(weir, R"({"tag": "none"})") == 0);
  CHECK(purge(weir, R"({"tag": "a"})") == 4);
  CHECK_FALSE(hit(get(weir.port(), page(0, "a%20all"))));
  CHECK(hit(get(weir.port(), page(9, "b%20all"))));
  CHECK(purge(weir, R"({"tag": ["y"], "soft": true})") == 7);
  CHECK(get(weir.port(), page(9, "b%20all"), {.content = 1}).right());
  CHECK(origin.count("not_modified") == 1);
}

TEST_CASE("A cache behind this one gets the tags, and too many of them are no object") {
  const Origin origin;
  Weir weir(origin, std::string(kSite) + "forward_tags = true\n");
  const std::string target = "/t?size=9&n=1&cc=max-age=60&field=Surrogate-Key:a%20b";
  CHECK(get(weir.port(), target).field("Surrogate-Key") == "a b");
  const Response again = get(weir.port(), target);
  CHECK(hit(again));
  CHECK(again.field("Surrogate-Key") == "a b");
  CHECK(purge(weir, R"({"tag": "b"})") == 1);
  std::string many = "/m?size=9&n=1&cc=max-age=60&field=Surrogate-Key:";
  for (int i = 0; i <= 1000; ++i) many += "%20t" + std::to_string(i);
  CHECK(get(weir.port(), many).field("Cache-Status").ends_with("detail=too_many_tags"));
  CHECK_FALSE(hit(get(weir.port(), many)));
}

TEST_CASE("A prefix and a ban take what they match") {
  const Origin origin;
  Weir weir(origin, kSite);
  const auto page = [](const std::string& path, const char* type) {
    return path + "?size=9&n=1&cc=max-age=60&type=" + type;
  };
  for (int i = 0; i < 6; ++i) {
    const std::string path = (i < 4 ? "/news/" : "/other/") + std::to_string(i);
    CHECK(get(weir.port(), page(path, i % 2 == 0 ? "image/png" : "text/html")).complete());
  }
  CHECK(purge(weir, R"({"ban": ["path ~ ^/news/", "field.Content-Type ~ ^image/"]})") == 2);
  CHECK_FALSE(hit(get(weir.port(), page("/news/0", "image/png"))));
  CHECK(hit(get(weir.port(), page("/news/1", "text/html"))));
  CHECK(hit(get(weir.port(), page("/other/4", "image/png"))));
  CHECK(purge(weir, "{\"prefix\": " + quoted(url("/news/")) + "}") == 3);
  CHECK_FALSE(hit(get(weir.port(), page("/news/1", "text/html"))));
  CHECK(hit(get(weir.port(), page("/other/4", "image/png"))));
  CHECK(purge(weir, "{\"prefix\": " + quoted(url("")) + ", \"soft\": true}") == 3);
  CHECK(purge(weir, R"({"ban": "host = elsewhere"})") == 0);
}

TEST_CASE("What was made stale is served within its grace while it is validated") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = "/g?size=9&n=1&cc=max-age=600,%20stale-while-revalidate=60";
  CHECK(get(weir.port(), target).complete());
  CHECK(purge(weir, "{\"url\": " + quoted(url(target)) + ", \"soft\": true}") == 1);
  const Response graced = get(weir.port(), target, {.content = 1});
  CHECK(graced.right());
  CHECK(hit(graced));
  CHECK(graced.field("Cache-Status").find("detail=stale_while_revalidate") != std::string::npos);
  CHECK(eventually([&] { return origin.count("not_modified") == 1; }));
  CHECK(eventually([&] {
    return get(weir.port(), target).field("Cache-Status").find("detail") == std::string::npos;
  }));
}

TEST_CASE("A purge that comes while the object is fetched counts") {
  const Origin origin;
  Weir weir(origin, kSite);
  int number = 0;
  for (const std::string kind : {"url", "tag", "prefix", "ban", "method"}) {
    for (const bool soft : {false, true}) {
      CAPTURE(kind);
      CAPTURE(soft);
      const std::string target = "/f" + std::to_string(++number) +
                                 "?size=9&n=1&cc=max-age=60&delay=700ms&field=Surrogate-Key:t";
      Response before, after;
      std::thread early([&] { before = get(weir.port(), target, {.content = 1}); });
      CHECK(eventually([&] { return origin.requests(target) == 1; }));
      const std::string tail = soft ? ", \"soft\": true}" : "}";
      if (kind == "url") purge(weir, "{\"url\": " + quoted(url(target)) + tail);
      if (kind == "tag") purge(weir, "{\"tag\": \"t\"" + tail);
      if (kind == "prefix") purge(weir, "{\"prefix\": " + quoted(url("/f")) + tail);
      if (kind == "ban") purge(weir, "{\"ban\": \"path ^= /f\"" + tail);
      if (kind == "method") {
        std::vector<Field> fields;
        if (soft) fields = {{"Soft-Purge", "1"}};
        fetch(weir.port(), {.method = "PURGE", .target = target, .fields = fields});
      }
      // Who comes after the purge gets nothing from before it.
      std::thread late([&] { after = get(weir.port(), target, {.content = 1}); });
      early.join();
      late.join();
      CHECK(before.right());
      CHECK(after.right());
      CHECK(origin.requests(target) == 2);
      CHECK(hit(get(weir.port(), target)));
    }
  }
}

TEST_CASE("Orders that make no sense, or come from elsewhere, are refused with a reason") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::uint16_t admin = weir.admin_port();
  struct Row {
    const char* body;
    std::vector<Field> fields;
    int status;
    const char* reason;
  };
  const Field json{"Content-Type", "application/json; charset=utf-8"};
  for (const Row& row : {
           Row{"{}", {json}, 400, "what to purge"},
           Row{"nonsense", {json}, 400, "must be a JSON object"},
           Row{R"({"ban": ["path ~ ("]})", {json}, 400, "bad expression"},
           Row{R"({"url": "/a"})", {json}, 400, "must begin with http://"},
           Row{R"({"tag": "a"})", {}, 415, "application/json"},
           Row{R"({"tag": "a"})", {{"Content-Type", "text/plain"}}, 415, "application/json"},
           Row{R"({"tag": "a"})", {json, {"Host", "evil.example"}}, 403, "Host must be"},
       }) {
    CAPTURE(std::string(row.body));
    const Response answer = post(admin, "/purge", row.body, row.fields);
    CHECK(answer.status == row.status);
    CHECK(answer.body.find(row.reason) != std::string::npos);
  }
  const Response large = post(admin, "/purge", "{\"tag\": \"" + std::string(1 << 20, 'a') + "\"}");
  CHECK(large.status == 413);
  const Response read = get(admin, "/purge");
  CHECK(read.status == 405);
  CHECK(read.field("Allow") == "POST");
  CHECK(get(admin, "/status", {}, {{"Host", "evil.example"}}).status == 403);
  CHECK(get(admin, "/status", {}, {{"Host", "localhost:6180"}}).status == 200);
  // In pieces, and without a body at all.
  Client slow(admin);
  CHECK(slow.send_in_pieces(format({.method = "POST",
                                    .target = "/purge",
                                    .fields = {json},
                                    .body = R"({"tag": "a"})",
                                    .chunked = true}),
                            7, Millis(2)));
  CHECK(slow.receive().body == "{\"purged\":0,\"soft\":false}\n");
  CHECK(post(admin, "/purge", "").status == 400);
}

TEST_CASE("With a token, whoever has it may order, by any name of the address") {
  const Origin origin;
  Weir weir(origin, std::string("[server]\nadmin = \"127.0.0.1:0\"\nadmin_token = \"secret\"\n") +
                        std::string(kSite));
  const Field json{"Content-Type", "application/json"};
  const char* order = R"({"tag": "a"})";
  CHECK(post(weir.admin_port(), "/purge", order, {json}).status == 401);
  CHECK(
      post(weir.admin_port(), "/purge", order, {json, {"Authorization", "Bearer wrong!"}}).status ==
      401);
  CHECK(post(weir.admin_port(), "/purge", order,
             {json, {"Authorization", "Bearer secret"}, {"Host", "weir.internal"}})
            .status == 200);
}

TEST_CASE("weir purge orders it on the command line") {
  const Origin origin;
  const std::uint16_t admin = free_port();
  const std::string conf = "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
                           "\"\n[server]\nadmin = \"127.0.0.1:" + std::to_string(admin) + "\"\n";
  {
    Weir weir(conf);
    const std::string target = "/c?size=9&n=1&cc=max-age=60&field=Cache-Tag:t";
    CHECK(get(weir.port(), target).complete());
    CHECK(run_weir({"purge", "--soft", "--tag", "t"}, conf).out == "made stale 1 object\n");
    CHECK(run_weir({"purge", url(target), url("/other")}, conf).out == "purged 1 object\n");
    CHECK(run_weir({"purge", "--prefix", url("/")}, conf).out == "purged 0 objects\n");
    const Finished bad = run_weir({"purge", "--ban", "path ~ ("}, conf);
    CHECK(bad.exit.code == 1);
    CHECK(bad.err.find("bad expression") != std::string::npos);
    CHECK(run_weir({"purge"}, conf).exit.code == 2);
    CHECK(run_weir({"purge", "--tag", "a", "--prefix", "http://a/"}, conf).exit.code == 2);
    CHECK(run_weir({"config"}, conf).exit.code == 0);
  }
  const Finished nobody = run_weir({"purge", "--tag", "t"}, conf);
  CHECK(nobody.exit.code == 1);
  CHECK(nobody.err.find("is Weir running?") != std::string::npos);
}

TEST_CASE("Purges are counted") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = "/m?size=9&n=1&cc=max-age=60&field=Surrogate-Key:a%20b";
  const auto metrics = [&] { return Metrics(get(weir.admin_port(), "/metrics").body); };
  CHECK(get(weir.port(), target).complete());
  CHECK(metrics().sum("weir_tags") == 2);
  purge(weir, R"({"tag": "a", "soft": true})");
  purge(weir, R"({"tag": "b"})");
  fetch(weir.port(), {.method = "DELETE", .target = "/m?size=0"});
  fetch(weir.port(), {.method = "PURGE", .target = target});
  CHECK(eventually([&] { return metrics().sum("weir_requests_total", {{"result", "own"}}) == 1; }));
  const Metrics now = metrics();
  CHECK(now.sum("weir_purges_total", {{"kind", "tag"}, {"mode", "soft"}}) == 1);
  CHECK(now.sum("weir_purges_total", {{"kind", "tag"}, {"mode", "hard"}}) == 1);
  CHECK(now.sum("weir_purges_total", {{"kind", "invalidation"}}) == 1);
  CHECK(now.sum("weir_purges_total", {{"kind", "url"}}) == 1);
  CHECK(now.sum("weir_purged_objects_total", {{"mode", "soft"}}) == 1);
  CHECK(now.sum("weir_purged_objects_total", {{"mode", "hard"}}) == 1);
  CHECK(now.sum("weir_tags") == 0);
  CHECK(now.sum("weir_bans") == 0);
}

}  // namespace weir::test
