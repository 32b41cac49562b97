#include "delivery/receipt.h"

#include <algorithm>

namespace weir::delivery {

std::string_view name(Proof proof) {
  switch (proof) {
    case Proof::kNextRequest:
      return "next_request";
    case Proof::kAcknowledged:
      return "acknowledged";
    case Proof::kClosedClean:
      return "closed_clean";
    case Proof::kUnknown:
      break;
  }
  return "unknown";
}

Progress progress_of(const Sample& sample) {
  // The queue's length was asked for a moment after the count.
  const bool all = sample.queued == 0 && sample.state != TcpState::kClose;
  const std::uint64_t acked = all ? sample.written : std::min(sample.acked, sample.written);
  return {sample.now, acked, sample.rtt, sample.total_retrans};
}

// ---- Receipt

void Receipt::begin(std::uint64_t offset, std::uint32_t retransmits) {
  begin_ = acked_ = offset;
  written_ = {offset, 0, offset};
  retransmits_before_ = retransmits_ = retransmits;
}

void Receipt::wrote(const Written& written) {
  WEIR_CHECK(written.head_end >= begin_ && written.end >= written_.end && !ended_);
  written_ = written;
}

void Receipt::on(const Progress& progress) {
  const std::uint64_t acked = std::clamp(progress.acked, begin_, written_.end);
  const bool moved = acked > acked_;
  if (moved) {
    acked_ = acked;
    last_acked_ = progress.now;
  } else if (owing_ && progress.now > last_) {
    standstill_ += progress.now - last_;
  }
  owing_ = acked_ < written_.end;
  last_ = progress.now;
  if (progress.rtt > Duration::zero()) rtt_ = progress.rtt;
  retransmits_ = std::max(retransmits_, progress.total_retrans);
  if (ended_ && !owing_ && proof_ == Proof::kUnknown) proof_ = Proof::kAcknowledged;
}

void Receipt::on_next_request(TimePoint now) {
  WEIR_CHECK(ended_);
  if (proof_ != Proof::kUnknown) return;
  if (acked_ < written_.end || last_acked_ == TimePoint{}) last_acked_ = now;
  acked_ = written_.end;
  owing_ = false;
  proof_ = Proof::kNextRequest;
}

void Receipt::on_closed_clean() {
  if (proof_ == Proof::kAcknowledged) proof_ = Proof::kClosedClean;
}

std::uint64_t Receipt::body_acked() const {
  if (acked_ == written_.end) return written_.body;
  if (acked_ <= written_.head_end) return 0;
  const std::uint64_t wire = written_.end - written_.head_end;
  const std::uint64_t acked = acked_ - written_.head_end;
  if (wire == written_.body) return acked;
  const double part = static_cast<double>(acked) / static_cast<double>(wire);
  const auto body = static_cast<std::uint64_t>(static_cast<double>(written_.body) * part);
  return std::min({body, acked, written_.body});
}

Receipt::Facts Receipt::facts() const {
  return {.complete = ended_ && settled(),
          .proof = proof_,
          .body_sent = written_.body,
          .body_acked = body_acked(),
          .last_acked = last_acked_,
          .standstill = standstill_,
          .rtt = rtt_,
          .retransmits = retransmits_ - retransmits_before_};
}

// ---- DeliveryTracker

void DeliveryTracker::add(Receipt& receipt, std::uint64_t offset) {
  receipt.begin(offset, retransmits_);
  receipts_.push_back(receipt);
}

void DeliveryTracker::on(const Progress& progress) {
  retransmits_ = std::max(retransmits_, progress.total_retrans);
  for (Receipt* r = receipts_.front(); r; r = receipts_.next(*r)) r->on(progress);
}

void DeliveryTracker::on_request(TimePoint now) {
  for (Receipt* r = receipts_.front(); r; r = receipts_.next(*r)) {
    if (!r->ended() || r->owing()) pipelines_ = true;
  }
  if (pipelines_) return;
  for (Receipt* r = receipts_.front(); r; r = receipts_.next(*r)) r->on_next_request(now);
}

void DeliveryTracker::on_closed_clean() {
  for (Receipt* r = receipts_.front(); r; r = receipts_.next(*r)) r->on_closed_clean();
}

bool DeliveryTracker::owing() const {
  for (Receipt* r = receipts_.front(); r; r = receipts_.next(*r)) {
    if (r->owing()) return true;
  }
  return false;
}

Receipt* DeliveryTracker::take_settled() {
  Receipt* front = receipts_.front();
  return front && front->settled() && front->ended() ? receipts_.pop_front() : nullptr;
}

}  // namespace weir::delivery
