#pragma once
// Scheduler: which waiting fetch may start now. Pure: values and times in, starts and refusals out;
// no clock, thread or socket. Every fetch goes through it; a hit never does.
//
//   submit --place free--> running --withdraw--> (gone)
//      |--no place--> waiting --a place came free: next()--> running
//      |                 |--deadline: expired()--> refused(queue_timeout)
//      |                 \--displaced by a client with less waiting--> refused(queue_full)
//      \--queue full--> refused(queue_full)
//
// Who is next: the highest lane, but a lower lane that was passed over seven times is due, so every
// eighth start is for lower lanes that wait. A lane and those below it hold at most half of the
// places of the lane above (one at least), so prefetch and revalidation never fill an origin.
// Inside a lane clients take turns (sched/fair_queue.h).
//
// Who is refused: each lane has a queue of its own. When it is full, a client with at least two
// tickets less in it than the greediest one displaces that one's newest.
//
// Times of several threads may be told a little out of order: the latest one counts.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/list.h"
#include "base/time.h"
#include "sched/fair_queue.h"
#include "sched/pace.h"
#include "sched/ticket.h"

namespace weir::sched {

struct Limits {
  std::uint32_t running = 0;      // at once; 0: no limit
  std::uint32_t waiting = 10000;  // clients' fetches; each lower lane: an eighth as many on top
  Duration patience = std::chrono::seconds(30);  // in the queue
};

// submitted == started + refused + withdrawn + waiting; started == completed + running.
struct LaneStats {
  std::uint64_t submitted = 0;
  std::uint64_t started = 0;
  std::uint64_t completed = 0;
  std::uint64_t withdrawn = 0;  // while waiting
  std::uint64_t refused_full = 0;
  std::uint64_t refused_timeout = 0;
  Duration waited_sum{0};  // of those that started, between submit and start
  Duration waited_max{0};
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
};

// One for each origin.
class Scheduler {
 public:
  static constexpr std::uint32_t kNoLimit = UINT32_MAX;
  static constexpr std::uint32_t kPassedOverMax = 7;
  static constexpr Seconds kRetryAfterMax{60};

  explicit Scheduler(const Limits& limits);

  struct Admission {
    Ticket::State state;          // kRunning: start. kWaiting: it stands in its lane's queue.
    Ticket* displaced = nullptr;  // was waiting, is kRefused now
  };
  Admission submit(Ticket& ticket, TimePoint now);
  // In any state: it leaves, and is kNew.
  void withdraw(Ticket& ticket, TimePoint now);
  // The next ticket that may start (now kRunning), or null. To be called until null after
  // withdraw(), move() and set_capacity().
  Ticket* next(TimePoint now);
  // The next ticket whose deadline has passed (now kRefused), or null.
  Ticket* expired(TimePoint now);
  // When expired() will have something, TimePoint::max() if never.
  TimePoint next_deadline() const;

  // A running ticket goes on in another lane: up always; down where that lane may hold one more,
  // else it stays where it is, and false. Counted as an end and a start.
  bool move(Ticket& ticket, Lane lane);

  // What the origin's healthy servers take together; kNoLimit: no more than Limits says. It may
  // fall below what is running: that ends by itself.
  void set_capacity(std::uint32_t places) { capacity_ = places; }

  // What to tell who is refused: when all clients that wait now may have started. At least 1 s, at
  // most kRetryAfterMax.
  Seconds retry_after(TimePoint now) const;

  std::uint32_t running() const;
  std::uint32_t waiting() const;
  LaneStats stats(Lane lane) const;

 private:
  struct LaneState {
    FairQueue queue;
    std::uint32_t queue_max = 0;
    std::uint32_t running = 0;
    std::uint32_t passed_over = 0;  // starts of higher lanes since it could have started one
    LaneStats stats;                // but running and waiting
  };

  LaneState& clients() { return lanes_[0]; }
  const LaneState& clients() const { return lanes_[0]; }
  LaneState& lane_of(const Ticket& t) { return lanes_[static_cast<std::size_t>(t.lane)]; }
  void advance(TimePoint now);
  bool has_place(std::size_t lane) const;
  std::optional<std::size_t> pick() const;
  Ticket* displace(LaneState& lane, std::uint64_t client);
  void enqueue(LaneState& lane, Ticket& ticket);
  void dequeue(LaneState& lane, Ticket& ticket);
  void after_wait(LaneState& lane, Ticket& ticket);
  void begin(Ticket& ticket);
  void refuse(Ticket& ticket, Errc why);

  const Limits limits_;
  std::array<LaneState, kLanes> lanes_;
  List<Ticket::Deadline> deadlines_;  // rise from front to back: one patience, and now_ never falls
  TimePoint now_ = TimePoint::min();  // the latest told
  std::uint32_t capacity_ = kNoLimit;
  Pace pace_;
};

}  // namespace weir::sched
