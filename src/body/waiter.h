#pragma once

namespace weir::body {

// Waits at a Body for bytes, or at a store for room.
class Waiter {
 public:
  // Any thread, locks held: post to your own Loop, no more. One wake for each time that somebody
  // was told to wait; a spurious one is allowed.
  virtual void wake() noexcept = 0;

 protected:
  ~Waiter() = default;
};

}  // namespace weir::body
