#pragma once
// Http1Stream: the Stream of HTTP/1, one at a time on a connection. Taken from the worker's pool
// when the first byte of a request comes and given back when its response is over, so an idle
// connection holds none of this and busy ones share warm memory.

#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "front/http1_intake.h"
#include "front/http1_sender.h"
#include "front/settings.h"
#include "front/stream.h"
#include "http/parser.h"

namespace weir::front {

class Http1Session;

class Http1Stream final : public Stream, public body::Waiter, public Task {
 public:
  Http1Stream(net::Loop& loop, const Settings& settings);
  ~Http1Stream();

  const http::Request& request() const override { return request_; }
  Ref<body::Body> request_body() const override { return intake.body(); }
  std::string_view client_host() const override;
  std::uint16_t client_port() const override;
  std::string introduction() const override;
  std::string_view scheme() const override { return secure_ ? "https" : "http"; }
  net::Loop& loop() const override { return loop_; }
  http::Fields& extra() override { return extra_; }
  void inform(int status, const http::Fields& fields) override;
  void reply(const Reply& reply) override;
  void switch_protocols(const Reply& head, Line::Owner& owner) override;

  void wake() noexcept override { loop_.post(*this); }  // body::Waiter, any thread
  void run() noexcept override;                         // Task: the session takes a turn

  // For the session.
  void attach(Http1Session& session);
  void detach();  // forgets everything but memory
  Handler* handler = nullptr;
  http::RequestParser parser;
  http::Request& head() { return request_; }
  Http1Intake intake;
  Http1Sender sender;
  // The response is over, rightly or not: fills in `ending` and tells the handler.
  void response_over(TimePoint now);
  // Tells the receipt how far the response was put out; `offset` is the connection's.
  void note_written(std::uint64_t offset);
  delivery::RequestPatience patience;
  delivery::Receipt receipt;
  std::uint64_t response_begin = 0;  // the connection's offset
  Ending ending;
  bool keep_alive = false;      // as announced in the response
  Line::Owner* line = nullptr;  // whose the connection is behind the 101; null: it stays HTTP
  bool line_whole = false;      // ...and both sides have ended it

 private:
  net::Loop& loop_;
  Http1Session* session_ = nullptr;
  bool secure_ = false;
  http::Request request_;
  http::Fields extra_;
};

// Free streams of one worker, the warmest first.
class Http1StreamPool {
 public:
  Http1StreamPool(net::Loop& loop, const Settings& settings) : loop_(loop), settings_(settings) {}
  std::unique_ptr<Http1Stream> take();
  void give(std::unique_ptr<Http1Stream> stream);
  void forget() { free_.clear(); }  // they were made for other settings

 private:
  net::Loop& loop_;
  const Settings& settings_;
  std::vector<std::unique_ptr<Http1Stream>> free_;
};

}  // namespace weir::front
