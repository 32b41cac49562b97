#pragma once
// OCSP stapling (RFC 6066 §8, RFC 6960): a signed answer about a certificate that goes with it, so
// that clients need not ask. For tls_server.cpp alone.

#include <openssl/types.h>

#include <cstdint>
#include <expected>
#include <string>

namespace weir::net {

struct TlsStaple {
  const X509* certificate = nullptr;  // whom it is about
  std::string response;               // DER, as it goes on the wire
  std::int64_t until = 0;             // seconds since 1970: afterwards it is of no use to anybody
};

// From a DER file, about that certificate, which must outlive it. Whether it is signed well is the
// client's to check. The error is a sentence that names the file.
std::expected<TlsStaple, std::string> load_staple(const std::string& file, const X509& certificate);

}  // namespace weir::net
