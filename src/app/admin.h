#pragma once
// Admin: the address where Weir tells about itself, served by its own HTTP code on the first
// worker's Loop. It has connections, limits and a store of its own, so that it answers when those
// for clients are exhausted, and its own traffic is in no metric.

#include <memory>

#include "app/shared.h"
#include "front/frontend.h"

namespace weir::app {

class Admin final : private front::Service, private front::Handler {
 public:
  // Takes over the listening socket. `loop` and `shared` outlive it; Loop's thread only, but for
  // construction and destruction while the Loop does not run.
  Admin(net::Loop& loop, Shared& shared, int fd);
  ~Admin();

 private:
  struct Answer {
    int status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string text;
  };
  Answer answer(const http::Request& request);
  bool authorized(const http::Request& request) const;

  front::Handler& begin() override { return *this; }  // it remembers nothing of a request
  void on_refused(const front::Stream&, const front::Ending&) override {}
  void on_request(front::Stream& stream) override;
  std::optional<Error> on_hole(front::Stream&, const body::Hole&) override {
    return Error{Errc::kSystem};
  }
  void on_sent(front::Stream&) override {}
  void on_done(front::Stream&, const front::Ending&) override {}

  net::Loop& loop_;
  Shared& shared_;
  const front::Settings settings_;
  const front::ListenSettings listen_;
  front::Connections connections_;
  front::Stats stats_;
  store::MemoryStore store_;
  front::Frontend frontend_;
};

}  // namespace weir::app
