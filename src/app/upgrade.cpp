#include "app/upgrade.h"

#include <unistd.h>

#include <utility>

#include "base/log.h"

namespace weir::app {

Upgrade::~Upgrade() {
  if (ready_fd_ >= 0) ::close(ready_fd_);
}

std::string Upgrade::begin(const Config& config, bool managed) {
  auto begun = TakingOver::begin(config, managed);
  if (!begun) return begun.error();
  from = std::move(*begun);
  if (from) return {};
  if (ready_fd_ >= 0) {
    tell(kNobodyRuns);
    return "no Weir runs at " + config.server.handover + ": begin with weir run";
  }
  log_warn("takeover: no Weir runs at {}: a cold start", config.server.handover);
  return {};
}

std::string Upgrade::open(const Config& config) {
  return next.open(config, from ? from->take_listener() : -1);
}

void Upgrade::ask_for_memory() {
  if (from) from->ask_for_memory();
}

void Upgrade::read_memory(Shared& shared) {
  if (from) from->read_memory(shared);
}

std::string Upgrade::take_the_word(Shared& shared) {
  if (!from) return {};
  std::string why = from->take_the_word(shared);
  if (!why.empty()) return why;
  next.own_file(shared.setup()->config());
  from->end_streams(ready_fd_ >= 0);
  return why;
}

void Upgrade::stop() {
  next.stop();
  from.reset();
}

void Upgrade::tell_ready() { tell(kServes); }

void Upgrade::tell(char byte) {
  if (ready_fd_ < 0) return;
  if (::write(ready_fd_, &byte, 1) != 1) log_warn("upgrade: nobody waits for this Weir to serve");
  ::close(std::exchange(ready_fd_, -1));
}

}  // namespace weir::app
