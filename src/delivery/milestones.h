#pragma once
// Milestones: how many bytes of a body lie before which offset of a connection that carries other
// bodies beside it. Few of them, so the answer may be too small, never too large. No memory of its
// own.

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::delivery {

class Milestones {
 public:
  // The first `body` bytes are before `offset`; both only rise.
  void add(std::uint64_t offset, std::uint64_t body) {
    const bool near = count_ >= 2 && offset - marks_[count_ - 2].offset < step_;
    if (near || (count_ > 0 && marks_[count_ - 1].offset == offset)) --count_;
    if (count_ == marks_.size()) thin_out();
    marks_[count_++] = {offset, body};
  }
  // How many bytes of the body are for certain before `offset`.
  std::uint64_t body_before(std::uint64_t offset) const {
    std::uint64_t body = 0;
    for (std::size_t i = 0; i < count_ && marks_[i].offset <= offset; ++i) body = marks_[i].body;
    return body;
  }
  // Nobody will ask for less than `offset` again.
  void passed(std::uint64_t offset) {
    std::size_t past = 0;
    while (past + 1 < count_ && marks_[past + 1].offset <= offset) ++past;
    if (past == 0) return;
    for (std::size_t i = past; i < count_; ++i) marks_[i - past] = marks_[i];
    count_ -= past;
    step_ = span() / marks_.size();
  }
  void clear() { count_ = step_ = 0; }

 private:
  struct Mark {
    std::uint64_t offset;
    std::uint64_t body;
  };
  std::uint64_t span() const { return marks_[count_ - 1].offset - marks_[0].offset; }
  // Every second one goes, the last stays, and those to come are no denser.
  void thin_out() {
    std::size_t kept = 0;
    for (std::size_t i = 1; i < count_; i += 2) marks_[kept++] = marks_[i];
    count_ = kept;
    step_ = span() / count_;
  }

  std::array<Mark, 16> marks_;
  std::size_t count_ = 0;
  std::uint64_t step_ = 0;  // bytes between two
};

}  // namespace weir::delivery
