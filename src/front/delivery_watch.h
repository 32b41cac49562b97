#pragma once
// DeliveryWatch: what one connection's client acknowledges. It takes samples from the kernel, has
// the patience machine judge them and keeps the receipts of responses on their way. It costs
// nothing while look_at() is max.

#include "delivery/patience.h"
#include "delivery/receipt.h"
#include "delivery/sample_lines.h"
#include "net/conn.h"

namespace weir::front {

// Where samples of real connections go, to be replayed later.
class SampleSink {
 public:
  // `connection`: its number within the worker.
  virtual void record(std::uint64_t connection, const net::Address& client,
                      const delivery::Sample& sample) = 0;
  virtual void ended(std::uint64_t connection, const net::Address& client,
                     const delivery::RecordedEnd& end) = 0;

 protected:
  ~SampleSink() = default;
};

class DeliveryWatch {
 public:
  // Who opened the connection: the kernel counts our SYN among what was acknowledged.
  enum class Opened : std::uint8_t { kByPeer, kByUs };
  explicit DeliveryWatch(const delivery::Settings& settings, Opened opened = Opened::kByPeer)
      : look_every_(settings.look_every), patience_(settings), opened_(opened) {}

  // A sample and its verdict; sets the next look. `sink` may be null. What is written to a Unix
  // socket counts as acknowledged: it is in the client's own queue.
  delivery::Decision look(net::Conn& conn, delivery::Phase phase, std::uint64_t connection,
                          SampleSink* sink);
  // The connection is over, by its number and for that reason; `sink` may be null.
  void end(const net::Conn& conn, std::uint64_t connection, delivery::CloseReason why,
           SampleSink* sink) const;
  // Something was left owed, or is on its way: look in a while, if no look is set already.
  void expect(TimePoint now);
  void look_now(TimePoint now) { look_at_ = now; }
  TimePoint look_at() const { return look_at_; }
  TimePoint looked_at() const { return looked_at_; }

  delivery::DeliveryTracker& receipts() { return receipts_; }
  Duration standstill(TimePoint now) const { return patience_.standstill(now); }
  bool progressing(TimePoint now) const { return patience_.progressing(now); }
  std::uint64_t queued() const { return queued_; }  // at the last look, bytes
  std::uint64_t acked() const { return acked_; }    // likewise, since the connection began
  // Acknowledged bytes a second, of the last few seconds in which something was owed; 0 before.
  float rate() const { return rate_; }
  const delivery::Forecast& forecast() const { return forecast_; }  // at the last look

 private:
  delivery::Decision look_without_tcp(const net::Conn& conn, delivery::Phase phase);
  void note_rate(TimePoint before, const delivery::Sample& sample, std::uint64_t acked);

  Duration look_every_;
  delivery::Patience patience_;
  delivery::DeliveryTracker receipts_;
  TimePoint look_at_ = TimePoint::max();
  TimePoint looked_at_ = TimePoint::min();
  std::uint64_t queued_ = 0;
  std::uint64_t acked_ = 0;
  const Opened opened_;
  delivery::Forecast forecast_;
  float rate_ = 0;
  bool probing_ = false;  // KEEPIDLE is 1, to be put back
};

}  // namespace weir::front
