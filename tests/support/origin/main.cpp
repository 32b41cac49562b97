// weir-origin: the scripted origin of tests, benches and the demo. script.cpp lists what the query
// of a request can ask for, counts.h what /_control/counts tells. A thread for each connection.

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "support/origin/serve.h"
#include "support/origin/tls.h"

namespace weir::test::origin {

namespace {

constexpr int kBacklog = 4096;
constexpr std::size_t kStackSize = 256 * 1024;

struct Job {
  int fd;
  Counts& counts;
  bool log;
  const Begin& begin;
  const std::string& files;
};

void* run_job(void* argument) {
  const std::unique_ptr<Job> job(static_cast<Job*>(argument));
  serve(job->fd, job->counts, job->log, job->begin, job->files);
  return nullptr;
}

// A listening socket, or -1 with errno set.
int listen_at(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* address = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &address) != 0) {
    errno = EINVAL;
    return -1;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(address, ::freeaddrinfo);
  const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, address->ai_addr, address->ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
    return -1;
  }
  return fd;
}

int port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  // The port stands at the same place in sockaddr_in and sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

void accept_for_ever(int listener, Counts& counts, bool log, const Begin& begin,
                     const std::string& files) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStackSize);
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        ::usleep(10'000);
      }
      continue;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto job = std::make_unique<Job>(Job{fd, counts, log, begin, files});
    pthread_t thread{};
    if (::pthread_create(&thread, &attributes, run_job, job.get()) == 0) {
      job.release();  // run_job owns it now
    } else {
      ::close(fd);
    }
  }
}

int main_loop(const std::string& listen, bool log, const Begin& begin, const std::string& files) {
  const std::size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  const int listener = colon == std::string::npos ? -1 : listen_at(host, listen.substr(colon + 1));
  if (listener < 0) {
    std::fprintf(stderr, "weir-origin: cannot listen on %s: %s\n", listen.c_str(),
                 std::strerror(colon == std::string::npos ? EINVAL : errno));
    return 1;
  }
  std::printf("weir-origin: listening on %s:%d\n", listen.substr(0, colon).c_str(),
              port_of(listener));
  std::fflush(stdout);
  Counts counts;
  accept_for_ever(listener, counts, log, begin, files);
  return 0;
}

}  // namespace

}  // namespace weir::test::origin

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:9000";
  bool log = false;
  CLI::App app("weir-origin: the scripted origin of Weir's tests, benches and demo");
  app.add_option("--listen", listen, "ADDRESS:PORT; port 0: any free one")->capture_default_str();
  app.add_flag("--log,!--quiet", log, "A line on stderr for each answer");
  bool proxy_header = false;
  app.add_flag("--proxy-protocol", proxy_header, "PROXY headers (version 2) may stand first");
  weir::test::origin::TlsSide::Files pem;
  app.add_option("--tls-certificate", pem.certificate, "PEM file: who begins with TLS gets it");
  app.add_option("--tls-key", pem.key, "PEM file of its key");
  app.add_option("--tls-client-ca", pem.client_ca, "PEM file: who signed what clients must show");
  std::string directory;
  app.add_option("--files", directory, "The directory of what file= asks for");
  CLI11_PARSE(app, argc, argv);

  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::unique_ptr<weir::test::origin::TlsSide> tls;
  try {
    if (!pem.certificate.empty()) tls = std::make_unique<weir::test::origin::TlsSide>(pem);
  } catch (const std::exception& why) {
    std::fprintf(stderr, "weir-origin: %s: %s\n", pem.certificate.c_str(), why.what());
    return 1;
  }
  return weir::test::origin::main_loop(listen, log, {tls.get(), proxy_header}, directory);
}
