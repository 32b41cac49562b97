#include "body/text_body.h"

#include <doctest/doctest.h>

#include <string>

#include "body/fake_source.h"

namespace weir::body {
namespace {

// All that can be read now.
std::string read(Ref<Body> body) {
  Bell bell;
  BodyReader reader(std::move(body), 0, kUnlimited, bell);
  std::string out;
  for (;;) {
    const Next next = reader.next(kChunkSize);
    const auto* lease = std::get_if<Lease>(&next);
    if (!lease) break;
    out.append(reinterpret_cast<const char*>(lease->bytes.data()), lease->bytes.size());
    reader.advance(lease->bytes.size());
  }
  return out;
}

}  // namespace

TEST_CASE("a text of any length becomes a complete body") {
  FakeSource source;
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, kChunkSize, 2 * kChunkSize + 7}) {
    CAPTURE(size);
    std::string text(size, 'a');
    if (size > 0) text.back() = 'z';
    const Ref<Body> body = text_body(source, text);
    REQUIRE(body);
    CHECK(body->complete());
    CHECK(body->total() == size);
    CHECK(read(body) == text);
  }
}

TEST_CASE("without room there is no body") {
  FakeSource source;
  source.budget = kChunkSize;
  CHECK_FALSE(text_body(source, std::string(kChunkSize + 1, 'a')));
}

}  // namespace weir::body
