#pragma once
// From the conf file's terms to what each room takes.

#include <memory>
#include <vector>

#include "app/config.h"
#include "app/recorder.h"
#include "cache/shelf.h"
#include "delivery/patience.h"
#include "front/settings.h"
#include "origin/settings.h"
#include "proxy/site.h"
#include "proxy/tunnel.h"
#include "sched/scheduler.h"
#include "store/disk_store.h"
#include "store/memory_store.h"
#include "store/spool.h"

namespace weir::app {

delivery::Settings delivery_settings(const Config& config);
Recorder::Plan record_plan(const DeliveryConf& delivery);
front::Settings front_settings(const Config& config);
front::ListenSettings listen_settings(const Listen& listen);
origin::Settings origin_settings(const OriginConf& origin, const HttpConf& http);
sched::Limits gate_limits(const OriginConf& origin);
// Tunnels at a time; 0: no limit. At most half of the connections are for them.
std::uint64_t tunnels_most(const OriginConf& origin);
// Null: none is wanted, or none can be had (then that is logged).
std::unique_ptr<store::Spool> open_spool(const Storage& storage);
std::uint64_t transit_lead(const Storage& storage, bool has_spool);
// Null: there are no disks, or none that can be used (then that is logged). Reads what is on them.
std::unique_ptr<store::DiskStore> open_disks(const Storage& storage);
std::unique_ptr<cache::PurgeLog> open_purge_log(store::DiskStore& disks, const Storage& storage,
                                                WallTime now);
cache::ShelfSettings shelf_settings(const Storage& storage);
store::MemoryStore::Settings store_settings(const Storage& storage);
proxy::TunnelRules tunnel_rules(const Config& config, const front::Settings& front);
std::vector<proxy::Site> sites(const Config& config);

}  // namespace weir::app
