// PROXY headers: cutting the input changes nothing, nothing behind a header is touched, and what
// was read is printed and read back.

#include <cstdint>
#include <optional>
#include <span>

#include "base/check.h"
#include "net/proxy_header.h"

using namespace weir::net;

namespace {

struct Outcome {
  ProxyHeaderDecoder::Step step;
  std::optional<Address> source, destination;
};

Outcome read(std::span<const std::byte> in, std::size_t piece) {
  ProxyHeaderDecoder decoder;
  Outcome all;
  while (all.step.status == ProxyHeaderDecoder::Status::kMore && all.step.used < in.size()) {
    const auto left = in.subspan(all.step.used);
    const auto step = decoder.feed(left.first(std::min(piece, left.size())));
    WEIR_CHECK(step.used <= left.size());
    all.step.used += step.used;
    all.step.status = step.status;
  }
  if (all.step.status == ProxyHeaderDecoder::Status::kDone) {
    all.source = decoder.source();
    all.destination = decoder.destination();
  }
  return all;
}

void check_same(const Outcome& a, const Outcome& b) {
  WEIR_CHECK(a.step.status == b.step.status && a.source == b.source &&
             a.destination == b.destination);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto in = std::as_bytes(std::span(data, size)).subspan(1);
  const Outcome whole = read(in, in.size() + 1);
  const Outcome pieces = read(in, std::size_t{data[0]} % 32 + 1);
  check_same(whole, pieces);
  WEIR_CHECK(whole.step.used == pieces.step.used);
  if (whole.step.status != ProxyHeaderDecoder::Status::kDone) return 0;
  const std::string printed = print_proxy_header(whole.source, whole.destination);
  const Outcome again = read(std::as_bytes(std::span(printed)), 3);
  WEIR_CHECK(again.step.used == printed.size());
  const bool local = !whole.source || whole.source->family() != whole.destination->family();
  if (!local) check_same(whole, again);
  return 0;
}
