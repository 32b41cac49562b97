#include "http/fields.h"

#include <algorithm>
#include <limits>

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

void Fields::clear() {
  arena_.clear();
  lines_.clear();
  known_ = 0;
}

std::string_view Fields::name_of(const Line& line) const {
  return {arena_.data() + line.name_at, line.name_len};
}

std::string_view Fields::value_of(const Line& line) const {
  return {arena_.data() + line.name_at + line.name_len, line.value_len};
}

Field Fields::operator[](std::size_t i) const {
  const Line& line = lines_[i];
  return {line.id, name_of(line), value_of(line)};
}

void Fields::add(FieldId id, std::string_view value) {
  WEIR_CHECK(id != FieldId::kUnknown && id != FieldId::kCount);
  add_line(id, field_name(id), value);
}

void Fields::add(std::string_view name, std::string_view value) {
  add_line(field_id(name), name, value);
}

void Fields::shrink() {
  arena_.shrink_to_fit();
  lines_.shrink_to_fit();
}

// `name` and `value` may be views into this very object: nothing moves before they are copied.
void Fields::add_line(FieldId id, std::string_view name, std::string_view value) {
  const std::size_t at = arena_.size();
  const std::size_t need = at + name.size() + value.size();
  WEIR_CHECK(name.size() <= std::numeric_limits<std::uint16_t>::max());
  WEIR_CHECK(need <= std::numeric_limits<std::uint32_t>::max());
  if (need > arena_.capacity()) {
    std::string larger;
    larger.reserve(std::max(need, 2 * arena_.capacity()));
    larger.append(arena_).append(name).append(value);
    arena_.swap(larger);
  } else {
    arena_.append(name).append(value);
  }
  lines_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(value.size()),
                    static_cast<std::uint16_t>(name.size()), id});
  if (id != FieldId::kUnknown) known_ |= field_bit(id);
}

// Adds before it removes, so that `value` may be a view of what goes.
void Fields::set(FieldId id, std::string_view value) {
  const bool replaces = has(id);
  add(id, value);
  if (!replaces) return;
  const Line added = lines_.back();
  lines_.pop_back();
  remove(id);
  lines_.push_back(added);
  known_ |= field_bit(id);
}

void Fields::remove(FieldId id) {
  if (!has(id)) return;
  std::erase_if(lines_, [id](const Line& line) { return line.id == id; });
  known_ &= ~field_bit(id);
}

void Fields::remove(std::string_view name) {
  const FieldId id = field_id(name);
  if (id != FieldId::kUnknown) return remove(id);
  std::erase_if(lines_, [&](const Line& line) {
    return line.id == FieldId::kUnknown && iequals(name_of(line), name);
  });
}

std::size_t Fields::count(FieldId id) const {
  if (!has(id)) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(lines_, [id](const Line& line) { return line.id == id; }));
}

std::optional<std::string_view> Fields::get(FieldId id) const {
  if (!has(id)) return std::nullopt;
  for (const Line& line : lines_) {
    if (line.id == id) return value_of(line);
  }
  return std::nullopt;
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  const FieldId id = field_id(name);
  if (id != FieldId::kUnknown) return get(id);
  for (const Line& line : lines_) {
    if (line.id == FieldId::kUnknown && iequals(name_of(line), name)) return value_of(line);
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
  for (const Line& line : lines_) {
    if (line.id != id || (id == FieldId::kUnknown && !iequals(name_of(line), name))) continue;
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
