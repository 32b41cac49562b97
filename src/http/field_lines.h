#pragma once
// FieldLines: the field lines of a head or of trailers, up to and with the empty line that ends
// them (RFC 9112 §5). llhttp in strict mode reads the lines; it lets pass obs-fold, an LF without
// CR as the empty line, and empty names, so each line's first byte is looked at here first, and
// both must agree about where the section ends.

#include <llhttp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/fields.h"

namespace weir::http {

// Whether Content-Length may stand on several lines (they are judged later).
enum class LengthLines : bool { kOne, kMany };

class FieldLines {
 public:
  FieldLines(std::size_t max_fields, LengthLines length_lines);
  // llhttp holds a pointer to this object.
  FieldLines(const FieldLines&) = delete;
  FieldLines& operator=(const FieldLines&) = delete;

  struct Step {
    std::size_t used = 0;
    bool complete = false;
  };
  // `in` begins where the last feed ended, or right after the start line. All of it is used when
  // not complete. Errors: kBadRequest, kBadFraming, kHeadTooLarge (too many fields). After an error
  // or completion only reset() may be called.
  Result<Step> feed(std::string_view in, Fields& into);
  void reset();

 private:
  // What stands at the next byte of input.
  enum class Next : std::uint8_t { kLineStart, kText, kLastByte };
  // How much of the input llhttp may see, and why no more.
  struct Scan {
    std::size_t bytes = 0;
    bool end = false;
    bool bad = false;
  };
  // Text that may come in pieces: a view of the input, or a copy once it spans two inputs.
  class Piece {
   public:
    void add(std::string_view piece);
    void outlive_input();
    void clear();
    std::string_view text() const { return text_; }

   private:
    std::string_view text_;
    std::string copy_;
  };

  static const llhttp_settings_t& callbacks();
  static const llhttp_t& after_start_line();
  Scan scan(std::string_view in);
  int on_name_complete() noexcept;
  int on_value_complete() noexcept;

  const std::size_t max_fields_;
  const LengthLines length_lines_;
  Next next_ = Next::kLineStart;
  std::size_t count_ = 0;
  std::optional<Errc> error_;  // set by a callback that stops llhttp
  Fields* into_ = nullptr;     // only during feed()
  Piece name_;
  Piece value_;
  llhttp_t parser_;
};

}  // namespace weir::http
