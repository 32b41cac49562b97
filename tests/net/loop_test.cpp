#include "net/loop.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "loopback.h"

using namespace weir;
using namespace weir::net;
using namespace std::chrono_literals;
using test::run_until;

namespace {

struct Call final : Task {
  Call(Loop& l, std::function<void()> w) : loop(l), what(std::move(w)) {}
  ~Call() { loop.cancel(*this); }
  void run() noexcept override { what(); }
  Loop& loop;
  std::function<void()> what;
};

// Writes its name down when it fires.
struct Bell final : Timer::Owner {
  Bell(Loop& loop, std::string& log, char name) : log_(log), name_(name), timer(loop, *this) {}
  void on_timer(Timer&) override {
    log_ += name_;
    if (then) then();
  }
  std::string& log_;
  char name_;
  std::function<void()> then;
  Timer timer;
};

}  // namespace

TEST_CASE("posted tasks run in order and each once, however often they were posted") {
  Loop loop;
  std::string log;
  Call a(loop, [&] { log += 'a'; });
  Call b(loop, [&] { log += 'b'; });
  Call end(loop, [&] { loop.stop(); });
  loop.post(a);
  loop.post(b);
  loop.post(a);
  loop.post(end);
  loop.run();
  CHECK(log == "ab");
}

TEST_CASE("a task may be posted again while it runs and then runs in the next round") {
  Loop loop;
  std::string log;
  Call a(loop, [&] {
    log += 'a';
    if (log.size() < 6) loop.post(a);
  });
  Call b(loop, [&] {
    log += 'b';
    if (log.size() < 6) loop.post(b);
  });
  loop.post(a);
  loop.post(b);
  run_until(loop, [&] { return log.size() >= 6; });
  CHECK(log == "ababab");
}

TEST_CASE("a cancelled task does not run, also when its batch is being run already") {
  Loop loop;
  std::string log;
  Call victim(loop, [&] { log += 'v'; });
  Call a(loop, [&] {
    log += 'a';
    loop.cancel(victim);
  });
  Call end(loop, [&] { loop.stop(); });
  loop.post(a);
  loop.post(victim);
  loop.post(end);
  loop.run();
  CHECK(log == "a");
  CHECK(!victim.linked());
}

TEST_CASE("stop() before run() is not lost, and a Loop can run again") {
  Loop loop;
  loop.stop();
  loop.run();
  Call end(loop, [&] { loop.stop(); });
  loop.post(end);
  loop.run();
  CHECK(!end.linked());
}

TEST_CASE("many threads post at once: no wake is lost and nothing runs elsewhere") {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  Loop loop;
  std::atomic<int> rung[kThreads] = {};
  int seen[kThreads] = {};
  std::vector<std::unique_ptr<Call>> tasks;
  int finished = 0;
  for (int i = 0; i < kThreads; ++i) {
    tasks.push_back(std::make_unique<Call>(loop, [&, i] {
      if (seen[i] == kPosts) return;
      seen[i] = rung[i].load();
      if (seen[i] == kPosts && ++finished == kThreads) loop.stop();
    }));
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kPosts; ++n) {
        rung[i].fetch_add(1);
        loop.post(*tasks[static_cast<std::size_t>(i)]);
      }
    });
  }
  loop.run();  // sleeps in epoll whenever it is quicker than they are
  CHECK(finished == kThreads);
}

TEST_CASE("a sleeping Loop is stopped by another thread") {
  Loop loop;
  std::jthread other([&] { loop.stop(); });
  loop.run();
}

TEST_CASE("the time stands still within a round and goes on between rounds") {
  Loop loop;
  TimePoint first{}, again{}, next{};
  WallTime wall{};
  Call look(loop, [&] {
    if (first != TimePoint{}) {
      next = loop.now();
      return loop.stop();
    }
    first = loop.now();
    wall = loop.wall_now();
    while (std::chrono::steady_clock::now() == first) {
    }
    again = loop.now();
    loop.post(look);
  });
  const auto before = std::chrono::system_clock::now();
  loop.post(look);
  loop.run();
  CHECK(first == again);
  CHECK(next > first);
  CHECK(wall >= std::chrono::floor<Seconds>(before));
  CHECK(wall <= std::chrono::system_clock::now());
  CHECK(loop.wall_fraction() < 1s);
  CHECK(loop.wall_fraction() >= 0s);
}

TEST_CASE("a Loop that does not run tells the time anew each time") {
  Loop loop;
  const TimePoint first = loop.now();
  while (std::chrono::steady_clock::now() == first) {
  }
  CHECK(loop.now() > first);
}

TEST_CASE("a round that takes long shows as lag") {
  net::LoopStats stats;
  Loop loop(&stats);
  Call slow(loop, [&] {
    const TimePoint start = loop.now();
    while (std::chrono::steady_clock::now() - start < 20ms) {
    }
  });
  loop.post(slow);
  test::run_rounds(loop, 2);
  CHECK(loop.lag() >= 20ms);
  CHECK(stats.late.count() >= 1);
  CHECK(stats.late.sum() >= 20ms);
  CHECK(stats.longest_ns.take() >= 20'000'000);
}

TEST_CASE("timers fire in the order of their deadlines, never early, and once") {
  Loop loop;
  std::string log;
  Bell a(loop, log, 'a'), b(loop, log, 'b'), c(loop, log, 'c');
  const TimePoint now = loop.now();
  a.timer.set(now + 30ms);
  b.timer.set(now + 15ms);
  c.timer.set(now - 1s);
  TimePoint fired_at{};
  a.then = [&] { fired_at = loop.now(); };
  REQUIRE(run_until(loop, [&] { return log.size() == 3; }));
  CHECK(log == "cba");
  CHECK(fired_at >= now + 30ms);
  CHECK(a.timer.deadline() == TimePoint::max());
  test::run_rounds(loop, 10);
  CHECK(log == "cba");
}

TEST_CASE("a deadline may be moved later, earlier, or away") {
  Loop loop;
  std::string log;
  Bell later(loop, log, 'l'), earlier(loop, log, 'e'), never(loop, log, 'n'), max(loop, log, 'm');
  const TimePoint now = loop.now();
  later.timer.set(now + 1ms);
  later.timer.set(now + 30ms);
  earlier.timer.set(now + 10h);
  earlier.timer.set(now + 15ms);
  never.timer.set(now + 1ms);
  never.timer.clear();
  max.timer.set(now + 1ms);
  max.timer.set(TimePoint::max());
  CHECK(later.timer.deadline() == now + 30ms);
  TimePoint fired_at{};
  later.then = [&] { fired_at = loop.now(); };
  REQUIRE(run_until(loop, [&] { return fired_at != TimePoint{}; }));
  CHECK(fired_at >= now + 30ms);
  CHECK(log == "el");
}

TEST_CASE("a timer set again after it was cleared fires, also when its old wake is still due") {
  Loop loop;
  std::string log;
  Bell a(loop, log, 'a');
  a.timer.set(loop.now() + 1ms);
  a.timer.clear();
  a.timer.set(loop.now() + 2ms);
  REQUIRE(run_until(loop, [&] { return log == "a"; }));
}

TEST_CASE("a timer may be set again or destroyed by its callback, and a destroyed one is silent") {
  Loop loop;
  std::string log;
  Bell again(loop, log, 'a');
  again.then = [&] {
    if (log.size() < 3) again.timer.set(loop.now());
  };
  auto gone = std::make_unique<Bell>(loop, log, 'g');
  gone->timer.set(loop.now());
  gone.reset();
  again.timer.set(loop.now());
  REQUIRE(run_until(loop, [&] { return log.size() == 3; }));
  auto self = std::make_unique<Bell>(loop, log, 's');
  self->then = [&] { self.reset(); };
  self->timer.set(loop.now());
  REQUIRE(run_until(loop, [&] { return self == nullptr; }));
  CHECK(log == "aaas");
}

TEST_CASE("SIGPIPE does not kill a process that has a Loop") {
  const Loop loop;
  test::Pair pair;
  pair.far.close_with_reset();
  CHECK(::write(pair.near.get(), "x", 1) == -1);
  CHECK(::write(pair.near.get(), "x", 1) == -1);
  CHECK(errno == EPIPE);
}
