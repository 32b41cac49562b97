#pragma once
// House: what exchanges and fetches of one worker find around them. All of it outlives them, and
// only a reload changes it.

#include "base/list.h"
#include "base/ref.h"
#include "cache/index.h"
#include "cache/shelf.h"
#include "net/loop.h"
#include "proxy/access_entry.h"
#include "proxy/purger.h"
#include "proxy/routes.h"
#include "proxy/stats.h"
#include "proxy/tunnel.h"
#include "store/store.h"
#include "store/transit.h"

namespace weir::proxy {

class Compression;
class DiskFill;
class Fetch;

// A running Fetch in the list of its worker.
struct FetchPlace : ListNode {
  Fetch* fetch = nullptr;
};

// Likewise.
struct DiskFillPlace : ListNode {
  DiskFill* fill = nullptr;
};

// Likewise.
struct CompressionPlace : ListNode {
  Compression* compression = nullptr;
};

class AccessSink {
 public:
  virtual bool wanted() const = 0;                   // false: write nothing, do not even collect
  virtual void write(const AccessEntry& entry) = 0;  // must not block

 protected:
  ~AccessSink() = default;
};

struct House {
  net::Loop& loop;
  cache::Index& index;
  store::Store& store;
  store::Transit& transit;  // for what is not kept
  body::ChunkSource& source;
  AccessSink& access;
  Stats& stats;
  Purger& purger;
  Ref<Routes> routes;              // for requests from now on; never null
  std::uint64_t transit_lead = 0;  // how far what is not kept may run ahead of its client; bytes
  std::uint32_t worker = 0;
  TunnelRules tunnels{};
  List<FetchPlace> fetches{};        // running ones; each ends itself
  cache::Shelf* shelf = nullptr;     // null: there is no disk
  List<DiskFillPlace> disk_fills{};  // running ones; each ends itself
  List<CompressionPlace> compressions{};
  std::uint64_t compress_memory = 0;  // what encoders may take, bytes; and what they take now
  std::uint64_t compress_used = 0;
  Duration room_patience = std::chrono::seconds(20);  // of a Compression
};

}  // namespace weir::proxy
