#include "support/origin/script.h"

#include "support/content.h"

namespace weir::test::origin {

namespace {

using Value = std::string_view;

bool set(std::uint64_t& out, std::optional<std::uint64_t> value) {
  out = value.value_or(out);
  return value.has_value();
}

bool set(Micros& out, std::optional<Micros> value) {
  out = value.value_or(out);
  return value.has_value() && value->count() >= 0;
}

bool set(bool& out, Value value) {
  out = value == "1";
  return value == "0" || value == "1";
}

bool set_status(int& out, Value value) {
  const auto number = parse_number(value);
  out = static_cast<int>(number.value_or(0) % 1000);
  return number && *number >= 100 && *number <= 999;
}

bool add_field(std::vector<Field>& fields, Value value) {
  const std::size_t colon = value.find(':');
  if (colon == Value::npos || colon == 0 || value.find_first_of("\r\n") != Value::npos) {
    return false;
  }
  fields.push_back(
      {std::string(value.substr(0, colon)), std::string(trimmed(value.substr(colon + 1)))});
  return true;
}

// "-60s" is that long before now; anything else, like "0" or a date, is sent as it stands.
bool set_date(std::string& out, Value value, std::int64_t now) {
  if (const auto offset = parse_duration(value)) {
    out = format_date(now + offset->count() / 1'000'000);
  } else {
    out = value == "none" ? "" : value;
  }
  return true;
}

bool set_ranges(Ranges& out, Value value) {
  out = value == "lie" ? Ranges::kLie : value == "1" ? Ranges::kHonoured : Ranges::kIgnored;
  return value == "0" || value == "1" || value == "lie";
}

bool set_echo(Echo& out, Value value) {
  out = value == "body" ? Echo::kBody : value == "1" ? Echo::kRequest : Echo::kNone;
  return value == "0" || value == "1" || value == "body";
}

bool set_tunnel(TunnelPlay& out, Value value) {
  out = value == "websocket"    ? TunnelPlay::kEcho
        : value == "count"      ? TunnelPlay::kCount
        : value == "half-close" ? TunnelPlay::kHalfCloseFirst
        : value == "stop"       ? TunnelPlay::kStopReading
                                : TunnelPlay::kNone;
  return out != TunnelPlay::kNone;
}

bool set_file(Script& script, Value value) {
  script.echo = Echo::kFile;
  script.file = value;
  return !value.empty() && value.front() != '.' && value.find('/') == Value::npos;
}

bool set_fail_with(Script& script, Value value) {
  script.fail_with = value == "close"   ? FailWith::kClose
                     : value == "reset" ? FailWith::kReset
                     : value == "cut"   ? FailWith::kCut
                                        : FailWith::kStatus;
  return script.fail_with != FailWith::kStatus || set_status(script.fail_status, value);
}

struct Parameter {
  Value key;
  bool (*set)(Script&, Value, std::int64_t now);
};

// One row a key. Offsets count in the whole object, also when a range of it is answered.
#define ROW(key, expression)                                                              \
  {                                                                                       \
    key, [](Script& s, Value v, [[maybe_unused]] std::int64_t now) { return expression; } \
  }
constexpr Parameter kParameters[] = {
    // size=10MiB: bytes of the object. n=7: which object, see content.h; default: hash of the path.
    ROW("size", set(s.size, parse_bytes(v))),
    ROW("n", set(s.number, parse_number(v))),
    // status=404, reason=Gone%20fishing, type=text/plain
    ROW("status", set_status(s.status, v)),
    ROW("reason", (s.reason = v, v.find_first_of("\r\n") == Value::npos)),
    ROW("type", (s.type = v, true)),
    // field=Name:Value, as often as wanted; cc= is short for field=Cache-Control:
    ROW("field", add_field(s.fields, v)),
    ROW("cc", (s.cache_control = v, true)),
    ROW("vary", (s.vary = v, true)),
    ROW("age", (s.age = v, true)),
    // etag=weak|none|strong (default), or any text that is sent as a strong one
    ROW("etag", (s.etag = v, !v.empty())),
    // lm=, date=, expires=: a date, or an offset from now like -60s; none (the default of expires)
    ROW("lm", set_date(s.last_modified, v, now)),
    ROW("date", set_date(s.date, v, now)),
    ROW("expires", set_date(s.expires, v, now)),
    // ranges=1 honours Range and If-Range, 0 ignores them, lie answers with a wrong Content-Range
    ROW("ranges", set_ranges(s.ranges, v)),
    // conditional=0 ignores If-None-Match and If-Modified-Since
    ROW("conditional", set(s.conditional, v)),
    // echo=1 answers the request's line and fields as text; echo=body the request's body
    ROW("echo", set_echo(s.echo, v)),
    // file=page.html answers that file of the directory given by --files
    ROW("file", set_file(s, v)),

    // chunked=1, chunk_size=1KiB (of one chunk), trailers=1 (a field X-Trailer behind the last
    // chunk)
    ROW("chunked", set(s.chunked, v)),
    ROW("chunk_size", set(s.chunk_size, parse_bytes(v)) && s.chunk_size > 0),
    ROW("trailers", set(s.trailers, v)),
    // close=1: no length, the body ends with the connection; keep_alive=0: Connection: close
    ROW("close", set(s.until_close, v)),
    ROW("keep_alive", set(s.keep_alive, v)),
    // version=1.0 answers as an HTTP/1.0 server would
    ROW("version", (s.version_1_0 = v == "1.0", v == "1.0" || v == "1.1")),
    // early_status=103&early_field=Link:...&early_count=3: interim responses first
    ROW("early_status", set_status(s.early_status, v) && s.early_status < 200),
    ROW("early_field", add_field(s.early_fields, v)),
    ROW("early_count", set(s.early_count, parse_number(v))),
    // surplus=10: so many bytes behind the end of the response
    ROW("surplus", set(s.surplus, parse_bytes(v))),

    // delay=8s before the head, body_delay=2s between head and body, rate=4MiB a second
    ROW("delay", set(s.delay, parse_duration(v))),
    ROW("body_delay", set(s.body_delay, parse_duration(v))),
    ROW("rate", set(s.rate, parse_bytes(v))),
    // pause_at=1MiB&pause=9s: one pause in the middle, not at the begin of a range
    ROW("pause_at", set(s.pause_at, parse_bytes(v))),
    ROW("pause", set(s.pause, parse_duration(v))),
    // slow_head=1: each byte of the head in a segment of its own
    ROW("slow_head", set(s.slow_head, v)),
    // send_block_reset=5s: reset when the peer takes nothing for that long
    ROW("send_block_reset", set(s.send_block_reset, parse_duration(v))),

    // upgrade=websocket answers a request with Upgrade by 101, after delay=, sends size= bytes and
    // then echoes, at rate= if given; upgrade=count (after body_delay=), half-close, stop: see
    // TunnelPlay. reset_at= counts what it reads there. switch_to=x: to another protocol than was
    // asked for
    ROW("upgrade", set_tunnel(s.tunnel, v)),
    ROW("switch_to", (s.switch_to = v, !v.empty())),

    // close_before=1, reset_before=1: end the connection without a byte of an answer
    ROW("close_before", set(s.close_before, v)),
    ROW("reset_before", set(s.reset_before, v)),
    // cut_at=, reset_at=: end it at that offset; only if the answer starts before, so that a range
    // from there on is answered whole. cut_every=50MiB: after so many bytes of each answer.
    ROW("cut_at", set(s.cut_at, parse_bytes(v))),
    ROW("reset_at", set(s.reset_at, parse_bytes(v))),
    ROW("cut_every", set(s.cut_every, parse_bytes(v))),
    // fail_first=N: the first N requests of this path and query fail with fail_with=503 (or another
    // status), close, reset, or cut: then cut_at, reset_at and cut_every act on those N alone
    ROW("fail_first", set(s.fail_first, parse_number(v))),
    ROW("fail_with", set_fail_with(s, v)),
};
#undef ROW

std::optional<std::string> apply(Script& script, Value pair, std::int64_t now) {
  const std::size_t equals = pair.find('=');
  const Value key = pair.substr(0, equals);
  const auto value = percent_decoded(equals == Value::npos ? "" : pair.substr(equals + 1));
  for (const Parameter& parameter : kParameters) {
    if (parameter.key == key) {
      if (value && parameter.set(script, *value, now)) {
        return std::nullopt;
      }
      return "bad value: " + std::string(pair);
    }
  }
  return "unknown key: " + std::string(key);
}

void spell_etag(Script& script) {
  const std::string tag =
      '"' + std::to_string(script.number) + '-' + std::to_string(script.size) + '"';
  if (script.etag == "none") {
    script.etag.clear();
  } else if (script.etag == "weak") {
    script.etag = "W/" + tag;
  } else {
    script.etag = script.etag == "strong" ? tag : '"' + script.etag + '"';
  }
}

}  // namespace

std::expected<Script, std::string> parse_script(std::string_view target, std::int64_t now) {
  if (target.starts_with("http://")) {
    const std::size_t slash = target.find('/', 7);
    target = slash == Value::npos ? "/" : target.substr(slash);
  }
  const std::size_t mark = target.find('?');
  Script script;
  script.path = target.substr(0, mark);
  script.number = content_number(script.path);
  script.etag = "strong";
  script.last_modified = "Mon, 01 Jan 2024 00:00:00 GMT";
  script.date = format_date(now);
  std::string_view query = mark == Value::npos ? "" : target.substr(mark + 1);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    if (auto error = apply(script, query.substr(0, end), now)) {
      return std::unexpected(*error);
    }
    query = end == Value::npos ? "" : query.substr(end + 1);
  }
  spell_etag(script);
  return script;
}

}  // namespace weir::test::origin
