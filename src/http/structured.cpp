#include "http/structured.h"

#include <algorithm>

#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::size_t kMaxMembers = 1024;  // what RFC 9651 §3.2 asks of parsers

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) { return is_lower(to_lower(c)); }
bool is_base64(char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/' || c == '='; }

std::optional<unsigned> lower_hex(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return std::nullopt;
}

// The least and the most that the byte after `lead` may be, and how many follow it in all
// (RFC 3629 §4).
struct Tail {
  std::size_t bytes = 0;
  unsigned char least = 0x80;
  unsigned char most = 0xbf;
};

std::optional<Tail> tail_of(unsigned char lead) {
  if (lead < 0x80) return Tail{};
  if (lead >= 0xc2 && lead <= 0xdf) return Tail{1};
  if (lead == 0xe0) return Tail{2, 0xa0};
  if (lead == 0xed) return Tail{2, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return Tail{2};
  if (lead == 0xf0) return Tail{3, 0x90};
  if (lead >= 0xf1 && lead <= 0xf3) return Tail{3};
  if (lead == 0xf4) return Tail{3, 0x80, 0x8f};
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto tail = tail_of(static_cast<unsigned char>(text.front()));
    text.remove_prefix(1);
    if (!tail || text.size() < tail->bytes) return false;
    for (std::size_t i = 0; i < tail->bytes; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < (i == 0 ? tail->least : 0x80) || byte > (i == 0 ? tail->most : 0xbf)) return false;
    }
    text.remove_prefix(tail->bytes);
  }
  return true;
}

// Takes parts off the front of a text (§4.2); each says whether it was there. After a false nothing
// more is asked of it.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool empty() const { return rest_.empty(); }
  bool at(char c) const { return rest_.starts_with(c); }
  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_spaces() {
    while (take(' ')) {
    }
  }
  void skip_blanks() {
    while (!empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  bool key(std::string_view& out);          // §4.2.3.3
  bool item_or_list(StructuredValue& out);  // §4.2.1.1, with parameters
  bool parameters();                        // §4.2.3.2

 private:
  using Type = StructuredValue::Type;
  template <class Belongs>
  std::string_view run(Belongs belongs) {
    const auto end = std::ranges::find_if_not(rest_, belongs);
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  bool inner_list();
  bool bare_item(StructuredValue& out);
  bool number(StructuredValue& out);
  bool string(StructuredValue& out);
  bool token(StructuredValue& out);
  bool bytes(StructuredValue& out);
  bool boolean(StructuredValue& out);
  bool date(StructuredValue& out);
  bool display_string(StructuredValue& out);

  std::string_view rest_;
};

bool Reader::key(std::string_view& out) {
  if (empty() || !(is_lower(rest_.front()) || at('*'))) return false;
  out = run([](char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
  });
  return true;
}

bool Reader::item_or_list(StructuredValue& out) {
  if (!at('(')) return bare_item(out) && parameters();
  out.type = Type::kInnerList;
  return inner_list() && parameters();
}

bool Reader::inner_list() {
  if (!take('(')) return false;
  for (;;) {
    skip_spaces();
    if (take(')')) return true;
    StructuredValue item;
    if (!bare_item(item) || !parameters()) return false;
    if (!at(' ') && !at(')')) return false;
  }
}

bool Reader::parameters() {
  while (take(';')) {
    skip_spaces();
    std::string_view name;
    StructuredValue value;
    if (!key(name) || (take('=') && !bare_item(value))) return false;
  }
  return true;
}

bool Reader::bare_item(StructuredValue& out) {
  if (empty()) return false;
  const char c = rest_.front();
  if (c == '-' || is_digit(c)) return number(out);
  if (c == '"') return string(out);
  if (c == '*' || is_alpha(c)) return token(out);
  if (c == ':') return bytes(out);
  if (c == '?') return boolean(out);
  if (c == '@') return date(out);
  if (c == '%') return display_string(out);
  return false;
}

bool Reader::number(StructuredValue& out) {
  const bool negative = take('-');
  const std::string_view whole = run(is_digit);
  const bool decimal = !whole.empty() && take('.');
  const std::string_view fraction = decimal ? run(is_digit) : std::string_view{};
  const std::size_t most = decimal ? 12 : 15;
  if (whole.empty() || whole.size() > most) return false;
  if (decimal && (fraction.empty() || fraction.size() > 3)) return false;
  const auto value = static_cast<std::int64_t>(*parse_decimal(whole, INT64_MAX));
  out.type = decimal ? Type::kDecimal : Type::kInteger;
  out.integer = negative ? -value : value;
  return true;
}

bool Reader::string(StructuredValue& out) {
  out.type = Type::kString;
  take('"');
  while (!empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\') {
      if (!at('"') && !at('\\')) return false;
      out.text.push_back(rest_.front());
      rest_.remove_prefix(1);
    } else if (c >= 0x20 && c <= 0x7e) {
      out.text.push_back(c);
    } else {
      return false;
    }
  }
  return false;
}

bool Reader::token(StructuredValue& out) {
  out.type = Type::kToken;
  out.text = run([](char c) { return is_char(c, kTokenChar) || c == ':' || c == '/'; });
  return true;
}

bool Reader::bytes(StructuredValue& out) {
  out.type = Type::kBytes;
  take(':');
  run(is_base64);
  return take(':');
}

bool Reader::boolean(StructuredValue& out) {
  out.type = Type::kBoolean;
  take('?');
  out.boolean = at('1');
  return take('1') || take('0');
}

bool Reader::date(StructuredValue& out) {
  take('@');
  if (!number(out) || out.type != Type::kInteger) return false;
  out.type = Type::kDate;
  return true;
}

bool Reader::display_string(StructuredValue& out) {
  out.type = Type::kDisplayString;
  take('%');
  if (!take('"')) return false;
  std::string text;
  while (!empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '"') return is_utf8(text);
    if (c < 0x20 || c > 0x7e) return false;
    if (c != '%') {
      text.push_back(c);
      continue;
    }
    if (rest_.size() < 2) return false;
    const auto high = lower_hex(rest_[0]), low = lower_hex(rest_[1]);
    if (!high || !low) return false;
    text.push_back(static_cast<char>(*high * 16 + *low));
    rest_.remove_prefix(2);
  }
  return false;
}

bool take_member(Reader& read, std::vector<StructuredMember>& members) {
  StructuredMember member;
  if (!read.key(member.key)) return false;
  const bool valued = read.take('=');
  if (valued ? !read.item_or_list(member.value) : !read.parameters()) return false;
  const auto same = std::ranges::find(members, member.key, &StructuredMember::key);
  if (same != members.end()) {
    same->value = std::move(member.value);
  } else {
    members.push_back(std::move(member));
  }
  return members.size() <= kMaxMembers;
}

}  // namespace

std::optional<std::vector<StructuredMember>> parse_dictionary(std::string_view text) {
  std::vector<StructuredMember> members;
  Reader read(text);
  read.skip_spaces();
  while (!read.empty()) {
    if (!take_member(read, members)) return std::nullopt;
    read.skip_blanks();
    if (read.empty()) break;
    if (!read.take(',')) return std::nullopt;
    read.skip_blanks();
    if (read.empty()) return std::nullopt;  // a comma at the end
  }
  return members;
}

}  // namespace weir::http
