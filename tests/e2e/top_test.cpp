// weir top on a terminal.

#include <doctest/doctest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "support/fixtures.h"

namespace weir::test {
namespace {

// A program on a terminal of its own.
class OnTerminal {
 public:
  OnTerminal(std::vector<std::string> arguments, unsigned short columns) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const winsize size{.ws_row = 30, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::execv(pointers.front(), pointers.data());
      ::_exit(127);
    }
  }
  ~OnTerminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(fd_);
  }
  OnTerminal(const OnTerminal&) = delete;

  void type(char key) { REQUIRE(::write(fd_, &key, 1) == 1); }
  // Whether the screen comes to say that.
  bool says(const std::string& text) {
    return eventually([&] {
      read();
      return screen_.find(text) != std::string::npos;
    });
  }
  int exit_code() {
    int status = 0;
    eventually([&] {
      read();
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& screen() const { return screen_; }

 private:
  void read() {
    pollfd one{fd_, POLLIN, 0};
    char piece[4096];
    while (::poll(&one, 1, 0) > 0) {
      const ssize_t n = ::read(fd_, piece, sizeof piece);
      if (n <= 0) return;
      screen_.append(piece, static_cast<std::size_t>(n));
    }
  }

  int fd_ = -1;
  pid_t pid_ = -1;
  std::string screen_;
};

}  // namespace

TEST_CASE("weir top shows a running Weir, obeys its keys and leaves the terminal as it was") {
  const Origin origin;
  const ScratchDirectory directory;
  const std::string conf = "listen = \"127.0.0.1:0\"\norigin = \"" + origin.address() +
                           "\"\n[server]\nadmin = \"unix:" + directory.path().string() +
                           "/admin\"\ndrain_timeout = \"1 s\"\n";
  Weir weir(conf);
  Client stuck(weir.port(), {.receive_buffer = 16384});
  stuck.send(Request{.target = "/film?size=8MiB&n=1&cc=max-age=60"});
  OnTerminal top({weir_program(), "top", "-c", directory.write("weir.conf", conf)}, 140);
  CHECK(top.says("\x1b[?1049h"));
  CHECK(top.says("pid " + std::to_string(weir.process().pid())));
  CHECK(top.says("/film?size=8MiB"));
  CHECK(top.says("zero window in"));
  CHECK(top.says("/s\x1b[0m to clients"));
  top.type('s');
  CHECK(top.says("sort: rate"));
  top.type('p');
  CHECK(top.says("PAUSED"));
  top.type('q');
  CHECK(top.says("\x1b[?1049l"));
  CHECK(top.exit_code() == 0);
  stuck.abort();
}

TEST_CASE("weir top without a terminal, or without a Weir, says so") {
  const std::string conf =
      "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n[server]\nadmin = \"127.0.0.1:" +
      std::to_string(free_port()) + "\"\n";
  const Finished plain = run_weir({"top"}, conf);
  CHECK(plain.exit.code == 2);
  CHECK(plain.err == "weir top: this is no terminal; weir status says it once\n");
  const ScratchDirectory directory;
  OnTerminal top({weir_program(), "top", "-c", directory.write("weir.conf", conf)}, 80);
  CHECK(top.says("is Weir running?"));
  CHECK(top.exit_code() == 1);
}

}  // namespace weir::test
