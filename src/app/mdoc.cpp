#include "app/mdoc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "app/wrap.h"

namespace weir::app {
namespace {

// Of the form of the pages, not of the day they were made: the same source makes the same pages.
constexpr std::string_view kDate = "November 22, 2026";
constexpr std::size_t kWidth = 76;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";  // groff would make a hyphen of it, which no conf has
    } else if (c == '\'' || c == '`' || c == '^' || c == '~' || c == '"') {
      constexpr std::string_view kFrom = "'`^~\"";
      constexpr std::string_view kTo[] = {"\\(aq", "\\(ga", "\\(ha", "\\(ti", "\\(dq"};
      out += kTo[kFrom.find(c)];
    } else {
      out += c;
    }
  }
  return out;
}

// A point at the beginning of an escaped line would make a macro of it.
std::string guarded(std::string_view line) {
  return (line.starts_with('.') ? "\\&" : "") + std::string(line);
}

// Where a sentence ends inside of the text: behind ". ", "; " stays. Npos: it does not.
std::size_t sentence_end(std::string_view text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    const bool stop = text[i] == '.' || text[i] == '?' || text[i] == '!';
    const bool ends = text[i + 1] == ' ' || (text[i + 1] == ')' && text[i + 2] == ' ');
    if (stop && ends) return text[i + 1] == ' ' ? i + 1 : i + 2;
  }
  return text.npos;
}

}  // namespace

std::string mdoc_argument(std::string_view text) {
  std::string out = escaped(text);
  // A delimiter at the end would be taken for punctuation.
  if (text.ends_with(']') || text.ends_with('.') || text.ends_with(')')) out += "\\&";
  return text.find(' ') == text.npos && !text.empty() ? "\\&" + out : '"' + out + '"';
}

Mdoc::Mdoc(std::string_view name, int section, std::string_view title) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  out_ = fmt::format(".\\\" Made by: weir help man {}\n.Dd {}\n.Dt {} {}\n.Os\n", name, kDate,
                     upper, section);
  heading("NAME").macro(".Nm " + std::string(name)).macro(".Nd " + std::string(title));
}

Mdoc& Mdoc::heading(std::string_view text) { return macro(fmt::format(".Sh {}", text)); }
Mdoc& Mdoc::part(std::string_view text) { return macro(".Ss " + mdoc_argument(text)); }
Mdoc& Mdoc::paragraph() { return macro(".Pp"); }
Mdoc& Mdoc::begin_list() { return macro(".Bl -tag -width Ds"); }
Mdoc& Mdoc::item(std::string_view term) { return macro(".It " + mdoc_argument(term)); }
Mdoc& Mdoc::end_list() { return macro(".El"); }

Mdoc& Mdoc::macro(std::string_view line) {
  out_.append(line) += '\n';
  return *this;
}

Mdoc& Mdoc::text(std::string_view text) {
  std::string flat(text);
  std::ranges::replace(flat, '\n', ' ');
  std::string_view rest = flat;
  while (!rest.empty()) {
    const std::string_view sentence = rest.substr(0, sentence_end(rest));
    rest.remove_prefix(std::min(sentence.size() + 1, rest.size()));
    const std::string lines = wrapped(escaped(sentence), "", kWidth);
    for (std::string_view left = lines; !left.empty();) {
      const std::string_view line = left.substr(0, left.find('\n'));
      left.remove_prefix(line.size() + 1);
      out_.append(guarded(line)) += '\n';
    }
  }
  return *this;
}

Mdoc& Mdoc::example(std::string_view lines) {
  macro(".Bd -literal -offset indent");
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    out_.append(guarded(escaped(line))) += '\n';
  }
  return macro(".Ed");
}

}  // namespace weir::app
