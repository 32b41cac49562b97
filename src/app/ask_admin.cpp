#include "app/ask_admin.h"

#include <fmt/format.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "app/admin_socket.h"
#include "http/parser.h"
#include "net/ask.h"

namespace weir::app {
namespace {

std::string request_for(const Config& config, const AdminQuestion& q) {
  const bool post = !q.body.empty();
  const bool unix_socket = config.server.admin.starts_with("unix:");
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", post ? "POST" : "GET",
                  q.path, unix_socket ? "localhost" : config.server.admin);
  if (const std::string& token = config.server.admin_token; !token.empty()) {
    out += fmt::format("Authorization: Bearer {}\r\n", token);
  }
  if (post) {
    out += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", q.body.size());
  }
  return out + "\r\n" + q.body;
}

// What the JSON of an error says, or nothing.
std::string reason_in(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  return json.is_object() && json.contains("error") && json["error"].is_string()
             ? json["error"].get<std::string>()
             : std::string();
}

// The body of a whole 200.
std::expected<std::string, std::string> body_of(const std::string& text) {
  http::ResponseParser parser(http::HeadLimits{});
  http::Response head;
  const auto step = parser.feed(text, http::Method::kGet, head);
  if (!step || !step->complete) return std::unexpected("the answer is no HTTP");
  const std::string body = text.substr(step->used);
  if (head.status == 401)
    return std::unexpected("server.admin_token is not the one in force there");
  if (head.framing != http::Framing::kLength || head.length != body.size())
    return std::unexpected("the answer was cut");
  if (head.status == 200) return body;
  const std::string reason = reason_in(body);
  return std::unexpected(reason.empty() ? fmt::format("it answers {}", head.status) : reason);
}

// No origin is involved, whatever the error's own text says.
std::string why_silent(const std::string& at, const Error& why) {
  const std::string reason =
      why.sys == 0 ? std::string("no answer in time") : std::generic_category().message(why.sys);
  const bool refused = why.code == Errc::kConnectRefused || why.sys == ENOENT;
  if (refused) {
    return fmt::format("nobody answers at {}: {}; is Weir running?", at,
                       why.sys == ENOENT ? "there is no such socket" : "connection refused");
  }
  const bool reached = why.code != Errc::kConnectFailed && why.code != Errc::kConnectTimeout;
  return reached ? fmt::format("nobody answers at {}: {}", at, reason)
                 : fmt::format("the admin address {} cannot be reached: {}", at, reason);
}

}  // namespace

std::expected<std::string, NoAnswer> ask_admin(const Config& config,
                                               const AdminQuestion& question) {
  const std::string& at = config.server.admin;
  const auto address = admin_address(config.server);
  if (!address) {
    return std::unexpected(
        NoAnswer{"the conf has server.admin = \"off\": there is nobody to ask", true});
  }
  const auto text = net::ask(*address, request_for(config, question), question.patience);
  if (!text) {
    const Error& why = text.error();
    const bool refused = why.code == Errc::kConnectRefused || why.sys == ENOENT;
    return std::unexpected(NoAnswer{why_silent(at, why), refused});
  }
  const auto body = body_of(*text);
  if (!body) return std::unexpected(NoAnswer{fmt::format("asked {}: {}", at, body.error())});
  return *body;
}

}  // namespace weir::app
