// What the RFCs about caching ask for and tests/conformance cannot show with small bodies, one
// client at a time and the default conf: large ranges, crowds, failures, and the switches of a
// site.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string content(std::uint64_t number, std::uint64_t first, std::uint64_t last) {
  std::string bytes(last - first + 1, '\0');
  fill_content(number, first, bytes);
  return bytes;
}

std::string site(const Origin& origin, std::string_view site, std::string_view more = {}) {
  return "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" + origin.address() +
         "\"]\neject_failures = 0\n" + std::string(more) +
         "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n" + std::string(site);
}

bool says(const Response& response, std::string_view word) {
  return response.field("Cache-Status").find(word) != std::string::npos;
}

void wait_until_stale() { std::this_thread::sleep_for(Millis(2100)); }

struct Range {
  std::uint64_t first, last;
};

// What is wrong with a multipart answer about these ranges of object 1; empty: nothing.
std::string wrong_parts(const Response& response, const std::vector<Range>& ranges,
                        std::uint64_t total) {
  const std::string type = response.field("Content-Type");
  constexpr std::string_view kType = "multipart/byteranges; boundary=";
  if (response.status != 206 || !type.starts_with(kType)) return response.summary() + type;
  const std::string mark = "--" + type.substr(kType.size());
  std::string expected, line_end;
  for (const auto& [first, last] : ranges) {
    expected += line_end + mark +
                "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes " +
                std::to_string(first) + '-' + std::to_string(last) + '/' + std::to_string(total) +
                "\r\n\r\n" + content(1, first, last);
    line_end = "\r\n";
  }
  expected += "\r\n" + mark + "--\r\n";
  return response.body == expected ? "" : "not the parts: " + response.summary();
}

}  // namespace

TEST_CASE("Several ranges come as parts, from memory and through holes") {  // RFC 9110 §14.6
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/parts?n=1&size=5MiB&cc=max-age=60";
  const std::vector<Range> ranges{
      {3 * kMiB - 5, 3 * kMiB + 5}, {0, 9}, {5 * kMiB - 7, 5 * kMiB - 1}};
  const std::vector<Field> asked{{"Range", "bytes=3145723-3145733, 0-9, -7"}};
  // A part of it is here: the rest is fetched hole by hole.
  CHECK(get(weir.port(), target, {.content = 1}, {{"Range", "bytes=0-9"}}).right());
  CHECK(wrong_parts(get(weir.port(), target, {}, asked), ranges, 5 * kMiB) == "");
  CHECK(get(weir.port(), target, {.content = 1}).right());
  const auto before = origin.count("total");
  for (int i = 0; i < 3; ++i) {
    CHECK(wrong_parts(get(weir.port(), target, {}, asked), ranges, 5 * kMiB) == "");
  }
  CHECK(origin.count("total") == before);

  const std::string cold = "/parts?n=1&size=5MiB&cc=max-age=61";  // from the whole, as it comes
  CHECK(wrong_parts(get(weir.port(), cold, {}, asked), ranges, 5 * kMiB) == "");
  CHECK(origin.requests(cold) == 1);
}

TEST_CASE("Ranges of what has no strong validator are kept, too, each by itself") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/weak?n=1&size=5MiB&cc=max-age=60&etag=weak";
  const auto part = [&](std::uint64_t first) {
    const std::string range = "bytes=" + std::to_string(first) + '-' + std::to_string(first + 99);
    const Response response = get(weir.port(), target, {.content = 1}, {{"Range", range}});
    CAPTURE(response.summary());
    CHECK(response.status == 206);
    CHECK(response.right());
    CHECK(response.range_begin() == first);
    CHECK(response.body_bytes == 100);
    CHECK(response.field("Content-Range").ends_with("/5242880"));
  };
  part(3 * kMiB);
  part(3 * kMiB + 1000);
  CHECK(origin.requests(target) == 1);
  part(kMiB);
  part(3 * kMiB);
  CHECK(origin.requests(target) == 2);
  CHECK(get(weir.port(), target, {.content = 1}).right());
  CHECK(get(weir.port(), target, {.content = 1}).right());
  part(4 * kMiB);
  CHECK(origin.requests(target) == 3);
}

TEST_CASE("What is stale is served when the origin fails, and then nobody waits for it") {
  const Origin origin;
  const Weir weir(site(origin, "", "first_byte_timeout = \"1 s\"\nretry_for = \"0 s\"\n"));
  int number = 0;
  for (const char* fault : {"status=503&conditional=0", "close_before=1", "delay=2s"}) {
    CAPTURE(fault);
    origin.order("");
    const std::string target =
        "/sie/" + std::to_string(++number) + "?n=1&size=1KiB&cc=max-age=1,stale-if-error=60";
    CHECK(get(weir.port(), target, {.content = 1}).right());
    wait_until_stale();
    origin.order(fault);
    std::vector<std::thread> crowd;
    for (int i = 0; i < 8; ++i) {
      crowd.emplace_back([&] {
        const Response response = get(weir.port(), target, {.content = 1});
        CAPTURE(response.summary());
        CHECK(response.status == 200);
        CHECK(response.right());
        CHECK(says(response, "detail=stale_if_error"));
      });
    }
    for (std::thread& thread : crowd) thread.join();
    const Response again = get(weir.port(), target, {.content = 1});
    CAPTURE(again.summary());
    CHECK(again.right());
    CHECK(says(again, "hit"));
    CHECK(says(again, "stale_if_error"));
    CHECK(again.head_seconds < 0.8);

    origin.order("");  // it works again, and the background request finds out
    CHECK(eventually([&] {
      const Response fresh = get(weir.port(), target, {.content = 1});
      return says(fresh, "hit") && !says(fresh, "stale");
    }));
  }
}

TEST_CASE("Where nothing allows it the failure is told, and must-revalidate says 504") {
  const Origin origin;
  const Weir weir(site(origin, "", "retry_for = \"0 s\"\n"));
  const std::string plain = "/plain?n=1&size=9&cc=max-age=1",
                    strict = "/strict?n=1&size=9&cc=max-age=1,must-revalidate,stale-if-error=60",
                    allowed = "/allowed?n=1&size=9&cc=max-age=1,stale-if-error=60";
  for (const std::string& target : {plain, strict, allowed}) {
    CHECK(get(weir.port(), target, {.content = 1}).right());
  }
  wait_until_stale();
  origin.order("close_before=1");
  CHECK(get(weir.port(), plain).status == 502);
  CHECK(get(weir.port(), strict).status == 504);  // RFC 9111 §5.2.2.2
  CHECK(get(weir.port(), plain, {.content = 1}, {{"Cache-Control", "stale-if-error=60"}}).right());
  CHECK(get(weir.port(), allowed, {}, {{"Cache-Control", "no-cache"}}).status == 502);
  CHECK(get(weir.port(), allowed, {.content = 1}).right());
  origin.order("status=503&conditional=0");
  CHECK(get(weir.port(), plain).status == 503);
  CHECK(get(weir.port(), allowed, {}, {{"Cache-Control", "no-cache"}}).status == 503);
  CHECK(get(weir.port(), allowed, {.content = 1}).right());
}

TEST_CASE("A site may allow stale answers, and bound what is kept of errors") {
  const Origin origin;
  const Weir weir(
      site(origin, "stale_if_error = \"60 s\"\nnegative_max = \"1 s\"\n", "retry_for = \"0 s\"\n"));
  const std::string target = "/site?n=1&size=9&cc=max-age=1",
                    gone = "/gone?size=9&status=404&cc=max-age=600";
  CHECK(get(weir.port(), target, {.content = 1}).right());
  CHECK(get(weir.port(), gone).status == 404);
  CHECK(says(get(weir.port(), gone), "hit"));
  wait_until_stale();
  CHECK(get(weir.port(), gone).status == 404);
  CHECK(origin.requests(gone) == 2);
  origin.order("close_before=1");
  CHECK(get(weir.port(), target, {.content = 1}).right());
}

TEST_CASE("Fields that are for one go to one, whoever else waits") {  // RFC 9111 §5.2.2.4, §5.2.2.7
  const Origin origin;
  const Weir weir(origin);
  for (const char* directive : {"no-cache", "private"}) {
    const std::string target = std::string("/one?n=1&size=1MiB&delay=300ms&cc=max-age=60,") +
                               directive + "=%22set-cookie%22&field=Set-Cookie:id%3D1";
    std::vector<Response> responses(8);
    std::vector<std::thread> crowd;
    for (Response& response : responses) {
      crowd.emplace_back([&] { response = get(weir.port(), target, {.content = 1}); });
    }
    for (std::thread& thread : crowd) thread.join();
    std::size_t with = 0;
    for (const Response& response : responses) {
      CHECK(response.right());
      with += response.count("Set-Cookie");
    }
    CHECK(with == 1);
    CHECK_FALSE(get(weir.port(), target, {.content = 1}).has("Set-Cookie"));
    CHECK(origin.requests(target) == 1);
  }
}

TEST_CASE("A POST may leave an answer for GET, with its body") {  // RFC 9110 §9.3.3
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/post?n=1&size=2MiB&cc=max-age=60&field=Content-Location:%3F";
  const std::string own = target + "n=1%26size=2MiB";  // resolved against the path: another query
  CHECK(fetch(weir.port(), {.method = "POST", .target = own, .body = "x"}, {.content = 1}).right());
  CHECK(get(weir.port(), own, {.content = 1}).right());
  CHECK(origin.requests(own) == 2);  // it named another URI
  const std::string same = "/same?n=1&size=2MiB&cc=max-age=60&field=Content-Location:";
  for (int i = 0; i < 2; ++i) {  // "Content-Location:" empty is the URI itself
    CHECK(fetch(weir.port(), {.method = "POST", .target = same, .body = "x"}, {.content = 1})
              .right());
    const Response part =
        get(weir.port(), same, {.content = 1}, {{"Range", "bytes=1048570-1048585"}});
    CHECK(part.status == 206);
    CHECK(part.right());
    CHECK(says(part, "hit"));
  }
  CHECK(origin.requests(same) == 2);
}

TEST_CASE("A HEAD brings what is stored up to date, or makes an end of it") {  // RFC 9111 §4.3.5
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/head?n=1&size=2MiB&cc=max-age=1";
  CHECK(get(weir.port(), target, {.content = 1}).right());
  wait_until_stale();
  origin.order("cc=max-age=600");
  const Request head{.method = "HEAD", .target = target};
  CHECK(fetch(weir.port(), head, {.to_head = true}).field("Cache-Control") == "max-age=600");
  CHECK(says(get(weir.port(), target, {.content = 1}), "hit"));
  CHECK(origin.requests(target) == 2);

  origin.order("size=9");
  Request asking = head;
  asking.fields = {{"Cache-Control", "no-cache"}};
  CHECK(fetch(weir.port(), asking, {.to_head = true}).field("Content-Length") == "9");
  CHECK(get(weir.port(), target, {.content = 1}).body_bytes == 9);
  CHECK(origin.requests(target) == 4);
}

TEST_CASE("A site says what requests, cookies and fields of its own may ask for") {
  const Origin origin;
  const Weir weir(site(origin,
                       "request_cache_control = false\nstore_set_cookie = false\n"
                       "targeted_field = \"Edge-Control\"\nhit_for_miss = \"0 s\"\n"
                       "cache_status_key = true\n"));
  const std::string page = "/page?n=1&size=9&cc=max-age=60";
  CHECK(get(weir.port(), page, {.content = 1}).right());
  for (const Field& wish : {Field{"Cache-Control", "no-cache"}, Field{"Pragma", "no-cache"},
                            Field{"Cache-Control", "max-age=0"}}) {
    const Response response = get(weir.port(), page, {.content = 1}, {wish, {"Host", "a.example"}});
    const Response other = get(weir.port(), page, {.content = 1}, {wish, {"Host", "a.example"}});
    CHECK(says(other, "hit"));
    CHECK(says(other, "key=\"http://a.example" + page + '"'));
  }
  CHECK(get(weir.port(), "/none", {}, {{"Cache-Control", "only-if-cached"}}).status != 504);

  const std::string cookie = page + "&field=Set-Cookie:a%3Db";
  CHECK(says(get(weir.port(), cookie), "detail=set_cookie"));
  CHECK(says(get(weir.port(), cookie), "detail=set_cookie"));  // no hit-for-miss in between
  const std::string shared = cookie + ",%20public&cc=max-age=60,public";
  CHECK(get(weir.port(), shared).field("Set-Cookie") == "a=b, public");
  CHECK(says(get(weir.port(), shared), "hit"));

  const std::string edge = "/edge?n=1&size=9&cc=no-store&field=Edge-Control:max-age%3D60" +
                           std::string("&field=CDN-Cache-Control:no-store");
  CHECK(get(weir.port(), edge, {.content = 1}).right());
  CHECK(says(get(weir.port(), edge, {.content = 1}), "hit"));
}

TEST_CASE("Cache-Status can be left out") {
  const Origin origin;
  const Weir weir(site(origin, "cache_status = false\n"));
  const std::string page = "/page?n=1&size=9&cc=max-age=60";
  for (int i = 0; i < 2; ++i) CHECK_FALSE(get(weir.port(), page).has("Cache-Status"));
  CHECK_FALSE(
      get(weir.port(), "/x", {}, {{"Cache-Control", "only-if-cached"}}).has("Cache-Status"));
}

TEST_CASE("Trailers of the origin are dropped, whole answers kept") {  // RFC 9110 §6.5.1
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/t?n=1&size=100KiB&chunked=1&trailers=1&cc=max-age=60";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), target, {.content = 1}, {{"TE", "trailers"}});
    CHECK(response.right());
    CHECK(response.trailers.empty());
    CHECK_FALSE((response.has("Trailer") || response.has("X-Trailer")));
  }
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("Variants by what clients choose are bounded") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/many?n=1&size=9&cc=max-age=60&vary=User-Agent,%20Cookie";
  const auto with = [&](int i) {
    return get(weir.port(), target, {.content = 1},
               {{"User-Agent", "a/" + std::to_string(i)}, {"Cookie", "id=" + std::to_string(i)}});
  };
  for (int i = 0; i < 80; ++i) CHECK(with(i).right());
  CHECK(says(with(79), "hit"));
  CHECK(says(with(20), "hit"));  // of the last 64
  CHECK(says(with(0), "fwd=vary-miss"));
  CHECK(origin.requests(target) == 81);
}

}  // namespace weir::test
