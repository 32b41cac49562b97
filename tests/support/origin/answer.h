#pragma once
// What to answer: pure, from the request and its script. RFC 9110 §13 (conditions), §14 (ranges).

#include <cstdint>
#include <string>

#include "support/origin/request.h"
#include "support/origin/script.h"

namespace weir::test::origin {

enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct Answer {
  int status = 200;
  std::string interim;  // interim responses, ready to send
  std::string head;     // through the empty line
  std::string text;     // the body, when `is_text`; else bytes [begin, end) of the object
  bool is_text = false;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t stop = 0;  // where sending stops: `end`, or earlier
  bool reset_at_stop = false;
  Framing framing = Framing::kLength;
  bool close = false;  // the connection ends with this answer

  bool is_cut() const { return stop < end; }
};

// `cuts`: whether cut_at, reset_at and cut_every act on this request. `body`: the request's, kept
// only for echo=body; with file= that of the file.
Answer plan(const Request& request, const Script& script, bool cuts, std::string body);

// A plain answer outside every script; closes the connection when `close`.
Answer plain_answer(int status, std::string text, bool close, std::string_view type = "text/plain");

}  // namespace weir::test::origin
