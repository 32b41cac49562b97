#include "support/origin/request.h"

#include <algorithm>

namespace weir::test::origin {

namespace {

using Problem = std::string;  // empty: none

bool is_token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; });
}

bool is_value(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7F'; });
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return line;
}

// RFC 9112 §3
Problem read_request_line(std::string_view line, Request& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return "the request line has not three parts";
  }
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  request.version_1_0 = version == "HTTP/1.0";
  if (!is_token(request.method)) {
    return "bad method";
  }
  const std::string& target = request.target;
  const bool known_form = target.starts_with('/') || target.starts_with("http://") || target == "*";
  if (!known_form || !is_printable(target)) {
    return "bad request target";
  }
  return version == "HTTP/1.1" || version == "HTTP/1.0" ? "" : "bad version";
}

// RFC 9112 §5
Problem read_field(std::string_view line, Request& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return "bad field name: " + std::string(line);
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_value(value)) {
    return "bad field value: " + std::string(line);
  }
  request.fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return "";
}

bool names(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (equal_ignoring_case(trimmed(list.substr(0, comma)), token)) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

// RFC 9112 §6, §7.2 and RFC 9110 §10.1.1
Problem understand_fields(Request& request) {
  int hosts = 0;
  int lengths = 0;
  request.keep_alive = !request.version_1_0;
  for (const Field& field : request.fields) {
    if (equal_ignoring_case(field.name, "Host")) {
      ++hosts;
    } else if (equal_ignoring_case(field.name, "Content-Length")) {
      const auto number = parse_number(field.value);
      if (!number || ++lengths > 1) {
        return "bad Content-Length";
      }
      request.content_length = *number;
    } else if (equal_ignoring_case(field.name, "Transfer-Encoding")) {
      if (request.chunked || !equal_ignoring_case(field.value, "chunked")) {
        return "bad Transfer-Encoding";
      }
      request.chunked = true;
    } else if (equal_ignoring_case(field.name, "Connection")) {
      request.keep_alive = (request.keep_alive && !names(field.value, "close")) ||
                           (request.version_1_0 && names(field.value, "keep-alive"));
    } else if (equal_ignoring_case(field.name, "Expect")) {
      request.expects_continue = equal_ignoring_case(field.value, "100-continue");
    }
  }
  if (request.chunked && lengths > 0) {
    return "Content-Length beside Transfer-Encoding";
  }
  return hosts == 1 || (hosts == 0 && request.version_1_0) ? "" : "not exactly one Host";
}

}  // namespace

const std::string* Request::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      fields, [&](const Field& field) { return equal_ignoring_case(field.name, name); });
  return found == fields.end() ? nullptr : &found->value;
}

std::string Request::text() const {
  std::string out = method + ' ' + target + (version_1_0 ? " HTTP/1.0\n" : " HTTP/1.1\n");
  for (const Field& field : fields) {
    out += field.name + ": " + field.value + '\n';
  }
  return out;
}

std::expected<Request, std::string> parse_request(std::string_view head) {
  Request request;
  Problem problem = read_request_line(next_line(head), request);
  while (problem.empty() && head.size() > 2) {
    problem = read_field(next_line(head), request);
  }
  if (problem.empty()) {
    problem = understand_fields(request);
  }
  if (!problem.empty()) {
    return std::unexpected(problem);
  }
  return request;
}

}  // namespace weir::test::origin
