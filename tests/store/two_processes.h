#pragma once
// Two stores in one process stand for the old and the new one.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "body/fake_source.h"
#include "store/memory_store.h"

namespace weir::store {

using body::Bell;
using body::Body;
using body::BodyReader;
using body::BodyWriter;

inline constexpr std::uint64_t K = 1024;
inline constexpr std::uint64_t M = 1024 * K;
inline constexpr std::uint64_t kLimit = 32 * M;

struct Process {
  MemoryStore store;
  Bell bell;

  explicit Process(std::uint64_t limit = kLimit) : store({.limit = limit, .spare = 4 * M}, {}) {}

  Ref<Body> create(std::uint64_t id, std::uint64_t total, bool refillable = true) {
    return store.create(
        {.id = {id, 0}, .total = total, .meta_bytes = 200, .refillable = refillable});
  }
  Ref<Body> full(std::uint64_t id, std::uint64_t total, bool refillable = true) {
    Ref<Body> body = create(id, total, refillable);
    BodyWriter w(body, 0, total, bell);
    const auto stop = write_upto(w, total);
    std::move(w).finish();
    return stop == BodyWriter::Stop::kNone ? body : nullptr;
  }
  std::string read(const Ref<Body>& body) {
    BodyReader r(body, 0, body::kUnlimited, bell);
    return read_on(r);
  }
  void touch(const Ref<Body>& body, int times) {
    for (int i = 0; i < times; ++i) read(body);
  }
};

// What a snapshot tells of a body.
struct Told {
  struct Chunk {
    std::uint32_t index;
    std::size_t slab = 0;
    std::uint64_t offset = 0;
    std::size_t capacity = 0;
    std::size_t size = 0;
    std::string bytes = {};
    MemoryStore::Standing standing = {};
  };
  std::uint64_t id;
  std::uint64_t total;
  bool refillable;
  std::vector<Chunk> chunks;
};

inline Told tell(MemoryStore& store, const Ref<Body>& body) {
  const std::vector<SlabFile> slabs = store.frozen_slabs();
  Told told{body->id().high, *body->total(), body->refillable(), {}};
  std::vector<Body::Whole> whole;
  body->whole_chunks(whole);
  for (const Body::Whole& w : whole) {
    Told::Chunk c{.index = w.index, .capacity = w.chunk->capacity(), .size = w.size};
    c.standing = store.standing(*w.chunk);
    c.offset = w.chunk->file_offset();
    if (w.chunk->fd() < 0) {
      c.bytes.assign(reinterpret_cast<const char*>(w.chunk->data()), w.size);
    } else {
      while (c.slab < slabs.size() && slabs[c.slab].fd != w.chunk->fd()) ++c.slab;
      if (c.slab == slabs.size()) continue;
    }
    told.chunks.push_back(std::move(c));
  }
  return told;
}

inline Ref<Body> make(Process& side, const Told& told) {
  Ref<Body> body = side.create(told.id, told.total, told.refillable);
  for (const Told::Chunk& c : told.chunks) {
    const auto bytes = std::as_bytes(std::span(c.bytes));
    Ref<body::Chunk> chunk =
        c.bytes.empty()
            ? side.store.adopt_slot(*body, c.index, c.slab, c.offset, c.capacity, c.standing)
            : side.store.adopt_bytes(*body, c.index, bytes, c.standing);
    if (chunk) body->put(c.index, std::move(chunk), c.size);
  }
  return body;
}

// All bytes of memory that is mapped from these files, as the kernel counts.
inline std::uint64_t resident(const std::vector<SlabFile>& slabs) {
  std::uint64_t bytes = 0;
  for (const SlabFile& slab : slabs) {
    struct stat st {};
    if (::fstat(slab.fd, &st) == 0) bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
  }
  return bytes;
}

inline std::string whole(std::uint64_t size) { return fmt::format("{}: end", size); }

}  // namespace weir::store
