#include "front/stats.h"

namespace weir::front {
namespace {

template <std::size_t n>
void merge_each(std::array<Count, n>& to, const std::array<Count, n>& from) {
  for (std::size_t i = 0; i < n; ++i) to[i].add(from[i].get());
}

}  // namespace

std::string_view name(StreamReset why) {
  switch (why) {
    case StreamReset::kClient:
      return "client";
    case StreamReset::kProtocol:
      return "protocol";
    case StreamReset::kCut:
      return "cut";
    case StreamReset::kNoCredit:
      return "no_credit";
    case StreamReset::kUnwanted:
      return "unwanted";
  }
  return "unknown";
}

std::string_view name(TlsVersion version) {
  return version == TlsVersion::k13 ? "TLSv1.3" : "TLSv1.2";
}

void Stats::merge(const Stats& other) {
  accepted.add(other.accepted.get());
  merge_each(closed, other.closed);
  merge_each(open, other.open);
  merge_each(refused, other.refused);
  sent_bytes.add(other.sent_bytes.get());
  acked_bytes.add(other.acked_bytes.get());
  for (std::size_t i = 0; i < kTlsVersions; ++i) merge_each(handshakes[i], other.handshakes[i]);
  http2.add(other.http2.get());
  streams.add(other.streams.get());
  merge_each(resets, other.resets);
}

}  // namespace weir::front
