#pragma once
// Structured fields (RFC 9651), as far as caches read them: Dictionaries. One wrong byte and there
// is nothing (§4.2): a field is never half understood.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

struct StructuredValue {
  enum class Type : std::uint8_t {
    kInteger,
    kDecimal,
    kString,
    kToken,
    kBytes,
    kBoolean,
    kDate,
    kDisplayString,
    kInnerList,
  };
  Type type = Type::kBoolean;
  bool boolean = true;       // kBoolean
  std::int64_t integer = 0;  // kInteger, kDate; 15 digits at most
  std::string text;          // kString and kToken, as they are meant: without quotes and escapes
};

struct StructuredMember {
  std::string_view key;  // a view into the parsed text
  StructuredValue value;
};

// The members in the order of their first keys; of a key that is repeated the last value counts
// (§4.2.2). Parameters are checked and left out. Lines of a field are joined by commas before.
// Empty for an empty field; nothing when the text is no Dictionary, or has more than 1024 members.
std::optional<std::vector<StructuredMember>> parse_dictionary(std::string_view text);

}  // namespace weir::http
