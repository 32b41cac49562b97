#include "support/origin/tls.h"

#include <openssl/err.h>

#include <stdexcept>

namespace weir::test::origin {

TlsSide::TlsSide(const Files& files) : context_(SSL_CTX_new(TLS_server_method())) {
  SSL_CTX* const c = context_.get();
  bool good = SSL_CTX_use_certificate_chain_file(c, files.certificate.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(c, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!files.client_ca.empty()) {
    good = good && SSL_CTX_load_verify_file(c, files.client_ca.c_str()) == 1;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  static constexpr unsigned char kId[] = "weir-origin";
  SSL_CTX_set_session_id_context(c, kId, sizeof kId - 1);
  if (!good) throw std::runtime_error(ERR_reason_error_string(ERR_peek_error()));
}

SslPtr TlsSide::accept(int fd, Shaken& shaken) const {
  SslPtr ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) != 1) return nullptr;
  shaken.resumed = SSL_session_reused(ssl.get()) == 1;
  if (const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name))
    shaken.asked_for = name;
  if (X509* const x = SSL_get0_peer_certificate(ssl.get())) {
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    shaken.client = name;
  }
  return ssl;
}

}  // namespace weir::test::origin
