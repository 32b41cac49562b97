#include "app/log_format.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>

#include "app/log_text.h"

namespace weir::app {
namespace {

using std::string_view;

// More than all keys, punctuation and numbers of a line.
constexpr std::size_t kFrame = 1024;

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

// A template that is none has kept Weir from starting.
LineFormat::LineFormat(LogFormat format, std::string_view text)
    : format_(format), template_(LogTemplate::parse(text).value_or(LogTemplate{})) {}

void LineFormat::append(LogBuffer& to, const proxy::AccessEntry& entry) {
  if (entry.wall != second_) remember(entry.wall);
  const bool custom = format_ == LogFormat::kCustom;
  char* const at = to.room(custom ? template_.longest(entry) + 1 : longest_line(entry));
  char* const end = custom                        ? template_.put(at, entry, {time_, time_size_})
                    : format_ == LogFormat::kJson ? json(at, entry)
                                                  : combined(at, entry);
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
      format_ == LogFormat::kJson || format_ == LogFormat::kCustom
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
