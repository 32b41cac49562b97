#include "app/log_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <map>
#include <ostream>
#include <vector>

#include "app/log_words.h"
#include "app/wrap.h"

namespace weir::app {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::string_view kIndent = "      ";

// The network's bytes were escaped when the line was written; JSON brought them back.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return out;
}

std::string explain_field(std::string_view key, std::string_view value) {
  const LogField* field = find_log_field(key);
  std::string shown = printable(value);
  if (field && !field->unit.empty()) shown += fmt::format(" {}", field->unit);
  std::string out = fmt::format("  {:<16}{}\n", key, shown);
  if (!field) return out + wrapped("not a field of Weir's log", kIndent, kWidth);
  out += wrapped(field->text, kIndent, kWidth);
  if (const auto meaning = meaning_of(key, value)) {
    out += wrapped(fmt::format("{}: {}.", value, meaning->text), kIndent, kWidth);
    if (!meaning->advice.empty()) out += wrapped(meaning->advice, kIndent, kWidth);
  }
  return out;
}

// One sentence of what the line says about the response's arrival.
std::string outcome(const LogLine& line) {
  if (line.get("status") == "0") return "No response was sent.";
  if (line.get("delivered") == "true" || line.get("delivered") == "yes") {
    return "The whole response arrived.";
  }
  if (line.get("complete") == "false" || line.get("complete") == "no") {
    return "The response is incomplete: Weir did not send all of it.";
  }
  if (line.get("complete").empty()) return "The line does not say whether the response arrived.";
  return "All of the response was sent; that all of it arrived is not known.";
}

struct Tally {
  // By field and value.
  std::map<std::pair<std::string, std::string>, std::uint64_t> words;
  std::uint64_t lines = 0;
  std::uint64_t others = 0;  // lines that are none of the access log
  std::uint64_t mute = 0;    // of `lines`: without a word to explain, as in the combined format

  void add(const LogLine& line) {
    ++lines;
    bool speaks = false;
    for (const auto& [key, value] : line.fields) {
      if (key != "close" && key != "reason" && key != "cache" && key != "delivery") continue;
      ++words[{key, value}];
      speaks = true;
    }
    if (!speaks) ++mute;
  }
};

std::string tally_page(const Tally& tally) {
  std::string out = fmt::format("{} lines", tally.lines);
  if (tally.others > 0)
    out += fmt::format(", and {} that are none of the access log", tally.others);
  out += '\n';
  if (tally.mute > 0) {
    out += fmt::format(
        "{} of them say neither why they were answered so nor how it ended (log.format = "
        "\"combined\"): \"json\" and \"extended\" do\n",
        tally.mute);
  }
  for (const std::string_view field : {"cache", "reason", "delivery", "close"}) {
    std::vector<std::pair<std::uint64_t, std::string>> rows;
    for (const auto& [word, n] : tally.words) {
      if (word.first == field) rows.emplace_back(n, word.second);
    }
    if (rows.empty()) continue;
    std::ranges::sort(rows, [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    out += fmt::format("\n{}: {}\n", field, find_log_field(field)->text);
    for (const auto& [n, value] : rows) {
      out += fmt::format("  {:>10}  {}\n", n, printable(value));
      const auto meaning = meaning_of(field, value);
      if (!meaning) continue;
      out += wrapped(fmt::format("{}.", meaning->text), "              ", kWidth);
      if (!meaning->advice.empty()) out += wrapped(meaning->advice, "              ", kWidth);
    }
  }
  return out;
}

int explain_lines(std::istream& in, std::ostream& out, std::ostream& err) {
  Tally tally;
  std::optional<LogLine> first;
  for (std::string text; std::getline(in, text);) {
    auto line = parse_log_line(text);
    if (!line) {
      ++tally.others;
      continue;
    }
    tally.add(*line);
    if (!first) first = std::move(line);
  }
  if (!first) {
    err << "weir log: there is no line of the access log\n";
    return 1;
  }
  out << (tally.lines == 1 ? explain_log_line(*first) : tally_page(tally));
  return 0;
}

}  // namespace

std::string explain_log_line(const LogLine& line) {
  std::string out = outcome(line) + "\n\n";
  for (const auto& [key, value] : line.fields) out += explain_field(key, value);
  return out;
}

int log_command(const std::string& what, std::istream& in, std::ostream& out, std::ostream& err) {
  if (what == "-") return explain_lines(in, out, err);
  if (const auto line = parse_log_line(what)) {
    out << explain_log_line(*line);
    return 0;
  }
  // A whole line that is none, or the name of a file.
  std::error_code hidden;
  if (what.find(' ') != what.npos && !std::filesystem::exists(what, hidden) &&
      hidden != std::errc::permission_denied) {
    err << "weir log: that is neither a line of the access log nor a file\n";
    return 2;
  }
  std::ifstream file(what);
  if (!file || std::filesystem::is_directory(what, hidden)) {
    err << fmt::format("weir log: {}: {}\n", what, std::strerror(file ? EISDIR : errno));
    return 1;
  }
  return explain_lines(file, out, err);
}

}  // namespace weir::app
