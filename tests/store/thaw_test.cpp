// An upgrade that comes to nothing: the store thaws, and is what it was.
#include <dirent.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <map>
#include <random>
#include <thread>

#include "store/two_processes.h"

using namespace weir;
using namespace weir::store;

namespace {

constexpr std::uint64_t kAllowance = 4 * M;

// Descriptors of slabs that this process has open.
std::size_t open_slabs() {
  std::size_t count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  REQUIRE(dir);
  while (const dirent* entry = ::readdir(dir)) {
    char name[64] = {};
    const ssize_t n = ::readlinkat(::dirfd(dir), entry->d_name, name, sizeof(name) - 1);
    if (n > 0 && std::string_view(name).find("weir-slab") != std::string_view::npos) ++count;
  }
  ::closedir(dir);
  return count;
}

const std::byte* place_of(const Ref<Body>& body) {
  std::vector<Body::Whole> chunks;
  body->whole_chunks(chunks);
  return chunks.empty() ? nullptr : chunks[0].chunk->data();
}

void send_as_file(const Ref<Body>& body) {
  std::vector<Body::Whole> chunks;
  body->whole_chunks(chunks);
  for (const Body::Whole& w : chunks) w.chunk->mark_file_sent();
}

std::uint64_t some_size(std::mt19937& random) {
  const std::uint64_t most[] = {5000, 60'000, 200'000, 700'000, M, 3 * M};
  return 1 + random() % most[random() % std::size(most)];
}

// Twice the limit, of varied sizes. All of it finds room, and the limit holds.
void fill_twice(Process& side, std::uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t bytes = 0; bytes < 2 * kLimit; bytes += *bodies.back()->total()) {
    bodies.push_back(side.full(seed + bodies.size(), some_size(random), bodies.size() % 2 == 0));
    REQUIRE(bodies.back());
    REQUIRE(side.read(bodies.back()) == whole(*bodies.back()->total()));
    REQUIRE(side.store.stats().used <= kLimit);
    if (bodies.size() % 32 == 0) CHECK(side.store.slab_bytes() <= kLimit);
  }
}

std::size_t complete(const std::vector<Ref<Body>>& bodies) {
  std::size_t n = 0;
  for (const Ref<Body>& body : bodies) n += body && body->complete() ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("A thawed store has all of its limit again, and holds it") {
  for (const bool full : {true, false}) {
    CAPTURE(full);
    Process side;
    const std::uint64_t empty = side.store.stats().used;
    std::vector<Ref<Body>> bodies, later;
    for (std::uint64_t id = 1; id <= (full ? 31 : 12); ++id) {
      bodies.push_back(side.full(id, M - id % 3 * 100'000));
      bodies.push_back(side.full(1000 + id, 3000));
    }
    REQUIRE(side.store.freeze());
    for (std::uint64_t id = 100; id < 110; ++id) later.push_back(side.full(id, M));
    const std::uint64_t before = side.store.stats().used;
    for (std::size_t i = 0; i < 10; ++i) bodies[i] = nullptr;
    CHECK(side.store.stats().used > before - 100'000);  // slots that are frozen are no room
    CHECK(side.store.spare_bytes() == 0);
    side.store.thaw();
    CHECK_FALSE(side.store.frozen());
    CHECK(side.store.frozen_slabs().empty());
    CHECK(side.store.keep_limit() == kLimit / 10 * 9);
    CHECK(side.store.stats().used <= kLimit);
    CHECK(side.store.slab_bytes() <= kLimit);
    const std::uint64_t used = side.store.stats().used, spare = side.store.spare_bytes();
    CHECK(spare > 3 * M);
    side.store.give_back(0);
    CHECK(side.store.stats().used == used - spare);
    fill_twice(side, 10'000);
    CHECK(complete(bodies) == 0);  // what was frozen can go
    CHECK(complete(later) == 0);
    bodies.clear();
    later.clear();
    side.store.give_back(0);
    CHECK(side.store.slab_bytes() == 0);
    CHECK(side.store.stats().chunks == 0);
    CHECK(side.store.stats().used == empty);
  }
}

TEST_CASE("What came while it was frozen beyond the limit goes when it thaws, the oldest first") {
  Process side;
  std::vector<Ref<Body>> bodies, later;
  for (std::uint64_t id = 1; id <= 31; ++id) bodies.push_back(side.full(id, M));
  side.touch(bodies[0], 4);
  REQUIRE(side.store.freeze());
  for (std::uint64_t id = 100; id < 103; ++id) later.push_back(side.full(id, M));
  CHECK(side.store.stats().used > kLimit + M);
  side.store.thaw();
  CHECK(side.store.stats().used <= kLimit);
  CHECK(side.store.stats().used > kLimit - 2 * M);  // and no more than that
  CHECK(bodies[0]->complete());
  CHECK_FALSE(bodies[1]->complete());
  CHECK(bodies[30]->complete());
  CHECK(complete(later) == 3);
  for (const Ref<Body>& body : later) CHECK(side.read(body) == whole(M));
}

TEST_CASE("Slots of the old slabs are used again: those never used, and those freed meanwhile") {
  Process side;
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t id = 1; id <= 8; ++id) bodies.push_back(side.full(id, M));
  REQUIRE(side.store.freeze());
  const std::size_t slabs = open_slabs();
  const std::byte *clean = place_of(bodies[2]), *sent = place_of(bodies[4]);
  send_as_file(bodies[4]);
  bodies[2] = bodies[4] = nullptr;
  side.store.give_back(0);
  side.store.thaw();
  CHECK(side.store.spare_bytes() == 2 * M);
  const Ref<Body> first = side.full(10, M), second = side.full(11, M);
  CHECK(place_of(first) == clean);
  CHECK(place_of(second) != sent);  // not before it was punched
  side.store.give_back(0);
  const Ref<Body> third = side.full(12, M);
  CHECK(place_of(third) == sent);
  CHECK(open_slabs() == slabs);
  CHECK(side.store.slab_bytes() == 9 * M);
}

TEST_CASE("Thaw does nothing to a store that is not frozen") {
  Process old_side, side;
  old_side.store.thaw();
  const Ref<Body> body = old_side.full(1, M);
  old_side.store.thaw();
  REQUIRE(old_side.store.freeze());
  REQUIRE(side.store.adopt(old_side.store.frozen_slabs()));
  Ref<Body> adopted = make(side, tell(old_side.store, body));
  adopted = nullptr;
  REQUIRE_FALSE(side.store.freeze());
  side.store.thaw();
  CHECK(side.store.quarantined_bytes() == M);
  CHECK(side.store.spare_bytes() == 0);
  CHECK(old_side.read(body) == whole(M));
}

TEST_CASE("However often an upgrade fails there are no more slabs, and at last one goes well") {
  for (const bool quiet : {false, true}) {  // quiet: traffic only while it is frozen
    CAPTURE(quiet);
    const std::size_t others = open_slabs();
    Process old_side, new_side;
    std::mt19937 random(7);
    std::map<std::uint64_t, Ref<Body>> bodies;
    std::uint64_t next = 1;
    const auto traffic = [&](int n) {
      for (int i = 0; i < n; ++i, ++next) {
        bodies[next] = old_side.full(next, some_size(random));
        REQUIRE(bodies[next]);
        old_side.touch(bodies[next], next % 9 == 0 ? 3 : 0);  // these stay for long
      }
    };
    traffic(150);
    std::size_t slabs = 0;
    for (int round = 0; round < 20; ++round) {
      REQUIRE(old_side.store.freeze());
      const std::uint64_t used = old_side.store.stats().used;
      CHECK(old_side.store.frozen_slabs().size() <= 5);
      traffic(30);
      CHECK(old_side.store.stats().used <= used + kAllowance);
      if (round % 2 == 0) std::erase_if(bodies, [&](auto& b) { return b.first % 7 == 0; });
      old_side.store.thaw();
      CHECK(old_side.store.stats().used <= kLimit);
      if (!quiet) traffic(40);
      if (round == 0) slabs = open_slabs() - others;
      CHECK(open_slabs() - others <= std::max<std::size_t>(slabs, 10));
    }
    REQUIRE(old_side.store.freeze());
    REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
    std::vector<Ref<Body>> went;
    std::uint64_t had = 0, has = 0;
    for (auto& [id, body] : bodies) {
      had += body->present();
      Ref<Body> again = make(new_side, tell(old_side.store, body));
      has += again->present();
      if (again->complete()) {
        CHECK(new_side.read(again) == whole(*body->total()));
        CHECK(old_side.read(body) == whole(*body->total()));
      }
      went.push_back(std::move(again));
    }
    CHECK(had > kLimit * 3 / 4);
    CHECK(has >= had - kAllowance - M);  // but for what came while it was frozen before
    bodies.clear();
    new_side.store.predecessor_gone();
    fill_twice(new_side, 100'000);
  }
}

TEST_CASE("What is left of an earlier freeze takes part in the next one's allowance, and can go") {
  Process side;
  std::vector<Ref<Body>> bodies, later;
  for (std::uint64_t id = 1; id <= 20; ++id) bodies.push_back(side.full(id, M));
  std::uint64_t id = 100;
  for (int round = 0; round < 5; ++round) {
    REQUIRE(side.store.freeze());
    for (int i = 0; i < 6; ++i) {
      later.push_back(side.full(id++, M));
      CHECK(later.back());  // the oldest of them goes
    }
    CHECK(complete(later) == 3);
    CHECK(complete(bodies) == 20);
    side.store.thaw();
  }
  CHECK(side.store.stats().used < 25 * M);
}

TEST_CASE("Threads read, fill and drop while a store freezes and thaws again and again") {
  Process side;
  std::atomic<bool> stop{false};
  std::atomic<int> bad{0};
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t id = 1; id <= 10; ++id) bodies.push_back(side.full(id, 2 * M));
  const auto work = [&](std::uint64_t base) {
    for (std::uint64_t id = base; !stop; ++id) {
      Bell bell;
      const Ref<Body> body = side.create(id, id % 4 == 0 ? id % 5000 + 1 : M + id % 1000);
      BodyWriter w(body, 0, *body->total(), bell);
      const bool filled = write_upto(w, *body->total()) == BodyWriter::Stop::kNone;
      if (filled) std::move(w).finish();
      BodyReader own(body, 0, body::kUnlimited, bell);
      if (filled) {
        const std::string got = read_on(own);
        if (got != whole(*body->total()) && got.find("hole") == std::string::npos) ++bad;
      }
      const Ref<Body>& any = bodies[id % bodies.size()];
      BodyReader r(any, 0, body::kUnlimited, bell);
      const std::string got = read_on(r);
      if (got != whole(2 * M) && got.find("hole") == std::string::npos) ++bad;
    }
  };
  std::thread one(work, 1000), two(work, 500'000);
  for (int round = 0; round < 30; ++round) {
    REQUIRE(side.store.freeze());
    for (const Ref<Body>& body : bodies) {
      for (const Told::Chunk& c : tell(side.store, body).chunks) CHECK(c.size > 0);
    }
    side.store.thaw();
    CHECK(side.store.stats().used <= kLimit + kAllowance);
  }
  stop = true;
  one.join();
  two.join();
  CHECK(bad == 0);
  bodies.clear();
  side.store.give_back(0);
  CHECK(side.store.slab_bytes() == 0);
  CHECK(side.store.stats().used == Process().store.stats().used);
}
