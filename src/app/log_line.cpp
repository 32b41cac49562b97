#include "app/log_line.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

std::optional<LogLine> parse_json(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object() || !object.contains("time")) return {};
  LogLine out;
  for (const auto& [key, value] : object.items()) {
    out.fields.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

// Cuts off what is before `end`, and `end`. Nothing: it is not there.
std::optional<std::string_view> cut(std::string_view& text, std::string_view end) {
  const std::size_t at = text.find(end);
  if (at == text.npos) return {};
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return out;
}

// " - " stands for nothing.
void add(LogLine& line, std::string_view key, std::string_view value) {
  if (!value.empty() && value != "-") line.fields.emplace_back(key, value);
}

// "GET /a HTTP/1.1", or "-".
void add_request(LogLine& line, std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t last = text.rfind(' ');
  if (first == text.npos || first == last) return;
  add(line, "method", text.substr(0, first));
  add(line, "target", text.substr(first + 1, last - first - 1));
  add(line, "version", text.substr(last + 1));
}

// Behind a combined line: " cache=hit reason=-".
void add_receipt(LogLine& line, std::string_view rest) {
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    const std::size_t at = word.find('=');
    if (at != word.npos) add(line, word.substr(0, at), word.substr(at + 1));
  }
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// CLIENT - - [TIME] "REQUEST" STATUS BYTES "REFERER" "USER-AGENT" receipt: what is quoted has no
// quote inside.
std::optional<LogLine> parse_combined(std::string_view rest) {
  const auto client = cut(rest, " - - [");
  const auto time = cut(rest, "] \"");
  const auto request = cut(rest, "\" ");
  const auto status = cut(rest, " ");
  const auto bytes = cut(rest, " \"");
  const auto referer = cut(rest, "\" \"");
  const auto agent = cut(rest, "\"");
  const bool whole = client && time && request && status && bytes && referer && agent;
  if (!whole || !is_number(*status) || !is_number(*bytes)) return {};
  LogLine line;
  add(line, "time", *time);
  add(line, "client", *client);
  add_request(line, *request);
  add(line, "status", *status);
  add(line, "body_bytes", *bytes);
  add(line, "referer", *referer);
  add(line, "user_agent", *agent);
  add_receipt(line, rest);
  return line;
}

}  // namespace

std::string_view LogLine::get(std::string_view key) const {
  const auto at = std::ranges::find(fields, key, &std::pair<std::string, std::string>::first);
  return at == fields.end() ? std::string_view{} : at->second;
}

std::optional<LogLine> parse_log_line(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line.starts_with('{') ? parse_json(line) : parse_combined(line);
}

}  // namespace weir::app
