#pragma once
// Glob: a pattern in which "*" stands for any text, also for none and for "/". Every other
// character stands for itself. Compiled once; matching allocates nothing. A value; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

class Glob {
 public:
  explicit Glob(std::string_view pattern);

  bool matches(std::string_view text) const;
  const std::string& pattern() const { return pattern_; }

 private:
  struct Piece {
    std::size_t at;
    std::size_t size;
  };
  std::string_view text_of(const Piece& p) const {
    return std::string_view(pattern_).substr(p.at, p.size);
  }

  std::string pattern_;
  bool exact_ = true;          // no "*": pieces_ is the whole pattern
  std::vector<Piece> pieces_;  // what stands between the stars, the first and last may be empty
};

// Whether one of them matches.
bool any_matches(const std::vector<Glob>& globs, std::string_view text);

}  // namespace weir::proxy
