#include "http/fields.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/check.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::array<std::string_view, kFieldIds> kNames = {
    "",
#define WEIR_FIELD(id, name, hop) name,
#include "http/fields.def"
#undef WEIR_FIELD
};

constexpr std::uint64_t kHopByHop = 0
#define WEIR_FIELD(id, name, hop) | ((hop) != 0 ? field_bit(FieldId::k##id) : 0)
#include "http/fields.def"
#undef WEIR_FIELD
    ;

// An open hash table over length, first and last letter: nearly every known name is found, and
// nearly every unknown one refused, by at most one comparison.
constexpr std::size_t kSlots = 256;

constexpr std::size_t slot_of(std::string_view name) {
  const auto first = static_cast<std::size_t>(static_cast<unsigned char>(name.front()) | 0x20);
  const auto last = static_cast<std::size_t>(static_cast<unsigned char>(name.back()) | 0x20);
  return (name.size() + first * 21 + last * 5) % kSlots;
}

consteval std::array<std::uint8_t, kSlots> make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t id = 1; id < kFieldIds; ++id) {
    std::size_t at = slot_of(kNames[id]);
    while (slots[at] != 0) at = (at + 1) % kSlots;
    slots[at] = static_cast<std::uint8_t>(id);
  }
  return slots;
}

constexpr std::array<std::uint8_t, kSlots> kSlotIds = make_slots();

using NameSize = std::uint16_t;
constexpr std::uint32_t kValueMost = 1u << 24;
constexpr std::uint32_t kKeptMost = 16 * 1024;  // bytes of text, by clear()

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // nearly always spelled as in the table
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::kUnknown;
  for (std::size_t at = slot_of(name); kSlotIds[at] != 0; at = (at + 1) % kSlots) {
    if (iequals(kNames[kSlotIds[at]], name)) return static_cast<FieldId>(kSlotIds[at]);
  }
  return FieldId::kUnknown;
}

std::string_view field_name(FieldId id) { return kNames[static_cast<std::size_t>(id)]; }

bool is_hop_by_hop(FieldId id) { return (kHopByHop & field_bit(id)) != 0; }

// --- memory -------------------------------------------------------------------------------------

const Fields::Block Fields::kNothing{};

Fields::Block* Fields::make(std::size_t lines, std::size_t text) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  WEIR_CHECK(lines <= kMost && text <= kMost);
  void* const at = ::operator new(sizeof(Block) + lines * sizeof(Line) + text);
  Block* const block = ::new (at) Block{};
  block->lines_room = static_cast<std::uint32_t>(lines);
  block->text_room = static_cast<std::uint32_t>(text);
  return block;
}

// Takes the place of the block that is here; of it views may still be in use until then.
void Fields::adopt(Block* block) {
  Block* const old = std::exchange(block_, block);
  if (old != &kNothing) ::operator delete(old);
}

Fields::Fields(const Fields& other) { *this = other; }
Fields::Fields(Fields&& other) noexcept { std::swap(block_, other.block_); }
Fields::~Fields() { adopt(const_cast<Block*>(&kNothing)); }

Fields& Fields::operator=(Fields&& other) noexcept {
  std::swap(block_, other.block_);
  other.clear();
  return *this;
}

Fields& Fields::operator=(const Fields& other) {
  if (this == &other) return *this;
  clear();
  if (other.empty()) return *this;
  const Block& from = *other.block_;
  if (from.lines > block_->lines_room || from.text > block_->text_room) {
    adopt(make(from.lines, from.text));
  }
  other.copy_to(block_);
  return *this;
}

// Without the text of what was removed. `block` has room for it.
void Fields::copy_to(Block* block) const {
  Line* const to = reinterpret_cast<Line*>(block + 1);
  char* const text = reinterpret_cast<char*>(to + block->lines_room);
  std::uint32_t end = 0;
  for (std::uint32_t i = 0; i < block_->lines; ++i) {
    const std::string_view own = own_text(lines()[i]);
    if (!own.empty()) std::memcpy(text + end, own.data(), own.size());
    to[i] = lines()[i];
    to[i].at = end;
    end += static_cast<std::uint32_t>(own.size());
  }
  block->lines = block_->lines;
  block->known = block_->known;
  block->text = end;
}

void Fields::clear() {
  if (block_ == &kNothing) return;
  if (block_->text_room > kKeptMost) return adopt(const_cast<Block*>(&kNothing));
  block_->known = 0;
  block_->lines = block_->text = 0;
}

std::size_t Fields::bytes() const {
  std::size_t n = 0;
  for (std::uint32_t i = 0; i < block_->lines; ++i) {
    n += name_of(lines()[i]).size() + lines()[i].value_size;
  }
  return n;
}

std::size_t Fields::footprint() const {
  if (empty()) return 0;
  std::size_t text = 0;
  for (std::uint32_t i = 0; i < block_->lines; ++i) text += own_text(lines()[i]).size();
  return sizeof(Block) + block_->lines * sizeof(Line) + text;
}

void Fields::shrink() {
  if (empty()) return adopt(const_cast<Block*>(&kNothing));
  Block* const exact =
      make(block_->lines, footprint() - sizeof(Block) - block_->lines * sizeof(Line));
  copy_to(exact);
  adopt(exact);
}

// --- lines --------------------------------------------------------------------------------------

std::size_t Fields::prefix_of(const Line& line) const {
  if (line.named == 0) return 0;
  NameSize size = 0;
  std::memcpy(&size, text() + line.at, sizeof size);
  return sizeof size + size;
}

std::string_view Fields::name_of(const Line& line) const {
  if (line.named == 0) return field_name(line.field());
  return {text() + line.at + sizeof(NameSize), prefix_of(line) - sizeof(NameSize)};
}

std::string_view Fields::value_of(const Line& line) const {
  return {text() + line.at + prefix_of(line), line.value_size};
}

std::string_view Fields::own_text(const Line& line) const {
  return {text() + line.at, prefix_of(line) + line.value_size};
}

Field Fields::operator[](std::size_t i) const {
  const Line& line = lines()[i];
  return {line.field(), name_of(line), value_of(line)};
}

void Fields::add(FieldId id, std::string_view value) {
  WEIR_CHECK(id != FieldId::kUnknown && id != FieldId::kCount);
  add_line(id, nullptr, value);
}

void Fields::add(std::string_view name, std::string_view value) {
  const FieldId id = field_id(name);
  const bool as_in_table = id != FieldId::kUnknown && name == field_name(id);
  add_line(id, as_in_table ? nullptr : &name, value);
}

// `name` (null: as in the table) and `value` may be views into this very object: the old block goes
// when they are copied.
void Fields::add_line(FieldId id, const std::string_view* name, std::string_view value) {
  const std::size_t prefix = name ? sizeof(NameSize) + name->size() : 0;
  const std::size_t need = block_->text + prefix + value.size();
  WEIR_CHECK(value.size() < kValueMost);
  WEIR_CHECK(!name || name->size() <= std::numeric_limits<NameSize>::max());
  Block* to = block_;
  if (block_->lines == block_->lines_room || need > block_->text_room) {
    const bool more_lines = block_->lines == block_->lines_room;
    to = make(more_lines ? 2 * block_->lines_room + 8 : block_->lines_room,
              need > block_->text_room ? 2 * need + 64 : block_->text_room);
    copy_to(to);
  }
  Line* const lines = reinterpret_cast<Line*>(to + 1);
  char* text = reinterpret_cast<char*>(lines + to->lines_room) + to->text;
  lines[to->lines] = {to->text, static_cast<std::uint32_t>(value.size()) & (kValueMost - 1),
                      name ? 1u : 0u, static_cast<std::uint32_t>(id) & 0x7f};
  if (name) {
    const auto size = static_cast<NameSize>(name->size());
    std::memcpy(text, &size, sizeof size);
    if (size > 0) std::memcpy(text + sizeof size, name->data(), size);
  }
  if (!value.empty()) std::memcpy(text + prefix, value.data(), value.size());
  to->text += static_cast<std::uint32_t>(prefix + value.size());
  ++to->lines;
  if (id != FieldId::kUnknown) to->known |= field_bit(id);
  if (to != block_) adopt(to);
}

template <class Which>
void Fields::remove_lines(Which which) {
  Line* const end = lines() + block_->lines;
  block_->lines = static_cast<std::uint32_t>(std::remove_if(lines(), end, which) - lines());
}

// Adds before it removes, so that `value` may be a view of what goes.
void Fields::set(FieldId id, std::string_view value) {
  const bool replaces = has(id);
  add(id, value);
  if (!replaces) return;
  const Line added = lines()[--block_->lines];
  remove(id);
  lines()[block_->lines++] = added;
  block_->known |= field_bit(id);
}

void Fields::remove(FieldId id) {
  if (!has(id)) return;
  remove_lines([id](const Line& line) { return line.field() == id; });
  block_->known &= ~field_bit(id);
}

void Fields::remove(std::string_view name) {
  const FieldId id = field_id(name);
  if (id != FieldId::kUnknown) return remove(id);
  if (empty()) return;
  remove_lines([&](const Line& line) {
    return line.field() == FieldId::kUnknown && iequals(name_of(line), name);
  });
}

std::size_t Fields::count(FieldId id) const {
  if (!has(id)) return 0;
  return static_cast<std::size_t>(std::count_if(
      lines(), lines() + block_->lines, [id](const Line& line) { return line.field() == id; }));
}

std::optional<std::string_view> Fields::get(FieldId id) const {
  if (!has(id)) return std::nullopt;
  for (std::uint32_t i = 0; i < block_->lines; ++i) {
    if (lines()[i].field() == id) return value_of(lines()[i]);
  }
  return std::nullopt;
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  const FieldId id = field_id(name);
  if (id != FieldId::kUnknown) return get(id);
  for (std::uint32_t i = 0; i < block_->lines; ++i) {
    const Line& line = lines()[i];
    if (line.field() == FieldId::kUnknown && iequals(name_of(line), name)) return value_of(line);
  }
  return std::nullopt;
}

std::optional<std::string> Fields::joined(FieldId id) const {
  if (!has(id)) return std::nullopt;
  return joined(field_name(id));
}

std::optional<std::string> Fields::joined(std::string_view name) const {
  const FieldId id = field_id(name);
  std::optional<std::string> all;
  for (std::uint32_t i = 0; i < block_->lines; ++i) {
    const Line& line = lines()[i];
    if (line.field() != id || (id == FieldId::kUnknown && !iequals(name_of(line), name))) continue;
    if (all) {
      all->append(", ").append(value_of(line));
    } else {
      all.emplace(value_of(line));
    }
  }
  return all;
}

namespace {

// The end of the element at the front of `text`: the first comma outside quotes, or the end. An
// unterminated quoted string reaches to the end.
std::size_t element_end(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == ',' && !quoted) return i;
    if (text[i] == '\\' && quoted) ++i;
  }
  return text.size();
}

}  // namespace

std::optional<std::string_view> next_element(std::string_view& rest) {
  while (!rest.empty()) {
    const std::size_t end = element_end(rest);
    const std::string_view element = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

}  // namespace weir::http
