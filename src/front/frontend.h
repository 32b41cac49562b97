#pragma once
// Frontend: the listeners and client connections of one worker.

#include <memory>
#include <vector>

#include "base/list.h"
#include "front/connections.h"
#include "front/http1_stream.h"
#include "front/http2_stream.h"
#include "front/session.h"
#include "front/stats.h"
#include "net/listener.h"

namespace weir::front {

class Frontend final : public net::Listener::Owner, public Session::Owner {
 public:
  // `samples` may be null: then none are recorded. All outlive it.
  Frontend(net::Loop& loop, const Settings& settings, Service& service, body::ChunkSource& source,
           Connections& connections, Stats& stats, SampleSink* samples);
  ~Frontend();

  // Takes over a listening socket. `settings` must outlive it.
  void listen(int fd, const ListenSettings& settings);
  // No new connections but those that wait to be accepted. Each ends after what it serves or is
  // owed; one that is idle and has all ends now.
  void drain();
  // Each second: when descriptors ran out, or connections or the bytes owed to clients come near
  // their limit (of which this worker has `share`, 0..1), connections of no use close, those first
  // that were so for longest, and clients without progress are reset. Counts the open ones by
  // phase.
  void relieve(double share);

  std::size_t sessions() const { return count_; }
  // Those that are owed something, ask or wait, at most `most`: first who stands still for longest,
  // then who is slowest, then whose bytes are most. Looks at every session once.
  std::vector<ConnectionView> worth_a_look(std::size_t most) const;
  const std::vector<std::unique_ptr<net::Listener>>& listeners() const { return listeners_; }

  void on_accept(net::Listener& listener, int fd, const net::Address& peer) override;
  bool may_accept(const net::Listener& listener) override;
  void on_session_closed(Session& session) override;
  bool on_introduced(Session& session, const std::string& before) override;
  void on_http2(Session& session, std::unique_ptr<net::Conn> conn, std::string_view read) override;

 private:
  static constexpr std::size_t kScratch = 64 * 1024;

  std::size_t close_useless(std::size_t most);
  bool out_of_descriptors();

  const Settings& settings_;
  Connections& connections_;
  std::unique_ptr<std::byte[]> scratch_;
  Http1StreamPool streams_;
  Http2StreamPool http2_streams_;
  Session::Home home_;
  List<Session> sessions_;  // the oldest first
  List<Session::Handshake> handshakes_;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<const ListenSettings*> listen_settings_;  // one for each listener
};

}  // namespace weir::front
