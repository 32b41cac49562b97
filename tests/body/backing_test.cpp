#include "body/backing.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "fake_source.h"

using namespace weir;
using namespace weir::body;

namespace {

struct FakeBacking final : Backing {
  std::set<std::uint32_t> held;
  std::string offered;  // "index:size/total " each

  void offer(std::uint32_t index, const Ref<Chunk>&, std::size_t size,
             std::uint64_t total) noexcept override {
    offered += total == kUnlimited ? fmt::format("{}:{} ", index, size)
                                   : fmt::format("{}:{}/{} ", index, size, total);
  }
  bool holds(std::uint32_t index) const noexcept override { return held.contains(index); }
};

struct Bench {
  FakeSource source;
  Bell bell;
  Ref<FakeBacking> backing = make_ref<FakeBacking>();

  Ref<Body> body(BodyOptions options) {
    options.backing = Ref<Backing>(backing);
    return make_ref<Body>(source, options);
  }
  // All bytes came.
  Ref<Body> full(std::uint64_t size, BodyOptions options = {}) {
    auto made = body(options);
    BodyWriter writer(made, 0, kUnlimited, bell);
    write_upto(writer, size);
    std::move(writer).finish();
    return made;
  }
  // What the store does; the chunk is found by reading.
  bool evict(const Ref<Body>& from, std::uint32_t index) {
    BodyReader reader(from, index * kChunkSize, kUnlimited, bell);
    const Next next = reader.next(1);
    const Ref<Chunk> chunk = std::get<Lease>(next).pin;
    reader.advance(reader.end() - reader.offset());
    return from->evict(index, *chunk);
  }
};

}  // namespace

TEST_CASE("Each chunk is offered once it is whole, the last one when the end is known") {
  Bench b;
  SUBCASE("of a known total") {
    b.full(2 * kChunkSize + 5, {.total = 2 * kChunkSize + 5});
    CHECK(b.backing->offered == "0:1048576/2097157 1:1048576/2097157 2:5/2097157 ");
  }
  SUBCASE("of an unknown one") {
    b.full(kChunkSize + 5);
    CHECK(b.backing->offered == "0:1048576 1:5/1048581 ");
  }
  SUBCASE("of a fill that ends early") {
    auto body = b.body({.total = 3 * kChunkSize, .refillable = true});
    BodyWriter writer(body, 0, kUnlimited, b.bell);
    write_upto(writer, kChunkSize + 5);
    std::move(writer).abandon();
    CHECK(b.backing->offered == "0:1048576/3145728 ");
    b.backing->offered.clear();
    body->offer_all();
    CHECK(b.backing->offered == "0:1048576/3145728 ");
  }
}

TEST_CASE("What the backing holds may go by itself, and its readers meet a hole") {
  Bench b;
  auto body = b.full(3 * kChunkSize, {.total = 3 * kChunkSize});
  b.backing->held = {0, 1, 2};
  CHECK(b.evict(body, 1));
  CHECK(body->present() == 2 * kChunkSize);
  CHECK(body->servable());
  CHECK(body->hole(kChunkSize)->offset == kChunkSize);
  BodyReader reader(body, kChunkSize + 7, kUnlimited, b.bell);
  CHECK(look(reader) == "hole 1048576..2097152");
  SUBCASE("and goes on once it is filled") {
    BodyWriter writer(body, kChunkSize, 2 * kChunkSize, b.bell);
    CHECK(look(reader) == "wait");
    write_upto(writer, 2 * kChunkSize);
    std::move(writer).abandon();
    CHECK(b.bell.take() > 0);
    CHECK(read_on(reader) == "3145728: end");
  }
  SUBCASE("and an error where the backing has lost it: then it is no object any more") {
    b.backing->held = {0, 2};
    CHECK(look(reader) == "error no_space");
    CHECK_FALSE(body->servable());
  }
}

TEST_CASE("What the backing does not hold takes the whole body along") {
  Bench b;
  auto body = b.full(3 * kChunkSize, {.total = 3 * kChunkSize});
  b.backing->held = {0, 2};
  CHECK(b.evict(body, 0));
  CHECK(body->servable());
  CHECK(b.evict(body, 1));
  CHECK(body->present() == 0);
  CHECK_FALSE(body->servable());
  CHECK(b.source.emptied() == 1);
}

TEST_CASE("A restored body has something to evict, and is emptied by that") {
  Bench b;
  b.backing->held = {0};
  auto body = b.body({.total = 100, .restored = true});
  CHECK(body->servable());
  CHECK_FALSE(body->complete());
  CHECK_FALSE(body->empty_of_chunks());
  CHECK(b.source.take_sizes() == std::vector<std::string>{"0:0"});
  CHECK(body->hole(0)->end == 100);
  {
    BodyReader reader(body, 0, kUnlimited, b.bell);
    CHECK(look(reader) == "hole 0..100");
    BodyWriter writer(body, 0, 100, b.bell);
    CHECK(look(reader) == "wait");
    write_upto(writer, 100);
    std::move(writer).abandon();
    CHECK(read_on(reader) == "100: end");
  }
  CHECK(body->complete());
  CHECK(b.evict(body, 0));
  CHECK(body->servable());
  CHECK(b.source.emptied() == 1);
}

TEST_CASE("A writer with a lead of its own keeps to it, and is woken when a reader comes closer") {
  Bench b;
  b.backing->held = {0, 1, 2, 3, 4, 5};
  Bell reads;
  auto body = b.body({.total = 6 * kChunkSize, .restored = true});
  BodyReader reader(body, 0, kUnlimited, reads);
  BodyWriter writer(body, 0, 6 * kChunkSize, b.bell);
  writer.keep_lead(2 * kChunkSize);
  CHECK(look(reader) == "wait");
  CHECK(write_upto(writer, 6 * kChunkSize) == BodyWriter::Stop::kLead);
  CHECK(writer.offset() == 2 * kChunkSize);
  CHECK(b.bell.take() == 0);
  CHECK(look(reader).starts_with("lease"));
  reader.advance(kChunkSize);
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(writer, 6 * kChunkSize) == BodyWriter::Stop::kLead);
  CHECK(writer.offset() == 3 * kChunkSize);
  std::move(writer).abandon();
}
