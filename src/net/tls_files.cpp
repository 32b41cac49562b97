#include "net/tls_files.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>

namespace weir::net {

std::string tls_cause() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* text = ERR_reason_error_string(error);
  return text ? text : "not usable";
}

std::expected<void, std::string> load_certificate(SSL_CTX& context, const TlsCertificate& files) {
  if (SSL_CTX_use_certificate_chain_file(&context, files.certificate.c_str()) != 1)
    return std::unexpected(fmt::format("{}: {}", files.certificate, tls_cause()));
  if (SSL_CTX_use_PrivateKey_file(&context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return std::unexpected(fmt::format("{}: {}", files.key, tls_cause()));
  if (SSL_CTX_check_private_key(&context) != 1) {
    return std::unexpected(fmt::format("{}: not the key of {}", files.key, files.certificate));
  }
  return {};
}

}  // namespace weir::net
