#pragma once
// The settings that `weir replay` judges by: those of the conf that have a part in it, and --set.

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/patience.h"

namespace weir::app {

// Of "delivery.stall_timeout=30s" and the like.
class Overrides {
 public:
  // The error is a text for people, that of the conf where it is one. `warnings` is added to.
  static std::expected<Overrides, std::string> parse(const std::vector<std::string>& given,
                                                     std::string& warnings);

  bool empty() const { return named_.empty(); }
  delivery::Settings on(delivery::Settings base) const;

 private:
  std::vector<std::size_t> named_;  // places in the table of what has a part
  delivery::Settings values_;
};

}  // namespace weir::app
