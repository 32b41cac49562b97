#pragma once
// Fields: the field lines of one message, in order, names and values in one arena (RFC 9110 §5).
// Clearing keeps the memory, so a warm connection parses without allocating. Not thread safe; a
// const Fields may be read from many threads.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

// The rows of fields.def; kUnknown for every other name.
enum class FieldId : std::uint8_t {
  kUnknown,
#define WEIR_FIELD(id, name, hop) k##id,
#include "http/fields.def"
#undef WEIR_FIELD
  kCount,
};
inline constexpr std::size_t kFieldIds = static_cast<std::size_t>(FieldId::kCount);
static_assert(kFieldIds <= 64, "Fields::known() is one 64-bit mask");

FieldId field_id(std::string_view name);               // any case; kUnknown when not in the table
std::string_view field_name(FieldId id);               // as spelled in the table
bool is_hop_by_hop(FieldId id);                        // the `hop` column
bool iequals(std::string_view a, std::string_view b);  // ASCII case-insensitive
constexpr std::uint64_t field_bit(FieldId id) {
  return std::uint64_t{1} << static_cast<unsigned>(id);
}

struct Field {
  FieldId id;
  std::string_view name;   // as received
  std::string_view value;  // without surrounding white space
};

class Fields {
 public:
  void clear();
  bool empty() const { return lines_.empty(); }
  std::size_t size() const { return lines_.size(); }
  std::size_t bytes() const { return arena_.size(); }  // text kept, for accounting
  std::size_t footprint() const { return arena_.size() + lines_.size() * sizeof(Line); }
  // Gives back memory beyond that: for who keeps it long. Views into it die.
  void shrink();
  Field operator[](std::size_t i) const;  // views valid until the next non-const call

  // Names and values given here may be views into this object. Text of removed lines stays in the
  // arena until clear().
  void add(FieldId id, std::string_view value);
  void add(std::string_view name, std::string_view value);
  void set(FieldId id, std::string_view value);  // removes all of that name, then adds
  void remove(FieldId id);
  void remove(std::string_view name);

  // One bit for each known name that is present: field_bit(). The cheap "is any of these here?".
  std::uint64_t known() const { return known_; }
  bool has(FieldId id) const { return (known_ & field_bit(id)) != 0; }
  std::size_t count(FieldId id) const;
  // The first line of that name.
  std::optional<std::string_view> get(FieldId id) const;
  std::optional<std::string_view> get(std::string_view name) const;
  // All lines of that name joined by ", " (RFC 9110 §5.3); nothing when absent.
  std::optional<std::string> joined(FieldId id) const;
  std::optional<std::string> joined(std::string_view name) const;

 private:
  struct Line {
    std::uint32_t name_at;  // in arena_; the value follows the name
    std::uint32_t value_len;
    std::uint16_t name_len;
    FieldId id;
  };
  std::string_view name_of(const Line& line) const;
  std::string_view value_of(const Line& line) const;
  void add_line(FieldId id, std::string_view name, std::string_view value);

  std::string arena_;
  std::vector<Line> lines_;
  std::uint64_t known_ = 0;
};

// Takes the next non-empty element off a comma-separated list, surrounding white space removed and
// quoted strings kept whole (RFC 9110 §5.6.1); nothing at the end of the list.
std::optional<std::string_view> next_element(std::string_view& rest);

}  // namespace weir::http
