#pragma once
// The other side of TLS connections: certificates made on the spot, and a client of OpenSSL's own.

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "loopback.h"
#include "net/tls.h"

namespace weir::test {

// A folder that goes with its owner.
struct Folder {
  Folder() {
    char name[] = "/tmp/weir-tls-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  std::string path;
};

struct Validity {
  long begins = -3600, ends = 3600;  // seconds from now
};

// A self-signed certificate for these DNS names, with its key. `kind`: "EC" or "RSA".
inline net::TlsCertificate make_certificate(const Folder& folder, const std::string& file,
                                            const std::vector<std::string>& names,
                                            const std::string& kind = "EC",
                                            const Validity& validity = {}) {
  EVP_PKEY* const key = kind == "EC" ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
  X509* const x = X509_new();
  REQUIRE((key && x));
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_set_version(x, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(x), validity.begins);
  X509_gmtime_adj(X509_getm_notAfter(x), validity.ends);
  X509_set_pubkey(x, key);
  const auto* common = reinterpret_cast<const unsigned char*>(file.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, common, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "DNS:" : ",DNS:") + name;
  if (!all.empty()) {
    X509_EXTENSION* const e = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, &all[0]);
    REQUIRE((e && X509_add_ext(x, e, -1) == 1));
    X509_EXTENSION_free(e);
  }
  REQUIRE(X509_sign(x, key, EVP_sha256()) > 0);
  net::TlsCertificate out{folder.path + "/" + file + ".pem", folder.path + "/" + file + ".key"};
  FILE* f = std::fopen(out.certificate.c_str(), "w");
  REQUIRE((f && PEM_write_X509(f, x) == 1));
  std::fclose(f);
  f = std::fopen(out.key.c_str(), "w");
  REQUIRE((f && PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr) == 1));
  std::fclose(f);
  X509_free(x);
  EVP_PKEY_free(key);
  return out;
}

// Believes any certificate, and tells which it saw.
class RawClient {
 public:
  struct Options {
    std::string name = {};                    // SNI; empty: none
    std::vector<std::string> protocols = {};  // ALPN
    int version = 0;                          // 0: the best
    const char* ciphers = nullptr;            // of TLS 1.2
    SSL_SESSION* session = nullptr;           // to resume
  };
  RawClient(int fd, const Options& options) : context_(SSL_CTX_new(TLS_client_method())) {
    if (options.version != 0) {
      SSL_CTX_set_min_proto_version(context_.get(), options.version);
      SSL_CTX_set_max_proto_version(context_.get(), options.version);
    }
    if (options.ciphers) REQUIRE(SSL_CTX_set_cipher_list(context_.get(), options.ciphers) == 1);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd);
    if (!options.name.empty()) SSL_set_tlsext_host_name(ssl_.get(), options.name.c_str());
    std::string wire;
    for (const std::string& p : options.protocols) wire += static_cast<char>(p.size()) + p;
    const auto* bytes = reinterpret_cast<const unsigned char*>(wire.data());
    if (!wire.empty()) SSL_set_alpn_protos(ssl_.get(), bytes, static_cast<unsigned>(wire.size()));
    if (options.session) SSL_set_session(ssl_.get(), options.session);
    SSL_set_connect_state(ssl_.get());
  }
  // As after a close: a session that was not closed could not be resumed.
  ~RawClient() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  RawClient(const RawClient&) = delete;
  SSL* ssl() { return ssl_.get(); }
  bool shake() {  // one try; whether it is done
    if (!done_) {
      const int result = SSL_do_handshake(ssl_.get());
      done_ = result == 1;
      if (result != 1) {
        const int error = SSL_get_error(ssl_.get(), result);
        failed_ |= error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
        ERR_clear_error();
      }
    }
    return done_;
  }
  bool failed() const { return failed_; }
  std::string read() {  // all that can be read now
    std::string all;
    char buffer[16384];
    for (int n; (n = SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(n));
    }
    end_ |= (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    ERR_clear_error();
    return all;
  }
  bool ended() const { return end_; }  // close_notify came
  bool write(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }
  std::string common_name() {  // of the server's certificate
    char name[128] = {};
    X509* const x = SSL_get0_peer_certificate(ssl_.get());
    if (x) X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    return name;
  }

 private:
  std::unique_ptr<SSL_CTX, net::TlsFree> context_;
  std::unique_ptr<SSL, net::TlsFree> ssl_;
  bool done_ = false, failed_ = false, end_ = false;
};

}  // namespace weir::test
