#include "base/mutex.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <thread>
#include <vector>

namespace weir {

TEST_CASE("a mutex has four bytes") { CHECK(sizeof(Mutex) == 4); }

TEST_CASE("one thread at a time holds it, however many want it") {
  Mutex mutex;
  std::uint64_t count = 0;  // no atomic: ThreadSanitizer looks on
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) {
        Lock lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(count == 200'000);
}

TEST_CASE("who tries finds it taken, and free again") {
  Mutex mutex;
  REQUIRE(mutex.try_lock());
  bool taken = false;
  std::thread([&] { taken = !mutex.try_lock(); }).join();
  CHECK(taken);
  mutex.unlock();
  REQUIRE(mutex.try_lock());
  mutex.unlock();
}

TEST_CASE("who waits under it for a condition wakes, again and again") {
  Mutex mutex;
  std::condition_variable_any changed;
  int turn = 0;
  const auto play = [&](int mine) {
    for (int i = 0; i < 2000; ++i) {
      mutex.lock();
      while (turn % 2 != mine) changed.wait(mutex);
      ++turn;
      mutex.unlock();
      changed.notify_one();
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  CHECK(turn == 4000);
}

}  // namespace weir
