#pragma once
// A real browser: Debian's chromium, headless, with a profile of its own.

#include <string>
#include <vector>

namespace weir::test {

struct Visit {
  std::string dom;                   // the page as it is at the end, as HTML
  std::vector<std::string> console;  // all that it or the browser said there
};

// Opens `url` and lets `milliseconds` of the page's own time pass, in which waiting for the network
// counts nothing. Fails the test when there is no chromium: a test that needs it says nothing
// without. `more`: switches of chromium.
Visit visit(const std::string& url, int milliseconds, const std::vector<std::string>& more = {});

// The text of the element with this id, entities decoded; "" when there is none.
std::string text_of(const Visit& visit, const std::string& id);

}  // namespace weir::test
