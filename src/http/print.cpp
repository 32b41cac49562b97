#include "http/print.h"

#include <fmt/format.h>

namespace weir::http {
namespace {

constexpr std::string_view kSeparator = ": ";
constexpr std::string_view kLineEnd = "\r\n";

char* put(char* at, std::string_view text) { return at + text.copy(at, text.size()); }

// Makes room for `n` bytes at the end of `out` and lets `write` fill them.
template <class Write>
void append(std::string& out, std::size_t n, Write write) {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + n, [&](char* text, std::size_t) {
    write(text + before);
    return before + n;
  });
}

}  // namespace

void print_request(const Request& head, std::string& out) {
  out.append(head.method_text.empty() ? method_name(head.method) : head.method_text);
  out.append(" ").append(head.target).append(" HTTP/1.1\r\n");
  print_fields(head.fields, out);
  out.append(kLineEnd);
}

// RFC 9112 §4: the space before the reason stands also when there is none.
void print_status_line(int status, std::string_view reason, std::string& out) {
  out.append("HTTP/1.1 ").append(fmt::format_int(status).c_str()).append(" ");
  out.append(reason).append(kLineEnd);
}

void print_fields(const Fields& fields, std::string& out) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    bytes += field.name.size() + kSeparator.size() + field.value.size() + kLineEnd.size();
  }
  append(out, bytes, [&fields](char* at) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Field field = fields[i];
      at = put(put(put(put(at, field.name), kSeparator), field.value), kLineEnd);
    }
  });
}

void print_field(std::string_view name, std::string_view value, std::string& out) {
  const std::size_t bytes = name.size() + kSeparator.size() + value.size() + kLineEnd.size();
  append(out, bytes, [&](char* at) { put(put(put(put(at, name), kSeparator), value), kLineEnd); });
}

void print_field(std::string_view name, std::uint64_t value, std::string& out) {
  const fmt::format_int digits(value);
  print_field(name, std::string_view(digits.data(), digits.size()), out);
}

}  // namespace weir::http
