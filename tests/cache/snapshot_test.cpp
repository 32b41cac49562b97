// Two stores and indexes in one process stand for the old and the new one.
#include "cache/snapshot.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <random>

#include "../body/fake_source.h"
#include "cache/purge.h"
#include "cache/snapshot_format.h"
#include "policy/vary.h"
#include "store/memory_store.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;
using body::Bell;
using body::BodyReader;
using body::BodyWriter;

namespace {

constexpr WallTime kNow{1'000'000s};
constexpr std::uint64_t M = 1024 * 1024;

struct House {
  store::MemoryStore memory;
  std::optional<Index> index{std::in_place};
  Bell bell;

  explicit House(std::uint64_t limit = 64 * M)
      : memory({.limit = limit, .spare = 4 * M}, [this](const Digest& id) { index->emptied(id); }) {
  }

  struct Made {
    std::string path;
    std::uint64_t size = 0;
    bool refillable = true;
    std::string accept = {};  // Vary
    std::string tags = {};
    std::optional<Part> part = {};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> only = {};  // what is filled of it
  };
  static Key key(std::string_view path) {
    Key key;
    make_key("http", "example.org", path, key);
    return key;
  }
  Ref<Object> add(const Made& m) {
    ObjectParts p;
    p.head.status = m.part ? 206 : 200;
    p.head.fields.add("ETag", fmt::format("\"{}\"", m.path));
    p.freshness = {.response_time = kNow, .lifetime = 100s, .has_etag = true};
    p.length = m.size;
    p.origin_status = p.head.status;
    p.tags = m.tags;
    p.part = m.part;
    p.purges = index->purges();
    if (!m.accept.empty()) {
      p.vary_names = {"accept"};
      policy::variant_text(p.vary_names, request(m.accept), p.variant);
    }
    body::BodyOptions options{.id = key(m.path).digest, .total = m.size};
    options.meta_bytes = Object::footprint(p, key(m.path));
    options.refillable = m.refillable;
    p.body = memory.create(options);
    auto only = m.only;
    if (only.empty()) only = {{0, m.size}};
    for (const auto& [first, end] : only) {
      BodyWriter w(p.body, first, end, bell);
      REQUIRE(write_upto(w, end) == BodyWriter::Stop::kNone);
      if (end == m.size) {
        std::move(w).finish();
      } else {
        std::move(w).abandon();
      }
    }
    auto object = make_ref<Object>(std::move(p));
    index->insert(key(m.path), object);
    return object;
  }
  static http::Request request(std::string_view accept = {}) {
    http::Request request;
    if (!accept.empty()) request.fields.add("Accept", accept);
    return request;
  }
  Ref<Object> find(std::string_view path, const http::Request& asked = {}) {
    return index->lookup(key(path), asked, {}, kNow, false).object;
  }
  std::string read(const Ref<Object>& object) {
    if (!object) return "none";
    BodyReader r(object->body_ref(), 0, body::kUnlimited, bell);
    return read_on(r);
  }
  bool drop(std::string_view path) { return index->purge(key(path)) > 0; }
};

std::string whole(std::uint64_t size) { return fmt::format("{}: end", size); }

// What goes from one to the other.
struct Parcel {
  int fd = make_snapshot_file();
  std::vector<int> slabs;
  SnapshotCounts counts;

  explicit Parcel(House& old_house, SnapshotSettings settings = {.now = kNow}) {
    REQUIRE(old_house.memory.freeze());
    for (const store::SlabFile& slab : old_house.memory.frozen_slabs()) slabs.push_back(slab.fd);
    const auto done = write_snapshot(*old_house.index, old_house.memory, settings, fd);
    REQUIRE(done);
    counts = *done;
  }
  ~Parcel() { ::close(fd); }
  Parcel(const Parcel&) = delete;
  auto read(House& house) const {
    return read_snapshot(fd, slabs, *house.index, house.memory, nullptr);
  }
  std::string text() const {
    std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    REQUIRE(::pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return text;
  }
};

// As though that had come, sealed. "fine", or the name of what was said against it.
std::string verdict(const std::string& text, std::span<const int> slabs, House& house) {
  const int fd = make_snapshot_file();
  REQUIRE(::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  REQUIRE(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  const auto done = read_snapshot(fd, slabs, *house.index, house.memory, nullptr);
  ::close(fd);
  return done ? "fine" : std::string(name(done.error().reason));
}

// A little of everything.
void furnish(House& house) {
  house.add({.path = "/empty"});
  house.add({.path = "/small", .size = 300, .tags = "red blue"});
  house.add({.path = "/middle", .size = 100'000, .refillable = false});
  house.add({.path = "/large", .size = 3 * M + 500});
  house.add({.path = "/vary", .size = 400, .accept = "text/html"});
  house.add({.path = "/vary", .size = 500, .accept = "text/plain"});
  house.add({.path = "/part", .size = 600, .refillable = false, .part = Part{{100, 699}, 5000}});
  house.add({.path = "/holey", .size = 6 * M, .only = {{M, 2 * M}, {3 * M, 5 * M}}});
}

std::string any_value(const Object& object) {
  return fmt::format("{} {} {} {}", object.head().status, object.tags(), object.variant(),
                     *object.head().fields.get("ETag"));
}

}  // namespace

TEST_CASE("Objects of every kind go over as they are") {
  House a, b;
  furnish(a);
  const Parcel parcel(a);
  CHECK(parcel.counts.objects == 8);
  CHECK(parcel.counts.left_out == 0);
  const auto done = parcel.read(b);
  REQUIRE(done);
  CHECK(done->objects == 8);
  CHECK(done->chunks == parcel.counts.chunks);
  CHECK(done->slab_bytes == parcel.counts.slab_bytes);
  CHECK(done->copied_bytes == parcel.counts.copied_bytes);
  for (const auto& [path, size] : std::map<std::string, std::uint64_t>{
           {"/empty", 0}, {"/small", 300}, {"/middle", 100'000}, {"/large", 3 * M + 500}}) {
    CAPTURE(path);
    const Ref<Object> before = a.find(path), after = b.find(path);
    REQUIRE(after);
    CHECK(any_value(*after) == any_value(*before));
    CHECK(after->length() == size);
    CHECK(after->freshness().ttl(kNow) == 100s);
    CHECK(after->body().refillable() == before->body().refillable());
    CHECK(after->body().meta_bytes() == before->body().meta_bytes());
    CHECK(b.read(after) == whole(size));
    CHECK(a.read(before) == whole(size));
  }
  CHECK(b.read(b.find("/vary", House::request("text/html"))) == whole(400));
  CHECK(b.read(b.find("/vary", House::request("text/plain"))) == whole(500));
  CHECK_FALSE(b.find("/vary", House::request("image/png")));
  const auto view = b.index->view(House::key("/part"), false, kNow);
  REQUIRE(view.objects.size() == 1);
  CHECK(view.objects[0]->part() == Part{{100, 699}, 5000});
  CHECK(b.read(view.objects[0]) == whole(600));
  const Ref<Object> holey = b.find("/holey");
  REQUIRE(holey);
  const auto pieces = holey->body().pieces(9);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].first == M);
  CHECK(pieces[1].end == 5 * M);
  CHECK(b.read(holey) == fmt::format("0: hole 0..{}", M));
  BodyWriter fill(holey->body_ref(), 0, 6 * M, b.bell);
  CHECK(write_upto(fill, 6 * M) == BodyWriter::Stop::kNone);
  std::move(fill).finish();
  CHECK(b.read(holey) == whole(6 * M));
}

TEST_CASE("Purges reach what came from another process") {
  House a, b;
  for (int i = 0; i < 5; ++i) a.drop("/other");  // their numbers are of another count
  furnish(a);
  const Parcel parcel(a);
  REQUIRE(parcel.read(b));
  Purge purge(*b.index, {.tags = {"blue"}});
  REQUIRE(purge.begin(kNow));
  while (!purge.step(10)) {
  }
  CHECK(purge.objects() == 1);
  CHECK_FALSE(b.find("/small"));
  CHECK(b.drop("/large"));
  CHECK_FALSE(b.find("/large"));
  const auto ban = Ban::parse({"path ^= /mid"});
  REQUIRE(ban);
  REQUIRE(b.index->begin_ban(*ban, PurgeMode::kHard, kNow));
  CHECK_FALSE(b.find("/middle"));
  CHECK(b.find("/holey"));
}

TEST_CASE("What was purged, banned, is of no use or not whole stays behind") {
  House a, b;
  furnish(a);
  a.add({.path = "/cut", .size = 2 * M, .refillable = false, .only = {{0, M}}});
  a.add({.path = "/begun", .size = 2 * M, .only = {{0, 1000}}});
  const Ref<Object> purged = a.find("/small");
  Purge purge(*a.index, {.tags = {"red"}});
  REQUIRE(purge.begin(kNow));
  while (!purge.step(10)) {
  }
  REQUIRE(a.index->begin_ban(*Ban::parse({"path = /large"}), PurgeMode::kHard, kNow));
  REQUIRE(a.index->begin_ban(*Ban::parse({"path = /middle"}), PurgeMode::kSoft, kNow + 10s));
  const Parcel parcel(a);
  CHECK(parcel.counts.objects == 6);
  CHECK(parcel.counts.left_out == 2);
  REQUIRE(parcel.read(b));
  for (const char* path : {"/small", "/large", "/cut", "/begun"}) CHECK_FALSE(b.find(path));
  const Ref<Object> soft = b.find("/middle");
  REQUIRE(soft);
  CHECK(soft->freshness().ttl(kNow + 10s) == 0s);
}

TEST_CASE("A smaller store takes the most used ones") {
  House a, b(8 * M);
  for (int i = 0; i < 30; ++i) a.add({.path = fmt::format("/{}", i), .size = M});
  for (int i = 20; i < 25; ++i) {
    for (int n = 0; n < 3; ++n) a.read(a.find(fmt::format("/{}", i)));
  }
  const Parcel parcel(a);
  const auto done = parcel.read(b);
  REQUIRE(done);
  CHECK(done->objects == 7);
  CHECK(done->left_out == 23);
  for (int i = 20; i < 25; ++i) CHECK(b.read(b.find(fmt::format("/{}", i))) == whole(M));
  CHECK(b.memory.stats().used <= 8 * M);
  b.memory.predecessor_gone();
  CHECK(b.memory.slab_bytes() == 7 * M);
}

TEST_CASE("Copies of small chunks can be bounded") {
  House a, b;
  for (int i = 0; i < 100; ++i) a.add({.path = fmt::format("/{}", i), .size = 1000});
  const Parcel parcel(a, {.now = kNow, .copied_most = 50'000});
  CHECK(parcel.counts.objects == 50);
  CHECK(parcel.counts.left_out == 50);
  CHECK(parcel.read(b)->objects == 50);
}

TEST_CASE("The old process serves right bytes while the new one forgets all and fills anew") {
  House a, b(32 * M);
  std::vector<Ref<Object>> old_objects, new_objects;
  for (int i = 0; i < 14; ++i) {
    old_objects.push_back(
        a.add({.path = fmt::format("/{}", i), .size = 2 * M - 999, .refillable = i % 2 == 0}));
  }
  const Parcel parcel(a);
  REQUIRE(parcel.read(b));
  for (int i = 0; i < 14; ++i) CHECK(b.drop(fmt::format("/{}", i)));
  for (int i = 0; i < 40; ++i) {
    new_objects.push_back(b.add({.path = fmt::format("/new/{}", i), .size = M}));
    CHECK(b.memory.stats().used <= 32 * M);
  }
  CHECK(b.read(new_objects.back()) == whole(M));
  for (const Ref<Object>& object : old_objects) CHECK(a.read(object) == whole(2 * M - 999));
  a.index.reset();
  old_objects.clear();
  b.memory.predecessor_gone();
  CHECK(b.memory.quarantined_bytes() == 0);
  CHECK(b.memory.slab_bytes() <= 32 * M);
  CHECK(b.memory.stats().used <= 32 * M);
  CHECK(b.read(new_objects.back()) == whole(M));
}

TEST_CASE("What comes from elsewhere is refused by name") {
  House a;
  furnish(a);
  const Parcel parcel(a);
  const std::string good = parcel.text();
  const auto said = [&](std::string text, std::vector<int> slabs) {
    House b;
    const std::string word = verdict(text, slabs, b);
    if (word != "fine") CHECK(b.index->stats().keys == 0);
    return word;
  };
  CHECK(said("", parcel.slabs) == "file");
  CHECK(said("x", parcel.slabs) == "format");
  CHECK(said(std::string(5000, '\0'), parcel.slabs) == "format");
  std::string version = good;
  ++version[8];
  CHECK(said(version, parcel.slabs) == "format");
  std::string layout = good;
  ++layout[16];
  CHECK(said(layout, parcel.slabs) == "format");
  CHECK(said(good + "x", parcel.slabs) == "damaged");
  CHECK(said(good, {}) == "slabs");
  std::vector<int> turned(parcel.slabs.rbegin(), parcel.slabs.rend());
  REQUIRE(turned.size() > 1);
  CHECK(said(good, turned) == "slabs");
  turned = parcel.slabs;
  turned[0] = -1;
  CHECK(said(good, turned) == "slabs");
  House b;
  CHECK(read_snapshot(-1, {}, *b.index, b.memory, nullptr).error().reason == HandoverFault::kFile);
  const int open = make_snapshot_file();  // not sealed
  REQUIRE(::pwrite(open, good.data(), good.size(), 0) == static_cast<ssize_t>(good.size()));
  CHECK(read_snapshot(open, parcel.slabs, *b.index, b.memory, nullptr).error().reason ==
        HandoverFault::kFile);
  ::close(open);
  CHECK(said(good, parcel.slabs) == "fine");
}

TEST_CASE("A snapshot that is cut or changed anywhere is refused") {
  House a;
  furnish(a);
  const Parcel parcel(a);
  const std::string good = parcel.text();
  House b;
  for (std::size_t n = 1; n < good.size(); n += 7) {
    CAPTURE(n);
    CHECK(verdict(good.substr(0, n), parcel.slabs, b) != "fine");
  }
  for (std::size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    std::string bad = good;
    bad[n] = static_cast<char>(bad[n] ^ (1 << n % 8));
    CHECK(verdict(bad, parcel.slabs, b) != "fine");
  }
  CHECK(b.index->stats().keys == 0);
  CHECK(b.memory.stats().chunks == 0);
}

namespace {

// The same with other contents of its blocks, and checksums that fit.
std::string signed_again(const std::string& text) {
  using namespace snapshot;
  std::string out(kHeaderBytes, '\0');
  Header header;
  BlobReader in(std::string_view(text).substr(kHeaderBytes - 32));
  in.number<std::uint64_t>(), in.number<std::uint64_t>(), in.number<std::uint64_t>();
  std::memcpy(&header.objects, text.data() + 40, sizeof header.objects);
  for (std::size_t at = kHeaderBytes; at < text.size(); ++header.blocks) {
    std::uint32_t kind = 0;
    std::uint64_t bytes = 0;
    std::memcpy(&kind, text.data() + at, sizeof kind);
    std::memcpy(&bytes, text.data() + at + 8, sizeof bytes);
    const std::string contents = text.substr(at + kBlockHeaderBytes, bytes);
    out += block_header(out.size(), kind, contents) + contents;
    at += kBlockHeaderBytes + bytes;
  }
  header.file_bytes = out.size();
  return to_text(header) + out.substr(kHeaderBytes);
}

}  // namespace

TEST_CASE("Nothing that a snapshot says makes a reader crash, whoever signed it") {
  House a;
  furnish(a);
  const Parcel parcel(a);
  const std::string good = parcel.text();
  {
    House b;
    CHECK(signed_again(good) == good);
    CHECK(verdict(signed_again(good), parcel.slabs, b) == "fine");
  }
  // Past the table of slabs, which has no padding either: every byte, in several ways.
  std::mt19937 random(11);
  std::map<std::string, int> verdicts;
  const std::size_t first = snapshot::kHeaderBytes + snapshot::kBlockHeaderBytes;
  for (std::size_t n = first; n < good.size(); ++n) {
    std::string bad = good;
    const unsigned how = random() % 4;
    const char any = static_cast<char>(random() % 256);
    const char next = static_cast<char>(bad[n] + 1);
    bad[n] = how == 0 ? '\0' : how == 1 ? '\xff' : how == 2 ? next : any;
    std::uint64_t bytes = 0;  // of the block, if that was hit, must still be true
    bool tiles = true;
    for (std::size_t at = snapshot::kHeaderBytes; at < bad.size();) {
      std::memcpy(&bytes, bad.data() + at + 8, sizeof bytes);
      tiles = tiles && at + snapshot::kBlockHeaderBytes <= bad.size() &&
              bytes <= bad.size() - at - snapshot::kBlockHeaderBytes;
      if (!tiles) break;
      at += snapshot::kBlockHeaderBytes + bytes;
    }
    if (!tiles) continue;
    House b;
    ++verdicts[verdict(signed_again(bad), parcel.slabs, b)];
    for (const char* path : {"/large", "/middle", "/holey"}) b.read(b.find(path));
    b.index.reset();
    CHECK(b.memory.stats().chunks == 0);
    b.memory.predecessor_gone();
    if (n % 256 == 0) {  // it has punched all: what follows has other bytes in the same slots
      CHECK(b.memory.slab_bytes() == 0);
    }
  }
  CHECK(verdicts["damaged"] > 100);
  CHECK(verdicts["fine"] > 100);
}

TEST_CASE("Two chunks never get the same slot") {
  using namespace snapshot;
  House a;
  a.add({.path = "/a", .size = M});
  const Parcel parcel(a);
  const auto file = [&](std::vector<ChunkRecord> chunks, std::uint64_t total) {
    const std::string good = parcel.text();
    const std::string slabs = good.substr(kHeaderBytes, kBlockHeaderBytes + 4 + 24);
    BlobWriter out;
    out.number(std::uint32_t{1});
    ObjectRecord record{
        .blob = "x", .refillable = true, .disk_body = {}, .total = total, .chunks = chunks};
    write(out, record);
    const std::string keys = out.take();
    const std::string text = slabs + block_header(kHeaderBytes + slabs.size(), 0, keys) + keys;
    return to_text({kHeaderBytes + text.size(), 2, 1}) + text;
  };
  const auto chunk = [](std::uint32_t index, std::uint64_t offset, std::uint32_t size = M,
                        std::uint32_t capacity = M, std::uint32_t slab = 0) {
    ChunkRecord c;
    c.index = index;
    c.size = size;
    c.slab = slab;
    c.capacity = capacity;
    c.offset = offset;
    return c;
  };
  struct Case {
    const char* what;
    std::vector<ChunkRecord> chunks;
    std::uint64_t total;
    const char* said;
  } const cases[] = {
      {"two slots", {chunk(0, 0), chunk(1, M)}, 2 * M, "fine"},
      {"one twice", {chunk(0, 0), chunk(1, 0)}, 2 * M, "damaged"},
      {"one index twice", {chunk(0, 0), chunk(0, M)}, 2 * M, "damaged"},
      {"indices the other way round", {chunk(1, 0), chunk(0, M)}, 2 * M, "damaged"},
      {"beyond the total", {chunk(2, 0)}, 2 * M, "damaged"},
      {"a short chunk", {chunk(0, 0, M - 1)}, 2 * M, "damaged"},
      {"a chunk beyond its slot", {chunk(0, 0, M, M + 1)}, 2 * M, "damaged"},
      {"more than its capacity", {chunk(0, 0, M, M - 1)}, 2 * M, "damaged"},
      {"a slot of another class", {chunk(0, 0, 70'000, 70'000)}, 70'000, "damaged"},
      {"between two slots", {chunk(0, 4096)}, 2 * M, "damaged"},
      {"behind the slab", {chunk(0, 64 * M)}, 2 * M, "damaged"},
      {"far behind", {chunk(0, ~std::uint64_t{0} - M + 1)}, 2 * M, "damaged"},
      {"no such slab", {chunk(0, 0, M, M, 1)}, 2 * M, "damaged"},
      {"too long a body", {chunk(0, 0)}, body::kMaxTotal + 1, "damaged"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    House b;
    CHECK(verdict(file(c.chunks, c.total), parcel.slabs, b) == c.said);
  }
}
