#include "http/head.h"

#include <array>

namespace weir::http {
namespace {

constexpr std::array<std::string_view, 10> kMethodNames = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PURGE"};
static_assert(kMethodNames.size() == static_cast<std::size_t>(Method::kOther));

struct Reason {
  int status;
  std::string_view phrase;
};

// RFC 9110 §15 and the registry of status codes; the commonest first.
constexpr Reason kReasons[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {206, "Partial Content"},
    {404, "Not Found"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {416, "Range Not Satisfiable"},
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {303, "See Other"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

}  // namespace

Method parse_method(std::string_view text) {
  for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
    if (kMethodNames[i] == text) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view method_name(Method m) {
  return m == Method::kOther ? std::string_view() : kMethodNames[static_cast<std::size_t>(m)];
}

bool is_safe(Method m) {
  return m == Method::kGet || m == Method::kHead || m == Method::kOptions || m == Method::kTrace;
}

bool is_idempotent(Method m) { return is_safe(m) || m == Method::kPut || m == Method::kDelete; }

void Request::clear() {
  method = Method::kGet;
  method_text.clear();
  target.clear();
  authority.clear();
  version = kHttp11;
  fields.clear();
  framing = Framing::kNone;
  length = 0;
  keep_alive = true;
  expect_continue = false;
}

void Response::clear() {
  status = 0;
  reason.clear();
  version = kHttp11;
  fields.clear();
  framing = Framing::kNone;
  length = 0;
  keep_alive = true;
}

std::string_view reason_phrase(int status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.phrase;
  }
  return {};
}

}  // namespace weir::http
