#include "support/origin/answer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace weir::test::origin {

namespace {

std::string_view usual_reason(int status) {
  static const std::map<int, std::string_view> kReasons{{103, "Early Hints"},
                                                        {200, "OK"},
                                                        {204, "No Content"},
                                                        {206, "Partial Content"},
                                                        {301, "Moved Permanently"},
                                                        {302, "Found"},
                                                        {304, "Not Modified"},
                                                        {400, "Bad Request"},
                                                        {404, "Not Found"},
                                                        {410, "Gone"},
                                                        {416, "Range Not Satisfiable"},
                                                        {500, "Internal Server Error"},
                                                        {503, "Service Unavailable"}};
  const auto found = kReasons.find(status);
  return found == kReasons.end() ? "Scripted" : found->second;
}

void put(std::string& head, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
}

void put(std::string& head, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    head.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

std::string status_line(int status, std::string_view reason, bool version_1_0 = false) {
  std::string line = version_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  line += std::to_string(status) + ' ';
  return line.append(reason.empty() ? usual_reason(status) : reason).append("\r\n");
}

std::string_view opaque(std::string_view etag) {
  return etag.starts_with("W/") ? etag.substr(2) : etag;
}

// RFC 9110 §13.1.2 (weak comparison); our own tags have no comma inside.
bool tag_listed(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view member = trimmed(list.substr(0, comma));
    if (!etag.empty() && (member == "*" || opaque(member) == opaque(etag))) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

// RFC 9110 §13.2.2: If-Modified-Since only counts without If-None-Match.
bool is_not_modified(const Request& request, const Script& script) {
  if (!script.conditional || (request.method != "GET" && request.method != "HEAD")) {
    return false;
  }
  if (const std::string* tags = request.find("If-None-Match")) {
    return tag_listed(*tags, script.etag);
  }
  const std::string* since = request.find("If-Modified-Since");
  const auto limit = since == nullptr ? std::nullopt : parse_date(*since);
  const auto modified = parse_date(script.last_modified);
  return limit && modified && *modified <= *limit;
}

// RFC 9110 §13.1.5: a strong tag that is ours, or exactly our date.
bool if_range_holds(const Request& request, const Script& script) {
  const std::string* value = request.find("If-Range");
  if (value == nullptr) {
    return true;
  }
  const bool strong = !script.etag.empty() && !script.etag.starts_with("W/");
  return (strong && *value == script.etag) ||
         (!script.last_modified.empty() && *value == script.last_modified);
}

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // one past the last byte; begin == end: cannot be satisfied
};

// RFC 9110 §14.1.2. Nothing: not a single byte range, so the whole is answered.
std::optional<Range> parse_range(std::string_view value, std::uint64_t size) {
  if (!value.starts_with("bytes=")) {
    return std::nullopt;
  }
  value = trimmed(value.substr(6));
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = parse_number(value.substr(0, dash));
  const auto last = parse_number(value.substr(dash + 1));
  if (dash == 0 && last) {
    return Range{size - std::min(size, *last), size};
  }
  if (!first || (!last && dash + 1 != value.size()) || (last && *last < *first)) {
    return std::nullopt;
  }
  const std::uint64_t end = last && *last < size ? *last + 1 : size;
  return *first < size ? Range{*first, end} : Range{};
}

std::optional<Range> wanted_range(const Request& request, const Script& script) {
  const std::string* value = request.find("Range");
  if (value == nullptr || request.method != "GET" || script.status != 200 ||
      script.ranges == Ranges::kIgnored || !if_range_holds(request, script)) {
    return std::nullopt;
  }
  return parse_range(*value, script.size);
}

std::string content_range(const Range& range, const Script& script) {
  const std::uint64_t shift = script.ranges == Ranges::kLie ? 1 : 0;
  return "bytes " + std::to_string(range.begin + shift) + '-' +
         std::to_string(range.end - 1 + shift) + '/' + std::to_string(script.size);
}

// Decides status and body; returns the fields that say so.
std::string choose_body(const Request& request, const Script& script, Answer& answer) {
  std::string fields;
  answer.status = script.status;
  answer.end = script.size;
  if (script.echo != Echo::kNone) {
    answer.is_text = true;
    return fields;
  }
  if (is_not_modified(request, script)) {
    answer.status = 304;
  } else if (const auto range = wanted_range(request, script)) {
    answer.begin = range->begin;
    answer.end = range->end;
    if (range->begin == range->end) {
      answer.status = 416;
      put(fields, "Content-Range", "bytes */" + std::to_string(script.size));
    } else {
      answer.status = 206;
      put(fields, "Content-Range", content_range(*range, script));
    }
  }
  return fields;
}

Framing choose_framing(const Request& request, const Script& script, int status) {
  if (status == 204 || status == 304) {
    return Framing::kNone;
  }
  if (script.until_close) {
    return Framing::kUntilClose;
  }
  if (script.chunked) {
    return request.version_1_0 || script.version_1_0 ? Framing::kUntilClose : Framing::kChunked;
  }
  return Framing::kLength;
}

void choose_stop(const Script& script, bool cuts, Answer& answer) {
  answer.stop = answer.end;
  if (!cuts || answer.is_text || answer.framing == Framing::kNone) {
    return;
  }
  const auto stop_at = [&](std::uint64_t offset, bool reset) {
    if (offset < answer.stop) {
      answer.stop = offset;
      answer.reset_at_stop = reset;
    }
  };
  if (answer.begin < script.cut_at || script.cut_at == 0) {
    stop_at(std::max(script.cut_at, answer.begin), false);
  }
  if (answer.begin < script.reset_at || script.reset_at == 0) {
    stop_at(std::max(script.reset_at, answer.begin), true);
  }
  if (script.cut_every < answer.end - answer.begin) {
    stop_at(answer.begin + script.cut_every, false);
  }
}

std::string format_head(const Script& script, const Answer& answer, std::string_view body_fields) {
  std::string head = status_line(answer.status, script.reason, script.version_1_0);
  put(head, "Date", script.date);
  put(head, "Content-Type", answer.framing == Framing::kNone ? "" : script.type);
  if (answer.framing == Framing::kLength) {
    put(head, "Content-Length", std::to_string(answer.end - answer.begin));
  } else if (answer.framing == Framing::kChunked) {
    put(head, "Transfer-Encoding", "chunked");
    put(head, "Trailer", script.trailers ? "X-Trailer" : "");
  }
  head.append(body_fields);
  if (!answer.is_text) {
    put(head, "ETag", script.etag);
    put(head, "Last-Modified", script.last_modified);
    put(head, "Accept-Ranges", script.ranges == Ranges::kIgnored ? "" : "bytes");
  }
  put(head, "Cache-Control", script.cache_control);
  put(head, "Expires", script.expires);
  put(head, "Age", script.age);
  put(head, "Vary", script.vary);
  put(head, script.fields);
  put(head, "Connection", answer.close ? "close" : "");
  return head + "\r\n";
}

}  // namespace

Answer plan(const Request& request, const Script& script, bool cuts, std::string body) {
  Answer answer;
  const std::string body_fields = choose_body(request, script, answer);
  if (answer.is_text) {
    answer.text = script.echo == Echo::kRequest ? request.text() : std::move(body);
    answer.end = answer.text.size();
  }
  answer.framing = choose_framing(request, script, answer.status);
  choose_stop(script, cuts, answer);
  answer.close = !request.keep_alive || !script.keep_alive || script.version_1_0 ||
                 answer.framing == Framing::kUntilClose;
  if (script.early_status != 0 && !request.version_1_0) {
    answer.interim = status_line(script.early_status, "");
    put(answer.interim, script.early_fields);
    answer.interim += "\r\n";
    const std::string one = answer.interim;
    for (std::uint64_t i = 1; i < script.early_count; ++i) {
      answer.interim += one;
    }
  }
  answer.head = format_head(script, answer, body_fields);
  if (!answer.close && request.version_1_0) {
    answer.head.insert(answer.head.size() - 2, "Connection: keep-alive\r\n");
  }
  if (request.method == "HEAD") {
    answer.framing = Framing::kNone;
  }
  return answer;
}

Answer plain_answer(int status, std::string text, bool close, std::string_view type) {
  Answer answer;
  answer.status = status;
  answer.is_text = true;
  answer.close = close;
  answer.end = answer.stop = text.size();
  answer.head = status_line(status, "");
  put(answer.head, "Content-Type", type);
  put(answer.head, "Content-Length", std::to_string(text.size()));
  put(answer.head, "Cache-Control", "no-store");
  put(answer.head, "Connection", close ? "close" : "");
  answer.head += "\r\n";
  answer.text = std::move(text);
  return answer;
}

}  // namespace weir::test::origin
