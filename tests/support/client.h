#pragma once
// An HTTP/1 client for tests: blocking, one connection, strict about what it reads, and able to be
// as rude as real clients are: slow, half-closed, reset, byte by byte, pipelining. Shares nothing
// with src/http. A connection that cannot be made throws std::system_error; everything after that
// is told in the Response. One thread at a time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

using Millis = std::chrono::milliseconds;

struct Field {
  std::string name;
  std::string value;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";
  std::vector<Field> fields = {};  // Host is put in front unless it is here
  std::string body = {};  // a Content-Length or chunked coding is added when it is not empty
  bool chunked = false;
  bool keep_alive = true;
  std::string version = "1.1";
};
// As it goes on the wire.
std::string format(const Request& request);

// How what was read came to its end.
enum class End {
  kComplete,   // as its framing promised; until-close: by a FIN
  kShortEof,   // a FIN too early
  kReset,      // a RST
  kTimeout,    // nothing came for Reading::timeout
  kMalformed,  // see Response::problem
  kStopped,    // Reading::stop_at was reached; receive_body() goes on
};
std::string_view name(End end);

enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct Response {
  int status = 0;  // 0: no head came
  std::string version;
  std::string reason;
  std::vector<Field> fields;
  std::vector<Field> trailers;
  std::vector<int> interim;  // status codes of 1xx responses before this one
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;  // of kLength framing

  std::string body;  // the first Reading::keep bytes
  std::uint64_t body_bytes = 0;
  std::optional<std::uint64_t>
      wrong_at;  // first byte, counted in this body, that is not the content's
  End end = End::kShortEof;
  std::string problem;
  double head_seconds = 0;  // from the call that reads it to the end of the head
  double seconds = 0;       // the same to the end of the body

  bool complete() const { return end == End::kComplete; }
  // Complete, and every byte as content.h makes it (when Reading::content asked for that).
  bool right() const { return complete() && !wrong_at; }
  bool has(std::string_view field_name) const { return count(field_name) > 0; }
  std::size_t count(std::string_view field_name) const;
  std::string field(std::string_view field_name) const;  // the first of that name, or ""
  // The first byte position of Content-Range, or 0.
  std::uint64_t range_begin() const;
  std::string summary() const;  // one line, for INFO()
};

struct Reading {
  bool to_head = false;                       // the request was HEAD: no body follows
  std::optional<std::uint64_t> content = {};  // check the body against this object, see content.h
  std::uint64_t rate = 0;                     // bytes a second; 0: as fast as they come
  std::uint64_t stop_at = UINT64_MAX;         // body bytes after which to stop reading
  std::size_t keep = 1 << 20;                 // bytes of the body to keep in Response::body
  Millis timeout{20'000};                     // without a byte
};

struct ClientOptions {
  int receive_buffer = 0;    // SO_RCVBUF; 0: the kernel's choice
  std::uint8_t address = 1;  // it comes from 127.0.0.x
};

class Client {
 public:
  explicit Client(std::uint16_t port, ClientOptions options = {});
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;

  // False when the peer does not take it (closed, reset, or 20 s without room).
  bool send(std::string_view bytes);
  bool send(const Request& request) { return send(format(request)); }
  // In pieces of `piece` bytes, `gap` apart, each a segment of its own.
  bool send_in_pieces(std::string_view bytes, std::size_t piece, Millis gap);

  // The next response, head and body. Interim responses are noted and passed over.
  Response receive(const Reading& reading = {});
  // The same in two steps; the second may be called again after kStopped.
  Response receive_head(const Reading& reading = {});
  void receive_body(Response& response, const Reading& reading = {});
  // The next head even if it is interim: to wait for 100 (Continue). Only the head is read.
  Response receive_interim(Millis timeout = Millis(20'000));

  // send() and receive().
  Response exchange(const Request& request, Reading reading = {});

  // What comes until the peer ends the connection: kComplete for a FIN, kReset, kTimeout.
  End receive_end(Millis timeout = Millis(20'000), std::string* bytes = nullptr);
  // True when nothing comes, not even an end, for that long.
  bool silent_for(Millis time);

  void half_close();  // FIN; reading goes on
  void abort();       // RST
  void close();

 private:
  enum class Got { kBytes, kEof, kReset, kTimeout };
  enum class Line { kLine, kEnded, kBad };

  Got fill(Millis timeout, std::size_t most);
  bool fill_or_end(Response& response, const Reading& reading);
  Line read_line(Response& response, const Reading& reading, std::string& line);
  bool read_head(Response& response, const Reading& reading);
  bool read_fields(Response& response, const Reading& reading, std::vector<Field>& fields);
  bool start_body(Response& response, const Reading& reading);
  bool start_chunk(Response& response, const Reading& reading);
  bool end_chunk(Response& response, const Reading& reading);
  void take_body(Response& response, const Reading& reading);
  void pace(const Reading& reading);
  std::string_view unread() const { return std::string_view(buffer_).substr(at_); }

  int fd_ = -1;
  std::string buffer_;
  std::size_t at_ = 0;  // buffer_ is unread from here
  // Of the body being read: bytes left in it or in its chunk; whether a chunk is open.
  std::uint64_t left_ = 0;
  bool in_chunk_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point paced_since_;
  std::uint64_t paced_bytes_ = 0;
};

// One request on a connection of its own.
Response fetch(std::uint16_t port, const Request& request, Reading reading = {});
Response get(std::uint16_t port, std::string target, Reading reading = {},
             std::vector<Field> fields = {});

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace weir::test
