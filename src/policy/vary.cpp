#include "policy/vary.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "http/syntax.h"
#include "http/weight.h"

namespace weir::policy {
namespace {

using http::FieldId;
using http::to_lower;
using http::trim;

void append_lower(std::string_view text, std::string& out) {
  for (const char c : text) out.push_back(to_lower(c));
}

bool less_any_case(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, to_lower, to_lower);
}

// The lines of one name, in order. fields.def recognises the names we know; others compare by text.
class LinesOf {
 public:
  LinesOf(const http::Fields& fields, std::string_view name)
      : fields_(fields), id_(http::field_id(name)), name_(name) {}

  bool any() const {
    return id_ != FieldId::kUnknown ? fields_.has(id_) : fields_.get(name_).has_value();
  }

  template <class Use>
  void each(Use use) const {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const http::Field f = fields_[i];
      const bool ours = id_ != FieldId::kUnknown ? f.id == id_ : http::iequals(f.name, name_);
      if (ours) use(f.value);
    }
  }

 private:
  const http::Fields& fields_;
  FieldId id_;
  std::string_view name_;
};

// One value, white space collapsed outside quoted strings.
class Collapsed {
 public:
  Collapsed(bool lower_case, std::string& out)
      : lower_case_(lower_case), start_(out.size()), out_(out) {}

  void line(std::string_view value) {
    if (lines_++ > 0) separator();
    for (const char c : value) put(c);
    quoted_ = escaped_ = false;
  }

 private:
  void separator() {
    out_.push_back(',');
    space_ = false;
  }

  void put(char c) {
    if (quoted_) {
      quoted_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (http::is_blank(c)) {
      space_ = out_.size() > start_ && out_.back() != ',';
      return;
    } else if (c == ',') {
      separator();
      return;
    } else {
      quoted_ = c == '"';
    }
    if (space_) out_.push_back(' ');
    space_ = false;
    out_.push_back(lower_case_ ? to_lower(c) : c);
  }

  const bool lower_case_;
  const std::size_t start_;
  std::string& out_;
  std::size_t lines_ = 0;
  bool space_ = false;  // seen, and still to be written if a character follows
  bool quoted_ = false;
  bool escaped_ = false;
};

// "gzip", ";q=0.5": what a member of Accept-Encoding names and whether it is wanted.
struct Coding {
  std::string_view name;
  bool wanted = true;
};

// "q=0", "q=0.000"; whatever is not plainly zero counts as wanted.
bool weight_is_zero(std::string_view parameter) {
  parameter = trim(parameter);
  if (parameter.size() < 3 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') return false;
  parameter.remove_prefix(2);
  if (parameter.front() != '0') return false;
  return parameter.find_first_not_of("0.") == std::string_view::npos;
}

Coding parse_coding(std::string_view member) {
  const std::size_t semicolon = member.find(';');
  Coding coding{trim(member.substr(0, semicolon))};
  if (http::iequals(coding.name, "x-gzip")) coding.name = "gzip";  // RFC 9110 §8.4.1.3
  if (semicolon != std::string_view::npos) {
    coding.wanted = !weight_is_zero(member.substr(semicolon + 1));
  }
  return coding;
}

// The set of acceptable codings. Members past its room make it `full`: then the text decides.
class CodingSet {
 public:
  void add(std::string_view member) {
    const Coding coding = parse_coding(member);
    if (used_ == kRoom) {
      full_ = true;
    } else if (!find(coding.name)) {  // the first of a name counts
      codings_[used_++] = coding;
    }
  }
  bool full() const { return full_; }

  // Adds what the members imply (RFC 9110 §12.5.3), then prints all. Once only.
  void print(std::string& out) {
    const Coding* star = find("*");
    const bool others = star != nullptr && star->wanted;
    const bool identity = star == nullptr || star->wanted;
    for (const std::string_view name : {"br", "deflate", "gzip", "zstd"}) {
      if (others && !find(name)) codings_[used_++] = {name};
    }
    if (identity && !find("identity")) codings_[used_++] = {"identity"};

    const std::span all(codings_.data(), used_);
    std::ranges::sort(all, less_any_case, &Coding::name);
    std::string_view comma;
    for (const Coding& coding : all) {
      if (!coding.wanted && !others) continue;  // beside "*", what is refused matters too
      out.append(comma);
      append_lower(coding.name, out);
      if (!coding.wanted) out.append(";q=0");
      comma = ",";
    }
  }

 private:
  static constexpr std::size_t kRoom = 16;
  static constexpr std::size_t kImplied = 5;  // what print() may add

  const Coding* find(std::string_view name) const {
    for (std::size_t i = 0; i < used_; ++i) {
      if (http::iequals(codings_[i].name, name)) return &codings_[i];
    }
    return nullptr;
  }

  std::array<Coding, kRoom + kImplied> codings_{};
  std::size_t used_ = 0;
  bool full_ = false;
};

struct Language {
  std::string_view range;
  unsigned weight = 1000;
};

// "en-GB", "*": what a member of Accept-Language names (RFC 9110 §12.5.4).
bool is_language_range(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return http::is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '*';
  });
}

// Languages by weight, then by name. One that is not understood makes it `odd`: then the text
// decides.
class LanguageList {
 public:
  void add(std::string_view member) {
    const std::size_t semicolon = member.find(';');
    Language language{trim(member.substr(0, semicolon))};
    if (semicolon != std::string_view::npos) {
      const std::string_view parameter = trim(member.substr(semicolon + 1));
      const bool q = parameter.starts_with("q=") || parameter.starts_with("Q=");
      const auto value = q ? http::parse_weight(parameter.substr(2)) : std::nullopt;
      odd_ |= !value;
      language.weight = value.value_or(0);
    }
    odd_ |= used_ == kRoom || !is_language_range(language.range);
    if (!odd_) languages_[used_++] = language;
  }
  bool odd() const { return odd_; }

  // Once only.
  void print(std::string& out) {
    const std::span all(languages_.data(), used_);
    std::ranges::sort(all, [](const Language& a, const Language& b) {
      return a.weight != b.weight ? a.weight > b.weight : less_any_case(a.range, b.range);
    });
    std::string_view comma;
    for (const Language& language : all) {
      append_lower(language.range, out.append(comma));
      out.push_back(';');
      std::array<char, 4> digits;
      const auto end = std::to_chars(digits.begin(), digits.end(), language.weight).ptr;
      out.append(digits.begin(), end);
      comma = ",";
    }
  }

 private:
  static constexpr std::size_t kRoom = 32;

  std::array<Language, kRoom> languages_{};
  std::size_t used_ = 0;
  bool odd_ = false;
};

void append_value(const LinesOf& lines, bool lower_case, std::string& out) {
  Collapsed value(lower_case, out);
  lines.each([&](std::string_view line) { value.line(line); });
}

void append_codings(const LinesOf& lines, std::string& out) {
  CodingSet codings;
  lines.each([&](std::string_view line) {
    while (const auto member = http::next_element(line)) codings.add(*member);
  });
  if (codings.full()) return append_value(lines, false, out);
  codings.print(out);
}

void append_languages(const LinesOf& lines, std::string& out) {
  LanguageList languages;
  lines.each([&](std::string_view line) {
    while (const auto member = http::next_element(line)) languages.add(*member);
  });
  out.push_back(languages.odd() ? ':' : '=');  // so that no text is taken for a list
  languages.odd() ? append_value(lines, true, out) : languages.print(out);
}

void append_normalised(std::string_view name, const LinesOf& lines, std::string& out) {
  if (name == "accept-language") return append_languages(lines, out);
  out.push_back(':');
  name == "accept-encoding" ? append_codings(lines, out) : append_value(lines, false, out);
}

}  // namespace

std::optional<std::vector<std::string>> vary_names(const http::Response& response) {
  std::vector<std::string> names;
  if (!response.fields.has(FieldId::kVary)) return names;
  bool star = false;
  LinesOf(response.fields, "vary").each([&](std::string_view line) {
    while (const auto member = http::next_element(line)) {
      star = star || *member == "*";
      append_lower(*member, names.emplace_back());
    }
  });
  if (star) return std::nullopt;
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

void variant_text(const std::vector<std::string>& names, const http::Request& request,
                  std::string& out) {
  for (const std::string& name : names) {
    const LinesOf lines(request.fields, name);
    out.append(name);
    if (lines.any()) append_normalised(name, lines, out);
    out.push_back('\n');
  }
}

}  // namespace weir::policy
