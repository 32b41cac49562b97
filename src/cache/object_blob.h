#pragma once
// What is kept of an Object on disk, as bytes that only this file knows: its key and all of
// ObjectParts but the body. A new member of ObjectParts goes into both functions, behind all
// others, and raises kBlobVersion; what an older version wrote is forgotten, never misread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/object.h"

namespace weir::cache {

inline constexpr std::uint16_t kBlobVersion = 2;

std::string to_blob(std::string_view key, const Object& object);

struct BlobContent {
  std::string key;
  ObjectParts parts;  // without body
};
// Nothing: of another version, or not what to_blob() makes. Any bytes are safe.
std::optional<BlobContent> from_blob(std::string_view blob);

// Names the variant among those of a key: objects that the Index holds for one have the same name.
std::uint64_t variant_name(const Object& object);

}  // namespace weir::cache
