#include "front/http2_head.h"

#include <algorithm>
#include <utility>

#include "http/authority.h"
#include "http/framing.h"
#include "http/syntax.h"

namespace weir::front {
namespace {

using http::FieldId;

constexpr http::Version kHttp2{2, 0};
constexpr std::size_t kMaxMethodBytes = 64;
constexpr std::size_t kFieldOverhead = 32;
constexpr std::size_t kNameMost = 65'535;  // see http::Fields

// RFC 9113 §8.2.1, and no control characters at all: HTTP/1 would not carry them.
bool valid_value(std::string_view value) {
  if (value.empty()) return true;
  return !http::is_blank(value.front()) && !http::is_blank(value.back()) &&
         http::run_of(value, http::kTextChar) == value.size();
}

bool valid_name(std::string_view name) {
  return http::is_token(name) &&
         std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// RFC 9113 §8.2.2. TE may say `trailers`; we send none, so it goes no further.
bool belongs_to_connection(FieldId id, std::string_view value) {
  switch (id) {
    case FieldId::kConnection:
    case FieldId::kKeepAlive:
    case FieldId::kProxyConnection:
    case FieldId::kTransferEncoding:
    case FieldId::kUpgrade:
      return true;
    case FieldId::kTe:
      return !http::iequals(value, "trailers");
    default:
      return false;
  }
}

// RFC 9110 §10.1.1
bool unknown_expectation(const http::Fields& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id == FieldId::kExpect && !http::iequals(fields[i].value, "100-continue")) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Http2Head::reset() {
  cookie_.clear();
  bytes_ = 0;
  fields_ = 0;
  error_.reset();
  seen_ = 0;
  regular_ = has_cookie_ = false;
}

void Http2Head::refuse(Errc why) {
  if (!error_) error_ = why;
}

void Http2Head::add(std::string_view name, std::string_view value, http::Request& into) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (bytes_ > limits_.head_bytes) refuse(Errc::kHeadTooLarge);
  if (error_) return;
  if (name.starts_with(':')) {
    if (regular_) return refuse(Errc::kBadRequest);  // RFC 9113 §8.3
    return add_pseudo(name, value, into);
  }
  regular_ = true;
  add_regular(name, value, into);
}

void Http2Head::add_pseudo(std::string_view name, std::string_view value, http::Request& into) {
  if (name == ":method") return accept(Pseudo::kMethod, value, into);
  if (name == ":scheme") return accept(Pseudo::kScheme, value, into);
  if (name == ":authority") return accept(Pseudo::kAuthority, value, into);
  if (name == ":path") return accept(Pseudo::kPath, value, into);
  refuse(Errc::kBadRequest);
}

// RFC 9113 §8.3.1
void Http2Head::accept(Pseudo which, std::string_view value, http::Request& into) {
  if (has(which)) return refuse(Errc::kBadRequest);
  seen_ = static_cast<std::uint8_t>(seen_ | static_cast<unsigned>(which));
  switch (which) {
    case Pseudo::kMethod:
      if (!http::is_token(value) || value.size() > kMaxMethodBytes)
        return refuse(Errc::kBadRequest);
      into.method_text = value;
      into.method = http::parse_method(value);
      return;
    case Pseudo::kScheme:
      // As with an absolute target of HTTP/1 the connection says which one it is: who ends TLS in
      // front of us tells the client's.
      if (value != "http" && value != "https") refuse(Errc::kBadTarget);
      return;
    case Pseudo::kAuthority:
      if (!http::parse_authority(value, http::Port::kOptional, into.authority))
        refuse(Errc::kBadHost);
      return;
    case Pseudo::kPath:
      if (value.empty()) return refuse(Errc::kBadRequest);
      if (value.size() > limits_.target_bytes) return refuse(Errc::kUriTooLong);
      if (http::run_of(value, http::kTargetChar) != value.size() ||
          (value[0] != '/' && value != "*"))
        return refuse(Errc::kBadTarget);
      into.target = value;
      return;
  }
}

void Http2Head::add_regular(std::string_view name, std::string_view value, http::Request& into) {
  if (!valid_name(name) || !valid_value(value)) return refuse(Errc::kBadRequest);
  const FieldId id = http::field_id(name);
  if (belongs_to_connection(id, value)) return refuse(Errc::kBadRequest);
  if (id == FieldId::kCookie) return add_cookie(value);
  if (++fields_ > limits_.fields || name.size() > kNameMost) return refuse(Errc::kHeadTooLarge);
  if (id != FieldId::kTe) into.fields.add(name, value);
}

// Browsers send each cookie as a field of its own: for the limit of fields all are one.
void Http2Head::add_cookie(std::string_view value) {
  if (std::exchange(has_cookie_, true)) cookie_ += "; ";
  cookie_ += value;
}

// RFC 9113 §8.3.1: Host, if there is one beside :authority, must say the same.
std::optional<Error> Http2Head::accept_host(http::Request& into) {
  const std::size_t hosts = into.fields.count(FieldId::kHost);
  if (hosts > 1) return Error{Errc::kBadHost};
  if (hosts == 1) {
    std::string host;
    if (!http::parse_authority(*into.fields.get(FieldId::kHost), http::Port::kOptional, host))
      return Error{Errc::kBadHost};
    if (has(Pseudo::kAuthority) && host != into.authority) return Error{Errc::kBadHost};
    into.authority = std::move(host);
  }
  if (into.authority.empty()) return Error{Errc::kBadHost};
  into.fields.set(FieldId::kHost, into.authority);
  return std::nullopt;
}

std::optional<Error> Http2Head::finish(bool ends, http::Request& into) {
  into.version = kHttp2;
  into.keep_alive = true;
  if (error_) return Error{*error_};
  if (into.method == http::Method::kConnect && has(Pseudo::kMethod))
    return Error{Errc::kUnsupportedMethod};
  if (!has(Pseudo::kMethod) || !has(Pseudo::kScheme) || !has(Pseudo::kPath))
    return Error{Errc::kBadRequest};
  if (into.target == "*" && into.method != http::Method::kOptions) return Error{Errc::kBadTarget};
  if (const auto error = accept_host(into)) return error;
  if (has_cookie_) into.fields.add(FieldId::kCookie, cookie_);

  if (const auto framed = http::frame_request(into); !framed) return framed.error();
  if (ends) {
    if (into.framing == http::Framing::kLength && into.length > 0) return Error{Errc::kBadFraming};
  } else if (into.framing == http::Framing::kNone) {
    into.framing = http::Framing::kChunked;  // of unknown length: it ends with END_STREAM
  }
  if (unknown_expectation(into.fields)) return Error{Errc::kExpectationFailed};
  into.expect_continue = !ends && into.fields.has(FieldId::kExpect);
  return std::nullopt;
}

}  // namespace weir::front
