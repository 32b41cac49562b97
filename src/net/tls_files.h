#pragma once
// PEM files into OpenSSL. For tls_*.cpp alone.

#include <expected>
#include <string>

#include "net/tls.h"

namespace weir::net {

// The first cause that OpenSSL met in this thread, in its words; forgets all.
std::string tls_cause();
// The certificate with its chain, and its key. The error is a sentence that names the file.
std::expected<void, std::string> load_certificate(SSL_CTX& context, const TlsCertificate& files);

}  // namespace weir::net
