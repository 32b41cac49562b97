#include "support/origin/send_body.h"

#include <algorithm>
#include <cstdio>

#include "support/content.h"

namespace weir::test::origin {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBufferSize = 256 * 1024;
constexpr std::size_t kChunkOverhead = 32;
constexpr std::uint64_t kSlicesPerSecond = 50;

}  // namespace

std::uint64_t BodySender::next_slice() const {
  std::uint64_t slice = std::min<std::uint64_t>(answer_.stop - at_, kBufferSize);
  if (script_.rate > 0) {
    slice = std::min(slice, std::max<std::uint64_t>(script_.rate / kSlicesPerSecond, 1));
  }
  if (at_ < script_.pause_at) {
    slice = std::min(slice, script_.pause_at - at_);
  }
  return slice;
}

void BodySender::put(std::string_view bytes) {
  std::ranges::copy(bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += bytes.size();
}

void BodySender::fill_bytes(std::uint64_t count) {
  if (answer_.is_text) {
    put(std::string_view(answer_.text).substr(at_, count));
  } else {
    fill_content(script_.number, at_, {buffer_.data() + used_, count});
    used_ += count;
  }
  at_ += count;
}

void BodySender::fill(std::uint64_t count) {
  if (answer_.framing != Framing::kChunked) {
    fill_bytes(count);
    return;
  }
  while (count > 0 && used_ + 2 * kChunkOverhead < buffer_.size()) {
    if (chunk_left_ == 0) {
      chunk_left_ = std::min(script_.chunk_size, answer_.end - at_);
      char line[kChunkOverhead];
      const int length = std::snprintf(line, sizeof line, "%llx\r\n",
                                       static_cast<unsigned long long>(chunk_left_));
      put({line, static_cast<std::size_t>(length)});
    }
    const std::uint64_t room = buffer_.size() - used_ - 2;
    const std::uint64_t take = std::min({count, chunk_left_, room});
    fill_bytes(take);
    count -= take;
    chunk_left_ -= take;
    if (chunk_left_ == 0) {
      put("\r\n");
    }
  }
}

bool BodySender::keep_pace() {
  if (script_.rate == 0) {
    return true;
  }
  const double due = static_cast<double>(at_ - paced_from_) / static_cast<double>(script_.rate);
  const auto when = paced_since_ +
                    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due));
  return socket_.wait(std::chrono::duration_cast<Micros>(when - Clock::now()));
}

Sent BodySender::send_last_chunk() {
  std::string end = "0\r\n";
  if (script_.trailers) {
    end += "X-Trailer: " + std::to_string(script_.number) + "\r\n";
  }
  return socket_.send(end + "\r\n");
}

Sent BodySender::send() {
  buffer_.resize(std::min<std::uint64_t>(kBufferSize, answer_.stop - answer_.begin) +
                 4 * kChunkOverhead);
  paced_since_ = Clock::now();
  paced_from_ = at_;
  Sent result = Sent::kAll;
  while (at_ < answer_.stop && result == Sent::kAll) {
    const bool at_begin = at_ == answer_.begin && at_ > 0;
    if (at_ == script_.pause_at && !at_begin) {
      if (!socket_.wait(script_.pause)) {
        return Sent::kPeerGone;
      }
      paced_since_ = Clock::now();
      paced_from_ = at_;
    }
    const std::uint64_t before = at_;
    used_ = 0;
    fill(next_slice());
    result = socket_.send({buffer_.data(), used_});
    if (result == Sent::kAll && counts_ != nullptr) {
      counts_->sent(at_ - before);
    }
    if (result == Sent::kAll && !keep_pace()) {
      return Sent::kPeerGone;
    }
  }
  const bool ends_here = answer_.framing == Framing::kChunked && !answer_.is_cut();
  return result == Sent::kAll && ends_here ? send_last_chunk() : result;
}

}  // namespace weir::test::origin
