#include "app/certificates.h"

#include <utility>

namespace weir::app {

std::expected<std::shared_ptr<net::TlsServer>, std::string> read_certificates(
    const Listen& listen) {
  net::TlsServer::Settings s;
  for (const ListenTls& files : listen.tls)
    s.certificates.push_back({files.certificate, files.key});
  s.profile = listen.tls_profile;
  s.client_ca = listen.tls_client_ca;
  return net::TlsServer::make(s);
}

std::string load_certificates(const Config& config,
                              const std::vector<front::ListenSettings>& listens) {
  std::vector<std::pair<net::TlsSlot*, std::shared_ptr<net::TlsServer>>> made;
  for (std::size_t i = 0; i < listens.size(); ++i) {
    if (!listens[i].tls) continue;
    auto server = read_certificates(config.listens[i]);
    if (!server) return server.error();
    made.emplace_back(listens[i].tls.get(), std::move(*server));
  }
  for (auto& [slot, server] : made) slot->set(std::move(server));
  return {};
}

void rotate_tickets(const std::vector<front::ListenSettings>& listens) {
  for (const front::ListenSettings& listen : listens) {
    if (listen.tls) listen.tls->get()->rotate_tickets();
  }
}

}  // namespace weir::app
