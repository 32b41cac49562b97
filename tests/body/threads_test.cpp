// One body, many threads: worth running under the thread sanitizer.
#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "body/body.h"
#include "body/fake_source.h"

using namespace weir;
using namespace weir::body;

namespace {

constexpr std::uint64_t M = kChunkSize;

// As an Exchange: fills what nobody brings. False: wrong bytes or an error.
bool fill_hole(const Ref<Body>& body, Hole hole, std::uint64_t want) {
  Sleeper sleeper;
  const std::uint64_t end = std::min(hole.end, hole.offset + want);
  BodyWriter writer(body, hole.offset, end, sleeper);
  for (;;) {
    const BodyWriter::Stop stop = write_upto(writer, end);
    if (stop == BodyWriter::Stop::kNone || stop == BodyWriter::Stop::kEnd) break;
    sleeper.sleep();
  }
  std::move(writer).finish();
  return true;
}

bool read_all(const Ref<Body>& body, std::uint64_t first, std::uint32_t seed) {
  Sleeper sleeper;
  std::minstd_rand random(seed);
  BodyReader reader(body, first, kUnlimited, sleeper);
  for (;;) {
    const Next next = reader.next(1 + random() % 300'000);
    if (const auto* lease = std::get_if<Lease>(&next)) {
      if (!is_content(lease->bytes, reader.offset())) return false;
      reader.advance(lease->bytes.size());
    } else if (const auto* hole = std::get_if<Hole>(&next)) {
      if (!body->refillable() || !fill_hole(body, *hole, (1 + random() % 5) * M / 2)) return false;
    } else if (std::holds_alternative<Wait>(next)) {
      sleeper.sleep();
    } else {
      return std::holds_alternative<End>(next);
    }
  }
}

}  // namespace

TEST_CASE("readers, fills and an evictor on one refillable body see right bytes to the end") {
  FakeSource source;
  const std::uint64_t total = 24 * M + 12345;
  auto body = make_ref<Body>(source, BodyOptions{.total = total, .refillable = true});
  std::atomic<bool> done{false};
  std::atomic<int> good{0}, evicted{0};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { good += read_all(body, i * 5 * M + i, i + 1) ? 1 : 0; });
  }
  std::thread evictor([&] {
    Bell bell;
    std::minstd_rand random(99);
    while (!done) {
      const auto index = static_cast<std::uint32_t>(random() % 25);
      Ref<Chunk> pin;
      {
        BodyReader spy(body, index * M, index * M + 1, bell);
        const Next next = spy.next(1);
        if (const auto* lease = std::get_if<Lease>(&next)) pin = lease->pin;
      }
      const Need need = random() % 2 ? Need::kUsual : Need::kPressing;
      if (pin && body->evict(index, *pin, need)) ++evicted;
      std::this_thread::yield();
    }
  });
  for (std::thread& t : threads) t.join();
  done = true;
  evictor.join();
  CHECK(good == 4);
  CHECK(evicted > 0);
  CHECK(body->readers() == 0);
  CHECK_FALSE(body->filling());
}

TEST_CASE("readers on threads of their own follow a body that cannot be fetched again") {
  for (const bool transit : {false, true}) {
    FakeSource source;
    const std::uint64_t total = 16 * M + 77;
    BodyOptions options{.drop_passed = transit, .lead_limit = 3 * M};
    auto body = make_ref<Body>(source, options);
    std::atomic<int> good{0};
    Sleeper sleeper;
    BodyWriter writer(body, 0, kUnlimited, sleeper);
    std::vector<std::unique_ptr<BodyReader>> first;  // so that nobody comes too late for transit
    Bell bell;
    first.push_back(std::make_unique<BodyReader>(body, 0, kUnlimited, bell));
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] { good += read_all(body, 0, i + 1) ? 1 : 0; });
    }
    while (body->readers() < 4) std::this_thread::yield();
    first.clear();
    for (;;) {
      const BodyWriter::Stop stop = write_upto(writer, total);
      if (stop == BodyWriter::Stop::kNone) break;
      REQUIRE(stop == BodyWriter::Stop::kLead);
      sleeper.sleep();
    }
    std::move(writer).finish();
    for (std::thread& t : threads) t.join();
    CHECK(good == 3);
    CHECK(body->complete() == !transit);
  }
}
