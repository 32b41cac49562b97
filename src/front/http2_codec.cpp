#include "front/http2_codec.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "front/http2_session.h"

namespace weir::front {
namespace {

using delivery::CloseReason;
using Nuisance = Http2Guard::Nuisance;

constexpr std::uint32_t kStreamsMost = 128;
// Of all streams of a connection together, in windows of one: so many uploads may stand still until
// the others do.
constexpr std::uint64_t kWindows = 4;
// The limits of nghttp2 stand behind those of Http2Guard, in case.
constexpr std::uint64_t kResetBurst = 1000;
constexpr std::uint64_t kResetRate = 100;
constexpr std::size_t kContinuations = 128;
constexpr std::size_t kAcks =
    200;  // SETTINGS and PING not yet answered, as the client reads nothing
constexpr std::size_t kHeadMost = 1024 * 1024;  // of a response
// A head that unpacks to more than so many times head_max is not only too large.
constexpr std::uint64_t kBomb = 4;

std::int32_t window(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = 0x7fffffff;
  return static_cast<std::int32_t>(std::clamp<std::uint64_t>(bytes, 65535, kMost));
}

const nghttp2_option* options() {
  static const nghttp2_option* const made = [] {
    nghttp2_option* o = nullptr;
    WEIR_CHECK(nghttp2_option_new(&o) == 0);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, kAcks);
    nghttp2_option_set_max_send_header_block_length(o, kHeadMost);
    nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
    nghttp2_option_set_stream_reset_rate_limit(o, kResetBurst, kResetRate);
    nghttp2_option_set_max_continuations(o, kContinuations);
    return o;
  }();
  return made;
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  // Copied by nghttp2, names in lower case.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

// RFC 9113 §8.2.2. Trailers are not sent, so none is announced.
bool may_be_sent(const http::Field& f) {
  return !http::is_hop_by_hop(f.id) && f.id != http::FieldId::kContentLength;
}

void add_fields(const http::Fields& from, std::vector<nghttp2_nv>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const http::Field f = from[i];
    if (may_be_sent(f)) to.push_back(field(f.name, f.value));
  }
}

}  // namespace

// What nghttp2 calls. Nothing may be thrown through it.
struct Http2Callbacks {
  static Http2Session& session(void* user) { return *static_cast<Http2Session*>(user); }
  static Http2Stream* stream(nghttp2_session* ng, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(ng, id));
  }

  static int begin_headers(nghttp2_session* ng, const nghttp2_frame* frame, void* user) noexcept {
    Http2Session& s = session(user);
    const TimePoint now = s.home_.loop.now();
    s.head_at_ = std::min(s.head_at_, after(now, s.home_.settings.request.head_timeout));
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Stream& made = s.home_.http2_streams.take();
    made.attach(s, frame->hd.stream_id, now);
    s.open_.push_back(made);
    nghttp2_session_set_stream_user_data(ng, made.id, &made);
    // Who says nothing of priority wants all of it, not one after the other (RFC 9218 §10).
    const nghttp2_extpri all_in_turn{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
    nghttp2_session_change_extpri_stream_priority(ng, made.id, &all_in_turn, 0);
    return 0;
  }

  static int header(nghttp2_session* ng, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) noexcept {
    Http2Stream* s = stream(ng, frame->hd.stream_id);
    if (!s) return 0;
    return session(user).on_header(*s, {reinterpret_cast<const char*>(name), name_size},
                                   {reinterpret_cast<const char*>(value), value_size},
                                   frame->headers.cat != NGHTTP2_HCAT_REQUEST);
  }

  // nghttp2 would go on without the field. A request that had it is no request.
  static int invalid_header(nghttp2_session* ng, const nghttp2_frame* frame, const std::uint8_t*,
                            std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                            void*) noexcept {
    if (Http2Stream* s = stream(ng, frame->hd.stream_id)) s->fields.refuse(Errc::kBadRequest);
    return 0;
  }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) noexcept {
    return session(user).on_frame_begins(hd->type, hd->flags, hd->stream_id);
  }

  static int frame_recv(nghttp2_session* ng, const nghttp2_frame* frame, void* user) noexcept {
    Http2Session& s = session(user);
    Http2Stream* on = stream(ng, frame->hd.stream_id);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        s.head_at_ = TimePoint::max();
        if (on && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          s.arrive(*on, ends);
        } else if (on && ends) {
          on->intake.end();
        }
        return 0;
      case NGHTTP2_DATA:
        if (on && ends) on->intake.end();
        if (!ends && frame->hd.length == frame->data.padlen) return s.note(Nuisance::kEmpty);
        return 0;
      case NGHTTP2_RST_STREAM:
        if (on) on->by_client = true;
        s.home_.stats.resets[static_cast<std::size_t>(StreamReset::kClient)].add();
        return 0;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) s.pong_ = true;
        return 0;
      case NGHTTP2_GOAWAY:
        s.client_leaves_ = true;
        return 0;
      default:
        return 0;
    }
  }

  static int data_chunk(nghttp2_session* ng, std::uint8_t, std::int32_t id,
                        const std::uint8_t* data, std::size_t size, void* user) noexcept {
    Http2Stream* s = stream(ng, id);
    if (s) {
      session(user).on_data(*s, std::as_bytes(std::span(data, size)));
    } else {
      nghttp2_session_consume_connection(ng, size);
    }
    return 0;
  }

  static int stream_close(nghttp2_session* ng, std::int32_t id, std::uint32_t code,
                          void*) noexcept {
    Http2Stream* s = stream(ng, id);
    if (!s) return 0;
    s->closed = true;
    s->close_code = code;
    return 0;
  }

  // A head that nghttp2 has taken whole, and refused.
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) noexcept {
    const bool whole =
        frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_HEADERS) != 0;
    if (whole) session(user).head_at_ = TimePoint::max();
    return 0;
  }

  static int before_send(nghttp2_session* ng, const nghttp2_frame* frame, void* user) noexcept {
    Http2Session& s = session(user);
    const bool head = frame->hd.type == NGHTTP2_HEADERS;
    s.heading_ = head ? stream(ng, frame->hd.stream_id) : nullptr;
    if (s.heading_) s.on_head_sent(*s.heading_);
    return 0;
  }

  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    Http2Session& s = session(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) s.on_reset_sent(frame->rst_stream.error_code);
    return 0;  // what on_reset_sent() finds is looked at when nghttp2 returns
  }

  static ssize_t body_wanted(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source* source,
                             void* user) noexcept {
    return session(user).on_body_wanted(*static_cast<Http2Stream*>(source->ptr), most, *flags);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t,
                       nghttp2_data_source* source, void* user) noexcept {
    Http2Session& s = session(user);
    Http2Stream& on = *static_cast<Http2Stream*>(source->ptr);
    constexpr std::size_t kFrameHead = 9;
    s.outbox_.add_text({reinterpret_cast<const char*>(head), kFrameHead},
                       Http2Outbox::Kind::kFraming, &on.out);
    on.sender.put(on.piece, s.outbox_, on.out);
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* c = nullptr;
      WEIR_CHECK(nghttp2_session_callbacks_new(&c) == 0);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(c, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(c, invalid_header);
      nghttp2_session_callbacks_set_on_begin_frame_callback(c, begin_frame);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, stream_close);
      nghttp2_session_callbacks_set_before_frame_send_callback(c, before_send);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, frame_send);
      nghttp2_session_callbacks_set_send_data_callback(c, send_data);
      return c;
    }();
    return made;
  }
};

std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> open_http2(Http2Session& session,
                                                                        const Settings& settings) {
  nghttp2_session* ng = nullptr;
  WEIR_CHECK(nghttp2_session_server_new2(&ng, Http2Callbacks::all(), &session, options()) == 0);
  const std::int32_t stream_window = window(settings.body_window);
  const auto head_most = static_cast<std::uint32_t>(settings.limits.head_bytes);
  const std::array<nghttp2_settings_entry, 4> ours{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMost},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(stream_window)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_most},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(ng, NGHTTP2_FLAG_NONE, ours.data(), ours.size());
  nghttp2_session_set_local_window_size(ng, NGHTTP2_FLAG_NONE, 0,
                                        window(kWindows * settings.body_window));
  return {ng, nghttp2_session_del};
}

// ---- what the callbacks do

int Http2Session::calm_down(CloseReason why) {
  calm_ = why;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::note(Nuisance what) {
  const CloseReason why = guard_.on(what, home_.loop.now());
  return why == CloseReason::kOpen ? 0 : calm_down(why);
}

int Http2Session::on_frame_begins(std::uint8_t type, std::uint8_t flags, std::int32_t id) {
  // No frame but these comes before a head is whole (RFC 9113 §4.3).
  if (type != NGHTTP2_CONTINUATION) head_at_ = TimePoint::max();
  switch (type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_GOAWAY:
      return 0;
    case NGHTTP2_RST_STREAM:
      return note(Nuisance::kReset);
    case NGHTTP2_CONTINUATION:
      return note(Nuisance::kContinuation);
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
      return (flags & NGHTTP2_FLAG_ACK) != 0 ? 0 : note(Nuisance::kControl);
    case NGHTTP2_PRIORITY:
      // RFC 9113 §6.3; nghttp2 does not look at what it was told not to use.
      if (id == 0) return calm_down(CloseReason::kHttp2Error);
      return note(Nuisance::kControl);
    default:
      return note(Nuisance::kControl);
  }
}

int Http2Session::on_header(Http2Stream& stream, std::string_view name, std::string_view value,
                            bool trailer) {
  const std::uint64_t most = kBomb * home_.settings.limits.head_bytes;
  if (trailer) {
    stream.trailer_bytes += name.size() + value.size() + 32;
  } else {
    stream.fields.add(name, value, stream.head());
  }
  const bool bomb = std::max(stream.fields.bytes(), stream.trailer_bytes) > most;
  return bomb ? calm_down(CloseReason::kHeaderBomb) : 0;
}

void Http2Session::on_data(Http2Stream& stream, std::span<const std::byte> bytes) {
  credit(stream, stream.intake.feed(bytes));
}

void Http2Session::on_reset_sent(std::uint32_t code) {
  StreamReset why = StreamReset::kProtocol;
  if (code == NGHTTP2_NO_ERROR) why = StreamReset::kUnwanted;
  if (code == NGHTTP2_INTERNAL_ERROR) why = StreamReset::kCut;
  if (code == NGHTTP2_CANCEL) why = StreamReset::kNoCredit;
  home_.stats.resets[static_cast<std::size_t>(why)].add();
  if (why == StreamReset::kProtocol) note(Nuisance::kProvoked);
}

void Http2Session::on_head_sent(Http2Stream& stream) {
  if (stream.informs > 0) {
    --stream.informs;
    return;
  }
  const TimePoint now = home_.loop.now();
  stream.head_out = true;
  stream.ending.first_byte = now;
  stream.credit.begin(now);
  watch_.receipts().add(stream.receipt, conn_->bytes_written());
}

std::int64_t Http2Session::on_body_wanted(Http2Stream& stream, std::size_t most,
                                          std::uint32_t& flags) {
  if (outbox_.bytes() >= batch()) return NGHTTP2_ERR_PAUSE;
  for (;;) {
    switch (stream.sender.next(most, stream.piece)) {
      case Http2Sender::Blocked::kNo:
        flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (stream.piece.last) flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<std::int64_t>(stream.piece.bytes);
      case Http2Sender::Blocked::kBody:
        stream.waits_body = true;
        return NGHTTP2_ERR_DEFERRED;
      case Http2Sender::Blocked::kHole:
        if (const auto error = stream.handler->on_hole(stream, stream.sender.hole())) {
          stream.ending.error = error;
          return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        continue;
      case Http2Sender::Blocked::kFailed:
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // RST_STREAM, never END_STREAM
    }
  }
}

// ---- heads of responses

void Http2Session::send_interim(Http2Stream& stream, int status, const http::Fields& fields) {
  // Nobody needs to hear of all (RFC 9110 §15.2), and memory is bounded.
  constexpr std::uint32_t kInformMost = 16;
  if (stream.informs >= kInformMost) return;
  const std::string code = std::to_string(status);
  std::vector<nghttp2_nv> head{field(":status", code)};
  add_fields(fields, head);
  if (nghttp2_submit_headers(ng_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, head.data(),
                             head.size(), nullptr) == 0) {
    ++stream.informs;
  }
  if (!in_turn_) post();
}

void Http2Session::send_head(Http2Stream& stream, const Reply& reply, bool body) {
  std::array<char, 8> status;   // NOLINT: written at once
  std::array<char, 24> length;  // NOLINT
  const auto status_end = fmt::format_to(status.data(), "{}", reply.status);
  std::vector<nghttp2_nv> head;
  const http::Fields& extra = stream.extra();
  head.reserve(2 + extra.size() + (reply.fields ? reply.fields->size() : 0));
  head.push_back(field(":status", {status.data(), status_end}));
  if (reply.fields) add_fields(*reply.fields, head);
  add_fields(extra, head);
  if (reply.length && !never_has_body(reply.status)) {
    const auto end = fmt::format_to(length.data(), "{}", *reply.length);
    head.push_back(field("content-length", {length.data(), end}));
  }
  nghttp2_data_provider source{};
  source.source.ptr = &stream;
  source.read_callback = Http2Callbacks::body_wanted;
  nghttp2_submit_response(ng_.get(), stream.id, head.data(), head.size(), body ? &source : nullptr);
  if (!in_turn_) post();
}

}  // namespace weir::front
