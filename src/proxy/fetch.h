#pragma once
// Fetch: brings bytes from an origin into a Body: a whole response (leading a busy object), a
// response for one exchange alone (pass), or missing bytes of a stored object (fill). It runs apart
// from whoever reads, on the worker that started it, and ends itself.
//
//             place                  head: keep, pass            all bytes
//   Queued ----------> Asking --------------------------> Filling ----------> Done
//     |                 |   ^ \-- 304: freshened --> Done    |
//     | refused,        |   |                                | cut, stalled, reset; or the lead was
//     | queue_timeout   |   \-------- Range, If-Range -------+ too long for an open window:
//     v                 v             from where it is       | resume, if the validator is strong
//   Failed <---------- Failed <------------------------------/ else
//
// Parked (between Filling and Queued): a body that is larger than the store has run as far ahead of
// its readers as it may for window_shut_max; the connection was given up, and a reader's progress
// wakes it.
// BackingOff (between Asking or Filling and Queued): a retry or resume that waits before it asks
// again. Neither holds a place at the origin.
//
// What nobody reads any more goes on among the prefetches, if it goes on at all, and comes back
// when somebody reads again.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/executor.h"
#include "base/list.h"
#include "cache/busy.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/tags.h"
#include "http/range.h"
#include "origin/call.h"
#include "policy/admission.h"
#include "policy/request_class.h"
#include "policy/reuse.h"
#include "proxy/convoy.h"
#include "proxy/house.h"
#include "proxy/retry.h"
#include "proxy/rules.h"

namespace weir::proxy {

// What to fetch. Copied from the exchange, which may be gone before the fetch is over.
struct FetchPlan {
  using Kind = FetchKind;
  Kind kind = Kind::kPass;
  cache::Key key;
  Ref<Routes> routes;
  const Site* site = nullptr;    // of `routes`
  http::Request client_request;  // as it came: for Vary and admission
  http::Request request;         // as it goes to the origin
  policy::RequestClass cls;
  Ruling ruling;          // of the site's rules about this request
  Ref<cache::Busy> busy;  // to be resolved; kFill: may be null
  // kLead: the stale one to validate. kFill: the one to fill. kPass: the one that a HEAD is about.
  Ref<cache::Object> object;
  Ref<body::Body> request_body;          // kPass
  std::optional<http::RangeSpec> range;  // kLead: a part will do, see range_to_ask
  std::uint64_t first = 0;               // kFill: [first, end)
  std::uint64_t end = body::kUnlimited;
  sched::Lane lane = sched::Lane::kClientWaits;
  std::uint64_t client = 0;  // a hash of who asked, without the port
  std::string introduction;  // of who asked, where the origin wants to hear of it
  std::string upgrade;       // kPass: the protocols that `request` asks to switch to
};

// The reason of a Busy whose fetch was answered with a 5xx where what is stored may do instead.
inline constexpr std::string_view kOriginFailure = "origin_failure";

class Fetch final : public origin::Call::Owner,
                    public body::Waiter,
                    public Task,
                    public net::Timer::Owner {
 public:
  // Hears of 1xx responses; on the same thread. Calls forget_listener before it dies.
  class Listener {
   public:
    virtual void on_informational(const http::Response& response) = 0;
    // 101, as FetchPlan::upgrade asked for: nothing comes of the fetch itself.
    virtual void on_switched(const http::Response& response, origin::Switched origin) = 0;
    virtual void on_fetch_over() = 0;  // it is being destroyed: forget it

   protected:
    ~Listener() = default;
  };

  // Starts at once, never calls back within. For kFill the writer stands when this returns, so that
  // readers at the hole wait for it. The Fetch deletes itself when it is over.
  static Fetch& start(House& house, FetchPlan plan, Listener* listener);
  ~Fetch();

  void forget_listener(const Listener& listener);

  void on_informational(const http::Response& response) override;
  void on_head(http::Response& response) override;
  void on_switched(http::Response& response, origin::Switched origin) override;
  void on_blocked(body::BodyWriter::Stop why) override;
  void on_over(Result<void> result) override;
  void wake() noexcept override { house_.loop.post(*this); }  // a place, room, or readers went on
  void run() noexcept override;
  void on_timer(net::Timer& timer) override;

 private:
  enum class State : std::uint8_t { kQueued, kAsking, kFilling, kParked, kBackingOff, kOver };

  Fetch(House& house, FetchPlan plan, Listener* listener);
  void enter();
  void begin();
  void ask();
  void back_off(TimePoint until);
  void leave_gate(TimePoint now);
  void add_range();

  void decide(http::Response& response);
  policy::Admission judge(const http::Response& response, bool validating);
  policy::Admission heed_site(policy::Admission admission, const http::Response& response) const;
  enum class Keep : std::uint8_t { kNot, kWhole, kHoles, kPart };
  bool can_refill(const http::Response& response, bool needed) const;
  Keep how_to_keep(const http::Response& response, std::optional<std::uint64_t> length,
                   const std::optional<http::ContentRange>& part,
                   policy::Admission& admission) const;
  void open_body(http::Response& response, std::optional<std::uint64_t> length,
                 policy::Admission admission, const std::optional<http::ContentRange>& part,
                 Keep keep);
  body::BodyOptions body_options(const http::Response& response, Keep keep) const;
  void describe_variant(cache::ObjectParts& parts) const;
  void make_object(cache::ObjectParts parts, const policy::Admission& admission);

  void invalidate(const http::Response& response);
  void freshen(const http::Response& update);
  bool learn_from_head(const http::Response& response, std::optional<std::uint64_t> length);
  void learn_from_part(const http::Response& response);
  policy::Admission judge_again(cache::ObjectParts& parts, const http::Response& update);
  bool stale_will_do() const;
  void rest();

  void be_patient();
  void deliver(const policy::Admission& admission);
  void continue_part(const http::Response& response);
  bool fits(const http::Response& response);
  bool fits_part(const http::Response& response);
  bool client_wants_less(const http::Response& response, std::optional<std::uint64_t> length) const;
  void ask_for_all();
  void ask_as_client();

  std::optional<TimePoint> when_to_retry(Error why, TimePoint now);
  std::optional<TimePoint> when_to_resume(Error why, TimePoint now);
  void succeed();
  void fail(Error why);
  void refuse(Error why);
  void look_at_window(TimePoint now);
  void look_for_room();
  bool look_for_readers();
  bool go_on_unread();
  FillVerdict fill_verdict();
  bool is_read() const;
  bool wait_in(sched::Lane lane);
  void end();

  Origin& origin() { return plan_.routes->origin_of(*plan_.site); }

  House& house_;
  FetchPlace place_;  // among the fetches of the worker
  FetchPlan plan_;
  Listener* listener_;
  GateTicket ticket_;
  net::Timer timer_;       // each second: is it still wanted?
  net::Timer room_timer_;  // while there is no room: does it come?
  Retry retry_;
  origin::Tried tried_;  // outlives call_
  std::unique_ptr<origin::Call> call_;
  std::optional<body::BodyWriter> writer_;
  Ref<cache::Object> object_;      // what is being filled
  Ref<cache::Object> for_leader_;  // the same with fields that nobody else must see; null: none
  cache::Tags tags_;               // of the head that came
  std::uint64_t born_ = 0;         // the number of the last purge that does not concern the answer
  policy::FetchTimes times_{};
  TimePoint queued_{};  // when it asked for a place
  TimePoint blocked_since_ =
      TimePoint::max();       // no space for the bytes of the origin; max: there is
  TimePoint blocked_from_{};  // when it stood still at blocked_at_ first
  std::uint64_t blocked_at_ = body::kUnlimited;
  std::optional<Error> bad_part_;  // why the part that the origin sent cannot be used
  std::uint64_t resumed_at_ = 0;
  std::uint32_t resumes_ = 0;     // without progress in between
  std::uint32_t idle_looks_ = 0;  // looks in a row at which nobody read
  std::optional<Convoy> convoy_;  // of a large body, which waits for its readers
  bool waited_ = false;           // was without room since convoy_ looked
  bool kept_ = false;
  bool part_ = false;                         // only a part of the object was asked for, and came
  std::optional<policy::Admission> refused_;  // why what came before as_client_ was not kept
  bool switched_ = false;                     // the answer was 101
  bool ask_again_ = false;  // an answer that was of no use: another request is wanted
  bool no_ranges_ = false;  // those of this origin do not work
  bool as_client_ = false;  // ...with the client's own Range and conditions
  State state_ = State::kQueued;
};

}  // namespace weir::proxy
