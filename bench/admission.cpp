#include "admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "store_cache.h"
#include "traces.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t kRecord = 80 + 4;  // header, and the padding of half of 8 bytes
constexpr std::uint64_t kDescription = 480;

struct Result {
  std::uint64_t asked = 0, requests = 0;  // bytes, and how many
  std::uint64_t written = 0;
  std::uint64_t from_memory = 0, from_disk = 0;  // requests all of which was there
  std::uint64_t memory_bytes = 0, disk_bytes = 0;
};

// Regions that are filled one after the other, the oldest given up first; what of it was read since
// it was written, or is in memory, too, is written forward, as much as is written anew at most
// (store/disk.cpp, Writer::wanted).
class DiskModel {
 public:
  DiskModel(std::uint64_t size, std::size_t units)
      : size_(size), region_(std::min<std::uint64_t>(256 << 20, size / 16)), all_(units) {}

  bool has(std::uint32_t name) const { return all_[name].region != 0; }
  void read(std::uint32_t name) { all_[name].hits = true; }
  std::uint64_t written() const { return written_; }

  template <class InUse, class Gone>
  void write(const Unit& unit, InUse in_use, Gone gone) {
    if (has(unit.name)) return;
    append(unit);
    credit_ = std::min(4 * region_, credit_ + unit.bytes);
    while (used_ + 2 * region_ > size_ && regions_.size() > 1) reclaim(in_use, gone);
  }
  void describe() { written_ += kDescription; }

 private:
  struct Place {
    std::uint32_t region = 0;
    bool hits = false;
  };
  void append(const Unit& unit) {
    const std::uint64_t bytes = unit.bytes + kRecord;
    if (regions_.empty() || filled_ + bytes > region_) {
      regions_.emplace_back();
      filled_ = 0;
      ++last_;
    }
    regions_.back().push_back(unit);
    all_[unit.name] = {last_, false};
    filled_ += bytes;
    used_ += bytes;
    written_ += bytes;
  }
  template <class InUse, class Gone>
  void reclaim(InUse in_use, Gone gone) {
    const std::vector<Unit> oldest = std::move(regions_.front());
    regions_.pop_front();
    const std::uint32_t number = last_ - static_cast<std::uint32_t>(regions_.size());
    for (const Unit& unit : oldest) {
      used_ -= unit.bytes + kRecord;
      if (all_[unit.name].region != number) continue;
      const bool wanted = all_[unit.name].hits || in_use(unit.name);
      if (wanted && unit.bytes <= credit_) {
        credit_ -= unit.bytes;
        append(unit);
      } else {
        all_[unit.name] = {};
        gone(unit.name);
      }
    }
  }

  const std::uint64_t size_;
  const std::uint64_t region_;
  std::vector<Place> all_;
  std::deque<std::vector<Unit>> regions_;
  std::uint32_t last_ = 0;  // number of regions_.back()
  std::uint64_t filled_ = 0, used_ = 0, written_ = 0, credit_ = 0;
};

// Memory over disk, as cache::Index and cache::Shelf put them together: an object is admitted as
// soon as it is kept, or (kSecondHit) when it answers from memory; then all of it that is in
// memory is written, and what comes later, too. One that is nowhere any more is forgotten.
enum class Admit : std::uint8_t { kAlways, kSecondHit, kAskedBefore };

class Tiers {
 public:
  Tiers(const Trace& trace, std::uint64_t footprint, Admit policy)
      : trace_(trace), policy_(policy), objects_(trace.sizes.size()) {
    for (std::uint32_t i = 0; i < objects_.size(); ++i) {
      objects_[i].first = static_cast<std::uint32_t>(owner_.size());
      owner_.insert(owner_.end(), Trace::chunks_of(trace.sizes[i]), i);
    }
    memory_.emplace_back(footprint / 100, owner_.size());
    disk_.emplace_back(footprint / 10, owner_.size());
  }

  Result run() {
    for (const Request& r : trace_.requests) ask(r);
    out_.written = disk_.front().written();
    out_.requests = trace_.requests.size();
    return out_;
  }

 private:
  struct Object {
    std::uint32_t first = 0;      // unit
    std::uint32_t in_memory = 0;  // chunks
    std::uint32_t on_disk = 0;
    bool admitted = false;
    bool asked_before = false;
  };

  Unit unit(std::uint32_t object, std::uint32_t chunk) const {
    const std::uint64_t left = trace_.sizes[object] - chunk * kChunk;
    return {objects_[object].first + chunk, static_cast<std::uint32_t>(std::min(left, kChunk))};
  }
  void write(std::uint32_t object, std::uint32_t chunk) {
    const Unit u = unit(object, chunk);
    if (disk_.front().has(u.name)) return;
    ++objects_[object].on_disk;
    disk_.front().write(
        u, [&](std::uint32_t name) { return objects_[owner_[name]].in_memory > 0; },
        [&](std::uint32_t name) {
          Object& o = objects_[owner_[name]];
          --o.on_disk;
          forget_if_gone(o);
        });
  }
  static void forget_if_gone(Object& o) {
    if (o.in_memory == 0 && o.on_disk == 0) o.admitted = false;
  }
  void admit(std::uint32_t object) {
    Object& o = objects_[object];
    if (o.admitted) return;
    o.admitted = true;
    disk_.front().describe();
    for (std::uint32_t i = 0; i < Trace::chunks_of(trace_.sizes[object]); ++i) {
      if (memory_.front().has(o.first + i)) write(object, i);
    }
  }

  void ask(const Request& r) {
    Object& o = objects_[r.object];
    const bool again = policy_ == Admit::kSecondHit ? o.in_memory > 0 : o.asked_before;
    if (policy_ == Admit::kAlways || again) admit(r.object);
    o.asked_before = true;
    bool all_in_memory = true, all_here = true;
    for (std::uint32_t i = r.first; i < r.first + r.chunks; ++i) {
      const Unit u = unit(r.object, i);
      const bool stored = disk_.front().has(u.name);
      const bool here = memory_.front().ask(u, [&](std::uint32_t name) {
        Object& gone = objects_[owner_[name]];
        --gone.in_memory;
        forget_if_gone(gone);
      });
      out_.asked += u.bytes;
      out_.memory_bytes += here ? u.bytes : 0;
      out_.disk_bytes += !here && stored ? u.bytes : 0;
      if (!here && stored) disk_.front().read(u.name);
      all_in_memory &= here;
      all_here &= here || stored;
      if (!here && memory_.front().has(u.name)) ++o.in_memory;
      if (!here && !stored && o.admitted) write(r.object, i);
    }
    out_.from_memory += all_in_memory ? 1 : 0;
    out_.from_disk += all_here && !all_in_memory ? 1 : 0;
  }

  const Trace& trace_;
  const Admit policy_;
  std::vector<Object> objects_;
  std::vector<std::uint32_t> owner_;  // of each unit
  std::deque<StoreCache> memory_;     // one; it cannot be moved
  std::deque<DiskModel> disk_;        // one
  Result out_;
};

std::string text(const Result& r) {
  const auto share = [](std::uint64_t part, std::uint64_t all) {
    return static_cast<double>(part) / static_cast<double>(all);
  };
  return fmt::format(
      "{{\"written_per_byte_asked\": {:.3f}, \"memory_hits\": [{:.3f}, {:.3f}], \"disk_hits\": "
      "[{:.3f}, {:.3f}], \"written_per_byte_from_disk\": {:.2f}}}",
      share(r.written, r.asked), share(r.from_memory, r.requests), share(r.memory_bytes, r.asked),
      share(r.from_disk, r.requests), share(r.disk_bytes, r.asked), share(r.written, r.disk_bytes));
}

}  // namespace

std::string admission_table() {
  constexpr Popularity kNone{1.0}, kTenth{1.0, 0.1}, kHalf{1.0, 0.5};
  std::string out;
  for (const auto make : {web_trace, segments_trace, files_trace}) {
    const char* kind = make == web_trace        ? "web"
                       : make == segments_trace ? "video segments"
                                                : "video files";
    for (const Popularity& p : {kNone, kTenth, kHalf}) {
      const Trace trace = make(fmt::format("{}, zipf 1.0, {:.0f} % once", kind, 100 * p.once), p);
      const std::uint64_t footprint = trace.footprint();
      out += fmt::format(
          "{}\n  {{\"trace\": \"{}\", \"disk_mb\": {},\n   \"always\": {},\n   "
          "\"second_hit\": {},\n   \"asked_before\": {}}}",
          out.empty() ? "" : ",", trace.name, footprint / 10'000'000,
          text(Tiers(trace, footprint, Admit::kAlways).run()),
          text(Tiers(trace, footprint, Admit::kSecondHit).run()),
          text(Tiers(trace, footprint, Admit::kAskedBefore).run()));
    }
  }
  return "[" + out + "]";
}

}  // namespace weir::bench
