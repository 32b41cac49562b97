#include "http/date.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/fields.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

using std::chrono::days;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr WallTime kFirst{std::chrono::sys_days{
    year_month_day{std::chrono::year{0}, std::chrono::January, std::chrono::day{1}}}};
constexpr WallTime kLast{std::chrono::sys_days{year_month_day{
                             std::chrono::year{10000}, std::chrono::January, std::chrono::day{1}}} -
                         Seconds{1}};

// Takes the parts of a date off the front of a text; any of them that does not fit spoils it.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    ok_ = ok_ && begins_with(expected);
    if (ok_) rest_.remove_prefix(expected.size());
  }
  int digits(std::size_t n) {
    const auto value = parse_decimal(rest_.substr(0, n), 9999);
    ok_ = ok_ && rest_.size() >= n && value;
    if (!ok_) return 0;
    rest_.remove_prefix(n);
    return static_cast<int>(*value);
  }
  int two_digits_or_blank_and_one() {  // asctime's day of the month
    if (!rest_.starts_with(' ')) return digits(2);
    rest_.remove_prefix(1);
    return digits(1);
  }
  // The index in `names` of the name in front, of which only `length` letters count (0: all).
  template <std::size_t N>
  unsigned name(const std::array<std::string_view, N>& names, std::size_t length) {
    for (unsigned i = 0; ok_ && i < N; ++i) {
      const std::string_view wanted = names[i].substr(0, length == 0 ? names[i].size() : length);
      if (!begins_with(wanted)) continue;
      rest_.remove_prefix(wanted.size());
      return i;
    }
    ok_ = false;
    return 0;
  }
  unsigned month() { return name(kMonths, 3) + 1; }
  Seconds time_of_day() {
    const int h = digits(2);
    literal(":");
    const int m = digits(2);
    literal(":");
    const int s = digits(2);
    ok_ = ok_ && h <= 23 && m <= 59 && s <= 60;  // 60: a leap second
    return std::chrono::hours{h} + std::chrono::minutes{m} + Seconds{s};
  }
  bool whole() const { return ok_ && rest_.empty(); }

 private:
  bool begins_with(std::string_view text) const {
    return iequals(rest_.substr(0, text.size()), text);
  }

  std::string_view rest_;
  bool ok_ = true;
};

std::optional<WallTime> make(const Reader& read, int year, unsigned month, int day, Seconds time) {
  const year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                            std::chrono::day{static_cast<unsigned>(day)}};
  if (!read.whole() || !date.ok()) return std::nullopt;
  return WallTime{std::chrono::sys_days{date}} + time;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<WallTime> parse_fixdate(std::string_view text) {
  Reader read(text);
  read.name(kDays, 3);
  read.literal(", ");
  const int day = read.digits(2);
  read.literal(" ");
  const unsigned month = read.month();
  read.literal(" ");
  const int year = read.digits(4);
  read.literal(" ");
  const Seconds time = read.time_of_day();
  read.literal(" GMT");
  return make(read, year, month, day, time);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<WallTime> parse_asctime(std::string_view text) {
  Reader read(text);
  read.name(kDays, 3);
  read.literal(" ");
  const unsigned month = read.month();
  read.literal(" ");
  const int day = read.two_digits_or_blank_and_one();
  read.literal(" ");
  const Seconds time = read.time_of_day();
  read.literal(" ");
  const int year = read.digits(4);
  return make(read, year, month, day, time);
}

// "Sunday, 06-Nov-94 08:49:37 GMT". The latest year with those digits that is not more than 50
// years ahead of `now`.
std::optional<WallTime> parse_rfc850(std::string_view text, WallTime now) {
  Reader read(text);
  read.name(kDays, 0);
  read.literal(", ");
  const int day = read.digits(2);
  read.literal("-");
  const unsigned month = read.month();
  read.literal("-");
  const int two = read.digits(2);
  read.literal(" ");
  const Seconds time = read.time_of_day();
  read.literal(" GMT");
  const year_month_day today{std::chrono::floor<days>(now)};
  const int this_year = static_cast<int>(today.year());
  int year = this_year - this_year % 100 + 100 + two;
  const WallTime limit =
      now + (std::chrono::sys_days{today + std::chrono::years{50}} - std::chrono::sys_days{today});
  if (year > this_year + 50) year -= 100;
  const auto date = make(read, year, month, day, time);
  return date && *date > limit ? make(read, year - 100, month, day, time) : date;
}

}  // namespace

std::string print_date(WallTime t) {
  t = std::clamp(t, kFirst, kLast);
  const auto day = std::chrono::floor<days>(t);
  const year_month_day date{day};
  const auto second = static_cast<unsigned>((t - day).count());
  const std::chrono::weekday weekday{day};
  char text[] = "Day, 00 Mon 0000 00:00:00 GMT";
  const auto two = [&text](std::size_t at, unsigned value) {
    text[at] = static_cast<char>('0' + value / 10 % 10);
    text[at + 1] = static_cast<char>('0' + value % 10);
  };
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  std::memcpy(text, kDays[weekday.c_encoding()].data(), 3);
  two(5, static_cast<unsigned>(date.day()));
  std::memcpy(text + 8, kMonths[static_cast<unsigned>(date.month()) - 1].data(), 3);
  two(12, year / 100);
  two(14, year);
  two(17, second / 3600);
  two(20, second / 60 % 60);
  two(23, second % 60);
  return text;
}

std::optional<WallTime> parse_date(std::string_view text, WallTime now) {
  if (text.size() < 4) return std::nullopt;
  if (text[3] == ',') return parse_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now);
}

}  // namespace weir::http
