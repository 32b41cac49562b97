#include "app/conf_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace weir::app {
namespace {

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// Spaces as wide as the first `count` code points of the line; tabs stay tabs.
std::string indent_to(std::string_view line, int count) {
  std::string out;
  for (const char c : line) {
    if (!starts_code_point(c)) continue;
    if (count-- <= 0) break;
    out += c == '\t' ? '\t' : ' ';
  }
  out.append(static_cast<std::size_t>(std::max(count, 0)), ' ');
  return out;
}

// What a terminal may be shown: each control character (C0 but the tab, DEL, C1) as "?".
std::string printable(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const auto next = static_cast<unsigned char>(i + 1 < line.size() ? line[i + 1] : 0);
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    out += c1 || (byte < 0x20 && byte != '\t') || byte == 0x7f ? '?' : line[i];
    if (c1) ++i;
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

ConfText::ConfText(std::string file, std::string_view text) : file_(std::move(file)) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view ConfText::line(int number) const {
  const auto index = static_cast<std::size_t>(number - 1);
  return number > 0 && index < lines_.size() ? lines_[index] : std::string_view();
}

std::string ConfText::show(const ConfMessage& message, std::string_view severity) const {
  const Place& at = message.at;
  std::string out;
  if (at.line > 0) {
    out = fmt::format("{}:{}:{}: {}: {}\n", file_, at.line, at.column, severity,
                      printable(message.text));
    const std::string_view source = line(at.line);
    const auto tail = static_cast<std::size_t>(std::max(at.length - 1, 0));
    if (!source.empty()) {
      out += fmt::format("    {}\n    {}^{}\n", printable(source), indent_to(source, at.column - 1),
                         std::string(tail, '~'));
    }
  } else {
    out = fmt::format("{}: {}: {}\n", file_, severity, printable(message.text));
  }
  if (!message.hint.empty()) out += printable(message.hint) + "\n";
  return out;
}

std::string ConfText::show(const std::vector<ConfMessage>& messages,
                           std::string_view severity) const {
  // What has no place says what is missing in the whole file: it comes last.
  std::multimap<std::tuple<bool, int, int>, const ConfMessage*> ordered;
  for (const ConfMessage& m : messages) {
    ordered.emplace(std::tuple(m.at.line == 0, m.at.line, m.at.column), &m);
  }
  std::string out;
  for (const auto& [place, message] : ordered) out += show(*message, severity);
  return out;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongest = 64;  // no parameter is longer; bounds the work
  if (word.size() > kLongest) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t edits = edit_distance(word, candidate);
    if (edits >= least || edits >= candidate.size()) continue;
    least = edits;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view x) {
  return x.empty() ? std::string() : fmt::format("did you mean \"{}\"?", x);
}

}  // namespace weir::app
