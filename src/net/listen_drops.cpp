#include "net/listen_drops.h"

#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace weir::net {
namespace {

std::string_view next_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

// Two lines for each group: the names, then the values.
std::optional<ListenDrops> parse_listen_drops(std::string_view netstat) {
  while (!netstat.empty()) {
    std::string_view names = next_line(netstat);
    if (next_word(names) != "TcpExt:") continue;
    std::string_view values = next_line(netstat);
    if (next_word(values) != "TcpExt:") return {};
    ListenDrops out;
    int found = 0;
    for (std::string_view name; !(name = next_word(names)).empty();) {
      const std::string_view value = next_word(values);
      std::uint64_t* to = name == "ListenOverflows" ? &out.overflows
                          : name == "ListenDrops"   ? &out.drops
                                                    : nullptr;
      if (!to) continue;
      if (std::from_chars(value.data(), value.data() + value.size(), *to).ec != std::errc{})
        return {};
      ++found;
    }
    return found == 2 ? std::optional(out) : std::nullopt;
  }
  return {};
}

std::optional<ListenDrops> read_listen_drops() {
  std::ifstream file("/proc/net/netstat");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_listen_drops(text.str());
}

}  // namespace weir::net
