#pragma once
// Purge: one order to forget what is stored, or to take it for stale, carried out in steps, so that
// whoever does it can do other things in between.
//
//   URLs   all variants of each, with all key parts; at once
//   tags   every object that bears one of them, found by the TagIndex
//   ban    every object that it matches. From begin() on each is held against it when it is found;
//          the steps walk over all others, so that their memory is free and their number known
//
// What is done when step() says so holds for what was asked for at an origin before begin(), too.
// One thread at a time; the Index outlives it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/index.h"

namespace weir::cache {

struct PurgeOrder {
  PurgeMode mode = PurgeMode::kHard;
  std::vector<std::string> urls = {};  // as Key::url()
  // The last of them is that of an unsafe request whose answer may be stored: answers to unsafe
  // requests of the same URL that are under way have no order, and none is held against another.
  bool answered = false;
  std::vector<std::string> tags = {};
  Ref<Ban> ban = {};  // null: none
};

class Purge {
 public:
  Purge(Index& index, PurgeOrder order) : index_(index), order_(std::move(order)) {}

  // Once, before step(). False: too many bans are under way; nothing was done.
  bool begin(WallTime now);
  // Looks at about `most` objects. True: all is done.
  bool step(std::size_t most);
  // How many objects it made a difference to, so far.
  std::size_t objects() const { return objects_ + (order_.ban ? order_.ban->objects() : 0); }

 private:
  Index& index_;
  PurgeOrder order_;
  WallTime now_{};
  std::size_t next_url_ = 0;
  std::vector<TagIndex::Work> tags_;  // the last one is under way
  std::optional<Purging> ban_;
  Index::Sweep sweep_;
  std::size_t objects_ = 0;
};

}  // namespace weir::cache
