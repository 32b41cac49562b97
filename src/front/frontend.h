#pragma once
// Frontend: the listeners and client connections of one worker.

#include <memory>
#include <vector>

#include "base/list.h"
#include "front/connections.h"
#include "front/http1_session.h"
#include "net/listener.h"

namespace weir::front {

class Frontend final : public net::Listener::Owner, public Http1Session::Owner {
 public:
  // `samples` may be null: then none are recorded.
  Frontend(net::Loop& loop, const Settings& settings, Service& service, body::ChunkSource& source,
           Connections& connections, SampleSink* samples);
  ~Frontend();

  // Takes over a listening socket. `settings` must outlive it.
  void listen(int fd, const ListenSettings& settings);
  // No new connections and requests; idle connections close, the others after what they serve.
  void drain();
  // Each second: when descriptors ran out, or connections or the bytes owed to clients come near
  // their limit (of which this worker has `share`, 0..1), idle connections close and clients
  // without progress are reset.
  void relieve(double share);

  std::size_t sessions() const { return count_; }
  const std::vector<std::unique_ptr<net::Listener>>& listeners() const { return listeners_; }

  void on_accept(net::Listener& listener, int fd, const net::Address& peer) override;
  bool may_accept(const net::Listener& listener) override;
  void on_session_closed(Http1Session& session) override;

 private:
  static constexpr std::size_t kScratch = 64 * 1024;

  std::size_t close_idle(std::size_t most);
  bool out_of_descriptors();

  const Settings& settings_;
  Connections& connections_;
  std::unique_ptr<std::byte[]> scratch_;
  Http1StreamPool streams_;
  Http1Session::Home home_;
  List<Http1Session> sessions_;  // the oldest first
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<const ListenSettings*> listen_settings_;  // one for each listener
};

}  // namespace weir::front
