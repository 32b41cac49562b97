// A real browser as client: Chromium loads a page of a hundred objects over HTTP/2, and the page
// itself looks at each of them.

#include "support/browser.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "e2e/certificates.h"
#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

using Json = nlohmann::json;

constexpr int kFetches = 60;
constexpr int kImages = 25;
constexpr int kScripts = 15;
constexpr int kObjects = kFetches + kImages + kScripts;

// FNV-1a with 32 bits, which a page can compute as fast as it can read.
std::uint32_t sum_of(std::string_view bytes) {
  std::uint32_t sum = 0x811C9DC5U;
  for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return sum;
}

// From nothing to 3 MiB, the small ones most often, as on the web.
std::size_t size_of(int i) {
  if (i == 0) return 0;
  return i % 20 == 19 ? (3 << 20) + 1 : static_cast<std::size_t>(i) * 977 % (200 * 1024);
}

std::string content(int number, std::size_t size) {
  std::string out(size, '\0');
  fill_content(static_cast<std::uint64_t>(number), 0, out);
  return out;
}

// Letters, so that they may stand in a script or a picture.
std::string filler(int number, std::size_t size) {
  std::string out = content(number, size);
  for (char& c : out) c = static_cast<char>('a' + static_cast<unsigned char>(c) % 26);
  return out;
}

// The objects as the page is told of them: {url, kind, length, sum or width}.
Json objects(const ScratchDirectory& files) {
  const std::string life = "&cc=max-age=600";
  Json out = Json::array();
  for (int i = 0; i < kFetches; ++i) {
    const std::size_t size = size_of(i);
    out.push_back({{"url", fmt::format("/data/{}?size={}&n={}{}", i, size, i, life)},
                   {"kind", "fetch"},
                   {"length", size},
                   {"sum", sum_of(content(i, size))}});
  }
  for (int i = 0; i < kImages; ++i) {
    const std::string text = fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='5'><desc>{}</desc></svg>",
        i + 10, filler(i, size_of(i)));
    const std::string name = fmt::format("{}.svg", i);
    files.write(name, text);
    out.push_back({{"url", fmt::format("/{0}?file={0}&type=image/svg%2bxml{1}", name, life)},
                   {"kind", "image"},
                   {"length", text.size()},
                   {"width", i + 10}});
  }
  for (int i = 0; i < kScripts; ++i) {
    const std::string text = filler(i, size_of(i + 10));
    const std::string script = fmt::format("said({}, '{}');", i, text);
    const std::string name = fmt::format("{}.js", i);
    files.write(name, script);
    out.push_back({{"url", fmt::format("/{0}?file={0}&type=text/javascript{1}", name, life)},
                   {"kind", "script"},
                   {"number", i},
                   {"length", script.size()},
                   {"sum", sum_of(text)}});
  }
  return out;
}

constexpr std::string_view kPage = R"(<!doctype html><meta charset="utf-8"><title>Objects</title>
<link rel="icon" href="data:,"><pre id="result"></pre><script>
const objects = OBJECTS;
const spoken = {};
const said = (number, text) => { spoken[number] = sum(new TextEncoder().encode(text)); };
function sum(bytes) {
  let s = 0x811C9DC5;
  for (const b of bytes) s = Math.imul(s ^ b, 0x01000193);
  return s >>> 0;
}
const element = (name, url) => new Promise((done, failed) => {
  const e = document.createElement(name);
  e.onload = () => done(e);
  e.onerror = () => failed(new Error(url));
  e.src = url;
  document.body.append(e);
});
const ways = {
  async fetch(o) {
    const bytes = new Uint8Array(await (await fetch(o.url)).arrayBuffer());
    return bytes.length === o.length && sum(bytes) === o.sum;
  },
  async image(o) { return (await element("img", o.url)).naturalWidth === o.width; },
  async script(o) { await element("script", o.url); return spoken[o.number] === o.sum; },
};
async function check(o) {
  try { return await ways[o.kind](o) ? [] : ["wrong: " + o.url]; }
  catch (e) { return ["failed: " + o.url + ": " + e]; }
}
async function main() {
  performance.setResourceTimingBufferSize(2 * objects.length);
  const wrong = (await Promise.all(objects.map(check))).flat();
  const of = (type) => performance.getEntriesByType(type);
  const timed = of("resource").filter((e) => !e.name.startsWith("data:"));
  for (const o of objects) {
    const e = timed.find((t) => t.name === location.origin + o.url);
    if (!e) wrong.push("not timed: " + o.url);
    else if (e.encodedBodySize !== o.length) wrong.push("length: " + o.url + " " + e.encodedBodySize);
  }
  document.getElementById("result").textContent = JSON.stringify({
    wrong, count: timed.length,
    protocols: [...new Set([...of("navigation"), ...timed].map((e) => e.nextHopProtocol))]});
}
main();
</script>)";

std::string page_of(const Json& all) {
  std::string page(kPage);
  constexpr std::string_view kPlace = "OBJECTS";
  return page.replace(page.find(kPlace), kPlace.size(), all.dump());
}

// chromium is to trust this certificate and no other.
std::string trust(const std::string& certificate) {
  const Finished pin =
      run({"/bin/sh", "-c",
           "openssl x509 -in " + certificate +
               ".pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 "
               "-binary | openssl base64 -A"});
  REQUIRE(pin.out.size() == 44);
  return "--ignore-certificate-errors-spki-list=" + pin.out;
}

std::vector<Json> log_lines(Weir& weir) {
  std::vector<Json> out;
  std::istringstream lines(weir.process().out());
  for (std::string line; std::getline(lines, line);) {
    const Json one = Json::parse(line, nullptr, false);
    if (one.is_object()) out.push_back(one);
  }
  return out;
}

}  // namespace

TEST_CASE("Chromium loads a page of 100 objects over one connection of HTTP/2, each byte right") {
  const ScratchDirectory files;
  const Json all = objects(files);
  REQUIRE(all.size() == kObjects);
  files.write("page.html", page_of(all));
  const Origin origin(0, {"--files", files.path().string()});
  const std::string certificate = make_certificate(files, "localhost");
  Weir weir("origin = \"" + origin.address() +
            "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen.tls]]\ncertificate = \"" +
            certificate + ".pem\"\nkey = \"" + certificate +
            ".key\"\n[log]\naccess = \"stdout\"\nformat = \"json\"\n");
  const std::string url = "https://127.0.0.1:" + std::to_string(weir.port()) +
                          "/page?file=page.html&type=text/html&cc=max-age=600";
  const std::vector<std::string> switches{trust(certificate)};
  constexpr std::size_t kLines = kObjects + 1;
  for (const std::string cache : {"miss", "hit"}) {
    CAPTURE(cache);
    const std::size_t before = log_lines(weir).size();
    const Visit seen = visit(url, 20'000, switches);
    for (const std::string& line : seen.console) FAIL_CHECK(line);
    CAPTURE(seen.dom.substr(0, 2000));
    const Json result = Json::parse(text_of(seen, "result"), nullptr, false);
    REQUIRE(result.is_object());
    CHECK(result.at("wrong") == Json::array());
    CHECK(result.at("count") == kObjects);
    CHECK(result.at("protocols") == Json::array({"h2"}));

    CHECK(eventually([&] { return log_lines(weir).size() == before + kLines; }));
    std::set<std::string> connections;
    std::size_t right = 0;
    const std::vector<Json> lines = log_lines(weir);
    for (std::size_t i = before; i < lines.size(); ++i) {
      const Json& line = lines[i];
      CAPTURE(line.dump());
      connections.insert(fmt::format("{}:{}", line.value("client", ""), line.value("port", 0)));
      right += line.value("version", "") == "HTTP/2.0" && line.value("status", 0) == 200 &&
               line.value("delivered", false) && line.value("cache", "") == cache;
    }
    CHECK(right == kLines);
    CHECK(connections.size() == 1);
  }
  CHECK(origin.count("total") == kLines);
}

TEST_CASE("The admin page shows real numbers in Chromium, and says nothing on the console") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 2\nadmin = \"127.0.0.1:0\"\ndrain_timeout = \"1 s\"\n");
  Client stuck(weir.port(), {.receive_buffer = 16384});
  stuck.send(Request{.target = "/stuck?size=8MiB&n=1&cc=max-age=60&field=X:%3Cb%3E"});
  std::jthread traffic([&weir](const std::stop_token& over) {
    while (!over.stop_requested()) {
      try {
        get(weir.port(), "/hot?size=20KiB&n=2&cc=max-age=600");
      } catch (const std::system_error&) {
        return;  // Weir has ended: the test will say so
      }
    }
  });
  // Rounds take a second of the page's time and milliseconds of ours; it waits for 0.2 s of Weir's.
  const Visit seen = visit("http://127.0.0.1:" + std::to_string(weir.admin_port()) + "/", 200'000);
  traffic.request_stop();
  CAPTURE(seen.dom.substr(seen.dom.find("<body>"), 6000));
  for (const std::string& line : seen.console) FAIL_CHECK(line);
  CHECK(text_of(seen, "state") == "serving");
  CHECK(text_of(seen, "about").find("pid " + std::to_string(weir.process().pid())) !=
        std::string::npos);
  CHECK(text_of(seen, "to-clients").ends_with("iB/s"));
  CHECK(text_of(seen, "requests").ends_with("/s"));
  CHECK(text_of(seen, "requests") != "0.0/s");
  const std::string hits = text_of(seen, "hit-ratio");
  CAPTURE(hits);
  CHECK(hits.ends_with(" %"));
  CHECK(std::stod(hits) > 50);
  for (const std::string& part :
       std::vector<std::string>{"/stuck?size=8MiB", "zero window in ", origin.address(), ">up<",
                                "<path class=\"wave\""}) {
    CAPTURE(part);
    CHECK(seen.dom.find(part) != std::string::npos);
  }
  stuck.abort();
}

TEST_CASE("The admin page asks for the token where one is needed") {
  const Origin origin;
  Weir weir(origin, "[server]\nadmin = \"127.0.0.1:0\"\nadmin_token = \"geheim\"\n");
  const Visit seen = visit("http://127.0.0.1:" + std::to_string(weir.admin_port()) + "/", 3000);
  CHECK(text_of(seen, "state") == "locked");
  CHECK(seen.dom.find("id=\"sign\" class=\"card\">") != std::string::npos);
}

}  // namespace weir::test
