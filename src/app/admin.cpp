#include "app/admin.h"

#include <fmt/format.h>

#include "app/metrics_page.h"
#include "app/status_page.h"
#include "body/text_body.h"
#include "http/date.h"

namespace weir::app {
namespace {

constexpr std::uint64_t kMemory = 16 << 20;
constexpr std::uint64_t kConnections = 64;

constexpr std::string_view kPaths =
    "/status   what Weir does now, as JSON\n"
    "/metrics  all counters, for Prometheus\n";

front::Settings admin_settings() {
  front::Settings s;
  s.max_connections = kConnections;
  return s;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Takes as long for every wrong token of the same length.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differs |= static_cast<unsigned>(a[i] ^ b[i]);
  return differs == 0;
}

}  // namespace

Admin::Admin(net::Loop& loop, Shared& shared, int fd)
    : loop_(loop),
      shared_(shared),
      settings_(admin_settings()),
      connections_(0),
      store_({.limit = kMemory, .spare = kMemory / 4}, [](const Digest&) {}),
      frontend_(loop, settings_, *this, store_, connections_, stats_, nullptr) {
  frontend_.listen(fd, listen_);
}

Admin::~Admin() = default;

// RFC 6750 §2.1.
bool Admin::authorized(const http::Request& request) const {
  const std::string& token = shared_.config.server.admin_token;
  if (token.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  const auto given = request.fields.get(http::FieldId::kAuthorization).value_or("");
  return given.size() > kScheme.size() && http::iequals(given.substr(0, kScheme.size()), kScheme) &&
         same_secret(given.substr(kScheme.size()), token);
}

Admin::Answer Admin::answer(const http::Request& request) {
  if (!authorized(request)) return {.status = 401, .text = "401 a token is needed\n"};
  const std::string_view path = path_of(request.target);
  const bool metrics = path == "/metrics";
  const bool status = path == "/status";
  if (!metrics && !status && path != "/") return {.status = 404, .text = "404 no such page\n"};
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    return {.status = 405, .text = "405 only GET and HEAD\n"};
  }
  if (path == "/") return {.text = std::string(kPaths)};
  const auto snapshot = take_snapshot(shared_, loop_.now(), metrics);
  if (metrics) return {.type = kMetricsType, .text = metrics_page(*snapshot)};
  return {.type = kStatusType, .text = status_page(*snapshot)};
}

void Admin::on_request(front::Stream& stream) {
  Answer page = answer(stream.request());
  http::Fields& fields = stream.extra();
  fields.add(http::FieldId::kDate, http::print_date(loop_.wall_now()));
  fields.add(http::FieldId::kCacheControl, "no-store");
  fields.add(http::FieldId::kContentType, page.type);
  if (page.status == 401) fields.add("WWW-Authenticate", "Bearer");
  if (page.status == 405) fields.add(http::FieldId::kAllow, "GET, HEAD");
  front::Reply reply;
  reply.body = body::text_body(store_, page.text);
  reply.status = reply.body ? page.status : 503;
  reply.length = reply.body ? page.text.size() : 0;
  stream.reply(reply);
}

}  // namespace weir::app
