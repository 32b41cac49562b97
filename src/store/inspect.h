#pragma once
// Looking at a disk without changing anything, also while another process writes to it: what the
// tools of `weir store` stand on.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/directory.h"
#include "store/file_system.h"
#include "store/region.h"

namespace weir::store {

struct InspectedRegion {
  std::string name;
  std::uint32_t id = 0;
  Ref<Region> region;          // null: it cannot be opened
  std::uint64_t bytes = 0;     // of the file
  Survey survey;               // with `verify`: by reading all of it
  std::optional<Error> error;  // opening or reading it failed; EINVAL: no region of this version
};

// The regions in a directory, the oldest first, each looked at by one of `threads`. `progress` is
// called by any of them, one at a time, with the bytes done so far and those of all regions.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;
Result<std::vector<InspectedRegion>> inspect(FileSystem& files, const std::string& directory,
                                             bool verify, unsigned threads,
                                             const Progress& progress);

// What a start would find on disks looked at so, in the order of the conf.
void recover(Directory& directory, const std::vector<std::vector<InspectedRegion>>& disks);

}  // namespace weir::store
