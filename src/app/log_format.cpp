#include "app/log_format.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace weir::app {
namespace {

using std::string_view;

constexpr char kHex[] = "0123456789abcdef";
// What the longest escape makes of one byte: \u00XX.
constexpr std::size_t kMaxGrowth = 6;
// More than all keys, punctuation and numbers of a line.
constexpr std::size_t kFrame = 1024;

char* put(char* at, string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}
char* put_number(char* at, std::uint64_t value) { return std::to_chars(at, at + 20, value).ptr; }
char* put_three_digits(char* at, unsigned value) {
  *at++ = static_cast<char>('0' + value / 100);
  *at++ = static_cast<char>('0' + value / 10 % 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

// Milliseconds and three decimals.
char* put_milliseconds(char* at, Duration d) {
  const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(d.count(), 0) / 1000);
  at = put_number(at, us / 1000);
  *at++ = '.';
  return put_three_digits(at, static_cast<unsigned>(us % 1000));
}

// The length of the UTF-8 sequence that `text` begins with, 0 if it is none (RFC 3629 §4).
std::size_t utf8_length(string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
  if (lead == 0xed && second > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && second < 0x90) return 0;  // overlong
  if (lead == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return length;
}

// True: the byte stands for itself in both formats.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// Whether all eight bytes are plain: none has its top bit set, is below 0x20, or is zero when
// compared with one of the others.
bool plain_word(std::uint64_t w) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kTop = 0x80 * kEach;
  const auto has = [](std::uint64_t word, std::uint64_t byte) {
    const std::uint64_t x = word ^ (byte * kEach);
    return (x - kEach) & ~x;
  };
  return ((w | (w - 0x20 * kEach) | has(w, '"') | has(w, '\\') | has(w, 0x7f)) & kTop) == 0;
}

std::size_t plain_run(string_view text) {
  std::size_t n = 0;
  for (std::uint64_t word = 0; n + sizeof word <= text.size(); n += sizeof word) {
    std::memcpy(&word, text.data() + n, sizeof word);
    if (!plain_word(word)) break;
  }
  while (n < text.size() && kPlain[static_cast<unsigned char>(text[n])]) ++n;
  return n;
}

// One character that is not plain: a short escape, UTF-8 as it is, or \u00XX. Returns its length.
std::size_t put_json_special(char*& at, string_view text) {
  const char c = text.front();
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    *at++ = '\\';
    *at++ = c;
    return 1;
  }
  if (const std::size_t length = byte >= 0x80 ? utf8_length(text) : 0) {
    at = put(at, text.substr(0, length));
    return length;
  }
  at = put(at, "\\u00");
  *at++ = kHex[byte >> 4];
  *at++ = kHex[byte & 15];
  return 1;
}

char* put_json(char* at, string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    at = put(at, text.substr(0, run));
    text.remove_prefix(run);
    if (!text.empty()) text.remove_prefix(put_json_special(at, text));
  }
  return at;
}

// What could end a field or a line, or is not ASCII, becomes \xXX.
char* put_combined(char* at, string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    at = put(at, text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    at = put(at, "\\x");
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
    text.remove_prefix(1);
  }
  return at;
}
char* put_combined_or_dash(char* at, string_view text) {
  return text.empty() ? put(at, "-") : put_combined(at, text);
}

// `lead` is the punctuation and the key: `,"method":`. An empty text is left out with its key.
char* member(char* at, string_view lead, string_view text) {
  if (text.empty()) return at;
  at = put(at, lead);
  *at++ = '"';
  at = put_json(at, text);
  *at++ = '"';
  return at;
}
char* member(char* at, string_view lead, std::uint64_t number) {
  return put_number(put(at, lead), number);
}
char* member(char* at, string_view lead, Duration d) { return put_milliseconds(put(at, lead), d); }
char* word(char* at, string_view lead, string_view text) {
  return put_combined_or_dash(put(at, lead), text);
}

std::size_t longest_line(const proxy::AccessEntry& e) {
  const std::size_t texts = e.client.size() + e.method.size() + e.target.size() + e.host.size() +
                            e.version.size() + e.referer.size() + e.user_agent.size() +
                            e.cache.size() + e.reason.size() + e.origin.size() + e.close.size() +
                            e.delivery_proof.size();
  return kFrame + kMaxGrowth * texts;
}

}  // namespace

void LineFormat::append(LogBuffer& to, const proxy::AccessEntry& entry) {
  if (entry.wall != second_) remember(entry.wall);
  char* at = to.room(longest_line(entry));
  char* const end = format_ == LogFormat::kJson ? json(at, entry) : combined(at, entry);
  *end = '\n';
  to.advance(end + 1);
}

void LineFormat::remember(WallTime second) {
  using namespace std::chrono;
  constexpr string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_days day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss clock(second - day);
  const int y = std::clamp(static_cast<int>(date.year()), 0, 9999);
  const unsigned m = static_cast<unsigned>(date.month());
  const unsigned d = static_cast<unsigned>(date.day());
  const auto h = clock.hours().count();
  const auto min = clock.minutes().count();
  const auto s = clock.seconds().count();
  char* const end =
      format_ == LogFormat::kJson
          ? fmt::format_to(time_, FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}"), y, m, d, h,
                           min, s)
          : fmt::format_to(time_, FMT_COMPILE("{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000"), d,
                           kMonths[m - 1], y, h, min, s);
  time_size_ = static_cast<std::size_t>(end - time_);
  second_ = second;
}

char* LineFormat::json(char* at, const proxy::AccessEntry& e) const {
  const auto ms = static_cast<unsigned>(e.wall_fraction / std::chrono::milliseconds(1) % 1000);
  at = put(at, "{\"time\":\"");
  at = put(at, {time_, time_size_});
  *at++ = '.';
  at = put_three_digits(at, ms);
  at = put(at, "Z\"");
  at = member(at, ",\"client\":", e.client);
  at = member(at, ",\"port\":", e.client_port);
  at = member(at, ",\"method\":", e.method);
  at = member(at, ",\"host\":", e.host);
  at = member(at, ",\"target\":", e.target);
  at = member(at, ",\"version\":", e.version);
  at = member(at, ",\"status\":", static_cast<std::uint64_t>(std::max(e.status, 0)));
  at = member(at, ",\"cache\":", e.cache);
  at = member(at, ",\"reason\":", e.reason);
  at = member(at, ",\"origin\":", e.origin);
  if (e.range) {
    at = member(at, ",\"range_first\":", e.range->first);
    at = member(at, ",\"range_last\":", e.range->last);
  }
  at = member(at, ",\"head_bytes\":", e.head_bytes);
  at = member(at, ",\"body_bytes\":", e.body_bytes);
  if (e.received) at = member(at, ",\"received_bytes\":", *e.received);
  at = put(at, e.complete ? ",\"complete\":true" : ",\"complete\":false");
  if (e.acked_known) at = member(at, ",\"acked\":", e.acked);
  if (e.acked_known) at = put(at, e.delivered ? ",\"delivered\":true" : ",\"delivered\":false");
  at = member(at, ",\"delivery\":", e.delivery_proof);
  at = member(at, ",\"ttfb_ms\":", e.time_to_first_byte);
  if (e.time_to_last_ack.count() != 0) at = member(at, ",\"last_ack_ms\":", e.time_to_last_ack);
  if (e.standstill.count() != 0) at = member(at, ",\"standstill_ms\":", e.standstill);
  at = member(at, ",\"duration_ms\":", e.duration);
  if (e.rtt_us != 0) at = member(at, ",\"rtt_us\":", e.rtt_us);
  at = member(at, ",\"retransmits\":", e.retransmits);
  at = member(at, ",\"close\":", e.close);
  at = member(at, ",\"referer\":", e.referer);
  at = member(at, ",\"user_agent\":", e.user_agent);
  at = member(at, ",\"worker\":", e.worker);
  return put(at, "}");
}

char* LineFormat::combined(char* at, const proxy::AccessEntry& e) const {
  at = put_combined_or_dash(at, e.client);
  at = put(at, " - - [");
  at = put(at, {time_, time_size_});
  at = put(at, "] \"");
  at = put_combined_or_dash(at, e.method);
  if (!e.method.empty()) {
    *at++ = ' ';
    at = put_combined(at, e.target);
    *at++ = ' ';
    at = put_combined(at, e.version);
  }
  at = put(at, "\" ");
  at = put_number(at, static_cast<std::uint64_t>(std::max(e.status, 0)));
  *at++ = ' ';
  at = put_number(at, e.body_bytes);
  at = put(at, " \"");
  at = put_combined_or_dash(at, e.referer);
  at = put(at, "\" \"");
  at = put_combined_or_dash(at, e.user_agent);
  *at++ = '"';
  return format_ == LogFormat::kExtended ? receipt(at, e) : at;
}

// What combined has no place for, every key in every line.
char* LineFormat::receipt(char* at, const proxy::AccessEntry& e) {
  at = word(at, " cache=", e.cache);
  at = word(at, " reason=", e.reason);
  at = word(at, " origin=", e.origin);
  at = word(at, " complete=", e.complete ? "yes" : "no");
  at = e.acked_known ? member(at, " acked=", e.acked) : put(at, " acked=-");
  at = word(at, " delivered=", e.acked_known ? e.delivered ? "yes" : "no" : "");
  at = word(at, " delivery=", e.delivery_proof);
  at = member(at, " ttfb_ms=", e.time_to_first_byte);
  at = member(at, " last_ack_ms=", e.time_to_last_ack);
  at = member(at, " standstill_ms=", e.standstill);
  at = member(at, " duration_ms=", e.duration);
  at = member(at, " rtt_us=", e.rtt_us);
  at = member(at, " retransmits=", e.retransmits);
  if (e.received) at = member(at, " received=", *e.received);
  return word(at, " close=", e.close);
}

}  // namespace weir::app
