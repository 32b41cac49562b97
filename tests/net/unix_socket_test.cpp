#include "net/unix_socket.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/ask.h"
#include "net/loopback.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

struct Directory {
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-unix-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
  std::filesystem::path path;
};

net::Address at(const std::string& path) { return net::parse_unix_address("unix:" + path).value(); }

int open_fails(const std::string& path) {
  const auto listener = net::UnixListener::open(at(path), 8);
  return listener ? 0 : listener.error().sys;
}

}  // namespace

TEST_CASE("a Unix address is an absolute path that a socket can have") {
  for (const std::string good : {"unix:/a", "unix:/run/weir/admin.sock"}) {
    const auto address = net::parse_unix_address(good);
    REQUIRE(address.has_value());
    CHECK(address->text() == good);
    CHECK(address->loopback());
  }
  CHECK(net::parse_unix_address("unix:/" + std::string(106, 'a')).has_value());
  for (const std::string& bad :
       {std::string("unix:/") + std::string(107, 'a'), std::string("unix:a"), std::string("unix:"),
        std::string("/a"), std::string("unix:/a/"), std::string("127.0.0.1:80"),
        std::string("unix:/a\0b", 9)}) {
    CAPTURE(bad);
    CHECK_FALSE(net::parse_unix_address(bad).has_value());
  }
}

TEST_CASE("the file of a Unix socket is its owner's and its group's, and goes with the listener") {
  const Directory directory;
  const std::string path = directory.file("s");
  {
    const auto listener = net::UnixListener::open(at(path), 8);
    REQUIRE(listener.has_value());
    struct stat made {};
    REQUIRE(lstat(path.c_str(), &made) == 0);
    CHECK(S_ISSOCK(made.st_mode));
    CHECK((made.st_mode & 0777) == 0660);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("what a dead process left is replaced, what is in use or no socket is not") {
  const Directory directory;
  const std::string path = directory.file("s");
  const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const net::Address address = at(path);
  REQUIRE(bind(dead, address.raw(), address.length) == 0);
  close(dead);
  REQUIRE(std::filesystem::exists(path));
  {
    const auto listener = net::UnixListener::open(address, 8);
    REQUIRE(listener.has_value());
    CHECK(open_fails(path) == EADDRINUSE);

    // Another process has taken the name meanwhile: its file stays.
    std::filesystem::remove(path);
    std::ofstream(path) << "x";
  }
  CHECK(std::filesystem::exists(path));
  CHECK(open_fails(path) == EEXIST);
  CHECK(open_fails(directory.file("none/s")) == ENOENT);
}

TEST_CASE("a question goes over a Unix socket as over TCP") {
  const Directory directory;
  const net::Address address = at(directory.file("s"));
  auto listener = net::UnixListener::open(address, 8);
  REQUIRE(listener.has_value());
  const Fd fd(listener->take());
  fcntl(fd.get(), F_SETFL, 0);
  std::thread server([&] {
    const Fd client(accept(fd.get(), nullptr, nullptr));
    char piece[8];
    if (recv(client.get(), piece, sizeof piece, 0) == 4) send(client.get(), "I", 1, MSG_NOSIGNAL);
  });
  const auto got = net::ask(address, "who?", 10s);
  server.join();
  REQUIRE(got.has_value());
  CHECK(*got == "I");
}

}  // namespace weir::test
