#include "eviction.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "store_cache.h"

namespace weir::bench {
namespace {

class Cache {
 public:
  explicit Cache(std::uint64_t room) : room_(room) {}
  virtual ~Cache() = default;
  virtual bool ask(const Unit& unit) = 0;  // true: it was there; now it is, if it fits

 protected:
  const std::uint64_t room_;
};

// LRU, or FIFO without `refresh`.
class ListCache final : public Cache {
 public:
  ListCache(std::uint64_t room, std::size_t units, bool refresh)
      : Cache(room), where_(units), refresh_(refresh) {}

  bool ask(const Unit& unit) override {
    if (auto& at = where_[unit.name]) {
      if (refresh_) order_.splice(order_.begin(), order_, *at);
      return true;
    }
    if (unit.bytes > room_) return false;
    while (used_ + unit.bytes > room_) {
      used_ -= order_.back().bytes;
      where_[order_.back().name].reset();
      order_.pop_back();
    }
    order_.push_front(unit);
    where_[unit.name] = order_.begin();
    used_ += unit.bytes;
    return false;
  }

 private:
  std::list<Unit> order_;
  std::vector<std::optional<std::list<Unit>::iterator>> where_;
  const bool refresh_;
  std::uint64_t used_ = 0;
};

// As published: small a tenth of the bytes, ghost as many as main.
class Published final : public Cache {
 public:
  Published(std::uint64_t room, std::size_t units) : Cache(room), all_(units) {}

  bool ask(const Unit& unit) override {
    State& s = all_[unit.name];
    if (s.queue == Queue::kSmall || s.queue == Queue::kMain) {
      s.uses = std::min(3u, s.uses + 1);
      return true;
    }
    if (unit.bytes > room_) return false;
    while (small_.bytes + main_.bytes + unit.bytes > room_) {
      const bool of_small =
          small_.bytes >= room_ / 10 ? !small_.units.empty() : main_.units.empty();
      of_small ? evict_small() : evict_main();
    }
    const bool known = s.queue == Queue::kGhost;  // also one whose turn to be forgotten has come
    if (known) ghost_.bytes -= unit.bytes, s.queue = Queue::kNone, ++s.stale;
    s.uses = 0;
    push(known ? main_ : small_, known ? Queue::kMain : Queue::kSmall, unit);
    return false;
  }

 private:
  enum class Queue : std::uint8_t { kNone, kSmall, kMain, kGhost };
  struct State {
    Queue queue = Queue::kNone;
    std::uint32_t uses = 0;
    std::uint32_t stale = 0;  // places in the ghost queue that it has left
  };
  struct Part {
    std::deque<Unit> units;  // the oldest first
    std::uint64_t bytes = 0;
  };

  void push(Part& to, Queue queue, const Unit& unit) {
    to.units.push_back(unit);
    to.bytes += unit.bytes;
    all_[unit.name].queue = queue;
  }
  static Unit pop(Part& from) {
    const Unit unit = from.units.front();
    from.units.pop_front();
    from.bytes -= unit.bytes;
    return unit;
  }

  void evict_main() {
    while (!main_.units.empty()) {
      const Unit unit = pop(main_);
      State& s = all_[unit.name];
      if (s.uses == 0) {
        s.queue = Queue::kNone;
        return;
      }
      --s.uses;
      push(main_, Queue::kMain, unit);
    }
  }

  void evict_small() {
    while (!small_.units.empty()) {
      const Unit unit = pop(small_);
      State& s = all_[unit.name];
      if (s.uses <= 1) return remember(unit);
      s.uses = 0;
      push(main_, Queue::kMain, unit);
      if (main_.bytes > main_room()) evict_main();
    }
  }

  void remember(const Unit& unit) {
    push(ghost_, Queue::kGhost, unit);
    while (ghost_.bytes > main_room()) {
      const Unit oldest = ghost_.units.front();
      ghost_.units.pop_front();
      State& s = all_[oldest.name];
      if (s.stale > 0) {  // that place was left when it came back
        --s.stale;
        continue;
      }
      ghost_.bytes -= oldest.bytes;
      s.queue = Queue::kNone;
    }
  }

  std::uint64_t main_room() const { return room_ - room_ / 10; }

  std::vector<State> all_;
  Part small_, main_, ghost_;
};

class Ours final : public Cache {
 public:
  Ours(std::uint64_t room, std::size_t units) : Cache(room), cache_(room, units) {}
  bool ask(const Unit& unit) override {
    return cache_.ask(unit, [](std::uint32_t) {});
  }

 private:
  StoreCache cache_;
};

std::unique_ptr<Cache> make_cache(Rule rule, std::uint64_t room, std::size_t units) {
  switch (rule) {
    case Rule::kStore:
      return std::make_unique<Ours>(room, units);
    case Rule::kS3Fifo:
    case Rule::kS3FifoWhole:
      return std::make_unique<Published>(room, units);
    case Rule::kLru:
    case Rule::kFifo:
      return std::make_unique<ListCache>(room, units, rule == Rule::kLru);
  }
  return {};
}

double share(std::uint64_t part, std::uint64_t all) {
  return static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

Ratios replay(const Trace& trace, Rule rule, std::uint64_t room) {
  const bool whole = rule == Rule::kS3FifoWhole;
  std::vector<std::uint32_t> first(trace.sizes.size());  // unit of each object
  std::uint32_t units = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = units;
    units += whole ? 1 : Trace::chunks_of(trace.sizes[i]);
  }
  const auto cache = make_cache(rule, room, units);
  std::uint64_t hits = 0, hit_bytes = 0, bytes = 0;
  for (const Request& r : trace.requests) {
    const std::uint64_t size = trace.sizes[r.object];
    bytes += trace.bytes(r);
    bool all = true;
    for (std::uint32_t i = 0; i < (whole ? 1 : r.chunks); ++i) {
      const std::uint64_t left = whole ? size : std::min(kChunk, size - (r.first + i) * kChunk);
      const Unit unit{first[r.object] + (whole ? 0 : r.first + i),
                      static_cast<std::uint32_t>(left)};
      const bool here = cache->ask(unit);
      all &= here;
      hit_bytes += here ? left : 0;
    }
    hits += all ? 1 : 0;
  }
  return {share(hits, trace.requests.size()), share(hit_bytes, bytes)};
}

std::string eviction_table(int& worse) {
  std::string out;
  const auto text = [](const Ratios& r) {
    return fmt::format("[{:.4f}, {:.4f}]", r.objects, r.bytes);
  };
  for (const auto make : all_traces()) {
    const Trace trace = make();
    const std::uint64_t footprint = trace.footprint();
    for (const unsigned percent : {1u, 10u}) {
      const std::uint64_t room = footprint / 100 * percent;
      const Ratios ours = replay(trace, Rule::kStore, room);
      const Ratios theirs = replay(trace, Rule::kS3Fifo, room);
      const Ratios within = {ours.objects / theirs.objects - 1, ours.bytes / theirs.bytes - 1};
      if (std::min(within.objects, within.bytes) < -0.02) ++worse;
      out += fmt::format(
          "{}\n  {{\"trace\": \"{}\", \"room_percent\": {}, \"room_mb\": {}, "
          "\"ours\": {}, \"s3fifo\": {}, \"within_percent\": [{:.2f}, {:.2f}]",
          out.empty() ? "" : ",", trace.name, percent, room / 1'000'000, text(ours), text(theirs),
          100 * within.objects, 100 * within.bytes);
      if (!trace.ranges)
        out += fmt::format(", \"s3fifo_whole\": {}", text(replay(trace, Rule::kS3FifoWhole, room)));
      out += fmt::format(", \"lru\": {}, \"fifo\": {}}}", text(replay(trace, Rule::kLru, room)),
                         text(replay(trace, Rule::kFifo, room)));
    }
  }
  return "[" + out + "]";
}

}  // namespace weir::bench
