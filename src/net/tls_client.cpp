#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "net/tls.h"
#include "net/tls_files.h"

namespace weir::net {

TlsClient::~TlsClient() = default;

std::expected<std::shared_ptr<TlsClient>, std::string> TlsClient::make(const Settings& settings) {
  std::shared_ptr<TlsClient> client(new TlsClient(settings));
  if (auto ready = client->prepare(settings); !ready) return std::unexpected(ready.error());
  return client;
}

std::expected<void, std::string> TlsClient::prepare(const Settings& settings) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  WEIR_CHECK(static_cast<bool>(context_));
  SSL_CTX* const c = context_.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c, keep);
  if (verify_) {
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
    const bool loaded = settings.ca.empty() ? SSL_CTX_set_default_verify_paths(c) == 1
                                            : SSL_CTX_load_verify_file(c, settings.ca.c_str()) == 1;
    if (!loaded) return std::unexpected(fmt::format("{}: {}", settings.ca, tls_cause()));
  }
  if (settings.own.certificate.empty()) return {};
  return load_certificate(*c, settings.own);
}

// The latest session there; OpenSSL asks the server whether it still is good. A copy: connections
// of several threads may begin with it at once.
void TlsClient::resume(SSL* ssl, const std::string& place) {
  const Lock lock(mutex_);
  const auto at = sessions_.find(place);
  if (at == sessions_.end()) return;
  const std::unique_ptr<SSL_SESSION, TlsFree> copy(SSL_SESSION_dup(at->second.get()));
  if (copy) SSL_set_session(ssl, copy.get());
}

// OpenSSL has a new ticket. 1: it is ours now.
int TlsClient::keep(SSL* ssl, SSL_SESSION* session) noexcept {
  const Tls& tls = *static_cast<const Tls*>(SSL_get_app_data(ssl));
  TlsClient& self = *tls.client_;
  const Lock lock(self.mutex_);
  if (self.sessions_.size() >= kSessionsMost) self.sessions_.erase(self.sessions_.begin());
  self.sessions_[tls.peer_.place].reset(session);
  return 1;
}

}  // namespace weir::net
