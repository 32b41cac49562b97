#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <ctime>

#include "base/check.h"
#include "net/tls.h"
#include "net/tls_files.h"
#include "net/tls_staple.h"

namespace weir::net {
namespace {

// Forward secrecy and AEAD alone (the names of TLS 1.3 are not in this list, and all are good).
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

constexpr char kSuites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

constexpr std::size_t kTicketKeys = 2;

struct X509Free {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// subjectAltName's DNS names; the common name where there are none.
std::vector<std::string> names_of(X509& certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, X509Free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    out.push_back(lower({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  if (!out.empty()) return out;
  char common[256];
  const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName,
                                          common, sizeof common);
  if (n > 0) out.push_back(lower({common, static_cast<std::size_t>(n)}));
  return out;
}

// The last second of its validity (RFC 5280 §4.1.2.5); that of the epoch if it cannot be read.
WallTime end_of(const X509& certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return {};
  return WallTime{Seconds(timegm(&time))};
}

// RFC 6125 §6.4.3: a star stands for the whole first label.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != name.npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

}  // namespace

TlsServer::TlsServer(Settings settings) : settings_(std::move(settings)) {
  for (const std::string& p : settings_.protocols) {
    protocols_ += static_cast<char>(p.size());
    protocols_ += p;
  }
}

TlsServer::~TlsServer() = default;

std::expected<std::shared_ptr<TlsServer>, std::string> TlsServer::make(const Settings& settings) {
  WEIR_CHECK(!settings.certificates.empty());
  std::shared_ptr<TlsServer> server(new TlsServer(settings));
  server->rotate_tickets();
  for (const TlsCertificate& files : settings.certificates) {
    if (auto added = server->add(files); !added) return std::unexpected(added.error());
  }
  return server;
}

std::expected<void, std::string> TlsServer::prepare(SSL_CTX& context) {
  SSL_CTX* const c = &context;
  SSL_CTX_set_min_proto_version(
      c, settings_.profile == TlsProfile::kModern ? TLS1_3_VERSION : TLS1_2_VERSION);
  WEIR_CHECK(SSL_CTX_set_cipher_list(c, kCiphers) == 1);
  // AES-128 first: it costs less, and nothing is known against it.
  WEIR_CHECK(SSL_CTX_set_ciphersuites(c, kSuites) == 1);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                             SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
                             SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);  // tickets alone: no memory of ours
  SSL_CTX_set_max_early_data(c, 0);
  SSL_CTX_set_tlsext_servername_callback(c, choose_host);
  SSL_CTX_set_tlsext_servername_arg(c, this);
  SSL_CTX_set_tlsext_status_cb(c, staple);
  SSL_CTX_set_tlsext_status_arg(c, this);
  SSL_CTX_set_alpn_select_cb(c, choose_protocol, this);
  SSL_CTX_set_app_data(c, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(c, ticket);
  static constexpr unsigned char kId[] = "weir";
  SSL_CTX_set_session_id_context(c, kId, sizeof kId - 1);
  if (settings_.client_ca.empty()) return {};
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(settings_.client_ca.c_str());
  if (!names || SSL_CTX_load_verify_file(c, settings_.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return std::unexpected(fmt::format("{}: {}", settings_.client_ca, tls_cause()));
  }
  SSL_CTX_set_client_CA_list(c, names);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

std::expected<void, std::string> TlsServer::add(const TlsCertificate& files) {
  Host host;
  host.context.reset(SSL_CTX_new(TLS_server_method()));
  WEIR_CHECK(static_cast<bool>(host.context));
  if (auto ready = prepare(*host.context); !ready) return ready;
  if (auto loaded = load(*host.context, files); !loaded) return loaded;
  host.names = names_of(*SSL_CTX_get0_certificate(host.context.get()));
  const int kind = EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(host.context.get()));
  for (Host& other : hosts_) {
    const bool same_kind =
        EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(other.context.get())) == kind;
    if (other.names == host.names && !same_kind) return load(*other.context, files);
  }
  hosts_.push_back(std::move(host));
  return {};
}

std::expected<void, std::string> TlsServer::load(SSL_CTX& context, const TlsCertificate& files) {
  auto loaded = load_certificate(context, files);
  if (!loaded) return loaded;
  const X509& certificate = *SSL_CTX_get0_certificate(&context);
  expiries_[files.certificate] = end_of(certificate);
  if (files.ocsp.empty()) return loaded;
  auto staple = load_staple(files.ocsp, certificate);
  if (!staple) return std::unexpected(staple.error());
  staples_.push_back(std::move(*staple));
  return {};
}

SSL_CTX* TlsServer::find(std::string_view name) const {
  for (const bool exact : {true, false}) {
    for (const Host& host : hosts_) {
      const bool any = std::ranges::any_of(host.names, [&](const std::string& pattern) {
        return exact ? pattern == name : matches(pattern, name);
      });
      if (any) return host.context.get();
    }
  }
  return nullptr;
}

// A name that nobody has gets the first certificate: the client may know better than we do.
int TlsServer::choose_host(SSL* ssl, int*, void* server) noexcept {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  const auto& self = *static_cast<const TlsServer*>(server);
  SSL_CTX* const context = self.find(lower(name));
  if (context && context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int TlsServer::choose_protocol(SSL*, const unsigned char** out, unsigned char* length,
                               const unsigned char* in, unsigned in_length, void* server) noexcept {
  const std::string& ours = static_cast<const TlsServer*>(server)->protocols_;
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, length, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, in_length);
  *out = chosen;
  // RFC 7301 §3.2: no protocol in common ends the handshake.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// The client asked, and its certificate is chosen. One that is too old stays here: to those who
// insist on a staple it would be as bad as none, to others worse.
int TlsServer::staple(SSL* ssl, void* server) noexcept {
  const auto& self = *static_cast<const TlsServer*>(server);
  const X509* const chosen = SSL_get_certificate(ssl);
  const auto at = std::ranges::find(self.staples_, chosen, &TlsStaple::certificate);
  if (at == self.staples_.end() || std::time(nullptr) >= at->until) return SSL_TLSEXT_ERR_NOACK;
  void* const copy = OPENSSL_memdup(at->response.data(), at->response.size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(at->response.size()));
  return SSL_TLSEXT_ERR_OK;
}

void TlsServer::rotate_tickets() {
  TicketKey key;
  WEIR_CHECK(RAND_bytes(key.name.data(), key.name.size()) == 1 &&
             RAND_bytes(key.cipher.data(), key.cipher.size()) == 1 &&
             RAND_bytes(key.mac.data(), key.mac.size()) == 1);
  const Lock lock(mutex_);
  tickets_.insert(tickets_.begin(), key);
  if (tickets_.size() > kTicketKeys) tickets_.pop_back();
}

// RFC 5077 §4 as OpenSSL asks for it: 0 unknown key, 1 as it is, 2 good but to be made anew.
int TlsServer::ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac, int encrypt) noexcept {
  auto& self = *static_cast<TlsServer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKey key;
  bool newest = true;
  {
    const Lock lock(self.mutex_);
    auto at = self.tickets_.begin();
    if (!encrypt) {
      at = std::ranges::find_if(self.tickets_, [&](const TicketKey& k) {
        return std::memcmp(k.name.data(), name, k.name.size()) == 0;
      });
      if (at == self.tickets_.end()) return 0;
    }
    newest = at == self.tickets_.begin();
    key = *at;
  }
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  if (!encrypt) {
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) != 1)
      return -1;
    return newest ? 1 : 2;
  }
  std::memcpy(name, key.name.data(), key.name.size());
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 ? 1
                                                                                            : -1;
}

}  // namespace weir::net
