#include "base/error.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>

using namespace weir;

TEST_CASE("an error's name is the snake case of its row") {
  CHECK(info(Errc::kOriginCut).name == "origin_cut");
  CHECK(info(Errc::kUriTooLong).name == "uri_too_long");
  CHECK(info(Errc::kSystem).name == "system");
}

TEST_CASE("every error has a name of its own, a text, advice, and a status that fits its side") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kErrcs; ++i) {
    const ErrorInfo& e = info(static_cast<Errc>(i));
    CAPTURE(e.name);
    CHECK(names.insert(e.name).second);
    CHECK_FALSE(e.text.empty());
    CHECK(e.advice.ends_with('.'));
    if (e.status == 0) continue;
    if (e.side == Side::kOrigin) CHECK((e.status == 502 || e.status == 504));
    if (e.side == Side::kUs) CHECK(e.status >= 500);
  }
}

TEST_CASE("a description carries the system's own words") {
  CHECK(describe({Errc::kOriginReset, ECONNRESET}) ==
        "origin_reset: the origin reset the connection (Connection reset by peer)");
  CHECK(describe({Errc::kQueueFull, 0}) == "queue_full: too many requests wait for this origin");
}
