#pragma once
// Upgrade: both ends of one, in the life of a Weir: it may begin by taking over from the Weir
// before it, and end by handing over to the next. The main thread's.

#include <memory>
#include <string>

#include "app/handing_over.h"
#include "app/taking_over.h"

namespace weir::app {

class Upgrade {
 public:
  // What `ready_fd` gets a byte of.
  static constexpr char kServes = 1;
  static constexpr char kNobodyRuns = 2;  // this one ends
  // `ready_fd`: of whoever started this in the place of another (`weir upgrade`); -1: nobody waits.
  explicit Upgrade(int ready_fd) : ready_fd_(ready_fd) {}
  ~Upgrade();
  Upgrade(const Upgrade&) = delete;

  // Takes over what the running Weir has open, if there is one. Empty, or what went wrong.
  std::string begin(const Config& config, bool managed);
  InheritedSockets take_sockets() { return from ? from->take_sockets() : InheritedSockets{}; }
  // Where the next one will come to. Empty, or what went wrong.
  std::string open(const Config& config);
  void ask_for_memory();
  void read_memory(Shared& shared);
  // From now on it is this Weir that serves. Empty, or why it must not.
  std::string take_the_word(Shared& shared);
  void tell_ready();
  // Before what `shared` has goes. The next Weir, if there is one, learns later that this one has
  // ended: when this object goes.
  void stop();

  HandingOver next;
  std::unique_ptr<TakingOver> from;  // null: there was none

 private:
  void tell(char byte);

  int ready_fd_;
};

}  // namespace weir::app
