// One byte at a time through the framing, whole pieces of data and trailers (RFC 9112 §7.1):
//
//   kSizeStart ──hex──▶ kSize ─────────────────────CR──▶ kSizeLf ──size>0──▶ kData ──▶ kDataCr
//        ▲                │  ext: ";" name ["=" value]      ▲  └──size=0──▶ kTrailers ──▶ kEnd
//        │                └──▶ kExtBws ──▶ kExtName... ─CR──┘
//        └──────────────────────────LF── kDataLf ◀──CR── kDataCr         any error ──▶ kFailed

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "http/field_lines.h"
#include "http/parser.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::size_t kMaxSizeDigits = 16;
constexpr std::size_t kMaxExtensionBytes = 4096;
constexpr std::uint64_t kMaxChunk = std::numeric_limits<std::int64_t>::max();

constexpr FieldId kForbiddenTrailers[] = {
    FieldId::kAge,
    FieldId::kAuthorization,
    FieldId::kCacheControl,
    FieldId::kCdnCacheControl,
    FieldId::kConnection,
    FieldId::kContentEncoding,
    FieldId::kContentLength,
    FieldId::kContentRange,
    FieldId::kContentType,
    FieldId::kCookie,
    FieldId::kDate,
    FieldId::kExpect,
    FieldId::kExpires,
    FieldId::kForwarded,
    FieldId::kHost,
    FieldId::kIfMatch,
    FieldId::kIfModifiedSince,
    FieldId::kIfNoneMatch,
    FieldId::kIfRange,
    FieldId::kIfUnmodifiedSince,
    FieldId::kKeepAlive,
    FieldId::kLocation,
    FieldId::kMaxForwards,
    FieldId::kPragma,
    FieldId::kProxyAuthenticate,
    FieldId::kProxyAuthorization,
    FieldId::kProxyConnection,
    FieldId::kRange,
    FieldId::kRetryAfter,
    FieldId::kSetCookie,
    FieldId::kTe,
    FieldId::kTrailer,
    FieldId::kTransferEncoding,
    FieldId::kUpgrade,
    FieldId::kVary,
    FieldId::kWeirCdnCacheControl,
    FieldId::kXForwardedFor,
    FieldId::kXForwardedHost,
    FieldId::kXForwardedProto,
};

// The value of a hexadecimal digit; 16 for any other byte.
constexpr std::uint64_t hex_value(char c) {
  if (is_digit(c)) return static_cast<std::uint64_t>(c - '0');
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? static_cast<std::uint64_t>(l - 'a') + 10 : 16;
}

}  // namespace

struct ChunkedDecoder::Impl {
  enum class State : std::uint8_t {
    kSizeStart,
    kSize,
    kExtBws,  // blanks that must lead to ";"
    kExtNameStart,
    kExtName,
    kExtNameBws,  // blanks after a name: ";" or "=" must follow
    kExtValueStart,
    kExtValue,
    kExtQuoted,
    kExtQuotedPair,
    kExtQuotedEnd,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
    kEnd,
    kFailed,
  };

  explicit Impl(const HeadLimits& l) : limits(l), lines(l.fields, LengthLines::kMany) {}

  // False: the byte is refused.
  bool step_framing(char c);
  bool step_size(char c);
  bool step_extension(char c);
  bool step_size_lf(char c);
  bool go(State next) {
    state = next;
    return true;
  }
  // After a size, name or value: what may follow it.
  bool end_of_part(char c, State if_blank);
  Step take_data(std::string_view in, std::size_t at);
  Result<Step> take_trailers(std::string_view in, std::size_t at);

  const HeadLimits limits;
  State state = State::kSizeStart;
  std::uint64_t left = 0;  // of the size while it is read, then of the data
  std::size_t digits = 0;
  std::size_t extension_bytes = 0;
  std::size_t trailer_bytes = 0;
  FieldLines lines;
  Fields trailers;
};

bool ChunkedDecoder::Impl::step_framing(char c) {
  switch (state) {
    case State::kSizeStart:
      left = digits = 0;
      return go(State::kSize) && step_size(c);
    case State::kSize:
      return step_size(c);
    case State::kSizeLf:
      return step_size_lf(c);
    case State::kDataCr:
      return c == '\r' && go(State::kDataLf);
    case State::kDataLf:
      return c == '\n' && go(State::kSizeStart);
    default:
      return ++extension_bytes <= kMaxExtensionBytes && step_extension(c);
  }
}

bool ChunkedDecoder::Impl::step_size(char c) {
  const std::uint64_t digit = hex_value(c);
  if (digit == 16) return digits > 0 && end_of_part(c, State::kExtBws);
  if (++digits > kMaxSizeDigits || left > kMaxChunk >> 4) return false;
  left = left << 4 | digit;
  return true;
}

bool ChunkedDecoder::Impl::end_of_part(char c, State if_blank) {
  if (c == '\r') return go(State::kSizeLf);
  if (c == ';') return go(State::kExtNameStart);
  return is_blank(c) && go(if_blank);
}

bool ChunkedDecoder::Impl::step_extension(char c) {
  switch (state) {
    case State::kExtBws:
      return is_blank(c) || (c == ';' && go(State::kExtNameStart));
    case State::kExtNameStart:
      return is_blank(c) || (is_char(c, kTokenChar) && go(State::kExtName));
    case State::kExtName:
      if (is_char(c, kTokenChar)) return true;
      return c == '=' ? go(State::kExtValueStart) : end_of_part(c, State::kExtNameBws);
    case State::kExtNameBws:
      if (c == '=') return go(State::kExtValueStart);
      return is_blank(c) || (c == ';' && go(State::kExtNameStart));
    case State::kExtValueStart:
      if (c == '"') return go(State::kExtQuoted);
      return is_blank(c) || (is_char(c, kTokenChar) && go(State::kExtValue));
    case State::kExtValue:
      return is_char(c, kTokenChar) || end_of_part(c, State::kExtBws);
    case State::kExtQuoted:
      if (c == '"') return go(State::kExtQuotedEnd);
      return c == '\\' ? go(State::kExtQuotedPair) : is_char(c, kTextChar);
    case State::kExtQuotedPair:
      return is_char(c, kTextChar) && go(State::kExtQuoted);
    case State::kExtQuotedEnd:
      return end_of_part(c, State::kExtBws);
    default:
      std::unreachable();
  }
}

bool ChunkedDecoder::Impl::step_size_lf(char c) {
  return c == '\n' && go(left == 0 ? State::kTrailers : State::kData);
}

ChunkedDecoder::Step ChunkedDecoder::Impl::take_data(std::string_view in, std::size_t at) {
  const std::string_view data = in.substr(at, std::min<std::uint64_t>(left, in.size() - at));
  left -= data.size();
  if (left == 0) state = State::kDataCr;
  return {.used = at + data.size(), .data = data, .end = false};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::Impl::take_trailers(std::string_view in,
                                                                 std::size_t at) {
  const auto step = lines.feed(in.substr(at, limits.head_bytes - trailer_bytes), trailers);
  if (!step) return fail(Errc::kBadFraming);
  trailer_bytes += step->used;
  if (step->complete) {
    state = State::kEnd;
    for (FieldId id : kForbiddenTrailers) trailers.remove(id);
  } else if (trailer_bytes >= limits.head_bytes) {
    return fail(Errc::kBadFraming);
  }
  return Step{.used = at + step->used, .data = {}, .end = step->complete};
}

ChunkedDecoder::ChunkedDecoder(const HeadLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
ChunkedDecoder::~ChunkedDecoder() = default;
ChunkedDecoder::ChunkedDecoder(ChunkedDecoder&&) noexcept = default;
ChunkedDecoder& ChunkedDecoder::operator=(ChunkedDecoder&&) noexcept = default;

Result<ChunkedDecoder::Step> ChunkedDecoder::feed(std::string_view in) {
  Impl& m = *impl_;
  WEIR_CHECK(m.state != Impl::State::kFailed);
  if (m.state == Impl::State::kEnd) return Step{.used = 0, .data = {}, .end = true};
  std::size_t at = 0;
  while (at < in.size() && m.state != Impl::State::kData && m.state != Impl::State::kTrailers) {
    if (!m.step_framing(in[at++])) {
      m.state = Impl::State::kFailed;
      return fail(Errc::kBadFraming);
    }
  }
  if (at == in.size()) return Step{.used = at, .data = {}, .end = false};
  if (m.state == Impl::State::kData) return m.take_data(in, at);
  const auto step = m.take_trailers(in, at);
  if (!step) m.state = Impl::State::kFailed;
  return step;
}

const Fields& ChunkedDecoder::trailers() const { return impl_->trailers; }

void ChunkedDecoder::reset() {
  impl_->state = Impl::State::kSizeStart;
  impl_->extension_bytes = 0;
  impl_->trailer_bytes = 0;
  impl_->lines.reset();
  impl_->trailers.clear();
}

}  // namespace weir::http
