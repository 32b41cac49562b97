#include "policy/compression.h"

#include <doctest/doctest.h>

namespace weir::policy {
namespace {

using http::Coding;
using http::FieldId;

CompressionRules rules_for(Coding first, Coding second) {
  CompressionRules rules;
  rules.codings = {first, second};
  rules.count = 2;
  return rules;
}

}  // namespace

TEST_CASE("The coding is negotiated as RFC 9110 §12.5.3 says") {
  struct Row {
    const char* accept;  // null: no field
    Coding expected;     // where br is preferred to gzip
    const char* why;
  };
  const Row rows[] = {
      {nullptr, Coding::kIdentity, "no preference is no request to be surprised"},
      {"", Coding::kIdentity, "§12.5.3: an empty field wants no coding"},
      {"gzip", Coding::kGzip, ""},
      {"GZIP", Coding::kGzip, "§8.4.1: codings are case-insensitive"},
      {"x-gzip", Coding::kGzip, "§8.4.1.3"},
      {"gzip, deflate, br, zstd", Coding::kBrotli, "ours, among equals"},
      {"gzip;q=1.0, br;q=0.9", Coding::kGzip, "the client's weights come first"},
      {"gzip;q=0.9, br;q=1", Coding::kBrotli, ""},
      {"br;q=0, gzip", Coding::kGzip, "§12.4.2: 0 is not acceptable"},
      {"br;q=0.000, gzip;q=0", Coding::kIdentity, ""},
      {"*", Coding::kBrotli, "any that is not named"},
      {"br;q=0, *", Coding::kGzip, ""},
      {"*;q=0", Coding::kIdentity, "there is nothing else to give"},
      {"gzip;q=0.2, *;q=0.5", Coding::kBrotli, ""},
      {"identity;q=0, gzip", Coding::kGzip, ""},
      {"identity;q=0", Coding::kIdentity, "nothing that is acceptable: it is sent nevertheless"},
      {"identity, gzip;q=0.5", Coding::kIdentity, "wanted more, by name"},
      {"identity, gzip", Coding::kGzip, "equal: ours"},
      {"gzip;q=2", Coding::kIdentity, "malformed: ignored"},
      {"gzip;level=5", Coding::kIdentity, "likewise"},
      {"gzip ; Q=0.5", Coding::kGzip, "white space, any case"},
      {"deflate, zstd", Coding::kIdentity, "not ours"},
      {"br, br;q=0", Coding::kBrotli, "the first counts"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.accept ? row.accept : "(none)"));
    http::Fields request;
    if (row.accept) request.add(FieldId::kAcceptEncoding, row.accept);
    CHECK(negotiate(request, rules_for(Coding::kBrotli, Coding::kGzip)) == row.expected);
  }
  http::Fields two;
  two.add(FieldId::kAcceptEncoding, "br;q=0.5");
  two.add(FieldId::kAcceptEncoding, "gzip");
  CHECK(negotiate(two, rules_for(Coding::kBrotli, Coding::kGzip)) == Coding::kGzip);
  http::Fields both;
  both.add(FieldId::kAcceptEncoding, "gzip, br");
  CHECK(negotiate(both, rules_for(Coding::kGzip, Coding::kBrotli)) == Coding::kGzip);
  both.add(FieldId::kCacheControl, "no-transform");  // RFC 9111 §5.2.1.6
  CHECK(negotiate(both, rules_for(Coding::kGzip, Coding::kBrotli)) == Coding::kIdentity);
  CHECK(negotiate(both, CompressionRules{}) == Coding::kIdentity);
}

TEST_CASE("What is compressed, and why not") {
  struct Row {
    int status;
    const char* fields;  // one "Name: value", beside the type
    const char* type;
    std::optional<std::uint64_t> length;
    Compressible expected;
  };
  const Row rows[] = {
      {200, "", "text/html; charset=utf-8", 5000, Compressible::kYes},
      {404, "", "TEXT/html", {}, Compressible::kYes},
      {200, "", "application/problem+json", 5000, Compressible::kYes},
      {200, "", "image/svg+xml", 5000, Compressible::kYes},
      {200, "", "image/jpeg", 5000, Compressible::kType},
      {200, "", "", 5000, Compressible::kType},
      {200, "", "text/event-stream", {}, Compressible::kType},
      {200, "", "text/html", 1024, Compressible::kYes},
      {200, "", "text/html", 1023, Compressible::kSmall},
      {200, "", "text/html", 16 * 1024 * 1024 + 1, Compressible::kLarge},
      {200, "Content-Encoding: br", "text/html", 5000, Compressible::kCoded},
      {200, "Content-Encoding: identity", "text/html", 5000, Compressible::kCoded},
      {200, "Cache-Control: max-age=5, no-transform", "text/html", 5000,
       Compressible::kNoTransform},
      {204, "", "text/html", {}, Compressible::kStatus},  // RFC 9110 §15.3.5
      {205, "", "text/html", {}, Compressible::kStatus},  // §15.3.6
      {206, "", "text/html", 5000, Compressible::kStatus},
      {206, "", "multipart/byteranges", 5000, Compressible::kStatus},
      {304, "", "text/html", {}, Compressible::kStatus},  // §15.4.5
      {103, "", "text/html", {}, Compressible::kStatus},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(std::string(row.type));
    CAPTURE(std::string(row.fields));
    http::Response response;
    response.status = row.status;
    if (*row.type) response.fields.add(FieldId::kContentType, row.type);
    const std::string_view field = row.fields;
    if (const auto colon = field.find(':'); colon != field.npos)
      response.fields.add(field.substr(0, colon), field.substr(colon + 2));
    CHECK(name(compressible(response, row.length, rules_for(Coding::kGzip, Coding::kBrotli))) ==
          name(row.expected));
    CHECK(compressible(response, row.length, CompressionRules{}) == Compressible::kOff);
  }
}

TEST_CASE("Types fit by name or by one star; a stream of events only by its name") {
  const std::vector<std::string> some = {"text/*", "application/*+json", "text/event-stream"};
  CHECK(type_fits("text/plain", some));
  CHECK(type_fits("Application/LD+JSON", some));
  CHECK(type_fits("text/event-stream", some));
  CHECK_FALSE(type_fits("application/json", some));
  CHECK_FALSE(type_fits("text/event-stream", {"text/*", "*/*"}));
  CHECK_FALSE(type_fits("", some));
}

TEST_CASE("The head of a coded form promises nothing of the identity's bytes") {
  http::Fields fields;
  fields.add(FieldId::kETag, "\"abc\"");
  fields.add(FieldId::kAcceptRanges, "bytes");
  for (const char* digest : {"Content-MD5", "Digest", "Repr-Digest", "Content-Digest"})
    fields.add(digest, "x");
  describe_coded(Coding::kBrotli, fields);
  CHECK(fields.get(FieldId::kContentEncoding) == "br");
  CHECK(fields.get(FieldId::kETag) == "W/\"abc\"");  // RFC 9110 §8.8.1
  CHECK(fields.get(FieldId::kAcceptRanges) == "none");
  CHECK(fields.size() == 3);
  describe_coded(Coding::kGzip, fields);
  CHECK(fields.get(FieldId::kETag) == "W/\"abc\"");
  fields.set(FieldId::kETag, "abc");  // no entity tag at all
  weaken_etag(fields);
  CHECK_FALSE(fields.has(FieldId::kETag));
}

TEST_CASE("A client that names our weak tag has a coded form; a date does not say which") {
  http::Fields stored, asked;
  stored.add(FieldId::kETag, "\"abc\"");
  CHECK_FALSE(names_weakened(asked, stored));
  asked.add(FieldId::kIfNoneMatch, "\"x\", \"abc\"");
  CHECK_FALSE(names_weakened(asked, stored));
  asked.set(FieldId::kIfNoneMatch, "\"x\", W/\"abc\"");
  CHECK(names_weakened(asked, stored));
  stored.set(FieldId::kETag, "W/\"abc\"");
  CHECK_FALSE(names_weakened(asked, stored));
  CHECK_FALSE(if_range_is_ambiguous(asked));
  asked.add(FieldId::kIfRange, "W/\"abc\"");
  CHECK_FALSE(if_range_is_ambiguous(asked));
  asked.set(FieldId::kIfRange, "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK_FALSE(if_range_is_ambiguous(asked));  // RFC 9110 §13.1.5: nothing without Range
  asked.add(FieldId::kRange, "bytes=1-");
  CHECK(if_range_is_ambiguous(asked));
}

TEST_CASE("A part may be one of what would be compressed") {
  const CompressionRules rules = rules_for(Coding::kGzip, Coding::kBrotli);
  const struct {
    int status;
    const char* type;
    const char* content_range;
    std::optional<std::uint64_t> total;
    bool expected;
  } cases[] = {
      {206, "text/plain", "bytes 0-9/5000", {}, true},
      {206, "text/plain", "bytes 0-9/500", {}, false},  // too small
      {206, "text/plain", "bytes 0-9/*", {}, true},
      {206, "text/plain", "", {}, true},
      {206, "image/png", "bytes 0-9/5000", {}, false},
      {206, "multipart/byteranges; boundary=x", "", {}, true},
      {200, "text/plain", "", 5000, true},  // stored of a 206
      {200, "text/plain", "", 500, false},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.type));
    CAPTURE(std::string(c.content_range));
    http::Response part;
    part.status = c.status;
    part.fields.add(FieldId::kContentType, c.type);
    if (*c.content_range) part.fields.add(FieldId::kContentRange, c.content_range);
    CHECK(is_part_of_compressible(part, c.total, rules) == c.expected);
    CHECK_FALSE(is_part_of_compressible(part, c.total, CompressionRules{}));
    part.fields.add(FieldId::kContentEncoding, "zstd");
    CHECK_FALSE(is_part_of_compressible(part, c.total, rules));
  }
}

TEST_CASE("If-Match names to the origin what the origin named, but not beside Range") {
  http::Fields asked;
  restore_if_match(asked);
  CHECK_FALSE(asked.has(FieldId::kIfMatch));
  asked.add(FieldId::kIfMatch, "W/\"abc\", \"x\"");
  restore_if_match(asked);
  CHECK(asked.get(FieldId::kIfMatch) == "\"abc\", \"x\"");
  asked.set(FieldId::kIfMatch, "W/\"abc\"");
  asked.add(FieldId::kRange, "bytes=1-");
  restore_if_match(asked);
  CHECK(asked.get(FieldId::kIfMatch) == "W/\"abc\"");  // which is 412: RFC 9110 §13.1.1
}

TEST_CASE("Vary is not said twice") {
  http::Fields fields;
  CHECK_FALSE(varies_by_coding(fields));
  fields.add(FieldId::kVary, "Origin");
  CHECK_FALSE(varies_by_coding(fields));
  fields.add(FieldId::kVary, "Cookie, accept-encoding");
  CHECK(varies_by_coding(fields));
  fields.set(FieldId::kVary, "*");
  CHECK(varies_by_coding(fields));
}

}  // namespace weir::policy
