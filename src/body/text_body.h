#pragma once
// A complete Body from a text: error pages and the like.

#include <string_view>

#include "body/body.h"

namespace weir::body {

// Null when the source has no room.
Ref<Body> text_body(ChunkSource& source, std::string_view text);

}  // namespace weir::body
