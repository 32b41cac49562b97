#include "app/log_buffer.h"

#include <algorithm>
#include <cstring>

namespace weir::app {

void LogBuffer::grow(std::size_t n) {
  const std::size_t wanted = std::max(size_ + n, capacity_ * 2);
  auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
  if (size_ != 0) std::memcpy(bigger.get(), data_.get(), size_);
  data_ = std::move(bigger);
  capacity_ = wanted;
}

}  // namespace weir::app
