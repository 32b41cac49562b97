#include "net/kernel_tls.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

using namespace weir::net;

TEST_CASE("the kernel that lists TLS among its protocols is found to have it") {
  const KernelTls found = find_kernel_tls();
  CHECK(find_kernel_tls().kernel == found.kernel);
  // Asking may have loaded the module: then it is listed now.
  std::ifstream in("/proc/sys/net/ipv4/tcp_available_ulp");
  bool listed = false;
  for (std::string name; in >> name;) listed |= name == "tls";
  CHECK(found.kernel == listed);
}
