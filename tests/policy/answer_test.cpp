#include "policy/answer.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

using http::FieldId;

constexpr std::uint64_t kTotal = 100;

struct Case {
  const char* section;
  FieldList asked;
  int status;
  std::optional<http::ByteRange> range = std::nullopt;
};

const std::string kModified = date(-3600);

http::Response page() {
  return response(200, {{"ETag", "\"a\""}, {"Last-Modified", kModified}, {"Date", date(-60)}});
}

void check(const http::Response& stored, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.section);
    for (const auto& [name, value] : c.asked) {
      INFO(name, ": ", value);
    }
    CAPTURE(&c - cases.data());
    const Answer a = answer(get(c.asked), stored, kTotal, kNow);
    CHECK(a.status == c.status);
    CHECK(a.range == c.range);
    CHECK(a.body == (c.status == 200 || c.status == 206));
  }
}

TEST_CASE("conditions are judged in the order of precedence") {
  const std::string later = date(-1800), earlier = date(-7200), same = kModified;
  check(page(),
        {
            {"", {}, 200},
            {"13.1.2", {{"If-None-Match", "\"a\""}}, 304},
            {"13.1.2", {{"If-None-Match", "W/\"a\""}}, 304},
            {"13.1.2", {{"If-None-Match", "\"b\""}}, 200},
            {"13.1.2", {{"If-None-Match", "\"x\", W/\"y\", \"a\""}}, 304},
            {"13.1.2", {{"If-None-Match", "\"x\""}, {"If-None-Match", "\"a\""}}, 304},
            {"13.1.2", {{"If-None-Match", "*"}}, 304},
            {"13.1.2", {{"If-None-Match", "a"}}, 200},
            {"13.1.3", {{"If-Modified-Since", same}}, 304},
            {"13.1.3", {{"If-Modified-Since", later}}, 304},
            {"13.1.3", {{"If-Modified-Since", earlier}}, 200},
            {"13.1.3", {{"If-Modified-Since", "junk"}}, 200},
            {"13.1.3", {{"If-Modified-Since", same}, {"If-Modified-Since", same}}, 200},
            {"13.1.3", {{"If-None-Match", "\"b\""}, {"If-Modified-Since", later}}, 200},
            {"13.1.3", {{"If-None-Match", "\"a\""}, {"If-Modified-Since", earlier}}, 304},
            {"13.1.1", {{"If-Match", "\"a\""}}, 200},
            {"13.1.1", {{"If-Match", "W/\"a\""}}, 412},
            {"13.1.1", {{"If-Match", "\"b\""}}, 412},
            {"13.1.1", {{"If-Match", "*"}}, 200},
            {"13.1.4", {{"If-Unmodified-Since", same}}, 200},
            {"13.1.4", {{"If-Unmodified-Since", earlier}}, 412},
            {"13.1.4", {{"If-Unmodified-Since", "junk"}}, 200},
            {"13.2.2 1", {{"If-Match", "\"a\""}, {"If-Unmodified-Since", earlier}}, 200},
            {"13.2.2 3", {{"If-Match", "\"a\""}, {"If-None-Match", "\"a\""}}, 304},
            {"13.2.2 3", {{"If-Match", "\"b\""}, {"If-None-Match", "\"a\""}}, 412},
            {"13.2.2 3", {{"If-None-Match", "\"a\""}, {"Range", "bytes=0-1"}}, 304},
            {"13.2.2 5", {{"If-None-Match", "\"b\""}, {"Range", "bytes=0-1"}}, 206, {{0, 1}}},
            {"13.2.2 5", {{"If-Match", "\"b\""}, {"Range", "bytes=0-1"}}, 412},
        });
}

TEST_CASE("without a stored Last-Modified the Date is compared, without an ETag none matches") {
  const std::string at = date(-60), before = date(-61), after = date(-59);
  check(response(200, {{"Date", at}}),
        {
            {"9111 4.3.2", {{"If-Modified-Since", at}}, 304},
            {"9111 4.3.2", {{"If-Modified-Since", after}}, 304},
            {"9111 4.3.2", {{"If-Modified-Since", before}}, 200},
            {"13.1.4", {{"If-Unmodified-Since", before}}, 200},  // no modification date: ignored
            {"13.1.2", {{"If-None-Match", "\"a\""}}, 200},
            {"13.1.2", {{"If-None-Match", "*"}}, 304},
            {"13.1.1", {{"If-Match", "\"a\""}}, 412},
        });
  check(response(200, {{"Date", at}, {"Last-Modified", "junk"}}),
        {
            {"9111 4.3.2", {{"If-Modified-Since", at}}, 200},
        });
}

TEST_CASE("one range is cut out of the stored body") {
  check(page(), {
                    {"14.1.2", {{"Range", "bytes=0-9"}}, 206, {{0, 9}}},
                    {"14.1.2", {{"Range", "bytes=90-"}}, 206, {{90, 99}}},
                    {"14.1.2", {{"Range", "bytes=-10"}}, 206, {{90, 99}}},
                    {"14.1.2", {{"Range", "bytes=-1000"}}, 206, {{0, 99}}},
                    {"14.1.2", {{"Range", "bytes=50-1000"}}, 206, {{50, 99}}},
                    {"14.1.2", {{"Range", "bytes=100-"}}, 416},
                    {"14.1.2", {{"Range", "bytes=-0"}}, 416},
                    {"14.2", {{"Range", "bytes=5-2"}}, 200},
                    {"14.2", {{"Range", "bytes=x"}}, 200},
                    {"14.2", {{"Range", "lines=1-2"}}, 200},
                    {"15.3.7.2", {{"Range", "bytes=0-1,2-6"}}, 206, {{0, 6}}},
                    {"15.3.7.2", {{"Range", "bytes=5-6,0-9"}}, 206, {{0, 9}}},
                    {"14.1.2", {{"Range", "bytes=0-1,100-200"}}, 206, {{0, 1}}},
                    {"14.1.2", {{"Range", "bytes=100-,-0"}}, 416},
                    {"14.2", {{"Range", "bytes=0-1"}, {"Range", "bytes=5-6"}}, 200},
                });
}

TEST_CASE("several ranges are several parts, but not too many") {
  using Ranges = std::vector<http::ByteRange>;
  const auto parts = [](const std::string& range) {
    const Answer a = answer(get({{"Range", range}}), page(), kTotal, kNow);
    CHECK(a.status == (a.parts.empty() ? 200 : 206));
    CHECK_FALSE(a.range);
    return a.parts;
  };
  CHECK(parts("bytes=0-1, 5-6") == Ranges{{0, 1}, {5, 6}});
  CHECK(parts("bytes=50-59,0-9,-1") == Ranges{{50, 59}, {0, 9}, {99, 99}});
  CHECK(parts("bytes=0-1,5-6,200-300") == Ranges{{0, 1}, {5, 6}});
  std::string many = "bytes=0-0";
  for (int i = 1; i < 16; ++i) many += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  CHECK(parts(many).size() == 16);
  CHECK(parts(many + ",90-91").empty());  // RFC 9110 §17.15
  const Answer head =
      answer(request(http::Method::kHead, {{"Range", "bytes=0-1,5-6"}}), page(), kTotal, kNow);
  CHECK((head.status == 200 && head.parts.empty()));
}

TEST_CASE("a multipart message is as long as it says, and each part tells where it belongs") {
  const std::vector<http::ByteRange> parts{{0, 1}, {5, 9}};
  const Multipart made = multipart(parts, 100, "text/plain", "xyz");
  CHECK(made.content_type == "multipart/byteranges; boundary=xyz");
  CHECK(made.texts ==
        std::vector<std::string>{
            "--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/100\r\n\r\n",
            "\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-9/100"
            "\r\n\r\n",
            "\r\n--xyz--\r\n"});
  std::uint64_t length = 2 + 5;
  for (const std::string& text : made.texts) length += text.size();
  CHECK(made.length == length);
  CHECK(multipart(parts, 100, "", "x").texts[0] == "--x\r\nContent-Range: bytes 0-1/100\r\n\r\n");
}

TEST_CASE("a stored part answers for the ranges within it") {  // RFC 9111 §3.3
  struct Row {
    FieldList asked;
    bool answers;
    int status = 206;
    std::optional<http::ByteRange> range = std::nullopt;
  };
  const http::ByteRange stored{50, 79};
  for (const Row& row : {
           Row{{{"Range", "bytes=50-79"}}, true, 206, {{50, 79}}},
           Row{{{"Range", "bytes=60-60"}}, true, 206, {{60, 60}}},
           Row{{{"Range", "bytes=49-60"}}, false},
           Row{{{"Range", "bytes=60-80"}}, false},
           Row{{{"Range", "bytes=60-"}}, false},
           Row{{{"Range", "bytes=-10"}}, false},
           Row{{{"Range", "bytes=200-"}}, false},
           Row{{{"Range", "bytes=50-51,53-54"}}, false},
           Row{{}, false},
           Row{{{"Range", "bytes=50-51"}, {"If-Range", "\"a\""}}, true, 206, {{50, 51}}},
           Row{{{"Range", "bytes=50-51"}, {"If-Range", "\"b\""}}, false},
           Row{{{"Range", "bytes=50-51"}, {"If-None-Match", "\"a\""}}, true, 304},
       }) {
    CAPTURE(&row);
    const http::Request asked = get(row.asked);
    CHECK(part_answers(asked, page(), stored, kTotal, kNow) == row.answers);
    if (!row.answers) continue;
    const Answer a = answer_part(asked, page(), stored, kTotal, kNow);
    CHECK(a.status == row.status);
    CHECK(a.range == row.range);
  }
  CHECK(part_answers(get({{"Range", "bytes=-10"}}), page(), {90, 99}, kTotal, kNow));
  CHECK(part_answers(get({{"Range", "bytes=95-"}}), page(), {90, 99}, kTotal, kNow));
  CHECK_FALSE(part_answers(request(http::Method::kHead, {{"Range", "bytes=95-"}}), page(), {90, 99},
                           kTotal, kNow));
}

TEST_CASE("If-Range needs the very same representation") {
  const std::string later = date(-1800);
  check(page(), {
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", "\"a\""}}, 206, {{0, 9}}},
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", "\"b\""}}, 200},
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", "W/\"a\""}}, 200},
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", kModified}}, 206, {{0, 9}}},
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", later}}, 200},
                    {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", "junk"}}, 200},
                    {"13.1.5", {{"Range", "bytes=999-"}, {"If-Range", "\"b\""}}, 200},
                    {"13.1.5", {{"If-Range", "\"b\""}}, 200},
                });
  check(response(200, {{"ETag", "W/\"a\""}, {"Last-Modified", later}, {"Date", later}}),
        {
            {"13.1.5", {{"Range", "bytes=0-9"}, {"If-Range", "W/\"a\""}}, 200},
            {"8.8.2.2", {{"Range", "bytes=0-9"}, {"If-Range", later}}, 200},  // a weak date
        });
}

TEST_CASE("an unknown length, HEAD and other statuses have no ranges") {
  const http::Request ranged = get({{"Range", "bytes=0-9"}});
  CHECK(answer(ranged, page(), std::nullopt, kNow).status == 200);
  CHECK(answer(ranged, response(404, {}), kTotal, kNow).status == 404);

  const Answer head =
      answer(request(http::Method::kHead, {{"Range", "bytes=0-9"}}), page(), kTotal, kNow);
  CHECK((head.status == 200 && !head.range && !head.body));
  const Answer same =
      answer(request(http::Method::kHead, {{"If-None-Match", "\"a\""}}), page(), kTotal, kNow);
  CHECK((same.status == 304 && !same.body));
  CHECK(answer(get({{"If-None-Match", "*"}}), response(404, {}), kTotal, kNow).status == 404);
}

TEST_CASE("an empty body has no first byte but a suffix") {  // §14.1.2
  CHECK(answer(get({{"Range", "bytes=0-"}}), page(), 0, kNow).status == 416);
  CHECK(answer(get({{"Range", "bytes=-5"}}), page(), 0, kNow).status == 200);
  CHECK(answer(get({{"Range", "bytes=-0"}}), page(), 0, kNow).status == 416);
}

TEST_CASE("304 and 416 leave out what describes the content") {  // §15.4.5
  CHECK(goes_with(200, FieldId::kContentType));
  CHECK(goes_with(206, FieldId::kContentEncoding));
  CHECK_FALSE(goes_with(304, FieldId::kContentType));
  CHECK_FALSE(goes_with(304, FieldId::kContentLength));
  for (const FieldId id : {FieldId::kETag, FieldId::kDate, FieldId::kVary, FieldId::kCacheControl,
                           FieldId::kExpires, FieldId::kContentLocation, FieldId::kUnknown}) {
    CHECK(goes_with(304, id));
  }
  CHECK_FALSE(goes_with(416, FieldId::kETag));
  CHECK_FALSE(goes_with(416, FieldId::kCacheControl));
  CHECK(goes_with(416, FieldId::kDate));
}

}  // namespace
}  // namespace weir::policy
