// One store, many threads: worth running under the thread sanitizer.
#include <doctest/doctest.h>

#include <array>
#include <random>
#include <thread>

#include "body/fake_source.h"
#include "store/memory_store.h"

using namespace weir;
using namespace weir::store;
using namespace weir::body;

namespace {

constexpr std::uint64_t M = 1024 * 1024;
constexpr std::uint64_t kLimit = 24 * M;

std::uint64_t total_of(std::uint64_t id) {
  return id % 3 == 0 ? id * 400'000 : id % 3 == 1 ? id * 1000 : 65536 * id;
}

// A tiny index: the newest body under each id.
struct Shelf {
  static constexpr std::size_t kPlaces = 20;
  Mutex mutex;
  std::array<Ref<Body>, kPlaces> bodies GUARDED_BY(mutex);
  std::atomic<int> bad{0};
  std::atomic<int> over{0};
};

void fill(const Ref<Body>& body, std::uint64_t first, std::uint64_t end) {
  Sleeper sleeper;
  BodyWriter w(body, first, end, sleeper);
  for (;;) {
    const BodyWriter::Stop stop = write_upto(w, end);
    if (stop == BodyWriter::Stop::kNone || stop == BodyWriter::Stop::kEnd) break;
    sleeper.sleep();
  }
  std::move(w).finish();
}

// Reads a body, fills holes of one that can be. An error is allowed only where bytes can be lost.
void read(Shelf& shelf, const Ref<Body>& body, std::uint64_t first) {
  Sleeper sleeper;
  BodyReader r(body, first, kUnlimited, sleeper);
  for (;;) {
    const Next next = r.next(200'000);
    if (const auto* lease = std::get_if<Lease>(&next)) {
      if (!is_content(lease->bytes, r.offset())) ++shelf.bad;
      r.advance(lease->bytes.size());
    } else if (const auto* hole = std::get_if<Hole>(&next)) {
      fill(body, hole->offset, std::min(hole->end, hole->offset + 2 * M));
    } else if (std::holds_alternative<Wait>(next)) {
      sleeper.sleep();
    } else {
      if (!std::holds_alternative<End>(next) && body->refillable()) ++shelf.bad;
      return;
    }
  }
}

void work(MemoryStore& store, Shelf& shelf, std::uint32_t seed, int rounds) {
  std::minstd_rand random(seed);
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t id = 1 + random() % (Shelf::kPlaces - 1);
    Ref<Body> body;
    bool made = false;
    {
      Lock lock(shelf.mutex);
      Ref<Body>& place = shelf.bodies[id];
      if (!place || !place->servable() || random() % 10 == 0) {
        place = store.create(
            {.id = {id, 1}, .total = total_of(id), .meta_bytes = 100, .refillable = id % 2 == 0});
        made = true;
      }
      body = place;
    }
    if (made) fill(body, 0, total_of(id));
    read(shelf, body, random() % (total_of(id) + 1));
    if (store.stats().used > kLimit) ++shelf.over;
  }
}

}  // namespace

TEST_CASE("many threads share a store that is too small, and see only right bytes") {
  Shelf shelf;
  std::atomic<int> emptied{0};
  MemoryStore store({.limit = kLimit, .spare = 4 * M}, [&](const Digest&) { ++emptied; });
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    threads.emplace_back([&, i] { work(store, shelf, i, 60); });
  }
  for (std::thread& t : threads) t.join();
  CHECK(shelf.bad == 0);
  CHECK(shelf.over == 0);
  CHECK(emptied > 0);
  CHECK(store.stats().evicted_chunks > 0);
  Lock lock(shelf.mutex);
  for (Ref<Body>& body : shelf.bodies) body = {};
  store.give_back(0);
  CHECK(store.stats().chunks == 0);
  CHECK(store.slab_bytes() == 0);
}
