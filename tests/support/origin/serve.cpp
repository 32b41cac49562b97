#include "support/origin/serve.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <utility>

#include "support/content.h"
#include "support/origin/send_body.h"
#include "support/origin/tunnel.h"

namespace weir::test::origin {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kEchoMost = 64 << 20;  // of a request body that echo=body gives back

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Connection {
 public:
  Connection(int fd, Counts& counts, bool log, const std::string& files)
      : socket_(fd), counts_(counts), log_(log), files_(files) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What comes before requests. False: the connection has ended.
  bool begin(const Begin& how);
  // One request and its answer. False: the connection has ended.
  bool step();

 private:
  // What is done to the connection once an answer has been accounted for.
  enum class Closing { kNo, kGently, kRudely, kReset, kGone };

  bool refuse(std::string problem);
  bool control(const Request& request);
  bool run(const Request& request, const Script& script);
  Outcome carry_out(const Request& request, const Script& script, std::uint64_t nth);
  bool read_file(const std::string& name, std::string& into) const;
  bool read_body(const Request& request, std::string* keep);
  bool read_bytes(std::uint64_t count, std::string* keep);
  bool read_chunks(std::string* keep);
  Outcome send_answer(const Script& script, const Answer& answer);
  Sent send_head(const Script& script, const Answer& answer, bool more);
  Outcome end_answer(const Answer& answer);
  Outcome gone();
  void leave();
  bool close();

  Socket socket_;
  Counts& counts_;
  const bool log_;
  const std::string& files_;
  bool counted_ = false;
  Closing closing_ = Closing::kNo;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_hash_ = kHashStart;
  std::vector<std::string> trailers_;
  double transfer_seconds_ = -1;
};

Connection::~Connection() { leave(); }

void Connection::leave() {
  if (std::exchange(counted_, false)) {
    counts_.disconnected(socket_.fd());
  }
}

bool Connection::begin(const Begin& how) {
  if (how.proxy_header) {
    if (const auto source = socket_.take_proxy_header()) {
      counts_.introduced(*source);
    }
  }
  std::optional<Shaken> shaken;
  if (how.tls != nullptr && !socket_.open(*how.tls, shaken)) {
    socket_.close_gently(false);  // so that the alert arrives, whatever came behind
    return false;
  }
  if (shaken) {
    counts_.shaken(*shaken);
  }
  return true;
}

bool Connection::step() {
  std::string head;
  switch (socket_.read_head(head)) {
    case HeadRead::kEnd:
      return false;
    case HeadRead::kBad:
      return refuse("the head has a bare LF or is larger than 64 KiB");
    case HeadRead::kHead:
      break;
  }
  const auto request = parse_request(head);
  if (!request) {
    return refuse(request.error());
  }
  if (request->target.starts_with("/_control/")) {
    return control(*request);
  }
  if (!std::exchange(counted_, true)) {
    counts_.connected(socket_.fd());
  }
  std::string target = request->target;
  const std::string* own = request->find("X-Origin-Script");
  for (const std::string& more : {counts_.orders(), own ? *own : std::string()}) {
    if (!more.empty()) target += (target.find('?') == std::string::npos ? '?' : '&') + more;
  }
  const auto script = parse_script(target, std::time(nullptr));
  return script ? run(*request, *script) : refuse(script.error());
}

bool Connection::refuse(std::string problem) {
  std::fprintf(stderr, "weir-origin: 400: %s\n", problem.c_str());
  const Answer answer = plain_answer(400, std::move(problem) + '\n', true);
  send_answer(Script{}, answer);
  return close();
}

bool Connection::control(const Request& request) {
  if (!read_body(request, nullptr)) {
    return false;
  }
  const bool is_counts = request.method == "GET" && request.target == "/_control/counts";
  const bool is_reset = request.method == "POST" && request.target == "/_control/reset";
  static constexpr std::string_view kScript = "/_control/script";
  const bool is_script = request.method == "POST" && request.target.starts_with(kScript);
  if (is_script) {
    counts_.set_orders(request.target.substr(std::min(kScript.size() + 1, request.target.size())));
  }
  if (is_reset) {
    counts_.reset();
  }
  const Answer answer =
      is_counts || is_reset || is_script
          ? plain_answer(200, counts_.json(), !request.keep_alive, "application/json")
          : plain_answer(
                404, "GET /_control/counts, POST /_control/reset, POST /_control/script?QUERY\n",
                true);
  send_answer(Script{}, answer);
  return close();
}

bool Connection::run(const Request& request, const Script& script) {
  const std::uint64_t nth = counts_.begin(request);
  body_bytes_ = 0;
  body_hash_ = kHashStart;
  trailers_.clear();
  transfer_seconds_ = -1;
  const auto start = Clock::now();
  const Outcome outcome = carry_out(request, script, nth);
  counts_.end(request, outcome, transfer_seconds_);
  if (log_) {
    static constexpr const char* kNames[] = {"done",  "not-modified", "range",
                                             "reset", "peer-gone",    "blocked"};
    std::fprintf(stderr, "weir-origin: %s %s %s %.3f s\n", request.method.c_str(),
                 request.target.c_str(), kNames[static_cast<int>(outcome)], seconds_since(start));
  }
  return close();
}

Outcome Connection::carry_out(const Request& request, const Script& script, std::uint64_t nth) {
  const bool fails = nth <= script.fail_first;
  if (script.close_before || script.reset_before ||
      (fails && (script.fail_with == FailWith::kClose || script.fail_with == FailWith::kReset))) {
    const bool reset = script.reset_before || (fails && script.fail_with == FailWith::kReset);
    closing_ = reset ? Closing::kReset : Closing::kGently;
    return reset ? Outcome::kReset : Outcome::kDone;
  }
  std::string body;
  if (!read_body(request, script.echo == Echo::kBody ? &body : nullptr)) {
    return gone();
  }
  counts_.received(request, body_bytes_, body_hash_, trailers_);
  if (!socket_.wait(script.delay)) {
    return gone();
  }
  if (fails && script.fail_with == FailWith::kStatus) {
    return send_answer(script, plain_answer(script.fail_status, "fail_first\n", false));
  }
  const bool asked = request.find("Upgrade") != nullptr || !script.switch_to.empty();
  if (script.tunnel != TunnelPlay::kNone && asked) {
    const bool resets = play_tunnel(socket_, request, script);
    closing_ = resets ? Closing::kReset : Closing::kGently;
    return resets ? Outcome::kReset : Outcome::kDone;
  }
  if (script.echo == Echo::kFile && !read_file(script.file, body)) {
    return send_answer(script, plain_answer(404, "there is no such file\n", false));
  }
  const bool cuts = script.fail_with != FailWith::kCut || fails;
  return send_answer(script, plan(request, script, cuts, std::move(body)));
}

bool Connection::read_file(const std::string& name, std::string& into) const {
  std::ifstream in(files_ + '/' + name, std::ios::binary);
  into.assign(std::istreambuf_iterator<char>(in), {});
  return !files_.empty() && in.is_open();
}

bool Connection::read_body(const Request& request, std::string* keep) {
  if (request.expects_continue && request.has_body() &&
      socket_.send("HTTP/1.1 100 Continue\r\n\r\n") != Sent::kAll) {
    return false;
  }
  return request.chunked ? read_chunks(keep) : read_bytes(request.content_length, keep);
}

bool Connection::read_bytes(std::uint64_t count, std::string* keep) {
  while (count > 0) {
    const std::string_view bytes = socket_.read_some(count);
    if (bytes.empty()) {
      return false;
    }
    count -= bytes.size();
    body_bytes_ += bytes.size();
    body_hash_ = hash_bytes(bytes, body_hash_);
    if (keep != nullptr && keep->size() < kEchoMost) {
      keep->append(bytes);
    }
  }
  return true;
}

// RFC 9112 §7.1, strict: a bad chunk ends the connection.
bool Connection::read_chunks(std::string* keep) {
  for (;;) {
    const auto line = socket_.read_line();
    if (!line || line->empty() ||
        line->find_first_not_of("0123456789abcdefABCDEF") < line->find(';')) {
      return false;
    }
    const std::uint64_t size = std::strtoull(line->c_str(), nullptr, 16);
    if (size == 0) {
      break;
    }
    const auto after = read_bytes(size, keep) ? socket_.read_line() : std::nullopt;
    if (!after || !after->empty()) {
      return false;
    }
  }
  for (;;) {
    const auto line = socket_.read_line();
    if (!line || line->empty()) {
      return line.has_value();
    }
    trailers_.push_back(*line);
  }
}

Sent Connection::send_head(const Script& script, const Answer& answer, bool more) {
  if (!script.slow_head) {
    return socket_.send(answer.head, more);
  }
  for (const char& byte : answer.head) {
    if (const Sent sent = socket_.send({&byte, 1}); sent != Sent::kAll) {
      return sent;
    }
    if (!socket_.wait(Micros(500))) {
      return Sent::kPeerGone;
    }
  }
  return Sent::kAll;
}

Outcome Connection::send_answer(const Script& script, const Answer& answer) {
  socket_.set_send_patience(script.send_block_reset);
  const auto start = Clock::now();
  Sent sent = socket_.send(answer.interim);
  const bool body_follows = answer.framing != Framing::kNone && answer.stop > answer.begin;
  if (sent == Sent::kAll) {
    sent = send_head(script, answer, body_follows && script.body_delay.count() == 0);
  }
  if (sent == Sent::kAll && !socket_.wait(script.body_delay)) {
    sent = Sent::kPeerGone;
  }
  if (sent == Sent::kAll && answer.framing != Framing::kNone) {
    sent = BodySender(socket_, counted_ ? &counts_ : nullptr, script, answer).send();
  }
  if (sent == Sent::kAll && script.surplus > 0) {
    sent = socket_.send(std::string(script.surplus, '!'));
  }
  if (sent == Sent::kBlocked) {
    closing_ = Closing::kReset;
    return Outcome::kBlocked;
  }
  if (sent == Sent::kPeerGone) {
    return gone();
  }
  transfer_seconds_ = seconds_since(start);
  return end_answer(answer);
}

Outcome Connection::end_answer(const Answer& answer) {
  if (answer.framing != Framing::kNone && answer.is_cut()) {
    closing_ = answer.reset_at_stop ? Closing::kReset : Closing::kRudely;
    return answer.reset_at_stop ? Outcome::kReset : Outcome::kDone;
  }
  if (answer.close) {
    closing_ = Closing::kGently;
  }
  return answer.status == 304   ? Outcome::kNotModified
         : answer.status == 206 ? Outcome::kRange
                                : Outcome::kDone;
}

Outcome Connection::gone() {
  closing_ = Closing::kGone;
  return Outcome::kPeerGone;
}

// True: there was nothing to close.
bool Connection::close() {
  if (closing_ != Closing::kNo) {
    leave();
  }
  switch (closing_) {
    case Closing::kNo:
      return true;
    case Closing::kGently:
    case Closing::kRudely:
      socket_.close_gently(closing_ == Closing::kGently);
      break;
    case Closing::kReset:
      socket_.reset();
      break;
    case Closing::kGone:
      break;
  }
  return false;
}

}  // namespace

void serve(int fd, Counts& counts, bool log, const Begin& how, const std::string& files) {
  Connection connection(fd, counts, log, files);
  if (!connection.begin(how)) {
    return;
  }
  while (connection.step()) {
  }
}

}  // namespace weir::test::origin
