#include "app/certificates.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/conf_value.h"
#include "base/log.h"
#include "http/date.h"

namespace weir::app {
namespace {

constexpr Seconds kSoon = std::chrono::days(7);

void warn_of_ends(const net::TlsServer& server) {
  const WallTime now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  for (const auto& [file, until] : server.expiries()) {
    if (const std::string doubt = doubt_about_end(until, now); !doubt.empty())
      log_warn("certificate={} {}", file, doubt);
  }
}

}  // namespace

std::expected<std::shared_ptr<net::TlsServer>, std::string> read_certificates(
    const Listen& listen) {
  net::TlsServer::Settings s;
  for (const ListenTls& files : listen.tls)
    s.certificates.push_back({files.certificate, files.key, files.ocsp});
  s.profile = listen.tls_profile;
  s.client_ca = listen.tls_client_ca;
  if (listen.http2) s.protocols = {"h2", "http/1.1"};
  return net::TlsServer::make(s);
}

bool wants_tls(const OriginConf& origin) {
  return std::ranges::any_of(origin.servers, [](const std::string& text) {
    ServerText server;
    return !split_server(text, server) && server.tls;
  });
}

std::expected<std::shared_ptr<net::TlsClient>, std::string> read_tls_client(
    const OriginConf& origin) {
  return net::TlsClient::make({.verify = origin.tls_verify,
                               .ca = origin.tls_ca,
                               .own = {origin.tls_certificate, origin.tls_key}});
}

std::string doubt_about_end(WallTime until, WallTime now) {
  if (until == WallTime{} || until > now + kSoon) return {};
  if (until > now) return fmt::format("expires on {}", http::print_date(until));
  return fmt::format("has expired: since {} clients refuse it", http::print_date(until));
}

std::string load_certificates(const Setup& setup) {
  std::vector<std::pair<net::TlsSlot<net::TlsServer>*, std::shared_ptr<net::TlsServer>>> made;
  std::vector<std::pair<net::TlsSlot<net::TlsClient>*, std::shared_ptr<net::TlsClient>>> asking;
  for (const SharedListen& listen : setup.listens) {
    if (!listen.settings->tls) continue;
    auto server = read_certificates(listen.conf);
    if (!server) return server.error();
    made.emplace_back(listen.settings->tls.get(), std::move(*server));
  }
  for (const auto& origin : setup.origins) {
    if (!wants_tls(origin->conf)) continue;
    auto client = read_tls_client(origin->conf);
    if (!client) return client.error();
    asking.emplace_back(&origin->servers.tls, std::move(*client));
  }
  for (const auto& [slot, server] : made) warn_of_ends(*server);
  for (auto& [slot, server] : made) slot->set(std::move(server));
  for (auto& [slot, client] : asking) slot->set(std::move(client));
  return {};
}

void rotate_tickets(const Setup& setup) {
  for (const SharedListen& listen : setup.listens) {
    if (listen.settings->tls) listen.settings->tls->get()->rotate_tickets();
  }
}

}  // namespace weir::app
