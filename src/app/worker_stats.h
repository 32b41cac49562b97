#pragma once
// WorkerStats: everything that one worker counts. Written by that worker alone, with plain adds;
// any thread may read it at any time. So a scrape waits for nobody and nobody for a scrape. What
// belongs to an origin or a listener, which come and go, is with these: see app/setup.h.

#include "base/count.h"
#include "base/time.h"
#include "front/stats.h"
#include "net/listener.h"
#include "net/loop.h"
#include "origin/pool.h"
#include "proxy/stats.h"

namespace weir::app {

inline constexpr std::size_t kCacheLine = 64;

struct alignas(kCacheLine) WorkerStats {
  // What belongs to one origin. The pool's numbers are copied here each second.
  struct alignas(kCacheLine) Origin {
    proxy::FetchStats fetches;
    Count connected, reused, idle_closed, idle;
    Count received_bytes;

    // Adds what `pool` has counted since `told`, which then is what it counts now.
    void publish(const origin::Pool& pool, origin::PoolStats& told);
    void merge(const Origin& other);
  };
  // The accept queue of one [[listen]], looked at each second.
  struct Queue {
    Count waiting, backlog;
    Count most;  // waiting, ever seen
  };

  front::Stats front;
  proxy::Stats proxy;
  net::LoopStats loop;
  Count lag_ns;  // how late it was lately, when it last published
  Count cpu_ns;  // of its thread, likewise
  Count seen;    // when the worker last published, in ns of TimePoint; 0: not yet

  // Adds what can be added: front and proxy.
  void merge(const WorkerStats& other);
};

}  // namespace weir::app
