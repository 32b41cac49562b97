#pragma once
// Counts what this thread asks operator new for. A program that links it has its own operators new
// and delete; they stand in a file of their own, so that no compiler sees half of a pair.

#include <cstddef>

namespace weir::test {

std::size_t allocations();  // of this thread, since it began

}  // namespace weir::test
