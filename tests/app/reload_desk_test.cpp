#include "app/reload_desk.h"

#include <doctest/doctest.h>
#include <signal.h>

namespace weir::app {
namespace {

struct Asker final : Executor, Task {
  void post(Task&) noexcept override { ++posted; }
  void cancel(Task&) noexcept override {}
  void run() noexcept override {}
  int posted = 0;
};

}  // namespace

TEST_CASE("who asks for a reload hears of one that began after it asked") {
  ::signal(SIGHUP, SIG_IGN);  // what wakes the main thread
  ReloadDesk desk;
  Asker early;
  Asker gone;
  Asker late;
  desk.ask(early, early);
  desk.ask(gone, gone);
  desk.begin();
  desk.ask(late, late);
  desk.forget(gone);
  CHECK(desk.take(early) == nullptr);
  desk.finish({.error = "", .changes = {"one"}, .kept = {"two"}});
  CHECK(early.posted == 1);
  CHECK(gone.posted == 0);
  CHECK(late.posted == 0);
  const auto outcome = desk.take(early);
  REQUIRE(outcome);
  CHECK(outcome->changes == std::vector<std::string>{"one"});
  CHECK(desk.take(early) == nullptr);

  desk.begin();
  desk.finish({.error = "bad", .changes = {}, .kept = {}});
  CHECK(early.posted == 1);
  REQUIRE(desk.take(late));
  CHECK(desk.counts().last_failed);
  CHECK(desk.counts().after_restart == 1);  // of the last one that was done

  desk.finish({.error = "", .changes = {}, .kept = {}});
  CHECK(desk.counts().done == 2);
  CHECK(desk.counts().failed == 1);
  CHECK_FALSE(desk.counts().last_failed);
  CHECK(desk.counts().after_restart == 0);

  desk.ask(early, early);
  desk.close();
  desk.ask(gone, gone);
  for (const Asker* asker : {&early, &gone}) {
    const auto refused = desk.take(*asker);
    REQUIRE(refused);
    CHECK(refused->error == "this Weir is about to end");
  }
  CHECK(desk.counts().failed == 1);
}

}  // namespace weir::app
