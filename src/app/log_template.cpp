#include "app/log_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/conf_text.h"
#include "app/log_text.h"

namespace weir::app {
namespace {

using Entry = proxy::AccessEntry;
using std::string_view;

// The longest number, and more than the longest time.
constexpr std::size_t kNumber = 32;

char* put_dash(char* at) { return app::put(at, "-"); }
char* put_known(char* at, bool known, std::uint64_t value) {
  return known ? put_number(at, value) : put_dash(at);
}
char* put_known(char* at, Duration d) {
  return d.count() != 0 ? put_milliseconds(at, d) : put_dash(at);
}
char* put_bool(char* at, bool value) { return app::put(at, value ? "true" : "false"); }

char* put_time(char* at, const Entry& e, string_view second) {
  const auto ms = static_cast<unsigned>(e.wall_fraction / std::chrono::milliseconds(1) % 1000);
  at = app::put(at, second);
  *at++ = '.';
  at = put_three_digits(at, ms);
  return app::put(at, "Z");
}

}  // namespace

// One of both is there.
struct LogTemplateField {
  string_view name;
  string_view Entry::*text;
  char* (*put)(char* at, const Entry& entry, string_view second);
};

namespace {

constexpr LogTemplateField text_field(string_view name, string_view Entry::*text) {
  return {name, text, nullptr};
}
#define WEIR_VALUE(name, how)                                                \
  LogTemplateField {                                                         \
    name, nullptr, [](char* at, const Entry& e, string_view) { return how; } \
  }

constexpr LogTemplateField kFields[] = {
    {"time", nullptr, put_time},
    text_field("client", &Entry::client),
    WEIR_VALUE("port", put_number(at, e.client_port)),
    text_field("method", &Entry::method),
    text_field("host", &Entry::host),
    text_field("target", &Entry::target),
    text_field("version", &Entry::version),
    WEIR_VALUE("status", put_number(at, static_cast<std::uint64_t>(std::max(e.status, 0)))),
    text_field("cache", &Entry::cache),
    text_field("reason", &Entry::reason),
    text_field("origin", &Entry::origin),
    WEIR_VALUE("range_first", put_known(at, e.range.has_value(), e.range ? e.range->first : 0)),
    WEIR_VALUE("range_last", put_known(at, e.range.has_value(), e.range ? e.range->last : 0)),
    WEIR_VALUE("head_bytes", put_number(at, e.head_bytes)),
    WEIR_VALUE("body_bytes", put_number(at, e.body_bytes)),
    WEIR_VALUE("received_bytes", put_known(at, e.received.has_value(), e.received.value_or(0))),
    WEIR_VALUE("complete", put_bool(at, e.complete)),
    WEIR_VALUE("acked", put_known(at, e.acked_known, e.acked)),
    WEIR_VALUE("delivered", e.acked_known ? put_bool(at, e.delivered) : put_dash(at)),
    text_field("delivery", &Entry::delivery_proof),
    WEIR_VALUE("ttfb_ms", put_milliseconds(at, e.time_to_first_byte)),
    WEIR_VALUE("last_ack_ms", put_known(at, e.time_to_last_ack)),
    WEIR_VALUE("standstill_ms", put_milliseconds(at, e.standstill)),
    WEIR_VALUE("duration_ms", put_milliseconds(at, e.duration)),
    WEIR_VALUE("rtt_us", put_known(at, e.rtt_us != 0, e.rtt_us)),
    WEIR_VALUE("retransmits", put_number(at, e.retransmits)),
    text_field("close", &Entry::close),
    text_field("referer", &Entry::referer),
    text_field("user_agent", &Entry::user_agent),
    WEIR_VALUE("worker", put_number(at, e.worker)),
};
#undef WEIR_VALUE

std::unexpected<LogTemplate::Fault> fault(std::string text, std::string hint = {}) {
  return std::unexpected(LogTemplate::Fault{std::move(text), std::move(hint)});
}

}  // namespace

std::vector<string_view> log_template_names() {
  std::vector<string_view> out;
  for (const LogTemplateField& field : kFields) out.push_back(field.name);
  return out;
}

std::expected<void, LogTemplate::Fault> LogTemplate::add_field(string_view name) {
  const auto field = std::ranges::find(kFields, name, &LogTemplateField::name);
  if (field == std::end(kFields)) {
    return fault(fmt::format("lines have no \"{}\"", name),
                 did_you_mean(nearest(name, log_template_names())));
  }
  pieces_.back().field = field;
  pieces_.push_back({{}, nullptr});
  return {};
}

std::expected<LogTemplate, LogTemplate::Fault> LogTemplate::parse(string_view text) {
  LogTemplate out;
  out.pieces_.push_back({{}, nullptr});
  while (!text.empty()) {
    const char c = text.front();
    const bool brace = c == '{' || c == '}';
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
      return fault("a line of the log is one line, without control characters");
    if (!brace || text.substr(1).starts_with(c)) {
      out.pieces_.back().before += c;
      text.remove_prefix(brace ? 2 : 1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (c == '}' || end == text.npos) return fault("a brace has no other one", "\"{{\" is a brace");
    if (const auto added = out.add_field(text.substr(1, end - 1)); !added)
      return std::unexpected(added.error());
    text.remove_prefix(end + 1);
  }
  return out;
}

std::size_t LogTemplate::longest(const Entry& entry) const {
  std::size_t out = 0;
  for (const Piece& piece : pieces_) {
    out += piece.before.size() + kNumber;
    if (piece.field && piece.field->text) out += kMaxGrowth * (entry.*piece.field->text).size();
  }
  return out;
}

char* LogTemplate::put(char* at, const Entry& entry, string_view second) const {
  for (const Piece& piece : pieces_) {
    at = app::put(at, piece.before);
    if (!piece.field) break;
    at = piece.field->text ? put_combined_or_dash(at, entry.*piece.field->text)
                           : piece.field->put(at, entry, second);
  }
  return at;
}

}  // namespace weir::app
