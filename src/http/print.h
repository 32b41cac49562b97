#pragma once
// Heads to bytes, HTTP/1.1. Append to a caller's buffer, so that a warm connection does not
// allocate.

#include <cstdint>
#include <string>

#include "http/head.h"

namespace weir::http {

// "GET /x HTTP/1.1\r\n" and all fields as they are and the empty line. Nothing is added: framing
// and hop-by-hop fields are the caller's affair.
void print_request(const Request& head, std::string& out);
// "HTTP/1.1 200 OK\r\n"
void print_status_line(int status, std::string_view reason, std::string& out);
// "Name: value\r\n" each, without the empty line.
void print_fields(const Fields& fields, std::string& out);
void print_field(std::string_view name, std::string_view value, std::string& out);
void print_field(std::string_view name, std::uint64_t value, std::string& out);

}  // namespace weir::http
