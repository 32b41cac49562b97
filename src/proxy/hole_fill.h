#pragma once
// HoleFill: what is done about bytes of a stored object that its reader needs and nobody brings:
// they are read from disk, or fetched again. Counts what was tried in vain. One reader, one thread.

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "body/body.h"
#include "cache/key.h"
#include "cache/object.h"
#include "proxy/fetch.h"
#include "proxy/house.h"

namespace weir::proxy {

// What was tried for the hole that a reader stands at. Pure.
class HoleTries {
 public:
  // The reader met a hole at `offset`: at about the same place as the last one, or got on.
  void at(std::uint64_t offset);
  bool may_read() const;
  bool may_fetch() const;
  void read() { ++reads_; }
  void fetched() { ++fetches_; }

 private:
  std::uint64_t at_ = body::kUnlimited;  // where the last hole was
  std::uint16_t fetches_ = 0;
  std::uint16_t reads_ = 0;  // of a disk
};

class HoleFill {
 public:
  // Nothing: a writer stands. Else why these bytes cannot be had. `make_plan` returns a FetchPlan
  // for the request, of kind kFill; `last`: the last byte that is wanted, if not all are.
  template <class MakePlan>
  std::optional<Error> start(House& house, const cache::Key& key, const Ref<cache::Object>& object,
                             const body::Hole& hole, std::optional<std::uint64_t> last,
                             MakePlan make_plan) {
    switch (choose(house, key, object, hole)) {
      case Way::kDisk:
        return std::nullopt;
      case Way::kNone:
        return Error{Errc::kOriginCut};
      case Way::kFetch:
        break;
    }
    FetchPlan plan = make_plan();
    aim(plan, house.store.keep_limit(), object, hole, last);
    Fetch::start(house, std::move(plan), nullptr);
    return std::nullopt;
  }

  // What of the hole a fetch asks for: as far as is read; of an object that does not fit the store
  // (`keep_limit`, bytes), a piece at a time.
  static void aim(FetchPlan& plan, std::uint64_t keep_limit, const Ref<cache::Object>& object,
                  const body::Hole& hole, std::optional<std::uint64_t> last);

 private:
  enum class Way : std::uint8_t { kDisk, kFetch, kNone };
  Way choose(House& house, const cache::Key& key, const Ref<cache::Object>& object,
             const body::Hole& hole);

  HoleTries tries_;
};

}  // namespace weir::proxy
