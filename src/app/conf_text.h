#pragma once
// The text of a conf file and what is said about places in it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::app {

// Line and column count from 1, columns in code points. Line 0: no place in the text.
struct Place {
  int line = 0;
  int column = 0;
  int length = 1;  // code points to underline, within the line

  bool operator==(const Place&) const = default;
};

struct ConfMessage {
  Place at;
  std::string text;
  std::string hint;  // "did you mean ...?", or empty
};

// Views `text`, which must outlive it.
class ConfText {
 public:
  ConfText(std::string file, std::string_view text);

  // FILE:LINE:COLUMN: severity: text
  //     the line
  //     ^~~~
  // hint
  std::string show(const ConfMessage& message, std::string_view severity) const;
  // All of them in the order of the text.
  std::string show(const std::vector<ConfMessage>& messages, std::string_view severity) const;
  const std::string& file() const { return file_; }

 private:
  std::string_view line(int number) const;  // empty when there is none

  std::string file_;
  std::vector<std::string_view> lines_;
};

// The candidate that `word` was probably meant to be (at most two edits, or a third of a longer
// word), or empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// `did you mean "x"?`, or empty for an empty x.
std::string did_you_mean(std::string_view x);

}  // namespace weir::app
