#pragma once
// Compression: encodes one Body into another, as far as it has come and no further than there is
// room, 64 KiB a turn. It runs apart from who reads, on the worker that started it, and ends
// itself.
//
//            input                      output                       all of it
//   Reading --------> (encoder) --------------> Reading ... --End--> Finishing --> Closing --> Over
//      |  nothing more now                         ^
//      |------------------------> Flushing --------|  so that what came arrives
//      |  more than is worth it                    |
//      |------------------------> Coasting --------/  only wrapped from here on
//      \-- the source fails, a hole cannot be filled, nobody reads any more --> Over: the body
//      fails
//
// One of a stored object is kept as a form of it and joined by others (cache::Forms); one of a
// passing response is transit, a little ahead of its only reader. Where it needs room and gets none
// for room_patience, though nothing that others do not read keeps it, it fails: they may wait for
// each other. Loop's thread only.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/executor.h"
#include "base/list.h"
#include "base/ref.h"
#include "base/time.h"
#include "body/body.h"
#include "cache/key.h"
#include "cache/object.h"
#include "http/encoder.h"
#include "proxy/hole_fill.h"
#include "proxy/house.h"

namespace weir::proxy {

class Compression final : public RefCounted<Compression>,
                          public body::Waiter,
                          public Task,
                          public net::Timer::Owner {
 public:
  struct Order {
    Ref<cache::Object> object;  // whose body is the source
    cache::Key key;
    http::Coding coding = http::Coding::kGzip;
    int level = 0;
    std::uint64_t most = 0;  // bytes that are compressed; what comes behind them is only wrapped
    Ref<body::Body> into;
    // For a fetch of bytes that are not here; nothing: the source is never without them.
    std::optional<FetchPlan> refill;
  };
  // An encoder, where there is memory for it among those of the worker; else null.
  static std::unique_ptr<http::Encoder> encoder(House& house, const Order& order);
  // Null `encoder` is not allowed. The writer stands when this returns. Null: there is no room for
  // as much as the begin of it.
  static Ref<Compression> start(House& house, Order order, std::unique_ptr<http::Encoder> encoder);
  ~Compression();

  // Nobody wants it any more. Idempotent.
  void cancel();

  void wake() noexcept override { house_.loop.post(*this); }
  void run() noexcept override;
  void on_timer(net::Timer& timer) override;

 private:
  enum class State : std::uint8_t { kReading, kFlushing, kCoasting, kFinishing, kClosing, kOver };

  Compression(House& house, Order order, std::unique_ptr<http::Encoder> encoder);
  bool has_room();
  bool put_out();
  bool stopped(body::BodyWriter::Stop why);
  bool step_reading(std::size_t& share);
  bool take(const body::Lease& lease, std::size_t& share);
  bool fill(const body::Hole& hole);
  void finish();
  void fail(Error why);
  void end();
  CodingStats& stats();

  House& house_;
  CompressionPlace place_;  // among those of the worker
  Order order_;
  std::unique_ptr<http::Encoder> encoder_;
  const std::uint64_t memory_;  // that is set aside for it
  std::optional<body::BodyReader> reader_;
  std::optional<body::BodyWriter> writer_;
  HoleFill hole_fill_;
  net::Timer timer_;
  Ref<Compression> self_;                            // while it runs
  std::uint64_t taken_ = 0;                          // of the source, bytes
  TimePoint without_room_since_ = TimePoint::max();  // max: there is room
  std::uint32_t unread_looks_ = 0;
  bool far_ahead_ = false;  // of who reads, as far as it may be
  bool fed_ = false;        // since the last flush
  bool coasting_ = false;
  State state_ = State::kReading;
};

}  // namespace weir::proxy
