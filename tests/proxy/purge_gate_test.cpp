#include "proxy/purge_gate.h"

#include <doctest/doctest.h>

namespace weir::proxy {
namespace {

using Peer = PurgeGate::Peer;
using State = PurgeGate::State;

struct Asker final : Executor, Task {
  void post(Task&) noexcept override { ++posted; }
  void cancel(Task&) noexcept override {}
  void run() noexcept override {}
  int posted = 0;
};

cache::PurgeOrder of(const char* url) { return {.urls = {url}}; }

}  // namespace

TEST_CASE("without another Weir a purge waits for nobody, and nothing is noted") {
  PurgeGate gate;
  Asker asker;
  const auto ticket = gate.enter(of("/a"));
  CHECK(gate.await(ticket, asker, asker));
  gate.leave(ticket);
  CHECK(gate.take(Peer::kAfter)->orders.empty());
  CHECK(gate.take(Peer::kBefore)->orders.empty());
}

TEST_CASE("what began before somebody took over is waited for, what began since is noted") {
  PurgeGate gate;
  Asker asker;
  const auto early = gate.enter(of("/early"));
  gate.note(Peer::kAfter);
  const auto late = gate.enter(of("/late"));
  CHECK(gate.await(late, asker, asker));  // the other one does not serve yet
  CHECK_FALSE(gate.quiet());
  gate.leave(early);
  CHECK(gate.quiet());
  gate.leave(late);
  CHECK(gate.quiet());
  const auto noted = gate.hear(Peer::kAfter);
  REQUIRE(noted);
  REQUIRE(noted->size() == 1);
  CHECK(noted->front().urls == std::vector<std::string>{"/late"});
  CHECK(gate.state(Peer::kAfter) == State::kHearing);
}

TEST_CASE("while the other one serves a purge is answered when it has heard") {
  PurgeGate gate;
  gate.note(Peer::kAfter);
  gate.enter(of("/noted"));
  REQUIRE(gate.hear(Peer::kAfter));
  Asker first;
  Asker second;
  Asker gone;
  const auto one = gate.enter(of("/1"));
  const auto two = gate.enter({.mode = cache::PurgeMode::kSoft, .tags = {"t"}});
  CHECK_FALSE(gate.await(one, first, first));
  CHECK_FALSE(gate.await(one, gone, gone));
  CHECK_FALSE(gate.await(two, second, second));
  gate.forget(gone);
  const PurgeGate::News news = gate.take(Peer::kAfter).value();
  REQUIRE(news.orders.size() == 2);
  CHECK(news.orders[1].tags == std::vector<std::string>{"t"});
  CHECK(news.orders[1].mode == cache::PurgeMode::kSoft);
  gate.heard(Peer::kAfter, news.until - 1);
  CHECK(first.posted == 1);
  CHECK(second.posted == 0);
  gate.heard(Peer::kAfter, news.until);
  CHECK(second.posted == 1);
  CHECK(gone.posted == 0);
  CHECK(gate.await(two, second, second));
}

TEST_CASE("nobody waits for one that is gone") {
  PurgeGate gate;
  gate.note(Peer::kBefore);
  gate.hear(Peer::kBefore);
  Asker asker;
  CHECK_FALSE(gate.await(gate.enter(of("/a")), asker, asker));
  gate.gone(Peer::kBefore);
  CHECK(asker.posted == 1);
  CHECK(gate.await(gate.enter(of("/b")), asker, asker));
  CHECK(gate.take(Peer::kBefore)->orders.empty());
}

TEST_CASE("what one tells the other hears, and is not told it back") {
  PurgeGate gate;
  for (const Peer peer : {Peer::kBefore, Peer::kAfter}) {
    gate.note(peer);
    gate.hear(peer);
  }
  gate.enter(of("/a"), Peer::kBefore);
  CHECK(gate.take(Peer::kBefore)->orders.empty());
  CHECK(gate.take(Peer::kAfter)->orders.size() == 1);
  gate.enter(of("/b"), Peer::kAfter);
  CHECK(gate.take(Peer::kBefore)->orders.size() == 1);
  CHECK(gate.take(Peer::kAfter)->orders.empty());
}

TEST_CASE("a second handover waits for what began during the first, which failed") {
  PurgeGate gate;
  gate.note(Peer::kAfter);
  const auto ticket = gate.enter(of("/a"));
  CHECK(gate.quiet());
  gate.gone(Peer::kAfter);
  gate.note(Peer::kAfter);
  CHECK_FALSE(gate.quiet());
  const auto late = gate.enter(of("/b"));
  gate.leave(ticket);
  CHECK(gate.quiet());
  gate.leave(late);
  CHECK(gate.quiet());
}

TEST_CASE("while the other one serves more than can be noted is told to be too much") {
  PurgeGate gate;
  gate.note(Peer::kAfter);
  gate.hear(Peer::kAfter);
  for (std::size_t i = 0; i <= PurgeGate::kNotedMost; ++i) gate.leave(gate.enter(of("/a")));
  CHECK_FALSE(gate.take(Peer::kAfter).has_value());
  Asker asker;
  CHECK_FALSE(gate.await(gate.enter(of("/b")), asker, asker));
  gate.gone(Peer::kAfter);  // by who was to tell
  CHECK(asker.posted == 1);
}

TEST_CASE("more than can be noted keeps the other one from serving, until it is gone") {
  PurgeGate gate;
  gate.note(Peer::kAfter);
  for (std::size_t i = 0; i <= PurgeGate::kNotedMost; ++i) gate.leave(gate.enter(of("/a")));
  CHECK_FALSE(gate.hear(Peer::kAfter));
  CHECK(gate.state(Peer::kAfter) == State::kNoting);
  gate.gone(Peer::kAfter);
  gate.note(Peer::kAfter);
  CHECK(gate.hear(Peer::kAfter));
}

}  // namespace weir::proxy
