#pragma once
// Http2Outbox: frames on their way to one Conn, in order. Text (heads, frame headers, small pieces)
// is copied, pieces of bodies are held by their leases until the kernel has taken them, so that one
// gather write carries many frames and no body byte is copied. Bounded by whoever fills it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "body/body.h"
#include "net/conn.h"

namespace weir::front {

class Http2Outbox {
 public:
  // What one stream has in here and has got through. Belongs to the stream; forget() it before it
  // dies.
  struct Account {
    std::uint64_t queued = 0;  // bytes in the outbox
    std::uint64_t head = 0;    // bytes the kernel took: of heads,
    std::uint64_t body = 0;    // and of the body, without framing
    bool moved = false;        // a write took some; whoever looks clears it
  };
  enum class Kind : std::uint8_t { kFraming, kHead, kBody };

  // `of` may be null: of no stream.
  void add_text(std::string_view text, Kind kind, Account* of);
  // A short piece is copied: that costs less than a vector of its own.
  void add_body(const body::Lease& lease, std::size_t size, Account& of);
  bool empty() const { return first_ == segments_.size(); }
  std::uint64_t bytes() const { return bytes_; }

  // One write of what fits into one.
  net::IoResult write(net::Conn& conn);
  // Copies what leases still hold: a client that stands still pins no chunk.
  void let_go();
  void forget(const Account& of);  // its bytes stay and go out, on nobody's account
  void clear();

 private:
  struct Segment {
    Ref<body::Chunk> pin;  // null: text
    const std::byte* bytes = nullptr;
    std::size_t at = 0;  // in text_
    std::size_t size = 0;
    Account* of = nullptr;
    Kind kind = Kind::kFraming;
  };
  std::span<const std::byte> bytes_of(const Segment& segment) const;
  void add(Segment segment);
  void consume(std::size_t n);

  std::vector<Segment> segments_;
  std::size_t first_ = 0;  // those before it are written
  std::string text_;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::front
