#include "app/top_command.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>

#include "app/ask_admin.h"
#include "app/top_screen.h"

namespace weir::app {
namespace {

using std::chrono::steady_clock;

constexpr Duration kEvery = std::chrono::seconds(1);
constexpr Duration kPatience = std::chrono::seconds(2);
constexpr char kControlC = 3;

volatile sig_atomic_t g_end = 0;
void on_end(int) { g_end = 1; }
void on_resize(int) {}  // only interrupts poll()

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// The other screen, keys as they are typed, no cursor; all as it was in the end.
class Terminal {
 public:
  Terminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    struct sigaction action {};
    action.sa_handler = on_resize;
    ::sigaction(SIGWINCH, &action, nullptr);
    action.sa_handler = on_end;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(number, &action, nullptr);
    write_all("\x1b[?1049h\x1b[?25l");
  }
  ~Terminal() {
    write_all("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Terminal(const Terminal&) = delete;

  static void measure(TopOptions& options) {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
    options.width = size.ws_col;
    options.height = size.ws_row;
  }
  // The next key, or 0 when there is none until then.
  static char key(steady_clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    pollfd in{STDIN_FILENO, POLLIN, 0};
    char typed = 0;
    const int ready = ::poll(&in, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0 && ::read(STDIN_FILENO, &typed, 1) <= 0) g_end = 1;  // the terminal is gone
    return typed;
  }

 private:
  termios before_{};
};

void draw(const TopInput& input, TopOptions& options) {
  Terminal::measure(options);
  const auto lines = top_screen(input, options);
  std::string out = "\x1b[H";
  if (!lines) {
    out += lines.error() + "\x1b[K\r\n";
  } else {
    for (std::size_t i = 0; i < lines->size(); ++i) {
      out += (i == 0 ? "" : "\r\n") + (*lines)[i] + "\x1b[K";
    }
  }
  write_all(out + "\x1b[J");
}

// Empty, or why there is nothing new.
std::string look(const Config& config, TopInput& input) {
  auto status = ask_admin(config, {.path = "/status", .patience = kPatience});
  if (!status) return status.error().text;
  auto connections = ask_admin(config, {.path = "/connections", .patience = kPatience});
  if (!connections) return connections.error().text;
  input.before = std::move(input.status);
  input.status = std::move(*status);
  input.connections = std::move(*connections);
  return {};
}

}  // namespace

int top_command(const Config& config, std::ostream& err) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    err << "weir top: this is no terminal; weir status says it once\n";
    return 2;
  }
  TopInput input;
  TopOptions options;
  options.trouble = look(config, input);
  if (!options.trouble.empty()) {
    err << "weir top: " << options.trouble << "\n";
    return 1;
  }
  const Terminal terminal;
  auto due = steady_clock::now() + kEvery;
  while (g_end == 0) {
    draw(input, options);
    const char key = Terminal::key(due);
    if (key == 'q' || key == 'Q' || key == kControlC) break;
    if (key == 's') options.sort = next(options.sort);
    if (key == 'p') options.paused = !options.paused;
    if (steady_clock::now() < due) continue;
    due = steady_clock::now() + kEvery;
    if (!options.paused) options.trouble = look(config, input);
  }
  return 0;
}

}  // namespace weir::app
