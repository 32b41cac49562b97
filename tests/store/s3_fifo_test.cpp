#include "store/s3_fifo.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

using namespace weir::store;
using Queue = S3Fifo::Queue;

namespace {

struct Item : S3Fifo::Entry {
  explicit Item(std::uint64_t k) : key(k) {}
  std::uint64_t key;
  weir::body::Uses uses;
  // `hits` hits after the first use, which is none.
  Item& use(int hits) {
    for (int i = 0; i <= hits; ++i) uses.touch();
    return *this;
  }
};

weir::body::Uses& uses_of(S3Fifo::Entry& e) { return static_cast<Item&>(e).uses; }

std::uint64_t mixed(std::uint64_t key) { return key * 0x9e3779b97f4a7c15u >> 16; }

std::uint64_t key_of(S3Fifo::Entry* e) { return e ? static_cast<Item*>(e)->key : 0; }

// Caches that only count. access(): was it there?
class Cache {
 public:
  virtual ~Cache() = default;
  virtual bool access(std::uint64_t key, std::uint32_t bytes) = 0;
};

class S3FifoCache final : public Cache {
 public:
  explicit S3FifoCache(std::uint64_t capacity)
      : capacity_(capacity), queues_(capacity, capacity / 8, &uses_of) {}

  bool access(std::uint64_t key, std::uint32_t bytes) override {
    if (const auto it = items_.find(key); it != items_.end()) {
      it->second->uses.touch();
      return true;
    }
    while (used_ + bytes > capacity_) {
      auto* victim = static_cast<Item*>(queues_.victim());
      used_ -= victim->bytes();
      queues_.evicted(*victim, mixed(victim->key));
      items_.erase(victim->key);
    }
    auto item = std::make_unique<Item>(key);
    item->use(0);  // by who missed it
    queues_.insert(*item, mixed(key), bytes);
    items_.emplace(key, std::move(item));
    used_ += bytes;
    return false;
  }

 private:
  const std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  S3Fifo queues_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Item>> items_;
};

class ListCache final : public Cache {
 public:
  ListCache(std::uint64_t capacity, bool lru) : capacity_(capacity), lru_(lru) {}

  bool access(std::uint64_t key, std::uint32_t bytes) override {
    if (const auto it = where_.find(key); it != where_.end()) {
      if (lru_) order_.splice(order_.end(), order_, it->second);
      return true;
    }
    while (used_ + bytes > capacity_) {
      used_ -= order_.front().second;
      where_.erase(order_.front().first);
      order_.pop_front();
    }
    order_.emplace_back(key, bytes);
    where_[key] = std::prev(order_.end());
    used_ += bytes;
    return false;
  }

 private:
  const std::uint64_t capacity_;
  const bool lru_;
  std::uint64_t used_ = 0;
  std::list<std::pair<std::uint64_t, std::uint32_t>> order_;
  std::unordered_map<std::uint64_t, std::list<std::pair<std::uint64_t, std::uint32_t>>::iterator>
      where_;
};

struct Access {
  std::uint64_t key;
  std::uint32_t bytes;
};

// `n` draws of 20,000 keys by Zipf's law; after each 1000 a scan of keys that never come again.
std::vector<Access> trace(double skew, std::size_t n, std::size_t scan, bool sizes) {
  constexpr std::size_t kKeys = 20'000;
  std::vector<double> sum(kKeys);
  double total = 0;
  for (std::size_t i = 0; i < kKeys; ++i) {
    sum[i] = total += 1.0 / std::pow(static_cast<double>(i + 1), skew);
  }
  std::mt19937_64 random(1);
  std::vector<Access> out;
  std::uint64_t once = 1'000'000;
  const auto size = [&](std::uint64_t key) {
    return sizes ? static_cast<std::uint32_t>(1 + mixed(key) % 32) : 8u;
  };
  for (std::size_t i = 0; i < n; ++i) {
    const double at = total * static_cast<double>(random() >> 11) / 9007199254740992.0;
    const auto key =
        static_cast<std::uint64_t>(std::lower_bound(sum.begin(), sum.end(), at) - sum.begin());
    out.push_back({key, size(key)});
    if (i % 1000 == 999) {
      for (std::size_t k = 0; k < scan; ++k, ++once) out.push_back({once, size(once)});
    }
  }
  return out;
}

double hit_ratio(Cache&& cache, const std::vector<Access>& accesses) {
  std::size_t hits = 0;
  for (const Access& a : accesses) hits += cache.access(a.key, a.bytes) ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(accesses.size());
}

}  // namespace

TEST_CASE("entries that nobody hits leave small in order and are remembered") {
  S3Fifo q(100, 64, &uses_of);
  Item a(1), b(2), c(3);
  for (Item* i : {&a, &b, &c}) CHECK_FALSE(q.insert(*i, i->key, 10));
  CHECK(q.bytes(Queue::kSmall) == 30);
  for (const std::uint64_t key : {1u, 2u}) {
    S3Fifo::Entry* v = q.victim();
    CHECK(key_of(v) == key);
    q.evicted(*v, key);
  }
  CHECK(q.bytes(Queue::kSmall) == 10);
  Item again(1);
  CHECK(q.insert(again, 1, 10));  // straight to main
  CHECK(q.bytes(Queue::kMain) == 10);
  q.remove(c);
  q.remove(again);
  CHECK(q.victim() == nullptr);
}

TEST_CASE("two hits in small earn a place in main, one does not") {
  S3Fifo q(100, 64, &uses_of);
  Item once(1), twice(2), other(3);
  for (Item* i : {&once, &twice, &other}) q.insert(*i, i->key, 10);
  once.use(1);
  twice.use(2);
  CHECK(key_of(q.victim()) == 1);
  CHECK(key_of(q.victim()) == 3);
  CHECK(q.count(Queue::kMain) == 1);
  CHECK(twice.uses.hits() == 0);  // main counts anew
  CHECK(key_of(q.victim()) == 2);
}

TEST_CASE("main gives what was hit another round") {
  S3Fifo q(1000, 64, &uses_of);
  Item a(1), b(2), c(3);
  for (Item* i : {&a, &b, &c}) {
    q.insert(*i, i->key, 10);
    i->use(2);
  }
  CHECK(q.victim_of(Queue::kSmall) != nullptr);  // all went to main, the first came out
  q.put_back(a);
  b.uses.touch();
  CHECK(key_of(q.victim()) == 3);  // b went round
  CHECK(key_of(q.victim()) == 1);
  CHECK(key_of(q.victim()) == 2);
}

TEST_CASE("the queue that is due is small while it has more than a tenth") {
  S3Fifo q(100, 64, &uses_of);
  Item a(1), b(2), c(3);
  q.insert(a, 1, 9);
  CHECK(q.due() == Queue::kMain);
  CHECK(key_of(q.victim()) == 1);  // main is empty
  q.put_back(a);
  q.insert(b, 2, 1);
  CHECK(q.due() == Queue::kSmall);
  q.remove(a);
  q.remove(b);
  q.insert(c, 3, 20);
  c.use(3);
  CHECK(key_of(q.victim()) == 3);
}

TEST_CASE("an entry that was removed between victim and its return stays out") {
  S3Fifo q(100, 64, &uses_of);
  Item a(1);
  q.insert(a, 1, 10);
  CHECK(q.victim() == &a);
  q.remove(a);
  q.put_back(a);
  CHECK(q.victim() == nullptr);
  CHECK(q.bytes(Queue::kSmall) == 0);
  q.evicted(a, 1);
  Item again(1);
  CHECK(q.insert(again, 1, 10));
  q.remove(again);
}

TEST_CASE("what retired is no victim until it is restored, and then where and before what it was") {
  S3Fifo q(1000, 64, &uses_of);
  Item a(1), b(2), c(3), d(4), left(5), later(6);
  for (Item* i : {&a, &b, &left}) q.insert_into(Queue::kSmall, *i, 10);
  for (Item* i : {&c, &d}) q.insert_into(Queue::kMain, *i, 10);
  const S3Fifo::Stays stays = [&](const S3Fifo::Entry& e) { return &e == &left; };
  for (int round = 0; round < 3; ++round) {
    q.begin_retire();
    if (round == 0) q.insert_into(Queue::kSmall, later, 10);
    while (!q.retire_some(2, stays)) continue;
    if (round > 0) {  // it stayed the first time only
      CHECK(q.bytes(Queue::kSmall) == 10);
      CHECK(q.bytes(Queue::kSmallRetired) == 30 - (round > 1 ? 10 : 0));
    } else {
      CHECK(q.bytes(Queue::kSmall) == 20);
      CHECK(q.bytes(Queue::kSmallRetired) == 20);
    }
    CHECK(q.bytes(Queue::kMain) == 0);
    CHECK(q.queue_of(a) == Queue::kSmall);
    CHECK(q.queue_of(c) == Queue::kMain);
    if (round == 1) q.remove(b);  // dies while retired
    while (!q.restore_some(2)) continue;
    CHECK(q.bytes(Queue::kSmallRetired) + q.bytes(Queue::kMainRetired) == 0);
    CHECK(q.bytes(Queue::kMain) == 20);
  }
  for (const std::uint64_t key : {1u, 6u, 5u}) CHECK(key_of(q.victim_of(Queue::kSmall)) == key);
  for (const std::uint64_t key : {3u, 4u}) CHECK(key_of(q.victim_of(Queue::kMain)) == key);
  CHECK(q.victim() == nullptr);
}

TEST_CASE("S3-FIFO keeps at least as many hits as FIFO and LRU on Zipf's law with scans") {
  struct Case {
    double skew;
    std::size_t scan;        // keys that come once, after each 1000 others
    std::uint64_t capacity;  // of about 160,000 bytes for all keys (sizes: 330,000)
    bool sizes;
  } const cases[] = {
      {0.8, 0, 1600, false},    {0.8, 0, 16000, false},   {0.8, 500, 1600, false},
      {0.8, 500, 16000, false}, {1.0, 0, 1600, false},    {1.0, 0, 16000, false},
      {1.0, 500, 1600, false},  {1.0, 500, 16000, false}, {1.0, 1000, 33000, true},
      {0.8, 0, 3300, true},
  };
  for (const Case& c : cases) {
    const std::vector<Access> accesses = trace(c.skew, 200'000, c.scan, c.sizes);
    const double s3 = hit_ratio(S3FifoCache(c.capacity), accesses);
    const double fifo = hit_ratio(ListCache(c.capacity, false), accesses);
    const double lru = hit_ratio(ListCache(c.capacity, true), accesses);
    CAPTURE(c.skew);
    CAPTURE(c.scan);
    CAPTURE(c.capacity);
    CAPTURE(s3);
    CAPTURE(lru);
    CHECK(s3 >= fifo);
    CHECK(s3 >= lru);
  }
}
