#pragma once
// What front/ answers by itself, in any protocol.

#include "front/stream.h"

namespace weir::front {

// A page that names the error. Adds its fields to `extra`; has no body when there is no memory.
Reply refusal(Error why, WallTime now, body::ChunkSource& source, http::Fields& extra);

}  // namespace weir::front
