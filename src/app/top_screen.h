#pragma once
// The screen of `weir top`, as a pure function: JSON in, lines out.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace weir::app {

enum class TopSort : std::uint8_t { kStill, kRate, kHeld };  // longest, slowest, most first
std::string_view name(TopSort sort);                         // "still", "rate", "held"
TopSort next(TopSort sort);

struct TopInput {
  std::string status;       // GET /status
  std::string before;       // an earlier one, for what is told per second; empty: there is none
  std::string connections;  // GET /connections
};

struct TopOptions {
  std::size_t width = 80;  // columns; from kWide on there is room for requests and more
  std::size_t height = 24;
  TopSort sort = TopSort::kStill;
  bool paused = false;
  bool color = true;    // ANSI sequences within the lines; they take no column
  std::string trouble;  // why what is shown is old; empty: it is not

  static constexpr std::size_t kWide = 110;
};

// At most `height` lines of at most `width` columns, without ends of lines. What comes from clients
// and the conf is shown as printable ASCII. The error: the JSON is none of these.
std::expected<std::vector<std::string>, std::string> top_screen(const TopInput& input,
                                                                const TopOptions& options);

}  // namespace weir::app
