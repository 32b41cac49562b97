#pragma once
// TLS of weir-origin, by OpenSSL alone: no code is shared with src/. Any thread.

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace weir::test::origin {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// What a handshake showed.
struct Shaken {
  bool resumed = false;
  std::string asked_for = {};  // SNI
  std::string client = {};     // the common name of its certificate; empty: it had none
};

class TlsSide {
 public:
  struct Files {
    std::string certificate, key;
    std::string client_ca;  // empty: clients need no certificate
  };
  // Throws std::runtime_error, with what is wrong.
  explicit TlsSide(const Files& files);

  // The handshake on a blocking socket; null when it fails.
  SslPtr accept(int fd, Shaken& shaken) const;

 private:
  std::unique_ptr<SSL_CTX, SslFree> context_;
};

}  // namespace weir::test::origin
