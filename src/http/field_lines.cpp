#include "http/field_lines.h"

#include <cstring>
#include <limits>

#include "base/check.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::size_t kKeptBytes = 1024;  // of a spilled field between messages

FieldLines* owner(llhttp_t* parser) { return static_cast<FieldLines*>(parser->data); }

Errc meaning_of(llhttp_errno error) {
  switch (error) {
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
      return Errc::kBadFraming;
    default:
      return Errc::kBadRequest;
  }
}

}  // namespace

void FieldLines::Piece::add(std::string_view piece) {
  if (text_.empty()) {
    text_ = piece;
    return;
  }
  if (text_.data() != copy_.data()) copy_.assign(text_);
  text_ = copy_.append(piece);
}

void FieldLines::Piece::outlive_input() {
  if (text_.empty() || text_.data() == copy_.data()) return;
  text_ = copy_.assign(text_);
}

void FieldLines::Piece::clear() {
  text_ = {};
  if (copy_.capacity() > kKeptBytes) std::string().swap(copy_);
}

const llhttp_settings_t& FieldLines::callbacks() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_header_field = [](llhttp_t* p, const char* at, std::size_t n) noexcept {
      owner(p)->name_.add({at, n});
      return 0;
    };
    s.on_header_value = [](llhttp_t* p, const char* at, std::size_t n) noexcept {
      owner(p)->value_.add({at, n});
      return 0;
    };
    s.on_header_field_complete = [](llhttp_t* p) noexcept { return owner(p)->on_name_complete(); };
    s.on_header_value_complete = [](llhttp_t* p) noexcept { return owner(p)->on_value_complete(); };
    s.on_headers_complete = [](llhttp_t*) noexcept -> int { return HPE_PAUSED; };
    return s;
  }();
  return settings;
}

// llhttp has a closed list of methods, and requests and responses share their field lines: start
// lines are ours, and each section begins with a copy of a parser that has just read one.
const llhttp_t& FieldLines::after_start_line() {
  static const llhttp_t parser = [] {
    constexpr std::string_view kStartLine = "GET / HTTP/1.1\r\n";
    llhttp_t p;
    llhttp_init(&p, HTTP_REQUEST, &callbacks());
    WEIR_CHECK(llhttp_execute(&p, kStartLine.data(), kStartLine.size()) == HPE_OK);
    return p;
  }();
  return parser;
}

FieldLines::FieldLines(std::size_t max_fields, LengthLines length_lines)
    : max_fields_(max_fields), length_lines_(length_lines) {
  reset();
}

void FieldLines::reset() {
  parser_ = after_start_line();
  parser_.data = this;
  next_ = Next::kLineStart;
  count_ = 0;
  error_.reset();
  name_.clear();
  value_.clear();
}

// Looks at the first byte of each line. CR begins the empty line, whose LF llhttp insists on.
FieldLines::Scan FieldLines::scan(std::string_view in) {
  std::size_t at = 0;
  while (at < in.size()) {
    switch (next_) {
      case Next::kLineStart:
        if (is_blank(in[at]) || in[at] == '\n') return {.bytes = at, .bad = true};
        next_ = in[at] == '\r' ? Next::kLastByte : Next::kText;
        ++at;
        break;
      case Next::kText: {
        const void* lf = std::memchr(in.data() + at, '\n', in.size() - at);
        if (!lf) return {.bytes = in.size()};
        at = static_cast<std::size_t>(static_cast<const char*>(lf) - in.data()) + 1;
        next_ = Next::kLineStart;
        break;
      }
      case Next::kLastByte:
        return {.bytes = at + 1, .end = true};
    }
  }
  return {.bytes = in.size()};
}

Result<FieldLines::Step> FieldLines::feed(std::string_view in, Fields& into) {
  const Scan seen = scan(in);
  into_ = &into;
  llhttp_errno error = HPE_OK;
  if (seen.bytes > 0) error = llhttp_execute(&parser_, in.data(), seen.bytes);
  if (error_) return fail(*error_);
  if (error == HPE_PAUSED) {
    const auto used = static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - in.data());
    if (!seen.end || used != seen.bytes) return fail(Errc::kBadRequest);
    return Step{used, true};
  }
  if (error != HPE_OK) return fail(meaning_of(error));
  if (seen.bad || seen.end) return fail(Errc::kBadRequest);
  name_.outlive_input();
  value_.outlive_input();
  return Step{in.size(), false};
}

int FieldLines::on_name_complete() noexcept {
  const std::size_t name = name_.text().size();
  if (name == 0) {
    error_ = Errc::kBadRequest;
  } else if (++count_ > max_fields_ || name > std::numeric_limits<std::uint16_t>::max()) {
    error_ = Errc::kHeadTooLarge;
  }
  return error_ ? HPE_USER : 0;
}

int FieldLines::on_value_complete() noexcept {
  into_->add(name_.text(), trim(value_.text()));
  name_.clear();
  value_.clear();
  if (length_lines_ == LengthLines::kMany) {
    parser_.flags = static_cast<std::uint16_t>(parser_.flags & ~F_CONTENT_LENGTH);
    parser_.content_length = 0;
  }
  return 0;
}

}  // namespace weir::http
