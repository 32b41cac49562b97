#pragma once
// What the query of a request tells weir-origin to do. The keys are listed in script.cpp, each with
// what it does; an unknown key or a bad value is an error that names it, so that typing errors in
// tests fail loudly.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/origin/units.h"

namespace weir::test::origin {

struct Field {
  std::string name;
  std::string value;
};

enum class Ranges { kIgnored, kHonoured, kLie };
enum class Echo { kNone, kRequest, kBody, kFile };
enum class TunnelPlay {
  kNone,
  kEcho,
  kCount,           // answers, once the peer has ended its side, how many bytes came
  kHalfCloseFirst,  // FIN at once, then reads on
  kStopReading,
};
enum class FailWith { kStatus, kClose, kReset, kCut };

inline constexpr std::uint64_t kNever = UINT64_MAX;

struct Script {
  std::string path;

  // What is answered.
  std::uint64_t size = 0;
  std::uint64_t number = 0;
  int status = 200;
  std::string reason;
  std::vector<Field> fields;
  std::string cache_control;
  std::string etag;  // as sent, quotes and all; empty: none
  std::string last_modified;
  std::string date;  // empty: none
  std::string expires;
  std::string age;
  std::string vary;
  std::string type = "application/octet-stream";
  Ranges ranges = Ranges::kHonoured;
  bool conditional = true;
  Echo echo = Echo::kNone;
  std::string file;  // with kFile: its name

  // How it is framed.
  bool chunked = false;
  std::uint64_t chunk_size = 64 * 1024;
  bool trailers = false;
  bool until_close = false;
  bool keep_alive = true;
  bool version_1_0 = false;
  int early_status = 0;
  std::vector<Field> early_fields;
  std::uint64_t early_count = 1;
  std::uint64_t surplus = 0;

  // When it is sent.
  Micros delay{0};
  Micros body_delay{0};
  std::uint64_t rate = 0;  // bytes a second; 0: as fast as they go
  std::uint64_t pause_at = kNever;
  Micros pause{0};
  bool slow_head = false;
  Micros send_block_reset{0};

  // Behind a 101: `size` bytes of content first, then as the play says.
  TunnelPlay tunnel = TunnelPlay::kNone;
  std::string switch_to;  // what the 101 says; empty: what was asked for

  // How it fails.
  bool close_before = false;
  bool reset_before = false;
  std::uint64_t cut_at = kNever;
  std::uint64_t reset_at = kNever;
  std::uint64_t cut_every = kNever;
  std::uint64_t fail_first = 0;
  FailWith fail_with = FailWith::kStatus;
  int fail_status = 503;
};

// `target` in origin or absolute form; `now` in seconds since 1970. The error is one line for
// people.
std::expected<Script, std::string> parse_script(std::string_view target, std::int64_t now);

}  // namespace weir::test::origin
