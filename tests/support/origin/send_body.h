#pragma once
// Sends the body of an answer, paced, paused and cut as its script says.

#include <chrono>
#include <cstdint>
#include <vector>

#include "support/origin/answer.h"
#include "support/origin/counts.h"
#include "support/origin/socket.h"

namespace weir::test::origin {

class BodySender {
 public:
  // Borrows all until send() has returned. `counts` may be null.
  BodySender(Socket& socket, Counts* counts, const Script& script, const Answer& answer)
      : socket_(socket), counts_(counts), script_(script), answer_(answer), at_(answer.begin) {}

  // Up to answer.stop; with chunked framing also the last chunk, unless the body is cut.
  Sent send();

 private:
  std::uint64_t next_slice() const;
  // The wire form of at most `count` bytes from at_ on, into buffer_ from used_ on.
  void fill(std::uint64_t count);
  void fill_bytes(std::uint64_t count);
  void put(std::string_view bytes);
  Sent send_last_chunk();
  bool keep_pace();

  Socket& socket_;
  Counts* counts_;
  const Script& script_;
  const Answer& answer_;
  std::uint64_t at_;
  std::uint64_t chunk_left_ = 0;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::chrono::steady_clock::time_point paced_since_;
  std::uint64_t paced_from_ = 0;
};

}  // namespace weir::test::origin
