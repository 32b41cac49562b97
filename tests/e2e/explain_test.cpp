// `weir explain`: what becomes of a request, and why.

#include <doctest/doctest.h>

#include <string>

#include "support/fixtures.h"

namespace weir::test {
namespace {

bool has(const Finished& finished, std::string_view text) {
  return finished.out.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("weir explain tells what a running Weir has, and without one what the conf says") {
  const Origin origin;
  const std::uint16_t admin = free_port();
  const std::string conf =
      "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
      "\"\n[server]\nadmin = \"127.0.0.1:" + std::to_string(admin) +
      "\"\n[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n"
      "[[site.rule]]\nname = \"langs\"\nkey_cookies = [\"lang\"]\n"
      "[[site.rule]]\nname = \"no-admin\"\npaths = [\"/admin/*\"]\npass = true\n";
  const std::string target = "/x?size=3MiB&n=1&cc=max-age=60&vary=X-Color&field=Surrogate-Key:t";
  const std::vector<Field> fields = {
      {"Host", "a.example"}, {"Cookie", "lang=de"}, {"X-Color", "red"}};
  const auto explain = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", "http://a.example" + target});
    return run_weir(std::move(more), conf);
  };
  const std::vector<std::string> same = {"-H", "Cookie: lang=de", "-H", "X-Color: red"};
  {
    Weir weir(conf);
    CHECK(has(explain(same), "verdict    miss: nothing is stored under this key\n"));
    CHECK(get(weir.port(), target, {.content = 1}, fields).right());
    const Finished found = explain(same);
    CAPTURE(found.out);
    CHECK(found.exit.code == 0);
    CHECK(found.err.empty());
    for (const char* text :
         {"site       * (origin main)\n", "rules      rule:langs\n", " cookie:lang=de\n",
          "verdict    hit: fresh\n", "stored     1 variant\n", "   Vary    x-color\n",
          "   tags    t\n", "3145728 of 3145728 bytes are here"}) {
      CAPTURE(std::string(text));
      CHECK(has(found, text));
    }
    CHECK(has(explain({"-H", "Cookie: lang=de", "-H", "X-Color: blue"}),
              "verdict    miss: no stored variant is for this request\n"));
    CHECK(has(explain({"-H", "Cookie: lang=fr"}), "nothing is stored under this key"));
    CHECK(has(run_weir({"explain", "http://a.example/admin/x"}, conf),
              "verdict    pass: rule:no-admin\n"));
    const Finished json = run_weir({"explain", "--json", "http://a.example/y"}, conf);
    CHECK(nlohmann::json::parse(json.out).at("running") == true);
    CHECK(origin.count("total") == 1);  // asking fetches nothing
    const auto verdict_of = [&](const std::string& path, std::vector<std::string> more = {}) {
      more.insert(more.begin(), {"explain", "http://a.example" + path});
      const std::string out = run_weir(std::move(more), conf).out;
      const std::size_t at = out.find("verdict    ");
      return at == out.npos ? out : out.substr(at + 11, out.find('\n', at) - at - 11);
    };
    const std::string part = "/part?size=5MiB&n=1&cc=max-age=60";
    CHECK(get(weir.port(), part, {.content = 1}, {{"Host", "a.example"}, {"Range", "bytes=0-9"}})
              .status == 206);
    CHECK(verdict_of(part, {"-H", "Range: bytes=5-9"}) == "hit: fresh");
    CHECK(verdict_of(part, {"-H", "Range: bytes=4000000-4000009"}) == "miss: partial");
    CHECK(verdict_of(part, {"-X", "HEAD"}) == "hit: fresh");
    CHECK(verdict_of("/none", {"-X", "HEAD"}) == "pass: head");
    const std::string alone = "/alone?size=5&n=1&cc=private";
    CHECK(get(weir.port(), alone, {.content = 1}, {{"Host", "a.example"}}).right());
    CHECK(verdict_of(alone) == "pass: hit_for_miss");
    const std::string stale = "/stale?size=5&n=1&cc=max-age=0";
    CHECK(get(weir.port(), stale, {.content = 1}, {{"Host", "a.example"}}).right());
    CHECK(verdict_of(stale).starts_with("miss: "));
  }
  const Finished offline = explain(same);
  CHECK(offline.exit.code == 0);
  CHECK(offline.err.find("by the conf alone") != std::string::npos);
  CHECK(offline.err.find("is Weir running?") != std::string::npos);
  CHECK(has(offline, "rules      rule:langs\n"));
  CHECK(has(offline, "verdict    lookup: what is stored decides\n"));
  CHECK(has(explain({"--offline"}), "verdict    lookup: what is stored decides\n"));
  CHECK(run_weir({"explain", "nonsense"}, conf).exit.code == 2);
  CHECK(run_weir({"explain", "http://a/", "-H", "nonsense"}, conf).exit.code == 2);
}

}  // namespace weir::test
