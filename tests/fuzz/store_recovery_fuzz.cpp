// Recovery of whole disks. The input is a history: objects, chunks and tombstones of few keys on
// two disks, regions that end sealed, unsealed or torn; what a start finds is held against
// FORMAT.md's "What counts", spelled out the slow way. Then more is written until regions are given
// up, and the next start must find what was there. A harmed history (first byte odd) has bytes
// overwritten anywhere and all checksums computed anew: nothing may be found that lies outside of
// its file, and nothing may crash.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "store/disk.h"
#include "support/memory_files.h"

using namespace weir;
using namespace weir::store;

namespace {

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
constexpr std::uint64_t kRegionSize = 1024;
constexpr std::uint64_t kBodies = 12;  // each has its key, 0 to 2; each key has its disk

void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : *at_++; }
  std::uint64_t number() {
    std::uint64_t n = 0;
    for (int i = 0; i < 8; ++i) n = n << 8 | byte();
    return n;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

Digest key_of(std::uint64_t body) { return {body % 3, 7}; }
std::uint8_t disk_of(const Digest& key) { return key.high == 2 ? 2 : 1; }
std::string directory_of(std::uint8_t disk) { return disk == 1 ? "a" : "b"; }

// What the store knows while it runs, for a history that it could have written; and what FORMAT.md
// says of the records that are left of it.
struct Written {
  Record record;
  std::uint8_t disk;
};

struct Counted {
  std::uint64_t variant = 0;
  bool refillable = false;
  std::uint64_t object = 0;       // sequence of the record
  std::set<std::uint64_t> parts;  // chunks
  friend bool operator==(const Counted&, const Counted&) = default;
};
using Bodies = std::map<std::uint64_t, Counted>;

bool counts(const Written& w, const std::vector<Written>& all) {
  return std::ranges::none_of(all, [&](const Written& other) {
    const Record& r = other.record;
    if (r.sequence <= w.record.sequence || r.key != w.record.key) return false;
    if (r.kind == RecordKind::kObject) return r.body == w.record.body || r.part == w.record.part;
    return r.kind == RecordKind::kTombstone && other.disk == w.disk &&
           (r.body == 0 || r.body == w.record.body);
  });
}

bool worthless(const Counted& c, std::uint64_t total) { return c.parts.empty() && total != 0; }

Bodies what_counts(const std::vector<Written>& all) {
  Bodies out;
  for (const Written& w : all) {
    const Record& r = w.record;
    if (r.kind == RecordKind::kObject && counts(w, all))
      out[r.body] = {r.part, r.refillable, r.sequence, {}};
  }
  for (const Written& w : all) {
    const auto it = out.find(w.record.body);
    if (w.record.kind == RecordKind::kChunk && it != out.end())
      it->second.parts.insert(w.record.part);
  }
  std::erase_if(out, [](const auto& entry) { return worthless(entry.second, 1); });
  return out;
}

Bodies what_is_in(const Directory& directory) {
  Bodies out;
  directory.each([&](const Digest& key, const StoredBody& b) {
    require(key == key_of(b.body) && b.disk == disk_of(key));
    Counted& c = out[b.body];
    c = {b.variant, b.refillable, b.sequence, {}};
    for (std::uint32_t i = b.next_chunk(0); i != ~0u; i = b.next_chunk(i + 1)) c.parts.insert(i);
  });
  return out;
}

// ---- the history

struct File {
  std::string path;
  std::vector<std::uint64_t> records;  // offsets of headers, the contents' included
};

class History {
 public:
  explicit History(Input& in) {
    for (int steps = in.byte() % 64; steps > 0 && !in.empty(); --steps) step(in);
    for (const std::uint8_t disk : {std::uint8_t{1}, std::uint8_t{2}}) end_region(disk, in.byte());
  }

  test::MemoryFiles& files() { return files_; }
  const std::vector<Written>& written() const { return written_; }
  std::vector<File>& made() { return made_; }
  std::uint64_t sequence() const { return sequence_; }

 private:
  void step(Input& in) {
    const std::uint8_t what = in.byte();
    const std::uint64_t body = 1 + in.byte() % kBodies;
    Record r;
    r.key = key_of(body);
    r.body = body;
    switch (what % 8) {
      case 0:
        return end_region(disk_of(r.key), in.byte());
      case 1:
        r.kind = RecordKind::kTombstone;
        if ((what & 64) != 0) r.body = 0;
        break;
      case 2:
      case 3:
      case 4:
        r.kind = RecordKind::kObject;
        r.part = (what >> 6) & 1;
        r.refillable = body % 2 == 0;
        if (dead_.contains(body)) return;
        break;
      default:
        r.kind = RecordKind::kChunk;
        r.part = (what >> 4) % 5;
        if (!alive_.contains(body)) return;
    }
    r.total = (what & 128) != 0 ? kUnknown : 5 << 20;
    r.length = in.byte() % 40;
    add(r);
    follow(r);
  }

  // Whose time is over: the store writes nothing of it any more.
  void follow(const Record& r) {
    for (auto it = alive_.begin(); it != alive_.end();) {
      const bool same_key = key_of(it->first) == r.key;
      const bool replaced =
          r.kind == RecordKind::kObject && it->first != r.body && it->second == r.part && same_key;
      const bool buried =
          r.kind == RecordKind::kTombstone && same_key && (r.body == 0 || r.body == it->first);
      if (replaced || buried) dead_.insert(it->first);
      it = replaced || buried ? alive_.erase(it) : std::next(it);
    }
    if (r.kind == RecordKind::kObject) alive_[r.body] = r.part;
  }

  void add(Record r) {
    const std::uint8_t disk = disk_of(r.key);
    Open& open = open_[disk];
    if (!open.region) begin_region(disk);
    r.sequence = ++sequence_;
    const std::string payload(r.length, static_cast<char>('a' + sequence_ % 26));
    const store::Bytes bytes = std::as_bytes(std::span(payload));
    RecordHeader header;
    encode(r, checksum(bytes), open.region->salt(), header);
    const std::string pad(record_bytes(r.length) - kRecordHeaderBytes - r.length, 0);
    const Bytes pieces[] = {header, bytes, std::as_bytes(std::span(pad))};
    const std::uint64_t at = open.region->end();
    require(write_all(open.region->file(), pieces, at).has_value());
    open.entries.push_back({r, static_cast<std::uint32_t>(at)});
    made_[open.file].records.push_back(at);
    open.region->set_end(at + record_bytes(r.length));
    written_.push_back({r, disk});
  }

  void begin_region(std::uint8_t disk) {
    Open& open = open_[disk];
    const std::uint32_t id = ++open.id;
    const std::string path = directory_of(disk) + "/" + region_name(id);
    open.region = *make_region(files_, path, {id, id * 77u + disk, disk}, 0);
    open.entries.clear();
    open.file = made_.size();
    made_.push_back({path, {}});
  }

  // Sealed; left open; cut in the middle of what came next; with a footer that was lost.
  void end_region(std::uint8_t disk, std::uint8_t how) {
    Open& open = open_[disk];
    if (!open.region) return;
    const std::uint64_t end = open.region->end();
    auto& content = files_.content(made_[open.file].path);
    if (how % 4 == 0 || how % 4 == 1) {
      require(open.region->seal(open.entries).has_value());
      made_[open.file].records.push_back(end);
    }
    if (how % 4 == 1) content.back() ^= std::byte{1};
    if (how % 4 == 2) content.resize(content.size() + how, std::byte{how});
    open.region = nullptr;
  }

  struct Open {
    Ref<Region> region;
    std::uint32_t id = 0;
    std::size_t file = 0;
    std::vector<Entry> entries;
  };
  test::MemoryFiles files_;
  std::map<std::uint8_t, Open> open_;
  std::vector<File> made_;
  std::vector<Written> written_;
  std::map<std::uint64_t, std::uint64_t> alive_;  // body, its variant
  std::set<std::uint64_t> dead_;
  std::uint64_t sequence_ = 0;
};

// ---- a start, and what a running store does to its disks

struct Store final : Tenants {
  Directory directory;
  std::vector<std::unique_ptr<Disk>> disks;
  std::atomic<std::uint64_t> sequence{0};
  std::uint64_t bodies = kBodies;

  explicit Store(test::MemoryFiles& files) {
    for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}}) {
      auto disk = Disk::open(files, {directory_of(n), 6 * kRegionSize, kRegionSize, false}, n, 99);
      require(disk.has_value());
      const auto found = (*disk)->recover(directory);
      require(found.has_value());
      sequence = std::max(sequence.load(), found->sequence);
      bodies = std::max(bodies, found->body);
      disks.push_back(std::move(*disk));
    }
    directory.remove_worthless();
  }

  Disk& disk(std::uint8_t number) { return *disks[number - 1u]; }

  // One record of a body that lives, or of a new one.
  void add(Input& in) {
    Record r;
    r.body = 1 + (in.byte() % 2 == 0 ? in.byte() % (bodies + 1) : bodies);
    r.key = key_of(r.body);
    StoredBody* b = directory.find(r.key, r.body);
    const std::uint8_t what = in.byte();
    if (!b && r.body <= bodies) return;
    if (what % 4 == 0 && b) {
      r.kind = RecordKind::kTombstone;
      directory.remove(r.key, r.body);
    } else {
      r.kind = b && what % 4 != 1 ? RecordKind::kChunk : RecordKind::kObject;
      r.part = r.kind == RecordKind::kChunk ? (what >> 4) % 5 : (what >> 4) % 2;
      r.total = 5 << 20;
    }
    if (r.kind == RecordKind::kObject) {
      std::vector<Directory::Dropped> dropped;
      r.refillable = r.body % 2 == 0;
      StoredBody& put = directory.put(r.key, r.body, r.part, disk_of(r.key), dropped);
      put.users = 1;
      put.refillable = r.refillable;
      bodies = std::max(bodies, r.body);
    }
    write(r, in.byte());
  }

  void write(const Record& r, std::size_t length) {
    const std::string payload(length, 'n');
    Disk::Addition a{r, std::as_bytes(std::span(payload))};
    require(disk(disk_of(r.key)).append(std::span(&a, 1), sequence, *this).has_value());
    StoredBody* b = directory.find(r.key, r.body);
    if (!b || !disk(disk_of(r.key)).region(a.place.region)) return;
    if (r.kind == RecordKind::kObject) {
      b->object = a.place;
      b->sequence = a.record.sequence;
      b->total = r.total;
    } else {
      b->set_chunk(static_cast<std::uint32_t>(r.part), a.place);
    }
  }

  // Everything that is known can be read, and is what it is taken for.
  void read_all_of_it() {
    directory.each([&](const Digest& key, const StoredBody& b) {
      read(key, b, b.object, RecordKind::kObject);
      for (std::uint32_t i = b.next_chunk(0); i != ~0u; i = b.next_chunk(i + 1))
        read(key, b, *b.chunk(i), RecordKind::kChunk);
    });
  }
  void read(const Digest& key, const StoredBody& b, const Place& place, RecordKind kind) {
    const Ref<Region> region = disk(place.disk()).region(place.region);
    require(static_cast<bool>(region));
    std::string payload(place.length, '?');
    const auto record =
        read_record(*region, place.offset, std::as_writable_bytes(std::span(payload)));
    require(record && record->kind == kind && record->key == key && record->body == b.body);
  }

  bool wanted(const Entry& e, std::uint32_t region) override {
    const StoredBody* b = directory.find(e.record.key, e.record.body);
    if (!b) return false;
    if (e.record.kind == RecordKind::kObject)
      return b->object.is_at(region, e.offset) && (b->has_chunks() || b->users > 0);
    const Place* chunk = b->chunk(static_cast<std::uint32_t>(e.record.part));
    return chunk && chunk->is_at(region, e.offset) && b->users > 0;
  }
  void moved(const Entry& e, std::uint32_t region, const Place& to) override {
    StoredBody* b = directory.find(e.record.key, e.record.body);
    require(b != nullptr);
    const auto part = static_cast<std::uint32_t>(e.record.part);
    if (e.record.kind == RecordKind::kChunk && b->chunk(part)->is_at(region, e.offset))
      b->set_chunk(part, to);
    if (e.record.kind == RecordKind::kObject) {
      b->object = to;
      b->sequence = 0;  // not told: the record has a newer one
    }
  }
  void dropped(const Entry& e, std::uint32_t region) override {
    StoredBody* b = directory.find(e.record.key, e.record.body);
    if (!b) return;
    const auto part = static_cast<std::uint32_t>(e.record.part);
    if (e.record.kind == RecordKind::kObject && b->object.is_at(region, e.offset))
      return (void)directory.remove(e.record.key, e.record.body);
    const Place* chunk = e.record.kind == RecordKind::kChunk ? b->chunk(part) : nullptr;
    if (chunk && chunk->is_at(region, e.offset)) b->remove_chunk(part);
    if (b->worthless()) directory.remove(e.record.key, e.record.body);
  }
};

Bodies without_sequences(Bodies bodies) {
  for (auto& [body, c] : bodies) c.object = 0;
  return bodies;
}

// ---- harm

template <class T>
T get(const test::MemoryFiles::Content& content, std::size_t at) {
  T value{};
  std::memcpy(&value, content.data() + at, sizeof value);
  return value;
}

void put(test::MemoryFiles::Content& content, std::size_t at, std::uint64_t value) {
  std::memcpy(content.data() + at, &value, sizeof value);
}

// All checksums as they have to be for what is there now.
void mend(test::MemoryFiles::Content& content, const std::vector<std::uint64_t>& records) {
  const std::span<const std::byte> bytes(content);
  if (content.size() < kRegionHeaderBytes) return;
  put(content, 56, checksum(bytes.first(56)));
  const auto salt = get<std::uint64_t>(content, 16);
  for (const std::uint64_t at : records) {
    if (at + kRecordHeaderBytes > content.size()) continue;
    const auto length = get<std::uint32_t>(content, at + 8);
    const std::uint64_t payload = at + kRecordHeaderBytes;
    if (payload + length <= content.size())
      put(content, at + 64, checksum(bytes.subspan(payload, length)));
    put(content, at + 72, checksum(bytes.subspan(at, 72), salt));
  }
  if (content.size() < kFooterBytes) return;
  const std::size_t footer = content.size() - kFooterBytes;
  put(content, footer + 24, checksum(bytes.subspan(footer, 24), salt));
}

void harm(History& history, Input& in) {
  for (int n = in.byte() % 16; n > 0 && !history.made().empty(); --n) {
    const File& file = history.made()[in.byte() % history.made().size()];
    auto& content = history.files().content(file.path);
    const std::size_t at = in.byte() + 256u * in.byte();
    const bool wide = in.byte() % 2 == 0;
    if (content.size() < 8) continue;
    if (wide) put(content, at % (content.size() - 7), in.number());
    if (!wide) content[at % content.size()] = std::byte{in.byte()};
  }
  for (const File& file : history.made()) {
    mend(history.files().content(file.path), file.records);
  }
}

// What was written into it may say anything; it is in the file, or reading says that it is not.
void look_at(Store& store) {
  store.directory.each([&](const Digest& key, const StoredBody& b) {
    (void)key;
    (void)b.whole();
    (void)b.run(0, 16);
    const auto look = [&](const Place& place) {
      const std::uint8_t disk = place.disk();
      if (disk < 1 || disk > 2) return;
      const Ref<Region> region = store.disk(disk).region(place.region);
      if (!region) return;
      require(place.offset + kRecordHeaderBytes + place.length <= *region->file().size());
      std::string payload(place.length, '?');
      (void)read_record(*region, place.offset, std::as_writable_bytes(std::span(payload)));
    };
    look(b.object);
    for (std::uint32_t i = b.next_chunk(0); i != ~0u; i = b.next_chunk(i + 1)) look(*b.chunk(i));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const bool harmed = in.byte() % 2 != 0;
  History history(in);
  if (harmed) {
    harm(history, in);
    {
      Store store(history.files());
      look_at(store);
    }
    Store again(history.files());
    look_at(again);
    return 0;
  }
  const Bodies expected = what_counts(history.written());
  {
    Store store(history.files());
    require(store.sequence == history.sequence());
    require(what_is_in(store.directory) == expected);
    store.read_all_of_it();
  }
  Store store(history.files());  // after a start that was killed at once
  require(what_is_in(store.directory) == expected);
  for (int steps = in.byte(); steps > 0 && !in.empty(); --steps) store.add(in);
  store.read_all_of_it();
  if (in.byte() % 2 == 0) {
    for (auto& disk : store.disks) require(disk->seal_open().has_value());
  }
  store.directory.each(
      [](const Digest&, const StoredBody& b) { const_cast<StoredBody&>(b).users = 0; });
  store.directory.remove_worthless();
  Store next(history.files());
  require(without_sequences(what_is_in(next.directory)) ==
          without_sequences(what_is_in(store.directory)));
  next.read_all_of_it();
  return 0;
}
