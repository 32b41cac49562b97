#include "body/uses.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace weir::body {

TEST_CASE("the first use is no hit, and hits end at three") {
  Uses uses;
  for (const unsigned hits : {0u, 1u, 2u, 3u, 3u, 3u}) {
    uses.touch();
    CHECK(uses.hits() == hits);
  }
  CHECK_FALSE(uses.file_sent());
}

TEST_CASE("hits are spent one by one, and forgotten at once; the next use is one again") {
  Uses uses;
  uses.spend_hit();
  CHECK(uses.hits() == 0);
  for (int i = 0; i < 3; ++i) uses.touch();
  uses.spend_hit();
  CHECK(uses.hits() == 1);
  uses.touch();
  uses.mark_file_sent();
  uses.forget_hits();
  CHECK(uses.hits() == 0);
  CHECK(uses.file_sent());
  uses.touch();
  CHECK(uses.hits() == 1);
}

TEST_CASE("however many use it at a time, nothing else of the byte changes") {
  Uses uses;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) uses.touch();
    });
  }
  for (int i = 0; i < 20'000; ++i) uses.spend_hit();
  for (std::thread& t : threads) t.join();
  uses.touch();
  CHECK((uses.hits() > 0 && uses.hits() <= 3));
  CHECK_FALSE(uses.file_sent());
}

}  // namespace weir::body
