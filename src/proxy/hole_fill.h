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
    aim(plan, house, object, hole, last);
    Fetch::start(house, std::move(plan), nullptr);
    return std::nullopt;
  }

  // What of the hole a fetch asks for: as far as is read; of an object that does not fit the store,
  // a piece at a time.
  static void aim(FetchPlan& plan, const House& house, const Ref<cache::Object>& object,
                  const body::Hole& hole, std::optional<std::uint64_t> last);

 private:
  enum class Way : std::uint8_t { kDisk, kFetch, kNone };
  Way choose(House& house, const cache::Key& key, const Ref<cache::Object>& object,
             const body::Hole& hole);

  std::uint64_t at_ = body::kUnlimited;  // where the last hole was
  std::uint16_t in_vain_ = 0;
  std::uint16_t disk_ = 0;
};

}  // namespace weir::proxy
