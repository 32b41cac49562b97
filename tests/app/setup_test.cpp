#include "app/setup.h"

#include <doctest/doctest.h>

namespace weir::app {
namespace {

// `tls`: the last listener has some.
std::shared_ptr<Setup> made(const std::string& text, const Setup* before, bool tls = false) {
  auto loaded = parse_config(text, "t.conf");
  if (!loaded) FAIL(loaded.error());
  if (tls) loaded->config.listens.back().tls.emplace_back();
  return make_setup(std::move(*loaded), 2, 10'000, before);
}

const std::string kListen = "[[listen]]\naddress = \"127.0.0.1:80\"\n";
const std::string kA =
    "[[origin]]\nname = \"a\"\nservers = [\"a:1\", \"a:2\"]\nhealth_check = \"/\"\n";
const std::string kB = "[[origin]]\nname = \"b\"\nservers = [\"b:1\"]\n";
const std::string kSite = "[[site]]\nhosts = [\"*\"]\norigin = \"a\"\n";

}  // namespace

TEST_CASE("an origin that stays as it was is the same object, wherever it stands in the conf") {
  const auto first = made(kListen + kA + kB + kSite, nullptr);
  const auto next = made(kListen + kB + kA + kSite, first.get());
  REQUIRE(next->origins.size() == 2);
  CHECK(next->origins[1] == first->origins[0]);
  CHECK(next->origins[0] == first->origins[1]);
  CHECK(next->sites->find("any")->origin == 1);
}

TEST_CASE("an origin that changed counts on, and knows which servers are down") {
  const auto first = made(kListen + kA + kSite, nullptr);
  first->origins[0]->servers.balancer.set_healthy(1, false);
  const auto next = made(kListen + kA + "connect_timeout = \"2 s\"\n" + kSite, first.get());
  CHECK(next->origins[0] != first->origins[0]);
  CHECK(next->origins[0]->stats == first->origins[0]->stats);
  CHECK(next->origins[0]->servers.balancer.view(0).healthy);
  CHECK_FALSE(next->origins[0]->servers.balancer.view(1).healthy);
}

TEST_CASE("another limit of heads makes other origins, another timeout of clients does not") {
  const auto first = made(kListen + kA + kSite, nullptr);
  const auto heads = made(kListen + kA + kSite + "[http]\nhead_max = \"128 KiB\"\n", first.get());
  CHECK(heads->origins[0] != first->origins[0]);
  const auto idle = made(kListen + kA + kSite + "[http]\nidle_timeout = \"7 s\"\n", first.get());
  CHECK(idle->origins[0] == first->origins[0]);
  CHECK(idle->front.idle_timeout == std::chrono::seconds(7));
}

TEST_CASE("a listener that stays keeps its address, its counts and its slot for certificates") {
  const auto first = made(kListen + kA + kSite, nullptr, true);
  first->listens[0].address = "127.0.0.1:80";
  const auto next =
      made("[[listen]]\naddress = \"127.0.0.1:81\"\n" + kListen + "http2 = false\n" + kA + kSite,
           first.get(), true);
  REQUIRE(next->listens.size() == 2);
  CHECK(next->listens[0].address.empty());  // to be opened
  CHECK(next->listens[1].address == "127.0.0.1:80");
  CHECK(next->listens[1].queues == first->listens[0].queues);
  CHECK(next->listens[1].settings != first->listens[0].settings);
  CHECK_FALSE(next->listens[1].settings->http2);
  CHECK(next->listens[1].settings->tls == first->listens[0].settings->tls);
  const auto plain = made(kListen + kA + kSite, first.get());
  CHECK(plain->listens[0].settings->tls == nullptr);
}

}  // namespace weir::app
