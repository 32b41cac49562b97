// HTTP/2 toward clients, a whole connection: whatever a client sends, in whatever pieces, what
// comes back is frames in their right order, each request that arrives is one that HTTP/1 could
// carry, and each is told its end once. A pair of local sockets stands for the network: no port, no
// clock that is waited for.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "body/fake_source.h"
#include "body/text_body.h"
#include "front/http1_stream.h"
#include "front/http2_session.h"
#include "http/syntax.h"
#include "support/http2_frames.h"

using namespace weir;
using namespace weir::front;
namespace h2 = weir::test::h2;

namespace {

void check_request(const http::Request& head) {
  WEIR_CHECK(http::is_token(head.method_text));
  WEIR_CHECK(head.target == "*" || head.target.starts_with('/'));
  WEIR_CHECK(http::run_of(head.target, http::kTargetChar) == head.target.size());
  WEIR_CHECK(!head.authority.empty() && head.fields.count(http::FieldId::kHost) == 1);
  WEIR_CHECK(*head.fields.get(http::FieldId::kHost) == head.authority);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const http::Field f = head.fields[i];
    WEIR_CHECK(http::is_token(f.name) && http::run_of(f.value, http::kTextChar) == f.value.size());
    WEIR_CHECK(!http::is_hop_by_hop(f.id));
  }
  WEIR_CHECK(head.fields.count(http::FieldId::kContentLength) <= 1);
}

// Answers at once, or when it is told to, as the length of the target says; reads bodies or not.
class Answers final : public Service {
 public:
  explicit Answers(body::ChunkSource& source) : source_(source) {}
  Handler& begin() override { return handlers_.emplace_back(*this); }
  void on_refused(const Stream&, const Ending&) override {}
  void answer_all() {
    while (!waiting_.empty()) answer(**waiting_.begin());
  }
  bool all_told() const { return begun_ == done_ && waiting_.empty(); }

 private:
  struct One final : Handler, body::Waiter {
    explicit One(Answers& a) : answers(a) {}
    void on_request(Stream& stream) override { answers.take(stream, *this); }
    std::optional<Error> on_hole(Stream&, const body::Hole&) override {
      return Error{Errc::kOriginCut};
    }
    void on_sent(Stream& stream) override { answers.waiting_.erase(&stream); }
    void on_done(Stream& stream, const Ending&) override {
      ++answers.done_;
      answers.waiting_.erase(&stream);
      reader.reset();
    }
    void wake() noexcept override {}
    Answers& answers;
    std::unique_ptr<body::BodyReader> reader;
  };

  void take(Stream& stream, One& one) {
    ++begun_;
    check_request(stream.request());
    if (const auto body = stream.request_body())
      one.reader = std::make_unique<body::BodyReader>(body, 0, body::kUnlimited, one);
    waiting_.insert(&stream);
    if (stream.request().target.size() % 3 == 0) return;
    if (stream.request().target.size() % 3 == 1) stream.inform(103, {});
    answer(stream);
  }
  void answer(Stream& stream) {
    waiting_.erase(&stream);
    const std::size_t size = stream.request().target.size() * 1000;
    const std::string text(size, 'x');
    // One in five is short of what it says.
    const std::uint64_t said = stream.request().target.size() % 5 == 4 ? size + 1 : size;
    stream.reply({.body = body::text_body(source_, text), .length = said});
  }

  body::ChunkSource& source_;
  std::deque<One> handlers_;
  std::set<Stream*> waiting_;
  std::uint64_t begun_ = 0, done_ = 0;
};

// What a client may rely on (RFC 9113 §3.4, §4.2, §5.1).
class Listener {
 public:
  void take(std::string_view bytes) {
    rest_ += bytes;
    for (const h2::Frame& f : h2::frames(rest_)) {
      rest_.erase(0, 9 + f.payload.size());
      check(f);
    }
  }

 private:
  void check(const h2::Frame& f) {
    WEIR_CHECK(f.payload.size() <= 16384);
    WEIR_CHECK(!first_ || f.type == h2::kSettings);
    first_ = false;
    if (f.type == h2::kGoaway) WEIR_CHECK(f.id == 0);
    if (f.type != h2::kData && f.type != h2::kHeaders) {
      if (f.type == h2::kRstStream) over_.insert(f.id);
      return;
    }
    WEIR_CHECK(f.id % 2 == 1 && !over_.contains(f.id));
    if (f.type == h2::kData) WEIR_CHECK(begun_.contains(f.id));
    begun_.insert(f.id);
    if ((f.flags & h2::kEndStream) != 0) over_.insert(f.id);
  }

  std::string rest_;
  bool first_ = true;
  std::set<std::uint32_t> begun_, over_;
};

class Stage final : public Session::Owner, public net::Conn::Owner {
 public:
  explicit Stage(net::Loop& loop) : loop_(loop), streams_(loop, settings_), pool_(loop, settings_) {
    settings_.limits.head_bytes = 4096;
    settings_.body_window = 65536;
    std::array<int, 2> pair{};
    WEIR_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) ==
               0);
    peer_ = pair[1];
    auto conn = std::make_unique<net::Conn>(loop, pair[0], *net::parse_address("192.0.2.1:1"),
                                            static_cast<net::Conn::Owner&>(*this));
    session_ = new Http2Session(home_, *this, listen_, std::move(conn), 1);
    session_->begin({});
  }
  ~Stage() {
    delete session_;
    turn();  // what it posted to itself is gone with it
    ::close(peer_);
    WEIR_CHECK(answers_.all_told());
  }

  void tell(std::span<const std::uint8_t> bytes) {
    const ssize_t n = send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    (void)n;  // what it does not take is lost: frames are cut then
    turn();
  }
  void listen() {
    std::array<char, 65536> buffer;  // NOLINT: only what was read is looked at
    for (ssize_t n = 1; n > 0;) {
      n = recv(peer_, buffer.data(), buffer.size(), 0);
      if (n > 0) listener_.take({buffer.data(), static_cast<std::size_t>(n)});
    }
    turn();
  }
  void answer_all() {
    answers_.answer_all();
    turn();
  }
  void drain() {
    if (session_) session_->drain();
    turn();
  }
  void half_close() {
    shutdown(peer_, SHUT_WR);
    turn();
  }

  void on_session_closed(Session&) override {
    delete session_;
    session_ = nullptr;
  }
  bool on_introduced(Session&, const std::string&) override { return true; }
  void on_http2(Session&, std::unique_ptr<net::Conn>, std::string_view) override {}
  void on_ready(net::Conn&, net::Ready) override {}

 private:
  void turn() {
    struct Stop final : Task {
      explicit Stop(net::Loop& l) : loop(l) {}
      void run() noexcept override { loop.stop(); }
      net::Loop& loop;
    } stop(loop_);
    for (int i = 0; i < 2; ++i) {
      loop_.post(stop);
      loop_.run();
    }
  }

  net::Loop& loop_;
  body::FakeSource source_;
  Answers answers_{source_};
  Settings settings_;
  const std::shared_ptr<const ListenSettings> listen_ = std::make_shared<ListenSettings>();
  Stats stats_;
  Http1StreamPool streams_;
  Http2StreamPool pool_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(16384);
  Session::Home home_{.loop = loop_,
                      .settings = settings_,
                      .service = answers_,
                      .source = source_,
                      .streams = streams_,
                      .http2_streams = pool_,
                      .stats = stats_,
                      .scratch = scratch_};
  Http2Session* session_ = nullptr;
  int peer_ = -1;
  Listener listener_;
};

}  // namespace

// The first byte: whether a right beginning stands before the rest. Then, again and again, a length
// and what the client does with as many bytes: it tells them, and something happens behind.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static net::Loop loop;
  std::span in(data, size);
  Stage stage(loop);
  if ((in[0] & 1) == 0) {
    const std::string hello = h2::hello();
    stage.tell({reinterpret_cast<const std::uint8_t*>(hello.data()), hello.size()});
  }
  in = in.subspan(1);
  while (in.size() >= 2) {
    const std::size_t n = std::min<std::size_t>(in.size() - 2, in[0] == 0xff ? 16384 : in[0]);
    const std::uint8_t then = in[1];
    stage.tell(in.subspan(2, n));
    if ((then & 1) == 0) stage.listen();
    if ((then & 6) == 6) stage.answer_all();
    if (then == 0x40) stage.drain();
    if (then == 0x80) stage.half_close();
    in = in.subspan(2 + n);
  }
  stage.answer_all();
  stage.listen();
  return 0;
}
