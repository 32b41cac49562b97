#pragma once
// Scheduler: which waiting fetch may start now. Pure: values and times in, starts and refusals out;
// no clock, thread or socket. Every fetch goes through it; a hit never does.
//
//   submit --place free--> running --done--> (gone)
//      |--no place--> waiting --a place came free--> running
//      |                 \--deadline--> refused(queue_timeout)
//      \--queue full--> refused(queue_full)

#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "base/time.h"

namespace weir::sched {

enum class Lane : std::uint8_t { kClientWaits, kRevalidation, kPrefetch };
inline constexpr std::size_t kLanes = 3;

// One fetch as the scheduler sees it. The owner withdraws it before it dies.
struct Ticket : ListNode {
  enum class State : std::uint8_t { kNew, kWaiting, kRunning, kRefused };
  Lane lane = Lane::kClientWaits;
  State state = State::kNew;
  TimePoint deadline = TimePoint::max();
};

struct Limits {
  std::uint32_t running = 0;  // at once; 0: no limit
  std::uint32_t waiting = 10000;
  Duration patience = std::chrono::seconds(30);  // in the queue
};

// One for each origin.
class Scheduler {
 public:
  explicit Scheduler(const Limits& limits) : limits_(limits) {}

  // kRunning: start. kWaiting: it stands in its lane's queue. kRefused: the queue is full.
  Ticket::State submit(Ticket& ticket, TimePoint now);
  // Running or waiting, it leaves. Nothing if it did before.
  void withdraw(Ticket& ticket);
  // The next ticket that may start (now kRunning), or null. Call until null after each withdraw.
  Ticket* next();
  // The next ticket whose deadline has passed (now kRefused), or null.
  Ticket* expired(TimePoint now);
  // When expired() will have something, TimePoint::max() if never.
  TimePoint next_deadline() const;

  std::uint32_t running() const { return running_; }
  std::uint32_t waiting() const { return waiting_; }

 private:
  bool place_free() const { return limits_.running == 0 || running_ < limits_.running; }

  Limits limits_;
  List<Ticket> lanes_[kLanes];  // deadlines rise from front to back: one patience for all
  std::uint32_t running_ = 0;
  std::uint32_t waiting_ = 0;
};

}  // namespace weir::sched
