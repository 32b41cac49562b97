#include "app/descriptors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "store/slab.h"

namespace weir::app {
namespace {

Config conf(std::uint64_t max_connections) {
  Config c;
  c.server.max_connections = max_connections;
  c.listens.resize(1);
  c.origins.resize(1);
  return c;
}

TEST_CASE("the reserve holds every connection to an origin that the conf allows") {
  Config c = conf(0);
  const std::uint64_t one = descriptor_reserve(c, 1);
  CHECK(one >= c.origins[0].max_connections + c.origins[0].idle_connections);
  c.origins.push_back(c.origins[0]);
  CHECK(descriptor_reserve(c, 1) ==
        one + c.origins[0].max_connections + c.origins[0].idle_connections);
  CHECK(descriptor_reserve(c, 2) > descriptor_reserve(c, 1) + 2 * c.origins[0].idle_connections);
  c.origins[0].max_connections = 0;
  CHECK(descriptor_reserve(c, 1) > one);
}

// A slab is limit / 64 or more, its slots more than half full, and one slab of each size is begun.
TEST_CASE("the reserve holds the slabs of the store, and with a handover those of two and more") {
  constexpr std::uint64_t kSizes = 5, kMostSlabs = 64 * 2 + kSizes;
  Config c = conf(0);
  c.origins.clear();
  const std::uint64_t alone = descriptor_reserve(c, 1);
  CHECK(alone >= kMostSlabs);
  c.server.handover = "unix:/run/weir/handover.sock";
  CHECK(descriptor_reserve(c, 1) >= alone + kMostSlabs + store::kStopgapSlabs);
}

TEST_CASE("clients and those that are told 503 fit into what the reserve leaves") {
  for (const std::uint64_t limit :
       {32UL, 100UL, 1024UL, 4096UL, 20'000UL, 524'288UL, 1'048'576UL}) {
    for (const std::uint64_t reserve : {16UL, 500UL, 5000UL}) {
      CAPTURE(limit);
      CAPTURE(reserve);
      const std::uint64_t fit = connections_that_fit(limit, reserve);
      const std::uint64_t left = limit - std::min<std::uint64_t>(reserve, limit / 5 * 3);
      CHECK(fit >= 1);
      if (left > 16) CHECK(fit + std::max<std::uint64_t>(fit / 8, 16) <= left);
      CHECK(fit + fit / 8 + 40 >= left - left / 9);  // and little is wasted
    }
  }
}

TEST_CASE("max_connections is what the conf says, or what fits") {
  CHECK(affordable_connections(conf(1000), 2, 100'000) == 1000);
  const std::uint64_t few = affordable_connections(conf(65536), 2, 1024);
  CHECK(few < 1024);
  CHECK(few == connections_that_fit(1024, descriptor_reserve(conf(65536), 2)));
  CHECK(affordable_connections(conf(0), 2, 1024) == few);
}

TEST_CASE("the soft limit becomes the hard one") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{std::min<rlim_t>(64, before.rlim_max), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(raise_descriptor_limit() == before.rlim_max);
  rlimit now{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK(now.rlim_cur == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

}  // namespace
}  // namespace weir::app
