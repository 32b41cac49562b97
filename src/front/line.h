#pragma once
// Line: a client's connection that has left HTTP (101): bytes both ways. The session that owns it
// goes on judging the client, by what it acknowledges, and settles its receipt; what the bytes are
// is its Owner's affair. Loop's thread.

#include <cstddef>
#include <span>

#include "delivery/close_reason.h"
#include "net/conn.h"

namespace weir::front {

class Line {
 public:
  // What becomes of it after a turn.
  enum class Then : std::uint8_t {
    kGoOn,
    kFinish,  // both sides have ended it, and all is put: the client gets it, and our FIN
    kReset,   // it has failed: the client gets what was put, and then a reset
  };
  struct Verdict {
    Then then = Then::kGoOn;
    delivery::CloseReason why = delivery::CloseReason::kOpen;  // of kReset
  };

  class Owner {
   public:
    // Reading or writing may get further. All calls of a Line are made from here, but for turn().
    // That reading or writing failed need not be answered: the session knows, and ends.
    virtual Verdict on_line(Line& line) = 0;

   protected:
    ~Owner() = default;
  };

  // As those of net::Conn. Bytes that came behind the request's head are read first.
  virtual net::IoResult take(std::span<std::byte> into) = 0;
  virtual net::IoResult put(std::span<const std::byte> bytes) = 0;
  virtual void end_output() = 0;  // FIN after what was put; taking goes on
  virtual void later() = 0;  // its owner has had its share: another turn, after others had theirs
  // From outside of on_line(), which it calls; the Owner may be gone when it returns.
  virtual void turn() = 0;

 protected:
  ~Line() = default;
};

}  // namespace weir::front
