#pragma once
// A client of HTTP/2 for tests, over nghttp2 with prior knowledge: one connection, any number of
// streams, every byte of every body checked, and credit given as the test says. Non-blocking: it
// moves in pump(). Shares nothing with src/. One thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace weir::test {

struct Http2Request {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::string body = {};
  bool has_body = false;                      // DATA follows, even if `body` is empty
  bool endless = false;                       // the body does not end after `body`
  std::optional<std::uint64_t> content = {};  // check the answer against this object (content.h)
};

struct Http2Answer {
  int status = 0;
  std::vector<int> interim;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;  // the first MiB
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> wrong_at;  // first byte that is not the content's
  bool ended = false;                     // END_STREAM
  bool closed = false;
  std::uint32_t code = 0;  // with closed: of RST_STREAM

  std::string field(std::string_view name) const;  // the first, or ""
  bool right() const { return ended && closed && code == 0 && !wrong_at; }
};

class Http2Client {
 public:
  struct Options {
    std::uint32_t stream_window = 1 << 20;
    std::uint32_t connection_window = 16 << 20;
  };
  // Takes over a connected socket.
  explicit Http2Client(int fd) : Http2Client(fd, Options{}) {}
  Http2Client(int fd, Options options);
  ~Http2Client();
  // A connection to 127.0.0.1.
  static int connect(std::uint16_t port);

  std::int32_t ask(const Http2Request& request);
  const Http2Answer& answer(std::int32_t id) { return streams_[id].answer; }
  void hold(std::int32_t id) { streams_[id].held = true; }  // gives no credit for it
  void release(std::int32_t id);
  void reset(std::int32_t id, std::uint32_t code = 8);  // CANCEL
  void finish(std::int32_t id);                         // of an endless body
  // PRIORITY_UPDATE of RFC 9218 §7.1, also of a stream to come; once the server's SETTINGS came.
  void foretell(std::int32_t id, std::string_view priority);

  // Waits that long at most for something to do and does it. False: the connection has ended.
  bool pump(std::chrono::milliseconds wait = std::chrono::milliseconds(0));
  // pump() until it holds. False: not within 20 s, or the connection ended before.
  bool until(const std::function<bool()>& holds);
  bool all_closed() const;

  bool ended() const { return ended_; }
  int goaways() const { return goaways_; }
  std::uint32_t goaway_code() const { return goaway_code_; }

 private:
  struct Callbacks;
  struct Stream {
    Http2Answer answer;
    std::optional<std::uint64_t> content;
    std::string body;
    std::size_t at = 0;
    bool endless = false;
    bool held = false;
    std::size_t owed = 0;  // credit not given
  };

  int fd_;
  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> ng_;
  std::map<std::int32_t, Stream> streams_;
  std::string out_;
  bool ended_ = false;
  int goaways_ = 0;
  std::uint32_t goaway_code_ = 0;
};

}  // namespace weir::test
