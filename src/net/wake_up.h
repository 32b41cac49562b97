#pragma once
// WakeUp: lets a thread that is no Loop's wait for a descriptor until another thread wakes it.
// wait() is that thread's alone.

#include <cstdint>

#include "base/time.h"

namespace weir::net {

class WakeUp {
 public:
  WakeUp();  // aborts where there is no descriptor left
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;

  void wake();  // any thread; for good
  enum class Why : std::uint8_t { kWoken, kReady, kTime };
  // Until something can be read from `fd` (-1: nothing to wait for), or `patience` is over.
  Why wait(int fd, Duration patience) const;

 private:
  const int fd_;
};

}  // namespace weir::net
