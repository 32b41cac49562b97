#pragma once
// A name server of this process at 127.0.0.1: it answers what it was told and counts. It does
// nothing by itself; the test calls serve().

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "loopback.h"

namespace weir::test {

class FakeDns {
 public:
  FakeDns() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const Address any = *net::parse_address("127.0.0.1:0");
    REQUIRE(bind(fd_.get(), any.raw(), any.length) == 0);
    char path[] = "/tmp/weir-resolv-XXXXXX";
    const Fd file(mkstemp(path));
    conf_ = path;
    const std::string text =
        fmt::format("nameserver {}\noptions attempts:1 timeout:1 randomize-case:0\n",
                    net::local_address(fd_.get()).text());
    REQUIRE(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  ~FakeDns() { unlink(conf_.c_str()); }

  const std::string& conf() const { return conf_; }  // a resolv.conf that names this server

  // Answers what has been asked so far; names it does not know do not exist.
  void serve() {
    std::uint8_t buffer[512];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    for (ssize_t n; (n = recvfrom(fd_.get(), buffer, sizeof buffer, 0,
                                  reinterpret_cast<sockaddr*>(&from), &length)) > 12;) {
      const std::string reply = answer({buffer, static_cast<std::size_t>(n)});
      sendto(fd_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  std::map<std::string, std::vector<std::string>> addresses;  // name to literals
  std::map<std::string, int> asked;                           // A and AAAA count one each

 private:
  // RFC 1035 §4.1: header, one question, answers that point at its name.
  std::string answer(std::span<const std::uint8_t> query) {
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      if (!name.empty()) name += '.';
      name.append(reinterpret_cast<const char*>(&query[at + 1]), query[at]);
      at += query[at] + 1U;
    }
    const int type = query[at + 1] << 8 | query[at + 2];
    ++asked[name];
    const bool known = addresses.contains(name);
    std::string records;
    char count = 0;
    for (const std::string& literal : known ? addresses[name] : std::vector<std::string>()) {
      std::uint8_t raw[16];
      const int family = type == 28 ? AF_INET6 : AF_INET;
      if (inet_pton(family, literal.c_str(), raw) != 1) continue;
      const std::size_t size = family == AF_INET6 ? 16 : 4;
      records += std::string("\xC0\x0C\0", 3) + static_cast<char>(type);  // name, type
      records += std::string("\0\1\0\0\0\x3C\0", 7) + static_cast<char>(size);
      records.append(reinterpret_cast<const char*>(raw), size);
      ++count;
    }
    std::string reply(reinterpret_cast<const char*>(query.data()), 2);
    reply += known ? std::string("\x81\x80", 2) : std::string("\x81\x83", 2);  // NXDOMAIN
    reply += std::string("\0\1\0", 3) + count + std::string(4, '\0');
    reply.append(reinterpret_cast<const char*>(&query[12]), at + 5 - 12);
    return reply + records;
  }

  Fd fd_;
  std::string conf_;
};

}  // namespace weir::test
