// What describes an object on disk: any bytes are refused or make an Object that can be worked
// with, and what is written of that is read back the same. The version is always right, so that
// what follows it is looked at.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "cache/object_blob.h"
#include "cache/tags.h"
#include "policy/reuse.h"

using namespace weir;
using namespace weir::cache;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void use(const Object& object) {
  const policy::Freshness f = object.freshness();
  const WallTime now{Seconds{1'700'000'000}};
  (void)f.age(now);
  (void)f.kept(now);
  (void)f.serves_waiters();
  policy::RequestClass request;
  (void)policy::may_reuse(request, f, now);
  (void)policy::may_serve_on_error(request, f, now);
  request.max_age = request.min_fresh = request.max_stale = Seconds{60};
  (void)policy::may_reuse(request, f, now);
  policy::Freshness ended = policy::resting(f, now);
  ended.end(now);
  (void)tag_digests(object.tags());
  (void)variant_name(object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string blob(2, '\0');
  blob[0] = static_cast<char>(kBlobVersion);
  blob.append(reinterpret_cast<const char*>(data), size);
  auto content = from_blob(blob);
  if (!content) return 0;
  const std::string key = content->key;
  const Object object(std::move(content->parts));
  const std::string again = to_blob(key, object);
  auto second = from_blob(again);
  require(second && second->key == key);
  require(to_blob(key, Object(std::move(second->parts))) == again);
  use(object);
  return 0;
}
