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
  // `samples` may be null: then none are recorded. All outlive it; `settings` may change between
  // its turns.
  Frontend(net::Loop& loop, const Settings& settings, Service& service, body::ChunkSource& source,
           Connections& connections, Stats& stats, SampleSink* samples);
  ~Frontend();

  // A listening socket, and what is said of it.
  struct Door {
    std::unique_ptr<net::Listener> listener;
    std::shared_ptr<const ListenSettings> settings;
  };
  // Takes over the socket; the last of doors() from then on.
  void listen(int fd, std::shared_ptr<const ListenSettings> settings);
  // After `settings` of the constructor has changed.
  void on_settings();
  // For the connections that come from now on.
  void change(std::size_t door, std::shared_ptr<const ListenSettings> settings);
  // Accepts those who wait there, and closes it.
  void close(std::size_t door);
  // No new connections but those that wait to be accepted. Each ends after what it serves or is
  // owed; one that is idle and has all ends now. `patient`: it may have a next request, which may
  // be under way already, until end_idle().
  void drain(bool patient = false);
  // Drains those that have been idle for so long.
  void end_idle(Duration idle);
  // Each second: when descriptors ran out, or connections or the bytes owed to clients come near
  // their limit (of which this worker has `share`, 0..1), connections of no use close, those first
  // that were so for longest, and clients without progress are reset. Counts the open ones by
  // phase.
  void relieve(double share);

  std::size_t sessions() const { return count_; }
  std::uint64_t connections_made() const { return home_.connections; }  // the latest one's number
  // Those that are owed something, ask or wait, at most `most`: first who stands still for longest,
  // then who is slowest, then whose bytes are most. Looks at every session once.
  std::vector<ConnectionView> worth_a_look(std::size_t most) const;
  const std::vector<Door>& doors() const { return doors_; }

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
  std::vector<Door> doors_;
};

}  // namespace weir::front
