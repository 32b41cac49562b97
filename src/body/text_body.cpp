#include "body/text_body.h"

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
  const auto room = writer.space(text.size(), {}).bytes;
  if (room.size() < text.size()) {
    std::move(writer).abandon();
    return nullptr;
  }
  std::memcpy(room.data(), text.data(), text.size());
  writer.commit(text.size());
  std::move(writer).finish();
  return body;
}

}  // namespace weir::body
