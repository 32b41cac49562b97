#pragma once
// TLS (RFC 8446, RFC 5246) by OpenSSL, for Conn alone: nobody above knows which connections have
// it.
//
// TlsServer: what all connections of a listener share: certificates by name, versions, tickets. Any
// thread. Unchanging but for its ticket keys: new certificates are a new TlsServer, and connections
// that have the old one keep it.
//
// TlsClient: what all connections to one kind of server share: whom we believe, who we are, and the
// sessions that can be resumed. Any thread.
//
// Tls: one connection's. It reads from the socket itself; what it writes gathers in a buffer, so
// that many records leave by one system call:
//
//   Handshake --step() done--> Open --close_notify sent--> Closing
//        \--------------------------\--fatal alert, bad record--> Failed
//
// After a failure nothing more is read or written but the alert that tells the peer.

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"

struct ssl_session_st;  // OpenSSL's SSL_SESSION

namespace weir::net {

struct TlsStaple;

struct TlsFree {
  void operator()(SSL* ssl) const noexcept;
  void operator()(SSL_CTX* context) const noexcept;
  void operator()(ssl_session_st* session) const noexcept;
};

// PEM files; the certificate's holds its chain, leaf first.
struct TlsCertificate {
  std::string certificate;
  std::string key;
  std::string ocsp = {};  // DER file, to be stapled; empty: none
};

// Modern: TLS 1.3 alone. Intermediate: also TLS 1.2 with forward secrecy and AEAD.
enum class TlsProfile : std::uint8_t { kIntermediate, kModern };

class TlsServer {
 public:
  struct Settings {
    // The first is for clients that name nobody, or nobody known. Those of the same names with keys
    // of another kind (RSA, ECDSA) stand side by side: the client's abilities choose.
    std::vector<TlsCertificate> certificates;
    TlsProfile profile = TlsProfile::kIntermediate;
    std::vector<std::string> protocols = {"http/1.1"};  // ALPN, what we like best first
    std::string client_ca =
        {};  // PEM file: clients must show a certificate of these; empty: need not
  };
  // The error is a sentence that names the file.
  static std::expected<std::shared_ptr<TlsServer>, std::string> make(const Settings& settings);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;

  // New keys for session tickets, once an hour; a ticket can be used until the next but one.
  void rotate_tickets() EXCLUDES_LOCK(mutex_);

  // When each of the certificates stops being valid, by its file.
  const std::map<std::string, WallTime>& expiries() const { return expiries_; }

  struct TicketKey {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };

 private:
  friend class Tls;
  struct Host {
    std::unique_ptr<SSL_CTX, TlsFree> context;
    std::vector<std::string> names;  // of the certificate, lower case; "*.example.org" too
  };
  explicit TlsServer(Settings settings);
  std::expected<void, std::string> add(const TlsCertificate& files);
  std::expected<void, std::string> prepare(SSL_CTX& context);
  std::expected<void, std::string> load(SSL_CTX& context, const TlsCertificate& files);
  SSL_CTX* find(std::string_view name) const;

  static int choose_host(SSL* ssl, int* alert, void* server) noexcept;
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* length,
                             const unsigned char* in, unsigned in_length, void* server) noexcept;
  static int staple(SSL* ssl, void* server) noexcept;
  static int ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) noexcept;

  const Settings settings_;
  std::vector<Host> hosts_;
  std::vector<TlsStaple> staples_;
  std::map<std::string, WallTime> expiries_;
  std::string protocols_;  // as ALPN writes them
  Mutex mutex_;
  std::vector<TicketKey> tickets_ GUARDED_BY(mutex_);  // the newest first, two at most
};

// Where connections find their TlsServer or TlsClient, which may be replaced meanwhile. Any thread.
template <class Side>
class TlsSlot {
 public:
  std::shared_ptr<Side> get() const EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    return side_;
  }
  void set(std::shared_ptr<Side> side) EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    side_.swap(side);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<Side> side_ GUARDED_BY(mutex_);
};

class TlsClient {
 public:
  struct Settings {
    bool verify = true;       // the server's certificate, and that it is for the name we ask for
    std::string ca = {};      // PEM file of whom we believe; empty: whom this system believes
    TlsCertificate own = {};  // for servers that want one; empty paths: none
  };
  // The error is a sentence that names the file.
  static std::expected<std::shared_ptr<TlsClient>, std::string> make(const Settings& settings);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;

 private:
  friend class Tls;
  static constexpr std::size_t kSessionsMost = 256;
  explicit TlsClient(const Settings& settings) : verify_(settings.verify) {}
  std::expected<void, std::string> prepare(const Settings& settings);
  void resume(SSL* ssl, const std::string& place) EXCLUDES_LOCK(mutex_);
  static int keep(SSL* ssl, ssl_session_st* session) noexcept;

  const bool verify_;
  std::unique_ptr<SSL_CTX, TlsFree> context_;
  Mutex mutex_;
  // By place; the latest of each.
  std::map<std::string, std::unique_ptr<ssl_session_st, TlsFree>, std::less<>> sessions_
      GUARDED_BY(mutex_);
};

// Who is asked for.
struct TlsPeer {
  std::string name;   // DNS name or IP address that its certificate must be for
  std::string place;  // where sessions are kept for the next connection: one server
};

enum class TlsStep : std::uint8_t { kDone, kAgain, kEnd, kFailed };
// What was wrong with the peer's certificate.
enum class TlsDoubt : std::uint8_t { kNone, kSigner, kName, kTime };

class Tls {
 public:
  // The server's side of a connected socket, which stays the caller's.
  Tls(std::shared_ptr<const TlsServer> server, int fd);
  // The client's side. A DNS name is also sent as SNI.
  Tls(std::shared_ptr<TlsClient> client, TlsPeer peer, int fd);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Goes on with the handshake. kDone once and from then on.
  TlsStep step();
  bool open() const { return state_ == State::kOpen || state_ == State::kClosing; }
  // Fills as much of the span as has come: kDone with a short count means that the socket was
  // drained, as for a plain one. kEnd: close_notify, or a FIN without one (`cut()`).
  struct Got {
    std::size_t bytes = 0;
    TlsStep step = TlsStep::kDone;
  };
  Got read(std::span<std::byte> into);
  // The peer's end came without close_notify: where only the end of the connection marks the end of
  // a message, it was cut (RFC 8446 §6.1).
  bool cut() const { return cut_; }
  // Encrypts `bytes` behind what is pending; with a batch pending that the socket does not take,
  // kAgain and a short count. The rest of the batch leaves with flush().
  Got write(std::span<const std::byte> bytes);
  // Sends what is pending. kAgain: the kernel is full.
  TlsStep flush();
  bool pending() const { return sent_ < out_.size(); }
  // close_notify behind what was written; to be flushed.
  void close();

  // Bytes of records made so far, pending ones too: where the next write begins on the wire.
  std::uint64_t wire_bytes() const { return wire_; }
  std::string_view protocol() const;  // what ALPN chose; empty: nothing
  std::string_view version() const;   // "TLSv1.3"
  bool resumed() const;
  TlsDoubt doubt() const;  // kNone: it was believed, or that is not what failed
  // For people, once something failed: what is wrong with the certificate, or OpenSSL's words.
  std::string_view why_failed() const;
  int error() const { return error_; }  // errno of the socket, or EPROTO

  // As the BIO: a record behind what is pending.
  void append(std::span<const std::byte> record);

 private:
  enum class State : std::uint8_t { kHandshake, kOpen, kClosing, kFailed };
  friend class TlsClient;
  TlsStep outcome(int result);
  TlsStep failed(int error);
  void shape_records();

  void attach();

  const std::shared_ptr<const TlsServer> server_;  // one of the two
  const std::shared_ptr<TlsClient> client_;
  const TlsPeer peer_;  // of a client
  std::unique_ptr<SSL, TlsFree> ssl_;
  const int fd_;
  State state_ = State::kHandshake;
  bool cut_ = false;
  bool large_records_ = false;
  int error_ = 0;
  const char* cause_ = "";  // OpenSSL's, of the failure
  std::string out_;         // records that the kernel has not taken: a batch and a record at most
  std::size_t sent_ = 0;    // of out_
  std::uint64_t wire_ = 0;
};

}  // namespace weir::net
