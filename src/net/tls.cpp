#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace weir::net {
namespace {

// So much gathers before it is sent: a system call for four full records.
constexpr std::size_t kBatch = 64 * 1024;
// The first bytes leave in records that fit a few segments, so that the client can use what came
// before all of a full record is there.
constexpr std::uint64_t kSmallUntil = 64 * 1024;
constexpr long kSmallRecord = 4096;
constexpr long kFullRecord = SSL3_RT_MAX_PLAIN_LENGTH;

// The memory of an empty batch, for the next connection of this thread that writes.
thread_local std::string g_spare;

Tls& owner_of(BIO* bio) { return *static_cast<Tls*>(BIO_get_data(bio)); }

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) noexcept {
  BIO_clear_retry_flags(bio);
  owner_of(bio).append(std::as_bytes(std::span(data, size)));
  *written = size;
  return 1;
}

// OpenSSL flushes behind each flight; the batch leaves when its writer says so.
long bio_control(BIO*, int command, long, void*) noexcept {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int bio_create(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* batch_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "batch");
    WEIR_CHECK(m && BIO_meth_set_write_ex(m, bio_write) && BIO_meth_set_ctrl(m, bio_control) &&
               BIO_meth_set_create(m, bio_create));
    return m;
  }();
  return method;
}

}  // namespace

void TlsFree::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
void TlsFree::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

void TlsFree::operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }

Tls::Tls(std::shared_ptr<const TlsServer> server, int fd)
    : server_(std::move(server)), ssl_(SSL_new(server_->hosts_.front().context.get())), fd_(fd) {
  attach();
  SSL_set_accept_state(ssl_.get());
}

Tls::Tls(std::shared_ptr<TlsClient> client, TlsPeer peer, int fd)
    : client_(std::move(client)),
      peer_(std::move(peer)),
      ssl_(SSL_new(client_->context_.get())),
      fd_(fd) {
  attach();
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_connect_state(ssl_.get());
  const std::string& name = peer_.name;
  in6_addr address;
  const bool is_address = inet_pton(AF_INET, name.c_str(), &address) == 1 ||
                          inet_pton(AF_INET6, name.c_str(), &address) == 1;
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size());
    SSL_set_tlsext_host_name(ssl_.get(), name.c_str());  // RFC 6066 §3: never an address
  }
  client_->resume(ssl_.get(), peer_.place);
}

void Tls::attach() {
  BIO* const out = BIO_new(batch_method());
  WEIR_CHECK(ssl_ && out);
  BIO_set_data(out, this);
  SSL_set0_wbio(ssl_.get(), out);
  SSL_set0_rbio(ssl_.get(), BIO_new_socket(fd_, BIO_NOCLOSE));
  // Not the largest fragment: the buffer that OpenSSL keeps while a write is partial has its size.
  SSL_set_split_send_fragment(ssl_.get(), kSmallRecord);
}

// A connection that did not fail leaves a good session behind, whoever said goodbye.
Tls::~Tls() {
  if (open()) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// Why OpenSSL did not do what it was asked for.
TlsStep Tls::outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return TlsStep::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      // A FIN alone is taken for an end too, so that what follows can still be sent.
      cut_ = BIO_test_flags(SSL_get_rbio(ssl_.get()), BIO_FLAGS_IN_EOF) != 0;
      return TlsStep::kEnd;
    case SSL_ERROR_SYSCALL:
      return failed(errno != 0 ? errno : ECONNRESET);
    default:
      return failed(EPROTO);
  }
}

TlsStep Tls::failed(int error) {
  state_ = State::kFailed;
  error_ = error;
  const char* const cause = ERR_reason_error_string(ERR_peek_error());
  cause_ = cause ? cause : std::strerror(error);
  ERR_clear_error();
  return TlsStep::kFailed;
}

TlsStep Tls::step() {
  if (open()) return TlsStep::kDone;
  if (state_ == State::kFailed) return TlsStep::kFailed;
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  const TlsStep step = result == 1 ? TlsStep::kDone : outcome(result);
  if (step == TlsStep::kDone) state_ = State::kOpen;
  if (step == TlsStep::kEnd) return failed(ECONNRESET);
  flush();
  return step;
}

Tls::Got Tls::read(std::span<std::byte> into) {
  Got got;
  if (state_ == State::kFailed) return {0, TlsStep::kFailed};
  while (got.bytes < into.size()) {
    ERR_clear_error();
    errno = 0;
    std::size_t n = 0;
    const int result =
        SSL_read_ex(ssl_.get(), into.data() + got.bytes, into.size() - got.bytes, &n);
    if (result == 1) {
      got.bytes += n;
      continue;
    }
    const TlsStep step = outcome(result);
    // What came before is given first; an end or a failure is met again by the next call.
    if (got.bytes == 0 || step == TlsStep::kAgain) got.step = step;
    break;
  }
  if (got.bytes > 0) got.step = TlsStep::kDone;
  return got;
}

void Tls::shape_records() {
  if (large_records_ || wire_ < kSmallUntil) return;
  large_records_ = true;
  SSL_set_split_send_fragment(ssl_.get(), kFullRecord);
}

Tls::Got Tls::write(std::span<const std::byte> bytes) {
  Got got;
  if (state_ != State::kOpen) return {0, TlsStep::kFailed};
  while (got.bytes < bytes.size()) {
    if (out_.size() - sent_ >= kBatch) got.step = flush();
    if (got.step != TlsStep::kDone) return got;
    shape_records();
    ERR_clear_error();
    errno = 0;
    const std::size_t most = std::min(bytes.size() - got.bytes, std::size_t{kFullRecord});
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data() + got.bytes, most, &n);
    got.bytes += n;
    if (result != 1) got.step = outcome(result);
  }
  return got;
}

void Tls::append(std::span<const std::byte> record) {
  if (out_.empty() && out_.capacity() < g_spare.capacity()) out_.swap(g_spare);
  out_.append(reinterpret_cast<const char*>(record.data()), record.size());
  wire_ += record.size();
}

TlsStep Tls::flush() {
  while (pending()) {
    const ssize_t n = send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n > 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      return TlsStep::kAgain;
    } else if (n < 0 && errno != EINTR) {
      error_ = errno;
      state_ = State::kFailed;
      return TlsStep::kFailed;
    }
  }
  out_.clear();
  sent_ = 0;
  if (out_.capacity() > g_spare.capacity()) out_.swap(g_spare);
  return TlsStep::kDone;
}

void Tls::close() {
  if (state_ != State::kOpen) return;
  state_ = State::kClosing;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string_view Tls::protocol() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

std::string_view Tls::version() const { return SSL_get_version(ssl_.get()); }
bool Tls::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

TlsDoubt Tls::doubt() const {
  if (SSL_get_verify_mode(ssl_.get()) == SSL_VERIFY_NONE) return TlsDoubt::kNone;
  switch (SSL_get_verify_result(ssl_.get())) {
    case X509_V_OK:
      return TlsDoubt::kNone;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TlsDoubt::kName;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsDoubt::kTime;
    default:
      return TlsDoubt::kSigner;
  }
}

std::string_view Tls::why_failed() const {
  if (doubt() == TlsDoubt::kNone) return cause_;
  return X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
}

}  // namespace weir::net
