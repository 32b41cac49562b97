#include "support/browser.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <utility>

#include "support/fixtures.h"

namespace weir::test {
namespace {

constexpr const char* kBrowser = "/usr/bin/chromium";
constexpr Millis kPatience(120'000);  // under a sanitizer on a busy machine

std::string decoded(std::string text) {
  constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&amp;", '&'}};
  for (const auto& [entity, character] : kEntities) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at) {
      text.replace(at, entity.size(), 1, character);
    }
  }
  return text;
}

}  // namespace

Visit visit(const std::string& url, int milliseconds, const std::vector<std::string>& more) {
  if (!std::filesystem::exists(kBrowser)) FAIL("chromium is not installed: run scripts/deps");
  const ScratchDirectory home;
  std::vector<std::string> command{kBrowser,
                                   "--headless=new",
                                   "--disable-gpu",
                                   "--disable-dev-shm-usage",
                                   "--no-first-run",
                                   "--disable-background-networking",
                                   "--disable-component-update",
                                   "--enable-logging=stderr",
                                   "--user-data-dir=" + home.path().string(),
                                   "--virtual-time-budget=" + std::to_string(milliseconds),
                                   "--dump-dom"};
  if (::geteuid() == 0) command.push_back("--no-sandbox");  // it refuses to run as root with one
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(url);
  const Finished said = run(command, kPatience);
  CAPTURE(said.err);
  REQUIRE(said.exit == Exit{0, 0});
  Visit out{said.out, {}};
  std::istringstream lines(said.err);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(":CONSOLE:") != std::string::npos) out.console.push_back(line);
  }
  return out;
}

std::string text_of(const Visit& visit, const std::string& id) {
  const std::size_t tag = visit.dom.find(" id=\"" + id + "\"");
  const std::size_t begin = visit.dom.find('>', tag);
  if (tag == std::string::npos || begin == std::string::npos) return {};
  const std::size_t end = visit.dom.find('<', begin);
  return decoded(visit.dom.substr(begin + 1, end - begin - 1));
}

}  // namespace weir::test
