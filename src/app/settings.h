#pragma once
// From the conf file's terms to what each room takes.

#include <memory>
#include <vector>

#include "app/config.h"
#include "front/settings.h"
#include "origin/settings.h"
#include "proxy/site.h"
#include "sched/scheduler.h"
#include "store/memory_store.h"
#include "store/spool.h"

namespace weir::app {

front::Settings front_settings(const Config& config);
std::vector<front::ListenSettings> listen_settings(const Config& config);  // one a [[listen]]
origin::Settings origin_settings(const OriginConf& origin, const HttpConf& http);
sched::Limits gate_limits(const OriginConf& origin);
// Null: none is wanted, or none can be had (then that is logged).
std::unique_ptr<store::Spool> open_spool(const Storage& storage);
std::uint64_t transit_lead(const Storage& storage, bool has_spool);
store::MemoryStore::Settings store_settings(const Storage& storage);
std::vector<proxy::Site> sites(const Config& config);

}  // namespace weir::app
