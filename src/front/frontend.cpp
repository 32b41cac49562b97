#include "front/frontend.h"

namespace weir::front {

Frontend::Frontend(net::Loop& loop, const Settings& settings, Service& service,
                   body::ChunkSource& source, ConnectionCount& open)
    : settings_(settings),
      open_(open),
      scratch_(std::make_unique<std::byte[]>(kScratch)),
      streams_(loop, settings),
      home_{loop, settings, service, source, streams_, {scratch_.get(), kScratch}} {}

Frontend::~Frontend() {
  listeners_.clear();
  while (Http1Session* session = sessions_.front()) on_session_closed(*session);
}

net::Listener& Frontend::listen(int fd) {
  net::set_client_options(fd, settings_.socket);  // connections inherit them
  listeners_.push_back(std::make_unique<net::Listener>(home_.loop, fd, *this));
  return *listeners_.back();
}

void Frontend::drain() {
  home_.draining = true;
  listeners_.clear();
  Http1Session* next = nullptr;
  for (Http1Session* session = sessions_.front(); session; session = next) {
    next = sessions_.next(*session);
    session->drain();
  }
}

bool Frontend::may_accept(const net::Listener&) { return open_.load() < settings_.max_connections; }

void Frontend::on_accept(net::Listener&, int fd, const net::Address& peer) {
  auto* session = new Http1Session(home_, *this, fd, peer);
  sessions_.push_back(*session);
  ++count_;
  open_.fetch_add(1, std::memory_order_relaxed);
}

void Frontend::on_session_closed(Http1Session& session) {
  delete &session;  // takes itself off the list
  --count_;
  open_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace weir::front
