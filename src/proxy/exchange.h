#pragma once
// Exchange: decides about one request for one Stream.
//
//            classify, site         kHit
//   Recv ------------------> Lookup ---------------------------> Deliver --> Done
//     |                        |  kLead, kPass: start a Fetch       ^
//     | refused: 4xx, 5xx      |  kJoin                             |
//     |                        |  kAbsent, on disk --> Load --read--> Lookup
//     |                        \---------> Wait --head is known-----/
//     |                                     |   \-- not for us, or who led it failed --> Lookup
//     |-------------------------------------+--> Deliver (an error page, a rule's answer)
//     \-- PURGE --> Purge --> Deliver
//                                           Wait -- 101 --> Deliver: the client's connection is a
//                                           Tunnel's from then on
//
// The client may go at any time: then Done. Loop's thread only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "cache/busy.h"
#include "cache/index.h"
#include "front/stream.h"
#include "policy/answer.h"
#include "policy/cache_status.h"
#include "proxy/compression.h"
#include "proxy/fetch.h"
#include "proxy/hole_fill.h"
#include "proxy/house.h"
#include "proxy/tunnel.h"

namespace weir::proxy {

class ExchangePool;

class Exchange final : public front::Handler,
                       public body::Waiter,
                       public Task,
                       public Fetch::Listener,
                       public Purger::Listener {
 public:
  Exchange(House& house, ExchangePool& pool) : house_(house), pool_(pool) {}
  ~Exchange();

  // REQUIRES: it is idle.
  void forget_old_routes() {
    if (routes_.get() != house_.routes.get()) routes_ = {};
  }

  void on_request(front::Stream& stream) override;
  std::optional<Error> on_hole(front::Stream& stream, const body::Hole& hole) override;
  void on_sent(front::Stream& stream) override;
  void on_done(front::Stream& stream, const front::Ending& ending) override;
  void on_informational(const http::Response& response) override;
  void on_switched(const http::Response& response, origin::Switched origin) override;
  void on_fetch_over() override { fetch_ = nullptr; }
  void on_purged(std::size_t objects) override;
  void wake() noexcept override { house_.loop.post(*this); }
  void run() noexcept override;

 private:
  enum class State : std::uint8_t { kRecv, kLookup, kLoad, kWait, kPurge, kDeliver, kDone };

  void step_recv();
  void purge();
  void consider_rules();
  void classify();
  void ask_upgrade();
  void respond(const Rule& rule);
  void reply_text(int status, std::string_view text);
  void edit_reply(front::Reply& reply);
  void step_lookup();
  bool load();
  void step_load();
  void step_wait();
  void on_head(Ref<cache::Object> object);
  void on_passed(cache::Whom whom);
  void on_failure(Error why);
  bool may_serve_stale() const;
  void serve_stale();
  void lead(const cache::Lookup& found);
  void pass(policy::Forward why, std::string_view detail, Ref<cache::Object> known = {});
  void revalidate(const cache::Lookup& found);
  FetchPlan plan(FetchPlan::Kind kind, bool for_storing) const;
  void wait_at(Ref<cache::Busy> busy);
  void step_deliver(Ref<cache::Object> object);
  bool fill_first();
  bool look_again();
  bool forget_and_look_again();
  bool fill_first_from_disk(const body::Hole& hole);
  FetchPlan fill_plan(const body::Hole& hole) const;
  void refuse(Error error);
  void answer_for_origin();
  policy::CompressionRules compression_rules() const;
  policy::Compressible may_compress() const;
  bool mixes_forms() const;
  bool ask_for_whole();
  void encode(front::Reply& reply, std::optional<body::BodyPin>& pin);
  bool encode_body(http::Coding coding, const policy::CompressionRules& rules, front::Reply& reply,
                   std::optional<body::BodyPin>& pin);
  Ref<body::Body> start_encoding(http::Coding coding, const policy::CompressionRules& rules,
                                 bool keep);
  void frame(front::Reply& reply);
  void frame_range(front::Reply& reply);
  void frame_parts(front::Reply& reply, std::uint64_t total);
  policy::Answer answer_from(const cache::Object& object) const;
  const http::Fields* fields_for(int status, const http::Response& stored);
  void add_own_fields(const cache::Object& object);
  void add_cache_status();
  void stop_listening();
  bool may_share(const cache::Object& object) const;
  bool takes_over(Error why);
  void log_access(const front::Ending& ending, std::string_view reason) const;
  void let_go();

  House& house_;
  ExchangePool& pool_;
  front::Stream* stream_ = nullptr;
  Ref<Routes> routes_;                      // since the last request began
  const Site* site_ = nullptr;              // of routes_
  const http::Request* request_ = nullptr;  // the client's, or rules_->edited
  // What the rules of the site make of a request. Only where there are rules: an exchange may last
  // as long as a stuck client, and there may be many of those.
  struct Ruled {
    Ruling ruling;
    http::Request edited;
  };
  std::unique_ptr<Ruled> rules_;  // made once, kept from request to request
  bool ruled_ = false;            // a rule acts on this one
  cache::Key key_;
  policy::RequestClass cls_;
  Ref<cache::Object> object_;
  Ref<cache::Object> stale_;  // what was here and had to be validated: it may do if that fails
  Ref<cache::Busy> busy_;
  cache::Joiner joiner_;
  // What is being read of the key from disk, which may be slow.
  struct Load final : net::Timer::Owner {
    explicit Load(Exchange& e);
    ~Load();
    void on_timer(net::Timer& timer) override;
    Exchange& exchange;
    const Ref<store::ReadObjects> job;
    net::Timer timer;
  };
  std::unique_ptr<Load> load_;
  TunnelLimit::Place tunnel_place_;  // while the client may get a tunnel, or has it
  std::unique_ptr<Tunnel> tunnel_;
  std::optional<std::uint64_t> tunnelled_;  // bytes that came of the client through it
  Fetch* fetch_ = nullptr;                  // of our own, while it may tell us of 1xx
  policy::CacheStatus status_;
  std::string status_text_;
  http::Fields fields_;  // those of the stored ones that go along, where not all do
  policy::Answer answer_;
  std::string_view origin_;  // that was asked
  HoleFill hole_fill_;
  Ref<Compression> compression_;  // of this answer alone, while it is made
  std::uint32_t lookups_ = 0;
  bool loaded_ = false;        // what the disk has of the key was looked at
  bool from_disk_ = false;     // the begin of the answer comes from there
  bool filled_first_ = false;  // the begin of the answer was absent and had to be fetched
  bool took_over_ = false;     // the one who led for us failed
  How how_ = How::kUndecided;
  bool refused_ = false;  // it was answered with an error page
  State state_ = State::kDone;
};

// The exchanges of one worker: lends one for each request, the warmest first.
class ExchangePool final : public front::Service {
 public:
  explicit ExchangePool(House& house) : house_(house) {}

  front::Handler& begin() override;
  void on_refused(const front::Stream& stream, const front::Ending& ending) override;
  void give(Exchange& exchange);
  void on_new_routes();  // idle exchanges need not keep the old ones

 private:
  House& house_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> free_;
};

}  // namespace weir::proxy
