#pragma once
// Room for one libevent event inside the object that owns it: no allocation of its own, and no
// libevent in the headers that other rooms see. Used with event_assign only; private to net/.

#include <cstddef>

struct event;

namespace weir::net {

struct EventSlot {
  static constexpr std::size_t kSize = 128;  // sizeof(struct event); loop.cpp checks it

  ::event* get() noexcept { return reinterpret_cast<::event*>(bytes); }

  alignas(std::max_align_t) std::byte bytes[kSize];
};

}  // namespace weir::net
