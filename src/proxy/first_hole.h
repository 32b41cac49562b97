#pragma once
// Where the first byte of an answer is, when it is not here. Pure.

#include <optional>

#include "body/body.h"
#include "cache/object.h"
#include "policy/answer.h"

namespace weir::proxy {

// The hole that the first byte of `answer`, made from `object`, is in. Nothing: it is here, it is
// on its way, or there is none.
std::optional<body::Hole> first_hole(const cache::Object& object, const policy::Answer& answer);

}  // namespace weir::proxy
