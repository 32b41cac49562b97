#include "net/kernel_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

namespace weir::net {

KernelTls find_kernel_tls() {
  KernelTls found;
#if !defined(OPENSSL_NO_KTLS) && defined(SSL_OP_ENABLE_KTLS)
  found.openssl = true;
#endif
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return found;
  // A socket without a connection cannot have it: ENOTCONN says that there is one to be had, ENOENT
  // that there is none.
  const bool set = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls" - 1) == 0;
  found.kernel = set || errno == ENOTCONN;
  close(fd);
  return found;
}

}  // namespace weir::net
