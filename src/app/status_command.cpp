#include "app/status_command.h"

#include <fmt/format.h>

#include <ostream>

#include "http/parser.h"
#include "net/ask.h"

namespace weir::app {
namespace {

using Answer = std::expected<std::string, std::string>;
using namespace std::chrono_literals;

constexpr Duration kPatience = 5s;

std::string request_for(const Config& config, std::string_view path) {
  std::string out = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", path,
                                config.server.admin);
  if (const std::string& token = config.server.admin_token; !token.empty()) {
    out += fmt::format("Authorization: Bearer {}\r\n", token);
  }
  return out + "\r\n";
}

// The body of a whole 200.
Answer body_of(const std::string& text) {
  http::ResponseParser parser(http::HeadLimits{});
  http::Response head;
  const auto step = parser.feed(text, http::Method::kGet, head);
  if (!step || !step->complete) return std::unexpected("the answer is no HTTP");
  const std::string body = text.substr(step->used);
  if (head.status == 401)
    return std::unexpected("server.admin_token is not the one in force there");
  if (head.status != 200) return std::unexpected(fmt::format("it answers {}", head.status));
  if (head.framing != http::Framing::kLength || head.length != body.size())
    return std::unexpected("the answer was cut");
  return body;
}

}  // namespace

Answer ask_admin(const Config& config, std::string_view path) {
  const std::string& at = config.server.admin;
  const auto address = net::parse_address(at);
  if (!address)
    return std::unexpected("the conf has server.admin = \"off\": there is nobody to ask");
  const auto text = net::ask(*address, request_for(config, path), kPatience);
  if (!text) {
    const bool refused = text.error().code == Errc::kConnectRefused;
    return std::unexpected(fmt::format(
        "nobody answers at {}: {}", at,
        refused ? std::string("connection refused; is Weir running?") : describe(text.error())));
  }
  const Answer body = body_of(*text);
  if (!body) return std::unexpected(fmt::format("asked {}: {}", at, body.error()));
  return body;
}

int status_command(const Config& config, bool json, std::ostream& out, std::ostream& err) {
  Answer answer = ask_admin(config, "/status");
  if (answer && !json) answer = status_screen(*answer);
  if (!answer) {
    err << "weir status: " << answer.error() << "\n";
    return 1;
  }
  out << *answer;
  return 0;
}

}  // namespace weir::app
