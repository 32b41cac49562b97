#pragma once

#include "front/stream.h"
#include "proxy/access_entry.h"
#include "proxy/house.h"

namespace weir::proxy {

// What front/ knows of an exchange that is over; views live as long as the stream.
AccessEntry access_entry(const House& house, const front::Stream& stream,
                         const front::Ending& ending);

}  // namespace weir::proxy
