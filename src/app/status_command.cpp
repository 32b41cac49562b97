#include "app/status_command.h"

#include <ostream>

#include "app/ask_admin.h"

namespace weir::app {

int status_command(const Config& config, bool json, std::ostream& out, std::ostream& err) {
  const auto answer = ask_admin(config, {"/status"});
  std::expected<std::string, std::string> page;
  if (!answer) {
    page = std::unexpected(answer.error().text);
  } else {
    page = json ? *answer : status_screen(*answer);
  }
  if (!page) {
    err << "weir status: " << page.error() << "\n";
    return 1;
  }
  out << *page;
  return 0;
}

}  // namespace weir::app
