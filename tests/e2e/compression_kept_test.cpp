// The compressed forms of stored objects, as clients meet them: they go with the object, outlive a
// 304, are made again where they are gone, and are never joined to bytes of another form.

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/content.h"
#include "support/decoder.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

const char* const kSite =
    "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\ncompress = [\"br\", \"gzip\"]\n"
    "purge_from = [\"127.0.0.1\"]\n";
const char* const kType = "&type=text/plain";

std::string content(std::uint64_t n, std::size_t size) {
  std::string bytes(size, ' ');
  fill_content(n, 0, bytes);
  return bytes;
}

Response ask(const Weir& weir, const std::string& target, const char* accept,
             std::vector<Field> fields = {}, Reading reading = {}, std::string method = "GET") {
  if (accept) fields.push_back({"Accept-Encoding", accept});
  reading.keep = 16 << 20;
  return fetch(weir.port(), {.method = std::move(method), .target = target, .fields = fields},
               reading);
}

void check_coded(const Response& r, const std::string& coding, const std::string& expected) {
  INFO(r.summary());
  CHECK(r.complete());
  CHECK(r.field("Content-Encoding") == coding);
  const Decoded decoded = decode(coding, r.body);
  CHECK(decoded.whole());
  CHECK((decoded.bytes == expected));
}

// How many bodies were compressed to their end.
std::uint64_t made(Weir& weir, const std::string& coding = "gzip") {
  const std::string page = get(weir.admin_port(), "/metrics").body;
  const std::string name = "\nweir_compressed_bodies_total{coding=\"" + coding + "\"} ";
  const std::size_t at = page.find(name);
  REQUIRE(at != page.npos);
  return std::stoull(page.substr(at + name.size()));
}

bool hit(const Response& r) { return r.field("Cache-Status").starts_with("weir; hit"); }

}  // namespace

TEST_CASE("Compression: a purged object takes its forms along") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = std::string("/p?size=50000&n=1&cc=max-age=600") + kType;
  check_coded(ask(weir, target, "gzip"), "gzip", content(1, 50'000));
  CHECK(made(weir) == 1);
  CHECK(ask(weir, target, nullptr, {}, {}, "PURGE").status == 200);
  origin.order("n=2");  // it is another now
  const Response again = ask(weir, target, "gzip");
  check_coded(again, "gzip", content(2, 50'000));
  CHECK_FALSE(hit(again));
  CHECK(made(weir) == 2);
}

TEST_CASE("Compression: a form outlives a 304, and not a 200") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = std::string("/v?size=50000&n=1&cc=max-age=0") + kType;
  check_coded(ask(weir, target, "gzip"), "gzip", content(1, 50'000));
  for (int round = 0; round < 3; ++round) {
    const Response r = ask(weir, target, "gzip");
    check_coded(r, "gzip", content(1, 50'000));
    CHECK(r.field("Cache-Status").find("fwd-status=304") != std::string::npos);
    CHECK(r.field("Vary") == "Accept-Encoding");
    CHECK(r.has("Content-Length"));
  }
  CHECK(made(weir) == 1);
  origin.order("n=2&etag=two");
  for (int round = 0; round < 2; ++round) {
    const Response changed = ask(weir, target, "gzip");
    check_coded(changed, "gzip", content(2, 50'000));
    CHECK(changed.field("ETag") == "W/\"two\"");
  }
  CHECK(made(weir) == 2);
}

TEST_CASE("Compression: what was restored from disk is compressed again") {
  const ScratchDirectory directory;
  const Origin origin;
  const std::string conf =
      std::string("[storage]\nmemory = \"32 MiB\"\nregion_size = \"8 MiB\"\n") +
      "[[storage.disk]]\npath = \"" + (directory.path() / "disk").string() +
      "\"\nsize = \"1 GiB\"\n" + kSite;
  const std::string small = std::string("/s?size=50000&n=1&cc=max-age=6000") + kType;
  const std::string large = std::string("/l?size=3000000&n=2&cc=max-age=6000") + kType;
  for (int round = 0; round < 3; ++round) {
    Weir weir(origin, conf);
    for (const char* coding : {"gzip", "br", ""}) {
      check_coded(ask(weir, small, coding), coding, content(1, 50'000));
      check_coded(ask(weir, large, coding), coding, content(2, 3'000'000));
    }
    CHECK(made(weir) == 2);  // forms are not on disk
    CHECK(made(weir, "br") == 2);
    CHECK(eventually([&] { return weir.status()["disks"]["dirty_bytes"] == 0; }));
  }
  CHECK(origin.requests(small) == 1);
  CHECK(origin.requests(large) == 1);
}

TEST_CASE("Compression: holes of the stored body are fetched, also in the middle of it") {
  const Origin origin;
  Weir weir(origin, std::string("[storage]\nmemory = \"32 MiB\"\n") + kSite);
  const std::string target = std::string("/h?size=3000000&n=3&cc=max-age=600&ranges=1") + kType;
  const std::string text = content(3, 3'000'000);
  const Response part = ask(weir, target, "gzip", {{"Range", "bytes=1048576-1048600"}});
  CHECK(part.status == 206);  // the second chunk alone is here now
  CHECK(part.body == text.substr(1'048'576, 25));
  for (const char* coding : {"gzip", "br"}) check_coded(ask(weir, target, coding), coding, text);
  CHECK(origin.count("bytes_sent") < 3'300'000);  // nothing was fetched twice
}

TEST_CASE("Compression: a form that is in use is not evicted, and one that was is made again") {
  const Origin origin;
  Weir weir(origin, std::string("[storage]\nmemory = \"16 MiB\"\n") + kSite);
  const std::string text = content(4, 1'500'000);
  for (const char* more : {"", "&ranges=1", "&chunked=1", "&etag=none&lm=none"}) {
    const std::string target = std::string("/e?size=1500000&n=4&cc=max-age=600") + more + kType;
    CAPTURE(target);
    const std::uint64_t before = made(weir);
    check_coded(ask(weir, target, "gzip"), "gzip", text);
    CHECK(made(weir) == before + 1);
    std::vector<std::thread> slow;
    std::vector<Response> got(3);
    for (Response& mine : got)
      slow.emplace_back([&] { mine = ask(weir, target, "gzip", {}, {.rate = 700'000}); });
    for (int i = 0; i < 60; ++i) {  // several times what fits, twice: the second time it is a hit
      const std::string other = "/o" + std::to_string(i / 2) + more[0] +
                                "?size=1MiB&n=" + std::to_string(i) + "&cc=max-age=600";
      CHECK(get(weir.port(), other).complete());
    }
    for (std::thread& client : slow) client.join();
    for (const Response& r : got) check_coded(r, "gzip", text);
    for (int i = 60; i < 120; ++i) {
      CHECK(
          get(weir.port(), "/o" + std::to_string(i) + "?size=1MiB&n=1&cc=max-age=600").complete());
    }
    check_coded(ask(weir, target, "gzip"), "gzip", text);
  }
}

TEST_CASE("Compression: of a slow origin's body of unknown length, what is too long is wrapped") {
  const Origin origin;
  Weir weir(origin, std::string(kSite) + "compress_max = \"64 KiB\"\n");
  const std::string text = content(5, 900'000);
  for (const char* cache : {"max-age=600", "no-store"}) {
    for (const char* coding : {"gzip", "br"}) {
      const std::string target =
          std::string("/u-") + coding + "?size=900000&n=5&chunked=1&cc=" + cache + kType;
      for (int round = 0; round < 2; ++round) {
        // Once all of it is stored its length is known, and it is too long.
        const Response r = ask(weir, target, coding);
        if (r.has("Content-Encoding")) check_coded(r, coding, text);
        CHECK(r.complete());
        if (!r.has("Content-Encoding")) CHECK((r.body == text));
        if (std::string(cache) == "no-store") CHECK(r.field("Content-Encoding") == coding);
      }
    }
  }
}

TEST_CASE("Compression: a body longer than the store, of unknown length, reaches a slow client") {
  const Origin origin;
  Weir weir(origin, std::string("[storage]\nmemory = \"16 MiB\"\n") + kSite);
  const std::string target =
      std::string("/big?size=14000000&n=6&chunked=1&cc=max-age=600&etag=none&lm=none") + kType;
  const Response r = ask(weir, target, "gzip", {}, {.rate = 6 << 20});
  check_coded(r, "gzip", content(6, 14'000'000));
}

TEST_CASE("Compression: Accept-Encoding is obeyed to the letter") {  // RFC 9110 §12.5.3
  const Origin origin;
  Weir weir(origin, kSite);
  const struct {
    const char* accept;
    const char* coding;
  } rows[] = {
      {"gzip;q=0, br;q=0", ""},
      {"*", "br"},
      {"*;q=0", ""},
      {"*;q=0, gzip", "gzip"},
      {"br;q=0, *", "gzip"},
      {"identity;q=0", ""},  // nothing is named that we could give instead
      {"identity;q=0, gzip;q=0.1", "gzip"},
      {"identity;q=0, *;q=0.1", "br"},
      {"identity, gzip;q=0.5", ""},
      {"zstd, deflate", ""},
      {"GZIP", "gzip"},
      {"x-gzip", "gzip"},
      {"br;q=0.001, gzip;q=0.002", "gzip"},
      {"", ""},
  };
  for (const char* cache : {"max-age=600", "no-store"}) {
    const std::string target = std::string("/q?size=5000&n=7&cc=") + cache + kType;
    for (const auto& row : rows) {
      CAPTURE(std::string(row.accept));
      check_coded(ask(weir, target, row.accept), row.coding, content(7, 5000));
    }
    check_coded(ask(weir, target, "gzip", {{"Cache-Control", "no-transform"}}), "",
                content(7, 5000));  // RFC 9111 §5.2.1.6
  }
}

TEST_CASE("Compression: Vary gets one Accept-Encoding, whatever it says already") {
  const Origin origin;
  Weir weir(origin, kSite);
  const struct {
    const char* origin;
    std::size_t lines;
  } rows[] = {{"", 1},
              {"&field=Vary:%20X-A", 2},
              {"&field=Vary:%20accept-encoding", 1},
              {"&field=Vary:%20X-A,%20Accept-Encoding", 1}};
  for (const auto& row : rows) {
    const std::string target =
        std::string("/vary?size=5000&n=8&cc=max-age=600") + row.origin + kType;
    CAPTURE(target);
    for (const char* coding : {"br", "gzip", "", "br", "gzip", ""}) {
      const Response r = ask(weir, target, coding);
      check_coded(r, coding, content(8, 5000));
      CHECK(r.count("Vary") == row.lines);
      std::string all;
      for (const Field& f : r.fields) {
        if (equal_ignoring_case(f.name, "Vary")) all += f.value + ",";
      }
      std::size_t said = 0;
      for (std::size_t i = 0; i < all.size(); ++i)
        said += equal_ignoring_case(all.substr(i, 15), "Accept-Encoding");
      CHECK(said == 1);
    }
  }
}

TEST_CASE("Compression: If-Match reaches the origin in the origin's words") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = std::string("/m?size=5000&n=9&cc=max-age=600") + kType;
  const std::string weak = ask(weir, target, "br").field("ETag");
  REQUIRE(weak.starts_with("W/\""));
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    ask(weir, target, "br", {{"If-Match", weak}}, {}, method);
    CHECK(origin.last_field("If-Match") == weak.substr(2));
  }
  ask(weir, target, "br", {{"If-Match", weak}, {"Range", "bytes=1-2"}});
  CHECK(origin.last_field("If-Match") == weak);
  Weir plain(origin);
  ask(plain, target, "br", {{"If-Match", weak}});
  CHECK(origin.last_field("If-Match") == weak);
}

TEST_CASE("Compression: a date in If-Range gets all where the part may be of another form") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string text = content(10, 3'000'000);
  const struct {
    const char* more;
    const char* type;
    int status;
  } rows[] = {
      {"&cc=no-store", "text/plain", 200},
      {"&cc=max-age=600&etag=none", "text/plain", 200},  // else a part of its own is stored
      {"&cc=max-age=600", "text/plain", 200},
      {"&cc=no-store", "image/png", 206},
      {"&cc=max-age=600&etag=none", "image/png", 206},
  };
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";  // far enough back to be strong
  const std::string encoded = "Sun,%2006%20Nov%201994%2008:49:37%20GMT";
  int number = 0;
  for (const auto& row : rows) {
    const std::string target = "/d" + std::to_string(++number) +
                               "?size=3000000&n=10&ranges=1&lm=" + encoded + row.more +
                               "&type=" + row.type;
    CAPTURE(target);
    const std::vector<Field> range = {{"Range", "bytes=2000000-2000099"}};
    const Response without = ask(weir, target, "gzip", range);
    CHECK(without.status == 206);
    CHECK((without.body == text.substr(2'000'000, 100)));
    std::vector<Field> dated = range;
    dated.push_back({"If-Range", date});
    for (int round = 0; round < 2; ++round) {
      const Response r = ask(weir, target, "gzip", dated);
      CHECK(r.status == row.status);
      if (row.status == 200) check_coded(r, "gzip", text);
      if (row.status == 206) CHECK((r.body == text.substr(2'000'000, 100)));
      const Response identity = ask(weir, target, "identity", dated);
      CHECK(identity.status == 206);
      CHECK((identity.body == text.substr(2'000'000, 100)));
    }
  }
}

}  // namespace weir::test
