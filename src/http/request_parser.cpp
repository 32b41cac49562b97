// The start line is read here, the fields by FieldLines; then the head is judged as a whole.
//
//            CR            LF
//   ┌──────▶ kEmptyLf ─────────┐
//   │                          ▼
//   └───────────────────── kEmptyLine ──▶ kMethod ──SP──▶ kTarget ──SP──▶ kVersion ──CRLF──▶
//   kFields ──CRLF CRLF──▶ kDone            any error, from anywhere ──▶ kFailed

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/authority.h"
#include "http/field_lines.h"
#include "http/framing.h"
#include "http/parser.h"
#include "http/syntax.h"
#include "http/version_text.h"

namespace weir::http {
namespace {

constexpr std::size_t kMaxMethodBytes = 64;
constexpr std::size_t kMaxEmptyLines = 8;

// The length of "http://" or "https://" at the front; 0 when it is neither.
std::size_t scheme_length(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (iequals(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

// RFC 9112 §3.2.2; §3.2.4 for OPTIONS without a path.
bool split_absolute_form(Request& head) {
  const std::size_t begin = scheme_length(head.target);
  if (begin == 0) return false;
  const std::size_t end = std::min(head.target.find_first_of("/?", begin), head.target.size());
  const std::string_view authority(head.target.data() + begin, end - begin);
  if (!parse_authority(authority, Port::kOptional, head.authority)) return false;
  if (end == head.target.size()) {
    head.target.assign(1, head.method == Method::kOptions ? '*' : '/');
  } else if (head.target[end] == '?') {
    head.target.erase(0, end - 1);
    head.target[0] = '/';
  } else {
    head.target.erase(0, end);
  }
  return true;
}

bool accept_target(Request& head) {
  if (head.method == Method::kConnect) {
    return parse_authority(head.target, Port::kRequired, head.authority);
  }
  if (head.target[0] == '/') return true;
  if (head.target == "*") return head.method == Method::kOptions;
  return split_absolute_form(head);
}

// RFC 9112 §3.2. The authority of the target wins, and Host is made to say the same (§3.2.2).
Result<void> accept_host(Request& head) {
  const auto host = head.fields.get(FieldId::kHost);
  if (!host) {
    if (head.version >= kHttp11) return fail(Errc::kBadHost);
    return {};
  }
  if (head.fields.count(FieldId::kHost) > 1) return fail(Errc::kBadHost);
  if (head.authority.empty()) {
    if (!parse_authority(*host, Port::kOptional, head.authority)) return fail(Errc::kBadHost);
    return {};
  }
  std::string ignored;
  if (!parse_authority(*host, Port::kOptional, ignored)) return fail(Errc::kBadHost);
  if (ignored != head.authority) head.fields.set(FieldId::kHost, head.authority);
  return {};
}

// RFC 9110 §10.1.1
Result<void> accept_expectations(Request& head) {
  if (!head.fields.has(FieldId::kExpect)) return {};
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const Field field = head.fields[i];
    if (field.id == FieldId::kExpect && !iequals(field.value, "100-continue")) {
      return fail(Errc::kExpectationFailed);
    }
  }
  const bool body =
      head.framing == Framing::kChunked || (head.framing == Framing::kLength && head.length > 0);
  head.expect_continue = body && head.version >= kHttp11;
  return {};
}

}  // namespace

struct RequestParser::Impl {
  enum class State : std::uint8_t {
    kEmptyLine,
    kEmptyLf,
    kMethod,
    kTarget,
    kVersion,
    kFields,
    kDone,
    kFailed,
  };

  explicit Impl(const HeadLimits& l) : limits(l), lines(l.fields, LengthLines::kOne) {}

  // Each takes bytes off the front of `in`, which is not empty, and says how many.
  Result<std::size_t> step(std::string_view in, Request& into);
  Result<std::size_t> step_empty_line(char c);
  Result<std::size_t> step_method(std::string_view in, Request& into);
  Result<std::size_t> step_target(std::string_view in, Request& into);
  Result<std::size_t> step_version(std::string_view in, Request& into);
  Result<std::size_t> step_fields(std::string_view in, Request& into);

  const HeadLimits limits;
  State state = State::kEmptyLine;
  std::size_t bytes = 0;  // taken since reset()
  std::size_t empty_lines = 0;
  VersionText version{"HTTP/0.0\r\n"};
  FieldLines lines;
};

Result<std::size_t> RequestParser::Impl::step(std::string_view in, Request& into) {
  switch (state) {
    case State::kEmptyLine:
    case State::kEmptyLf:
      return step_empty_line(in[0]);
    case State::kMethod:
      return step_method(in, into);
    case State::kTarget:
      return step_target(in, into);
    case State::kVersion:
      return step_version(in, into);
    case State::kFields:
      return step_fields(in, into);
    case State::kDone:
    case State::kFailed:
      break;
  }
  std::unreachable();
}

Result<std::size_t> RequestParser::Impl::step_empty_line(char c) {
  if (state == State::kEmptyLf) {
    if (c != '\n' || ++empty_lines > kMaxEmptyLines) return fail(Errc::kBadRequest);
    state = State::kEmptyLine;
    return 1;
  }
  state = c == '\r' ? State::kEmptyLf : State::kMethod;
  return c == '\r' ? 1 : 0;
}

Result<std::size_t> RequestParser::Impl::step_method(std::string_view in, Request& into) {
  const std::size_t run = run_of(in, kTokenChar);
  if (into.method_text.size() + run > kMaxMethodBytes) return fail(Errc::kBadRequest);
  into.method_text.append(in.substr(0, run));
  if (run == in.size()) return run;
  if (in[run] != ' ' || into.method_text.empty()) return fail(Errc::kBadRequest);
  into.method = parse_method(into.method_text);
  state = State::kTarget;
  return run + 1;
}

Result<std::size_t> RequestParser::Impl::step_target(std::string_view in, Request& into) {
  const std::size_t run = run_of(in, kTargetChar);
  const std::size_t room = limits.target_bytes - into.target.size();
  into.target.append(in.substr(0, std::min(run, room)));
  if (run > room) return fail(Errc::kUriTooLong);
  if (run == in.size()) return run;
  if (in[run] == '\r' || in[run] == '\n') return fail(Errc::kBadRequest);  // no version
  if (in[run] != ' ' || into.target.empty() || !accept_target(into)) {
    return fail(Errc::kBadTarget);
  }
  state = State::kVersion;
  return run + 1;
}

Result<std::size_t> RequestParser::Impl::step_version(std::string_view in, Request& into) {
  const auto used = version.feed(in);
  if (!used) return fail(Errc::kBadRequest);
  if (!version.complete()) return *used;
  const auto spoken = version.version();
  if (!spoken) return fail(Errc::kUnsupportedVersion);
  into.version = *spoken;
  state = State::kFields;
  return *used;
}

Result<std::size_t> RequestParser::Impl::step_fields(std::string_view in, Request& into) {
  const auto lines_step = lines.feed(in, into.fields);
  if (!lines_step) return std::unexpected(lines_step.error());
  if (!lines_step->complete) return lines_step->used;
  for (auto accept : {accept_host, frame_request, accept_expectations}) {
    if (const auto accepted = accept(into); !accepted) return std::unexpected(accepted.error());
  }
  into.keep_alive = wants_keep_alive(into.fields, into.version);
  state = State::kDone;
  return lines_step->used;
}

RequestParser::RequestParser(const HeadLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

Result<HeadStep> RequestParser::feed(std::string_view in, Request& into) {
  Impl& m = *impl_;
  WEIR_CHECK(m.state != Impl::State::kDone && m.state != Impl::State::kFailed);
  if (m.bytes == 0) into.clear();
  in = in.substr(0, m.limits.head_bytes - m.bytes);
  std::size_t used = 0;
  while (used < in.size() && m.state != Impl::State::kDone) {
    const auto taken = m.step(in.substr(used), into);
    if (!taken) {
      m.state = Impl::State::kFailed;
      return std::unexpected(taken.error());
    }
    used += *taken;
  }
  m.bytes += used;
  if (m.state == Impl::State::kDone) return HeadStep{used, true};
  if (m.bytes >= m.limits.head_bytes) {
    m.state = Impl::State::kFailed;
    return fail(Errc::kHeadTooLarge);
  }
  return HeadStep{used, false};
}

bool RequestParser::started() const {
  return impl_->state != Impl::State::kEmptyLine && impl_->state != Impl::State::kEmptyLf;
}

void RequestParser::reset() {
  impl_->state = Impl::State::kEmptyLine;
  impl_->bytes = 0;
  impl_->empty_lines = 0;
  impl_->version.reset();
  impl_->lines.reset();
}

}  // namespace weir::http
