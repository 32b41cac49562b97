#pragma once
// Result<T>: a value or an Error. "Not yet" and "end" are outcomes and have types of their own.

#include <expected>

#include "base/error.h"

namespace weir {

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, int sys = 0) {
  return std::unexpected(Error{code, sys});
}

}  // namespace weir
