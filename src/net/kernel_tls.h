#pragma once
// Whether records could be made by the kernel (kTLS). Weir does not use it yet: its batches of
// records go where OpenSSL's BIO would have to be a socket.

namespace weir::net {

struct KernelTls {
  bool kernel = false;   // knows the upper layer protocol "tls", or loads it when asked
  bool openssl = false;  // was built to use it
};

// Three system calls; may load a kernel module. Any thread.
KernelTls find_kernel_tls();

}  // namespace weir::net
