// What an origin has to send for what clients read: ranges on a miss, parts that are kept and
// completed, changes in between, slow clients of what is not kept.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Request ranged(const std::string& target, const std::string& range) {
  return {.target = target, .fields = {{"Range", "bytes=" + range}}};
}

Response get_range(const Weir& weir, const std::string& target, const std::string& range,
                   std::uint64_t content) {
  return fetch(weir.port(), ranged(target, range), {.content = content, .keep = 0});
}

}  // namespace

TEST_CASE("The last MB of a 20 GB object on a miss costs the origin a few MB") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/film?n=5&size=20000000000&cc=max-age=600";
  const Response tail = get_range(weir, target, "19999000000-", 5);
  CAPTURE(tail.summary());
  CHECK(tail.status == 206);
  CHECK(tail.field("Content-Range") == "bytes 19999000000-19999999999/20000000000");
  CHECK(tail.right());
  CHECK(tail.body_bytes == 1'000'000);
  CHECK(origin.count("bytes_sent") < 10'000'000);
  SUBCASE("and nothing when it is asked for again") {
    const std::uint64_t before = origin.count("bytes_sent");
    const Response again = get_range(weir, target, "-1000000", 5);
    CAPTURE(again.summary());
    CHECK(again.right());
    CHECK(again.body_bytes == 1'000'000);
    CHECK(again.field("Cache-Status").find("hit") != std::string::npos);
    CHECK(origin.count("bytes_sent") == before);
  }
  SUBCASE("another part costs that part") {
    const Response other = get_range(weir, target, "5000000000-5000099999", 5);
    CAPTURE(other.summary());
    CHECK(other.right());
    CHECK(other.field("Cache-Status").find("fwd=partial") != std::string::npos);
    CHECK(origin.count("bytes_sent") < 20'000'000);
  }
}

TEST_CASE("A suffix of an object that is not here is asked for as such") {
  const Origin origin;
  const Weir weir(origin);
  const Response tail = get_range(weir, "/s?n=6&size=5000000000&cc=max-age=600", "-1000", 6);
  CAPTURE(tail.summary());
  CHECK(tail.status == 206);
  CHECK(tail.right());
  CHECK(tail.body_bytes == 1000);
  CHECK(origin.count("bytes_sent") < 5'000'000);
}

TEST_CASE("Parts are put together to the whole, and each byte is fetched once") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/parts?n=7&size=32MiB&cc=max-age=600";
  for (const char* range : {"20971520-25165823", "0-99", "33554431-33554431"}) {
    const Response part = get_range(weir, target, range, 7);
    CAPTURE(part.summary());
    CHECK(part.status == 206);
    CHECK(part.right());
  }
  for (int i = 0; i < 2; ++i) {
    const Response whole = get(weir.port(), target, {.content = 7, .keep = 0});
    CAPTURE(whole.summary());
    CHECK(whole.status == 200);
    CHECK(whole.right());
    CHECK(whole.body_bytes == 32 * kMiB);
  }
  CHECK(origin.count("bytes_sent") == 32 * kMiB);
}

TEST_CASE("A reader far ahead of a running fetch does not wait for it, and few bytes come twice") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/ahead?n=7&size=96MiB&rate=24MiB&cc=max-age=600";
  Client first(weir.port());
  first.send(Request{.target = target});
  Response whole = first.receive_head();
  const Response far = get_range(weir, target, "90000000-90000099", 7);
  CAPTURE(far.summary());
  CHECK(far.status == 206);
  CHECK(far.right());
  CHECK(far.seconds < 1.5);
  first.receive_body(whole, {.content = 7, .keep = 0});
  CAPTURE(whole.summary());
  CHECK(whole.right());
  CHECK(get(weir.port(), target, {.content = 7, .keep = 0}).right());
  CHECK(origin.requests(target) <= 3);
  CHECK(origin.count("bytes_sent") <= 98 * kMiB);
}

TEST_CASE("An object that changed between its parts is fetched anew, and the client sees nothing") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/changing?n=8&size=32MiB&cc=max-age=600";
  REQUIRE(get_range(weir, target, "0-99", 8).right());
  origin.order("n=9");
  const Response other = get_range(weir, target, "20971520-20971999", 9);
  CAPTURE(other.summary());
  CHECK(other.status == 206);
  CHECK(other.right());
  const Response whole = get(weir.port(), target, {.content = 9, .keep = 0});
  CAPTURE(whole.summary());
  CHECK(whole.right());
}

TEST_CASE("An origin that ignores ranges, or lies in Content-Range, does no harm") {
  const Origin origin;
  const Weir weir(origin);
  struct Case {
    const char* what;
    const char* ranges;
  };
  for (const Case& c : {Case{"ignores", "0"}, Case{"lies", "lie"}}) {
    CAPTURE(c.what);
    const std::string target = std::string("/odd?n=4&size=24MiB&cc=max-age=600&ranges=") + c.ranges;
    const Response part = get_range(weir, target, "20000000-20000999", 4);
    CAPTURE(part.summary());
    CHECK_FALSE(part.wrong_at);
    CHECK((part.status == 206 || part.status == 200 || part.status == 502));
    if (part.status == 206) CHECK(part.body_bytes == 1000);
    const Response whole = get(weir.port(), target, {.content = 4, .keep = 0});
    CAPTURE(whole.summary());
    CHECK(whole.right());
  }
}

TEST_CASE("A range of what may not be kept is passed as the client asked it") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/private?n=3&size=24MiB&cc=private";
  for (int i = 0; i < 2; ++i) {
    const Response part = get_range(weir, target, "20000000-20000999", 3);
    CAPTURE(part.summary());
    CHECK(part.status == 206);
    CHECK(part.right());
    CHECK(part.body_bytes == 1000);
    CHECK(origin.last_field("Range") == "bytes=20000000-20000999");
  }
}

TEST_CASE("A client whose request for a part is refused harms nobody else") {
  const Origin origin;
  const Weir weir(origin, "[storage]\nmemory = \"16 MiB\"\n");
  const std::string target = "/refused?n=2&size=64MiB&cc=public,max-age=600";
  REQUIRE(get_range(weir, target, "0-99", 2).right());
  const Response refused =
      fetch(weir.port(),
            {.target = target,
             .fields = {{"Range", "bytes=40000000-40000099"}, {"X-Origin-Script", "status=401"}}});
  CAPTURE(refused.summary());
  CHECK(refused.status == 502);
  const Response good = get_range(weir, target, "40000000-40000099", 2);
  CAPTURE(good.summary());
  CHECK(good.status == 206);
  CHECK(good.right());
}

TEST_CASE("The origin of what is not kept is rid of it at full speed while its client is slow") {
  const Origin origin;
  const Weir weir(origin, "[storage]\ntransit_window = \"1 MiB\"\nspool_directory = \"/tmp\"\n");
  const std::string target = "/transit?n=1&size=64MiB&cc=no-store&send_block_reset=2s";
  Client slow(weir.port(), {.receive_buffer = 64 * 1024});
  REQUIRE(slow.send(Request{.target = target}));
  Response response = slow.receive_head();
  slow.receive_body(response, {.content = 1, .stop_at = kMiB, .keep = 0});
  CHECK(eventually([&] { return origin.count("bytes_sent") == 64 * kMiB; }));
  slow.receive_body(response, {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  CHECK(response.body_bytes == 64 * kMiB);
}

TEST_CASE("An origin that may not be kept waiting is read from a little past every limit") {
  const Origin origin;
  const Weir weir(
      "listen = \"127.0.0.1:0\"\n[storage]\ntransit_window = \"1 MiB\"\nspool = \"0 B\"\n"
      "[[origin]]\nname = \"main\"\nwindow_shut_max = \"1 s\"\nservers = [\"" +
      origin.address() + "\"]\n");
  const std::string target = "/trickle?n=1&size=48MiB&cc=no-store&send_block_reset=4s";
  Client slow(weir.port(), {.receive_buffer = 64 * 1024});
  REQUIRE(slow.send(Request{.target = target}));
  Response response = slow.receive_head();
  slow.receive_body(response, {.content = 1, .stop_at = kMiB, .keep = 0});
  const std::uint64_t before = origin.count("bytes_sent");
  CHECK(eventually([&] { return origin.count("bytes_sent") > before + 6 * kMiB; }));
  slow.receive_body(response, {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
  CHECK(origin.count("blocked") == 0);
}

TEST_CASE("A body that ends while its origin may not be kept waiting ends as it should") {
  const Origin origin;
  Weir weir(
      "listen = \"127.0.0.1:0\"\n[storage]\ntransit_window = \"1 MiB\"\nspool = \"0 B\"\n"
      "[[origin]]\nname = \"main\"\nwindow_shut_max = \"1 s\"\nservers = [\"" +
      origin.address() + "\"]\n");
  const auto ended = [&](const char* how) {
    const auto passes = weir.status()["origins"][0]["fetches"]["pass"];
    const auto lead = weir.status()["origins"][0]["fetches"]["lead"];
    return passes.value(how, 0) + lead.value(how, 0) > 0;
  };
  for (const std::string end : {"", "&cut_at=1400000"}) {
    CAPTURE(end);
    Client slow(weir.port(), {.receive_buffer = 4096});
    REQUIRE(slow.send(Request{.target = "/end?n=1&size=1500KiB&cc=no-store" + end}));
    Response response = slow.receive_head();
    CHECK(eventually([&] { return ended(end.empty() ? "whole" : "failed"); }));  // unread so far
    slow.receive_body(response, {.content = 1, .keep = 0});
    CAPTURE(response.summary());
    CHECK(response.complete() == end.empty());
    CHECK_FALSE(response.wrong_at);
    CHECK(get(weir.port(), "/on?size=9&n=1", {.content = 1}).right());
  }
}

}  // namespace weir::test
