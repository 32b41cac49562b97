#pragma once
// Frontend: the listeners and client connections of one worker.

#include <atomic>
#include <memory>
#include <vector>

#include "base/list.h"
#include "front/http1_session.h"
#include "net/listener.h"

namespace weir::front {

// How many connections are open, in all workers together. Any thread.
using ConnectionCount = std::atomic<std::uint64_t>;

class Frontend final : public net::Listener::Owner, public Http1Session::Owner {
 public:
  Frontend(net::Loop& loop, const Settings& settings, Service& service, body::ChunkSource& source,
           ConnectionCount& open);
  ~Frontend();

  // Takes over a listening socket.
  net::Listener& listen(int fd);
  // No new connections and requests; idle connections close, the others after what they serve.
  void drain();
  std::size_t sessions() const { return count_; }

  void on_accept(net::Listener& listener, int fd, const net::Address& peer) override;
  bool may_accept(const net::Listener& listener) override;
  void on_session_closed(Http1Session& session) override;

 private:
  static constexpr std::size_t kScratch = 64 * 1024;

  const Settings& settings_;
  ConnectionCount& open_;
  std::unique_ptr<std::byte[]> scratch_;
  Http1StreamPool streams_;
  Http1Session::Home home_;
  List<Http1Session> sessions_;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace weir::front
