#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <random>
#include <thread>

#include "store/two_processes.h"

using namespace weir;
using namespace weir::store;

TEST_CASE("Bodies of every size go over, bytes, holes, standing and all") {
  Process old_side, new_side;
  std::vector<Ref<Body>> bodies;
  for (const std::uint64_t size :
       {1ul, 1000ul, 65535ul, 65536ul, 65537ul, 700'000ul, M - 1, M, M + 1, 3 * M + 70'000}) {
    bodies.push_back(old_side.full(size, size, size % 2 == 0));
  }
  old_side.touch(bodies[1], 4);
  const Ref<Body> holey = old_side.create(77, 5 * M);
  for (const std::uint64_t at : {1ul, 3ul}) {
    BodyWriter w(holey, at * M, (at + 1) * M, old_side.bell);
    REQUIRE(write_upto(w, (at + 1) * M) == BodyWriter::Stop::kNone);
    std::move(w).abandon();
  }
  REQUIRE(old_side.store.freeze());
  CHECK_FALSE(old_side.store.freeze());
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  std::vector<Ref<Body>> again;
  for (const Ref<Body>& body : bodies) again.push_back(make(new_side, tell(old_side.store, body)));
  const Ref<Body> holey_again = make(new_side, tell(old_side.store, holey));
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    CHECK(again[i]->complete());
    CHECK(new_side.read(again[i]) == whole(*bodies[i]->total()));
    CHECK(old_side.read(bodies[i]) == whole(*bodies[i]->total()));
  }
  const auto pieces = holey_again->pieces(9);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].first == M);
  CHECK(pieces[1].end == 4 * M);
  BodyReader r(holey_again, M, 2 * M, new_side.bell);
  CHECK(read_on(r) == whole(2 * M));
  std::vector<Body::Whole> chunks;
  again[1]->whole_chunks(chunks);
  CHECK(chunks[0].chunk->hits() == 3);
  CHECK_FALSE(new_side.store.standing(*chunks[0].chunk).main);
}

TEST_CASE("What was in main stays there") {
  Process old_side(16 * M), new_side(16 * M);
  const Ref<Body> loved = old_side.full(1, M);
  std::vector<Ref<Body>> others;
  for (std::uint64_t id = 2; id < 40; ++id) {
    old_side.touch(loved, 1);
    others.push_back(old_side.full(id, M));
  }
  REQUIRE(old_side.store.freeze());
  const Told told = tell(old_side.store, loved);
  CHECK(told.chunks[0].standing.main);
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  std::vector<Body::Whole> chunks;
  make(new_side, told)->whole_chunks(chunks);
  CHECK(new_side.store.standing(*chunks[0].chunk).main);
}

TEST_CASE("A slot is adopted once, as what it is, and no other place is one") {
  Process old_side, new_side;
  const Ref<Body> large = old_side.full(1, M), middle = old_side.full(2, 100'000);
  REQUIRE(old_side.store.freeze());
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  const Ref<Body> body = new_side.create(1, M);
  const std::uint64_t used = new_side.store.stats().used;
  struct Case {
    std::size_t slab;
    std::uint64_t offset;
    std::size_t size;
  } const bad[] = {
      {0, 1, M},
      {0, 64 * K, M},
      {0, 64 * M, M},
      {0, ~0ul, M},
      {0, 0, 0},
      {0, 0, 64 * K - 1},
      {0, 0, M / 2},
      {0, 0, M + 1},
      {2, 0, M},
      {~0ul, 0, M},
      {1, 0, M},
      {1, 64 * M - 64 * K, 100'000},
      {1, 1ul << 63, 100'000},
  };
  for (const Case& c : bad) {
    CAPTURE(c.offset);
    CHECK_FALSE(new_side.store.adopt_slot(*body, 0, c.slab, c.offset, c.size, {}));
  }
  CHECK(new_side.store.stats().used == used);
  Ref<body::Chunk> chunk = new_side.store.adopt_slot(*body, 0, 0, 0, M, {});
  REQUIRE(chunk);
  CHECK_FALSE(new_side.store.adopt_slot(*body, 1, 0, 0, M, {}));
  CHECK(new_side.store.stats().used > used + M);
  body->put(0, std::move(chunk), M);
}

TEST_CASE("What is no slab, or could shrink, is not adopted") {
  const int file = ::memfd_create("any", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  REQUIRE(::ftruncate(file, 2 * M) == 0);
  Process side;
  const auto fault = [&](SlabFile slab) {
    const auto done = side.store.adopt({&slab, 1});
    return !done && done.error() == SlabFault::kNotASlab;
  };
  CHECK(fault({file, 2 * M, M}));  // not sealed
  REQUIRE(::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  for (const SlabFile& slab : {SlabFile{-1, 2 * M, M},
                               {file, 4 * M, M},
                               {file, M, M},
                               {file, 0, M},
                               {file, 2 * M, 0},
                               {file, 2 * M, 3 * K},
                               {file, 2 * M, 2 * M},
                               {file, ~0ul, M},
                               {file, 2 * M, 32 * K}}) {
    CHECK(fault(slab));
  }
  const SlabFile good{file, 2 * M, M};
  CHECK(side.store.adopt({&good, 1}));
  ::close(file);
}

TEST_CASE("A frozen store serves what it has, and takes a little that is new") {
  Process side;
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t id = 1; id <= 31; ++id) bodies.push_back(side.full(id, M));
  const std::uint64_t used = side.store.stats().used;
  REQUIRE(side.store.freeze());
  CHECK(side.store.keep_limit() < 4 * M);
  const std::vector<SlabFile> slabs = side.store.frozen_slabs();
  std::vector<Ref<Body>> later;
  std::vector<Body::Whole> chunks;
  for (std::uint64_t id = 100; id < 120; ++id) {
    if (Ref<Body> body = side.full(id, M)) later.push_back(body);
    CHECK(side.store.stats().used <= used + 4 * M);
  }
  CHECK(side.store.stats().refused == 0);  // of what came later the oldest goes
  CHECK(side.read(later.back()) == whole(M));
  CHECK_FALSE(later.front()->complete());
  later.back()->whole_chunks(chunks);
  for (const SlabFile& slab : slabs) CHECK(slab.fd != chunks[0].chunk->fd());
  for (const Ref<Body>& body : bodies) CHECK(side.read(body) == whole(M));
  // Nothing that is larger, and what is pinned stays.
  const Ref<Body> pinned = side.create(200, 8 * M, false);
  BodyWriter w(pinned, 0, 8 * M, side.bell);
  BodyReader r(pinned, 0, 8 * M, side.bell);
  CHECK(write_upto(w, 8 * M) == BodyWriter::Stop::kNoRoom);
  CHECK(side.store.stats().refused > 0);
  for (const Ref<Body>& body : bodies) CHECK(side.read(body) == whole(M));
  const std::uint64_t before = resident(slabs);
  bodies.clear();  // and their slots stay as they are
  side.store.give_back(0);
  CHECK(resident(slabs) == before);
}

TEST_CASE("A fill that is under way goes on after the freeze, and is told of when it is whole") {
  Process old_side, new_side;
  const Ref<Body> body = old_side.create(1, 2 * M);
  BodyWriter w(body, 0, 2 * M, old_side.bell);
  REQUIRE(write_upto(w, M / 2) == BodyWriter::Stop::kNone);
  REQUIRE(old_side.store.freeze());
  CHECK(tell(old_side.store, body).chunks.empty());
  REQUIRE(write_upto(w, 2 * M) == BodyWriter::Stop::kNone);
  std::move(w).finish();
  CHECK(old_side.read(body) == whole(2 * M));
  const Told told = tell(old_side.store, body);
  REQUIRE(told.chunks.size() == 1);  // the other one is in a slab that does not go over
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  const Ref<Body> again = make(new_side, told);
  BodyReader r(again, 0, M, new_side.bell);
  CHECK(read_on(r) == whole(M));
}

TEST_CASE("The old store reads right bytes while the new one drops all and fills anew") {
  Process old_side, new_side;
  std::vector<Ref<Body>> old_bodies, new_bodies;
  for (std::uint64_t id = 1; id <= 14; ++id) {
    old_bodies.push_back(old_side.full(id, 2 * M - 50'000 * (id % 3), id % 2 == 0));
  }
  REQUIRE(old_side.store.freeze());
  const std::vector<SlabFile> slabs = old_side.store.frozen_slabs();
  REQUIRE(new_side.store.adopt(slabs));
  for (const Ref<Body>& body : old_bodies) {
    new_bodies.push_back(make(new_side, tell(old_side.store, body)));
  }
  for (Ref<Body>& body : new_bodies) {
    CHECK(new_side.read(body) == whole(*body->total()));
    body = nullptr;
  }
  // 8 MiB of what was freed do not count; all else does until the old process is gone.
  CHECK(new_side.store.quarantined_bytes() > 26 * M);
  const std::uint64_t used = new_side.store.stats().used;
  CHECK(used > 17 * M);
  CHECK(used < 22 * M);
  const std::uint64_t there = resident(slabs);
  std::vector<Ref<Body>> fresh;
  for (std::uint64_t id = 100; id < 140; ++id) {
    fresh.push_back(new_side.full(id, M));
    CHECK(new_side.store.stats().used <= kLimit);
  }
  CHECK(new_side.read(fresh.back()) == whole(M));
  for (const Ref<Body>& body : old_bodies) CHECK(old_side.read(body) == whole(*body->total()));
  CHECK(resident(slabs) == there);
  old_bodies.clear();

  new_side.store.predecessor_gone();
  CHECK(new_side.store.quarantined_bytes() == 0);
  CHECK(resident(slabs) == 0);
  CHECK(new_side.store.slab_bytes() <= kLimit);
  fresh.clear();
  new_side.store.give_back(0);
  CHECK(new_side.store.slab_bytes() == 0);
  CHECK(new_side.store.stats().chunks == 0);
  CHECK(new_side.store.stats().used == Process().store.stats().used);
}

TEST_CASE("An adopted slot is punched before it is used again, also when the old process is gone") {
  Process old_side, new_side;
  const Ref<Body> before = old_side.full(1, M);
  REQUIRE(old_side.store.freeze());
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  Ref<Body> adopted = make(new_side, tell(old_side.store, before));
  std::vector<Body::Whole> whole_ones;
  adopted->whole_chunks(whole_ones);
  const std::byte* const place = whole_ones[0].chunk->data();
  new_side.store.predecessor_gone();
  whole_ones.clear();
  adopted = nullptr;
  CHECK(new_side.store.spare_bytes() == M);
  const Ref<Body> other = new_side.full(2, M);  // what the old one sent may be on its way yet
  other->whole_chunks(whole_ones);
  CHECK(whole_ones[0].chunk->data() != place);
  whole_ones.clear();
  new_side.store.give_back(0);
  const Ref<Body> third = new_side.full(3, M);
  third->whole_chunks(whole_ones);
  CHECK(whole_ones[0].chunk->data() == place);
}

TEST_CASE("While the old process lives chunks whose eviction gains nothing stay") {
  for (const bool refillable : {true, false}) {
    CAPTURE(refillable);
    Process old_side, new_side;
    std::vector<Ref<Body>> old_bodies, bodies, fresh;
    for (std::uint64_t id = 1; id <= 15; ++id) {
      old_bodies.push_back(old_side.full(id, 2 * M + 1000, refillable));
    }
    REQUIRE(old_side.store.freeze());
    REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
    for (const Ref<Body>& body : old_bodies) {
      bodies.push_back(make(new_side, tell(old_side.store, body)));
    }
    std::size_t refused = 0;
    for (std::uint64_t id = 100; id < 150; ++id) {
      fresh.push_back(new_side.full(id, M));
      refused += fresh.back() ? 0 : 1;
      CHECK(new_side.store.stats().used <= kLimit);
    }
    CHECK(refused == 0);  // what is new makes room for what is newer
    CHECK(new_side.store.quarantined_bytes() <= kLimit / 4);
    CHECK(new_side.store.quarantined_bytes() > kLimit / 8);
    const std::uint64_t present = [&] {
      std::uint64_t sum = 0;
      for (const Ref<Body>& body : bodies) sum += body->present();
      return sum;
    }();
    CHECK(present >= 30 * M - kLimit / 4);
    new_side.store.predecessor_gone();
    for (std::uint64_t id = 200; id < 300; ++id) {
      fresh.push_back(new_side.full(id, M));
      CHECK(fresh.back());
    }
    for (const Ref<Body>& body : bodies) CHECK(body->present() <= 1000);
    CHECK(new_side.store.slab_bytes() <= kLimit);
  }
}

TEST_CASE("A smaller store adopts what fits") {
  Process old_side, new_side(8 * M);
  std::vector<Ref<Body>> old_bodies, bodies;
  for (std::uint64_t id = 1; id <= 20; ++id) old_bodies.push_back(old_side.full(id, M));
  REQUIRE(old_side.store.freeze());
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  std::size_t came = 0;
  for (const Ref<Body>& body : old_bodies) {
    CHECK(new_side.store.has_room(M + 1000) == (came < 7));
    bodies.push_back(make(new_side, tell(old_side.store, body)));
    if (bodies.back()->complete()) ++came;
    CHECK(new_side.store.stats().used <= 8 * M);
  }
  CHECK(came == 7);
  new_side.store.predecessor_gone();
  CHECK(new_side.store.slab_bytes() == 7 * M);
  for (std::uint64_t id = 100; id < 120; ++id) {
    bodies.push_back(new_side.full(id, M));
    CHECK(bodies.back());
  }
  CHECK(new_side.store.slab_bytes() <= 8 * M);
}

TEST_CASE("A cache goes over again and again, but not while its predecessor lives") {
  auto side = std::make_unique<Process>();
  std::map<std::uint64_t, Ref<Body>> bodies;
  std::mt19937 random(3);
  for (int generation = 0; generation < 6; ++generation) {
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t id = 1 + random() % 40;
      bodies[id] = nullptr;
      bodies[id] = side->full(id, (id * 97'001) % (2 * M + M / 2) + 1);
    }
    REQUIRE(side->store.freeze());
    auto next = std::make_unique<Process>();
    std::vector<SlabFile> slabs = side->store.frozen_slabs();
    CHECK(slabs.size() <= 12);
    REQUIRE(next->store.adopt(slabs));
    CHECK_FALSE(next->store.freeze());
    std::map<std::uint64_t, Ref<Body>> again;
    for (const auto& [id, body] : bodies) {
      if (body && body->complete()) again[id] = make(*next, tell(side->store, body));
    }
    bodies = std::move(again);
    side = std::move(next);
    side->store.predecessor_gone();
    for (const auto& [id, body] : bodies) {
      if (body->complete()) CHECK(side->read(body) == whole(*body->total()));
    }
    CHECK(side->store.stats().used <= kLimit);
    CHECK(side->store.slab_bytes() <= kLimit);
  }
}

TEST_CASE("Threads read, fill and drop while a store freezes and its successor is left alone") {
  Process old_side;
  std::atomic<bool> stop{false};
  std::atomic<int> bad{0};
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t id = 1; id <= 10; ++id) bodies.push_back(old_side.full(id, 2 * M));
  const auto work = [&](std::uint64_t base) {
    Process* side = &old_side;
    for (std::uint64_t id = base; !stop; ++id) {
      Bell bell;
      const Ref<Body> body = side->create(id, M + id % 1000);
      BodyWriter w(body, 0, *body->total(), bell);
      if (write_upto(w, *body->total()) == BodyWriter::Stop::kNone) std::move(w).finish();
      const Ref<Body>& any = bodies[id % bodies.size()];
      BodyReader r(any, 0, body::kUnlimited, bell);
      const std::string got = read_on(r);
      if (got != whole(2 * M) && got.find("hole") == std::string::npos) ++bad;
    }
  };
  std::thread one(work, 1000), two(work, 500'000);
  REQUIRE(old_side.store.freeze());
  Process new_side;
  REQUIRE(new_side.store.adopt(old_side.store.frozen_slabs()));
  for (const Ref<Body>& body : bodies) {
    const Ref<Body> again = make(new_side, tell(old_side.store, body));
    std::vector<Body::Whole> chunks;
    again->whole_chunks(chunks);
    for (const Body::Whole& w : chunks) {
      if (!body::is_content({w.chunk->data(), w.size}, w.index * M)) ++bad;
    }
  }
  stop = true;
  one.join();
  two.join();
  CHECK(bad == 0);
}
