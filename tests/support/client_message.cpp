// The HTTP/1 half of the client: heads, fields, chunks. RFC 9112, strict.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "support/client.h"
#include "support/content.h"

namespace weir::test {

namespace {

constexpr std::size_t kLineMost = 256 * 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == text.npos;
}

std::uint64_t number(const std::string& text, int base) {
  return std::strtoull(text.c_str(), nullptr, base);
}

bool end_badly(Response& response, std::string problem) {
  response.end = End::kMalformed;
  response.problem = std::move(problem);
  return false;
}

// "HTTP/1.1 200 OK"
bool parse_status_line(const std::string& line, Response& response) {
  const bool shaped = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                      is_number(line.substr(9, 3)) && (line.size() == 12 || line[12] == ' ');
  if (!shaped) {
    return end_badly(response, "status line: " + line);
  }
  response.version = line.substr(5, 3);
  response.status = static_cast<int>(number(line.substr(9, 3), 10));
  response.reason = line.size() > 13 ? line.substr(13) : "";
  return true;
}

// RFC 9112 §6.3, but two lengths or a length beside a coding are errors.
bool decide_framing(Response& response, bool to_head) {
  const std::size_t lengths = response.count("Content-Length");
  const std::size_t codings = response.count("Transfer-Encoding");
  if (lengths + codings > 1) {
    return end_badly(response, "ambiguous framing");
  }
  if (lengths == 1 && !is_number(response.field("Content-Length"))) {
    return end_badly(response, "Content-Length: " + response.field("Content-Length"));
  }
  response.length = lengths == 1 ? number(response.field("Content-Length"), 10) : 0;
  if (to_head || response.status < 200 || response.status == 204 || response.status == 304) {
    response.framing = Framing::kNone;
  } else if (codings == 1) {
    if (!equal_ignoring_case(response.field("Transfer-Encoding"), "chunked")) {
      return end_badly(response, "Transfer-Encoding");
    }
    response.framing = Framing::kChunked;
  } else {
    response.framing = lengths == 1 ? Framing::kLength : Framing::kUntilClose;
  }
  return true;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view name(End end) {
  switch (end) {
    case End::kComplete:
      return "complete";
    case End::kShortEof:
      return "short-eof";
    case End::kReset:
      return "reset";
    case End::kTimeout:
      return "timeout";
    case End::kMalformed:
      return "malformed";
    case End::kStopped:
      return "stopped";
  }
  return "";
}

std::string format(const Request& request) {
  std::string out = request.method + ' ' + request.target + " HTTP/" + request.version + "\r\n";
  const auto named = [&](std::string_view wanted) {
    return std::ranges::any_of(request.fields, [&](const Field& field) {
      return equal_ignoring_case(field.name, wanted);
    });
  };
  if (request.version != "1.0" && !named("Host")) {
    out += "Host: localhost\r\n";  // a name that the admin address has, too
  }
  for (const Field& field : request.fields) {
    out += field.name + ": " + field.value + "\r\n";
  }
  if (!request.keep_alive) {
    out += "Connection: close\r\n";
  }
  if (request.chunked) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", request.body.size());
    const std::string chunk = request.body.empty() ? "" : size + request.body + "\r\n";
    return out + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n";
  }
  if (!request.body.empty() && !named("Content-Length")) {
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return out + "\r\n" + request.body;
}

std::size_t Response::count(std::string_view field_name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      fields, [&](const Field& field) { return equal_ignoring_case(field.name, field_name); }));
}

std::string Response::field(std::string_view field_name) const {
  const auto found = std::ranges::find_if(
      fields, [&](const Field& field) { return equal_ignoring_case(field.name, field_name); });
  return found == fields.end() ? "" : found->value;
}

std::uint64_t Response::range_begin() const {
  const std::string value = field("Content-Range");
  return value.starts_with("bytes ") ? number(value.substr(6), 10) : 0;
}

std::string Response::summary() const {
  std::string out = std::to_string(status) + ' ' + std::string(name(end)) + ' ' +
                    std::to_string(body_bytes) + " bytes";
  if (wrong_at) {
    out += ", wrong at " + std::to_string(*wrong_at);
  }
  for (const Field& each : fields) {
    out += " | " + each.name + ": " + each.value;
  }
  return out + (problem.empty() ? "" : " | " + problem);
}

Client::Line Client::read_line(Response& response, const Reading& reading, std::string& line) {
  std::size_t end = 0;
  while ((end = buffer_.find('\n', at_)) == std::string::npos) {
    if (buffer_.size() - at_ > kLineMost) {
      end_badly(response, "endless line");
      return Line::kBad;
    }
    if (!fill_or_end(response, reading)) {
      return Line::kEnded;
    }
  }
  if (end == at_ || buffer_[end - 1] != '\r') {
    end_badly(response, "line without CR");
    return Line::kBad;
  }
  line = buffer_.substr(at_, end - 1 - at_);
  at_ = end + 1;
  return Line::kLine;
}

bool Client::read_fields(Response& response, const Reading& reading, std::vector<Field>& fields) {
  std::string line;
  while (read_line(response, reading, line) == Line::kLine) {
    if (line.empty()) {
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || line.find_first_of(" \t") < colon) {
      return end_badly(response, "field line: " + line);
    }
    const std::size_t first = line.find_first_not_of(" \t", colon + 1);
    const std::size_t last = line.find_last_not_of(" \t");
    fields.push_back({line.substr(0, colon),
                      first == std::string::npos ? "" : line.substr(first, last - first + 1)});
  }
  return false;
}

bool Client::read_head(Response& response, const Reading& reading) {
  std::string line;
  if (read_line(response, reading, line) != Line::kLine || !parse_status_line(line, response) ||
      !read_fields(response, reading, response.fields) ||
      !decide_framing(response, reading.to_head)) {
    return false;
  }
  left_ = response.length;
  in_chunk_ = false;
  response.end = End::kComplete;  // so far
  return true;
}

// Sees to it that bytes of the body are in the buffer. False: response.end says why not.
bool Client::start_body(Response& response, const Reading& reading) {
  if (response.framing == Framing::kChunked && !in_chunk_ && !start_chunk(response, reading)) {
    return false;
  }
  if (response.framing == Framing::kLength && left_ == 0) {
    response.end = End::kComplete;
    return false;
  }
  if (unread().empty() && !fill_or_end(response, reading)) {
    if (response.framing == Framing::kUntilClose && response.end == End::kShortEof) {
      response.end = End::kComplete;
    }
    return false;
  }
  return true;
}

// False: that was the last chunk, or response.end says what went wrong.
bool Client::start_chunk(Response& response, const Reading& reading) {
  std::string line;
  if (read_line(response, reading, line) != Line::kLine) {
    return false;
  }
  const std::string size = line.substr(0, line.find(';'));
  if (size.empty() || size.size() > 16 ||
      size.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return end_badly(response, "chunk size: " + line);
  }
  left_ = number(size, 16);
  in_chunk_ = left_ > 0;
  if (!in_chunk_ && read_fields(response, reading, response.trailers)) {
    response.end = End::kComplete;
  }
  return in_chunk_;
}

bool Client::end_chunk(Response& response, const Reading& reading) {
  if (!in_chunk_ || left_ > 0) {
    return true;
  }
  std::string line;
  if (read_line(response, reading, line) != Line::kLine) {
    return false;
  }
  in_chunk_ = false;
  return line.empty() || end_badly(response, "no CRLF behind a chunk");
}

void Client::take_body(Response& response, const Reading& reading) {
  std::uint64_t most = reading.stop_at - response.body_bytes;
  if (response.framing != Framing::kUntilClose) {
    most = std::min(most, left_);
  }
  const std::string_view bytes = unread().substr(0, most);
  if (reading.content && !response.wrong_at) {
    const std::uint64_t begin = response.status == 206 ? response.range_begin() : 0;
    const std::size_t right = check_content(*reading.content, begin + response.body_bytes, bytes);
    if (right < bytes.size()) {
      response.wrong_at = response.body_bytes + right;
    }
  }
  if (response.body.size() < reading.keep) {
    response.body.append(bytes.substr(0, reading.keep - response.body.size()));
  }
  response.body_bytes += bytes.size();
  paced_bytes_ += bytes.size();
  left_ -= response.framing == Framing::kUntilClose ? 0 : bytes.size();
  at_ += bytes.size();
}

}  // namespace weir::test
