#pragma once
// FairQueue: the waiting tickets of one lane. Each client has a line of its own, first come first
// served but for those that come again, which stand in front; the lines take turns. So a client
// with ten thousand waiting tickets delays another's single one by one turn. Pure; not thread safe.
//
//   ring:    A -> B -> C       whose turn is next
//   lines:   A: a1 a2 a3       the first in front
//            B: b1
//   levels:  1: B, C   3: A    lines by length, so that the longest is at hand
//
// O(log n) in the number of waiting clients, whatever they choose as their addresses (hence a tree
// and no hash table). One small allocation for each client that begins to wait.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "base/list.h"
#include "sched/ticket.h"

namespace weir::sched {

class FairQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::uint32_t size() const { return size_; }
  // Tickets of this client, and of the client that has most.
  std::uint32_t length_of(std::uint64_t client) const;
  std::uint32_t longest() const { return static_cast<std::uint32_t>(levels_.size()); }

  void push(Ticket& ticket);
  // The first ticket of the client whose turn it is, or null.
  Ticket* pop();
  // `ticket` is in this queue.
  void remove(Ticket& ticket);
  // The last in the line of a client that has most. The queue is not empty.
  Ticket& newest_of_longest() const;

 private:
  struct Line : ListNode {  // in the ring
    struct Level : ListNode {
      explicit Level(Line& l) : line(l) {}
      Line& line;
    };
    List<Ticket> tickets;
    std::uint32_t length = 0;
    Level level{*this};
  };

  void set_length(Line& line, std::uint32_t length);

  std::map<std::uint64_t, Line> lines_;  // by client; none is empty
  List<Line> ring_;
  std::deque<List<Line::Level>> levels_;  // [n]: the lines of n + 1 tickets; the last has some
  std::uint32_t size_ = 0;
};

}  // namespace weir::sched
