#pragma once
// AdminExchange: one question to the admin address and its answer.
//
//   Idle --GET----------------------------------------> Answered --> Idle
//     \---GET /connections--> Looking ----------------------^
//     \---POST--> Reading --whole body--> Purging ----------^
//                    \------ nothing to wait for -----------/
//
// The client may go at any time: then Idle; a purge that was begun is finished all the same.
// Loop's thread only.

#include <optional>
#include <string>

#include "app/lookout.h"
#include "app/shared.h"
#include "base/executor.h"
#include "body/body.h"
#include "front/stream.h"
#include "net/loop.h"
#include "proxy/purger.h"

namespace weir::app {

// What all of them share; outlives them.
struct AdminHouse {
  net::Loop& loop;
  Shared& shared;
  proxy::Purger& purger;
  Lookout& lookout;
  body::ChunkSource& source;
};

class AdminExchange final : public front::Handler,
                            public body::Waiter,
                            public Task,
                            public proxy::Purger::Listener,
                            public Lookout::Listener {
 public:
  explicit AdminExchange(AdminHouse& house) : house_(house) {}
  ~AdminExchange();

  bool idle() const { return state_ == State::kIdle; }

  void on_request(front::Stream& stream) override;
  std::optional<Error> on_hole(front::Stream&, const body::Hole&) override {
    return Error{Errc::kSystem};
  }
  void on_sent(front::Stream&) override {}
  void on_done(front::Stream& stream, const front::Ending& ending) override;
  void wake() noexcept override { house_.loop.post(*this); }
  void run() noexcept override;
  void on_purged(std::size_t objects) override;
  void on_sight(const Sight& sight) override;

 private:
  enum class State : std::uint8_t { kIdle, kReading, kLooking, kPurging, kReloading, kAnswered };
  struct Answer {
    int status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string text;
    std::string_view allow = {};  // with 405
  };

  std::optional<Answer> refusal(const http::Request& request) const;
  bool authorized(const http::Request& request) const;
  Answer page(std::string_view path) const;
  void look();
  void begin_reading();
  void read();
  void obey();
  void purge();
  void reload();
  void tell_of_reload();
  void record();
  void set_level();
  void reply(const Answer& answer);

  AdminHouse& house_;
  front::Stream* stream_ = nullptr;
  std::optional<body::BodyReader> reader_;
  std::string body_;
  bool soft_ = false;
  State state_ = State::kIdle;
};

}  // namespace weir::app
