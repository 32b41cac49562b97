// The status line is read here, the fields by FieldLines; then the head is judged as a whole.
//
//   kVersion ──SP──▶ kStatus ──3 digits──▶ kAfterStatus ──SP──▶ kReason ──CR──▶ kStatusLf ──LF──▶
//                                               └──CR──▶ kStatusLf
//   kFields ──CRLF CRLF──▶ kDone            any error, from anywhere ──▶ kFailed

#include <utility>

#include "base/check.h"
#include "http/field_lines.h"
#include "http/framing.h"
#include "http/parser.h"
#include "http/syntax.h"
#include "http/version_text.h"

namespace weir::http {

struct ResponseParser::Impl {
  enum class State : std::uint8_t {
    kVersion,
    kStatus,
    kAfterStatus,
    kReason,
    kStatusLf,
    kFields,
    kDone,
    kFailed,
  };

  explicit Impl(const HeadLimits& l) : limits(l), lines(l.fields, LengthLines::kMany) {}

  // Each takes bytes off the front of `in`, which is not empty, and says how many. They fail with
  // the client's errors; feed() turns them into the origin's.
  Result<std::size_t> step(std::string_view in, Method to, Response& into);
  Result<std::size_t> step_version(std::string_view in, Response& into);
  Result<std::size_t> step_status(char c, Response& into);
  Result<std::size_t> step_after_status(char c);
  Result<std::size_t> step_reason(std::string_view in, Response& into);
  Result<std::size_t> step_status_lf(char c);
  Result<std::size_t> step_fields(std::string_view in, Method to, Response& into);

  const HeadLimits limits;
  State state = State::kVersion;
  std::size_t bytes = 0;  // taken since reset()
  std::size_t digits = 0;
  VersionText version{"HTTP/0.0 "};
  FieldLines lines;
};

Result<std::size_t> ResponseParser::Impl::step(std::string_view in, Method to, Response& into) {
  switch (state) {
    case State::kVersion:
      return step_version(in, into);
    case State::kStatus:
      return step_status(in[0], into);
    case State::kAfterStatus:
      return step_after_status(in[0]);
    case State::kReason:
      return step_reason(in, into);
    case State::kStatusLf:
      return step_status_lf(in[0]);
    case State::kFields:
      return step_fields(in, to, into);
    case State::kDone:
    case State::kFailed:
      break;
  }
  std::unreachable();
}

Result<std::size_t> ResponseParser::Impl::step_version(std::string_view in, Response& into) {
  const auto used = version.feed(in);
  if (!used) return fail(Errc::kBadRequest);
  if (!version.complete()) return *used;
  const auto spoken = version.version();
  if (!spoken) return fail(Errc::kUnsupportedVersion);
  into.version = *spoken;
  state = State::kStatus;
  return *used;
}

Result<std::size_t> ResponseParser::Impl::step_status(char c, Response& into) {
  if (!is_digit(c) || (digits == 0 && c == '0')) return fail(Errc::kBadRequest);
  into.status = into.status * 10 + (c - '0');
  if (++digits == 3) state = State::kAfterStatus;
  return 1;
}

// Many origins leave out the space that RFC 9112 §4 wants before an empty reason.
Result<std::size_t> ResponseParser::Impl::step_after_status(char c) {
  if (c != ' ' && c != '\r') return fail(Errc::kBadRequest);
  state = c == ' ' ? State::kReason : State::kStatusLf;
  return 1;
}

Result<std::size_t> ResponseParser::Impl::step_reason(std::string_view in, Response& into) {
  const std::size_t run = run_of(in, kTextChar);
  into.reason.append(in.substr(0, run));
  if (run == in.size()) return run;
  if (in[run] != '\r') return fail(Errc::kBadRequest);
  state = State::kStatusLf;
  return run + 1;
}

Result<std::size_t> ResponseParser::Impl::step_status_lf(char c) {
  if (c != '\n') return fail(Errc::kBadRequest);
  state = State::kFields;
  return 1;
}

Result<std::size_t> ResponseParser::Impl::step_fields(std::string_view in, Method to,
                                                      Response& into) {
  const auto lines_step = lines.feed(in, into.fields);
  if (!lines_step) return std::unexpected(lines_step.error());
  if (!lines_step->complete) return lines_step->used;
  if (const auto framed = frame_response(to, into); !framed) {
    return std::unexpected(framed.error());
  }
  into.keep_alive =
      into.framing != Framing::kUntilClose && wants_keep_alive(into.fields, into.version);
  state = State::kDone;
  return lines_step->used;
}

ResponseParser::ResponseParser(const HeadLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
ResponseParser::~ResponseParser() = default;

Result<HeadStep> ResponseParser::feed(std::string_view in, Method to, Response& into) {
  Impl& m = *impl_;
  WEIR_CHECK(m.state != Impl::State::kDone && m.state != Impl::State::kFailed);
  if (m.bytes == 0) into.clear();
  in = in.substr(0, m.limits.head_bytes - m.bytes);
  std::size_t used = 0;
  while (used < in.size() && m.state != Impl::State::kDone) {
    const auto taken = m.step(in.substr(used), to, into);
    if (!taken) {
      m.state = Impl::State::kFailed;
      return fail(taken.error().code == Errc::kHeadTooLarge ? Errc::kOriginHeadTooLarge
                                                            : Errc::kOriginBadResponse);
    }
    used += *taken;
  }
  m.bytes += used;
  if (m.state == Impl::State::kDone) return HeadStep{used, true};
  if (m.bytes >= m.limits.head_bytes) {
    m.state = Impl::State::kFailed;
    return fail(Errc::kOriginHeadTooLarge);
  }
  return HeadStep{used, false};
}

bool ResponseParser::started() const { return impl_->bytes > 0; }

void ResponseParser::reset() {
  impl_->state = Impl::State::kVersion;
  impl_->bytes = 0;
  impl_->digits = 0;
  impl_->version.reset();
  impl_->lines.reset();
}

}  // namespace weir::http
