#include "cache/object.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "body/body.h"
#include "store/memory_store.h"

using namespace weir;
using namespace weir::cache;
using http::Coding;

namespace {

struct Nobody final : body::Waiter {
  void wake() noexcept override {}
};

struct Bench {
  store::MemoryStore store{{.limit = 16 << 20}, {}};
  Nobody nobody;

  Ref<body::Body> empty() { return store.create({}); }
  body::BodyWriter writer(const Ref<body::Body>& body) {
    return {body, 0, body::kUnlimited, nobody};
  }
  static void write(body::BodyWriter& writer, std::size_t n) {
    std::byte passed[1];
    while (n > 0) {
      const auto space = writer.space(n, passed);
      const std::size_t some = std::min(n, space.bytes.size());
      REQUIRE(some > 0);
      std::fill_n(space.bytes.data(), some, std::byte{1});
      writer.commit(some);
      n -= some;
    }
  }
  Ref<Object> object() {
    ObjectParts parts;
    parts.body = empty();
    return make_ref<Object>(std::move(parts));
  }
};

}  // namespace

TEST_CASE("a form is found while it is made and when it is whole; the first one offered stays") {
  Bench b;
  Forms forms;
  CHECK_FALSE(forms.find(Coding::kGzip));
  const Ref<body::Body> first = b.empty(), second = b.empty();
  auto w1 = b.writer(first), w2 = b.writer(second);
  CHECK(forms.offer(Coding::kGzip, first) == first);
  CHECK(forms.offer(Coding::kGzip, second) == first);
  CHECK(forms.find(Coding::kGzip) == first);
  CHECK_FALSE(forms.find(Coding::kBrotli));  // each coding has its own
  CHECK(forms.offer(Coding::kBrotli, second) == second);
  b.write(w1, 1000);
  std::move(w1).finish();
  CHECK(forms.find(Coding::kGzip) == first);
  std::move(w2).finish();
}

TEST_CASE("a form that failed, or was evicted, is none, and another takes its place") {
  Bench b;
  Forms forms;
  const Ref<body::Body> failed = b.empty(), evicted = b.empty(), good = b.empty();
  auto w = b.writer(failed);
  forms.offer(Coding::kGzip, failed);
  std::move(w).fail(Error{Errc::kOriginCut});
  CHECK_FALSE(forms.find(Coding::kGzip));

  w = b.writer(evicted);
  CHECK(forms.offer(Coding::kGzip, evicted) == evicted);
  b.write(w, 1000);
  std::move(w).finish();
  Ref<body::Chunk> chunk;
  {
    body::BodyReader reader(evicted, 0, body::kUnlimited, b.nobody);
    chunk = std::get<body::Lease>(reader.next(1)).pin;
  }
  {
    const body::BodyPin pin(forms.find(Coding::kGzip));
    CHECK_FALSE(evicted->evict(0, *chunk));
  }
  CHECK(evicted->evict(0, *chunk));
  CHECK_FALSE(forms.find(Coding::kGzip));

  w = b.writer(good);
  CHECK(forms.offer(Coding::kGzip, good) == good);
  std::move(w).finish();
}

TEST_CASE("another object on the same body has the same forms, whoever asks first") {
  Bench b;
  const Ref<Object> first = b.object();
  CHECK_FALSE(first->parts().forms);  // none was asked for
  Forms& forms = first->forms();
  CHECK(&first->forms() == &forms);
  const Ref<Object> second = make_ref<Object>(first->parts());  // as a 304 does
  CHECK(&second->forms() == &forms);
  const Ref<Object> other = b.object();
  CHECK(&other->forms() != &forms);
}

TEST_CASE("the forms of an object are made once though many ask") {
  for (int round = 0; round < 50; ++round) {
    Bench b;
    const Ref<Object> object = b.object();
    std::vector<Forms*> got(4);
    std::vector<std::thread> askers;
    for (Forms*& mine : got) askers.emplace_back([&] { mine = &object->forms(); });
    for (std::thread& asker : askers) asker.join();
    for (const Forms* one : got) CHECK(one == got[0]);
  }
}
