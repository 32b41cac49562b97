#include "body/text_body.h"

#include <algorithm>
#include <cstring>

namespace weir::body {
namespace {

struct NobodyWaits final : Waiter {
  void wake() noexcept override {}
};

}  // namespace

Ref<Body> text_body(ChunkSource& source, std::string_view text) {
  NobodyWaits nobody;
  BodyOptions options;
  options.total = text.size();
  auto body = make_ref<Body>(source, options);
  BodyWriter writer(body, 0, text.size(), nobody);
  while (!text.empty()) {
    const auto room = writer.space(text.size(), {}).bytes;
    const std::size_t n = std::min(room.size(), text.size());
    if (n == 0) {
      std::move(writer).abandon();
      return nullptr;
    }
    std::memcpy(room.data(), text.data(), n);
    writer.commit(n);
    text.remove_prefix(n);
  }
  std::move(writer).finish();
  return body;
}

}  // namespace weir::body
