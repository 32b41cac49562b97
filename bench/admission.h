#pragma once
// What a disk of a tenth of the footprint behind a memory of a hundredth is worth, and what it is
// written for that, by what is admitted to it.

#include <string>

namespace weir::bench {

std::string admission_table();  // JSON

}  // namespace weir::bench
