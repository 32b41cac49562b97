#include "origin/health.h"

#include <charconv>

namespace weir::origin {
namespace {

std::optional<int> parse_status(std::string_view text) {
  int status = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool number = ec == std::errc{} && end == text.data() + text.size() && text.size() == 3;
  if (!number || status < 100 || status > 599) return {};
  return status;
}

}  // namespace

std::optional<StatusRange> parse_status_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto least = parse_status(text.substr(0, dash));
  const auto most = dash == text.npos ? least : parse_status(text.substr(dash + 1));
  if (!least || !most || *most < *least) return {};
  return StatusRange{*least, *most};
}

bool Health::note(bool passed) {
  if (passed == up_) {
    against_ = 0;
    return false;
  }
  if (++against_ < (up_ ? fall_ : rise_)) return false;
  up_ = passed;
  against_ = 0;
  return true;
}

Duration with_jitter(Duration interval, std::uint32_t random) {
  const Duration tenth = interval / 10;
  return interval - tenth + tenth * 2 / 65536 * (random >> 16);
}

}  // namespace weir::origin
