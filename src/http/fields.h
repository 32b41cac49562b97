#pragma once
// Fields: the field lines of one message, in order (RFC 9110 §5): one pointer to one block of
// memory, with lines in front and text behind them. Names spelled as in fields.def take no text.
// Clearing keeps the memory of a head of common size, so a warm connection parses without
// allocating. Not thread safe; a
// const Fields may be read from many threads.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  Fields() = default;
  Fields(const Fields& other);
  Fields(Fields&& other) noexcept;
  Fields& operator=(const Fields& other);
  Fields& operator=(Fields&& other) noexcept;
  ~Fields();

  void clear();
  bool empty() const { return size() == 0; }
  std::size_t size() const { return block_->lines; }
  std::size_t bytes() const;      // names and values as they are sent
  std::size_t footprint() const;  // memory, once shrunk
  // Gives back memory beyond that: for who keeps it long. Views into it die.
  void shrink();
  Field operator[](std::size_t i) const;  // views valid until the next non-const call

  // REQUIRES: a name of 65,535 bytes at most, a value of less than 16 MiB. Parsers refuse others.
  // Names and values given here may be views into this object. Text of removed lines stays in the
  // block until clear() or shrink().
  void add(FieldId id, std::string_view value);
  void add(std::string_view name, std::string_view value);
  void set(FieldId id, std::string_view value);  // removes all of that name, then adds
  void remove(FieldId id);
  void remove(std::string_view name);

  // One bit for each known name that is present: field_bit(). The cheap "is any of these here?".
  std::uint64_t known() const { return block_->known; }
  bool has(FieldId id) const { return (known() & field_bit(id)) != 0; }
  std::size_t count(FieldId id) const;
  // The first line of that name.
  std::optional<std::string_view> get(FieldId id) const;
  std::optional<std::string_view> get(std::string_view name) const;
  // All lines of that name joined by ", " (RFC 9110 §5.3); nothing when absent.
  std::optional<std::string> joined(FieldId id) const;
  std::optional<std::string> joined(std::string_view name) const;

 private:
  // In the text: the name, where it is not as in the table, with its length (16 bits) in front; and
  // the value.
  struct Line {
    std::uint32_t at;
    std::uint32_t value_size : 24;
    std::uint32_t named : 1;  // by a name of its own
    std::uint32_t id : 7;
    FieldId field() const { return static_cast<FieldId>(id); }
  };
  // Followed by `lines_room` Lines and `text_room` characters.
  struct Block {
    std::uint64_t known;
    std::uint32_t lines;
    std::uint32_t lines_room;
    std::uint32_t text;
    std::uint32_t text_room;
  };
  static const Block kNothing;

  static Block* make(std::size_t lines, std::size_t text);
  Line* lines() const { return reinterpret_cast<Line*>(block_ + 1); }
  char* text() const { return reinterpret_cast<char*>(lines() + block_->lines_room); }
  std::string_view name_of(const Line& line) const;
  std::string_view value_of(const Line& line) const;
  std::size_t prefix_of(const Line& line) const;      // of text before its value
  std::string_view own_text(const Line& line) const;  // all that it has in the text
  void copy_to(Block* block) const;
  void adopt(Block* block);
  void add_line(FieldId id, const std::string_view* name, std::string_view value);
  template <class Which>
  void remove_lines(Which which);

  // Never null. An empty one without a block of its own has kNothing, which nobody writes to.
  Block* block_ = const_cast<Block*>(&kNothing);
};

// Takes the next non-empty element off a comma-separated list, surrounding white space removed and
// quoted strings kept whole (RFC 9110 §5.6.1); nothing at the end of the list.
std::optional<std::string_view> next_element(std::string_view& rest);

}  // namespace weir::http
