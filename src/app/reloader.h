#pragma once
// Reloader: takes over what the conf file says now. Checked first, all or nothing: whatever is
// wrong, the Setup in force stays. The main thread's.
//
//   load, check --> next Setup --> open listeners, logs, certificates --> in force --> each worker
//        \______________\________________\__ wrong: nothing has changed

#include <memory>
#include <string>
#include <vector>

#include "app/error_log.h"
#include "app/reload_desk.h"
#include "app/shared.h"
#include "app/worker.h"

namespace weir::app {

class Reloader {
 public:
  // All outlive it. `descriptors`: how many the process may have.
  Reloader(Shared& shared, ErrorLog& errors, const std::vector<std::unique_ptr<Worker>>& workers,
           std::uint64_t descriptors)
      : shared_(shared), errors_(errors), workers_(workers), descriptors_(descriptors) {}

  // What SIGHUP asks for: also opens the logs again, whatever the conf is like.
  void reload();
  // Now and then: lets go of a Setup that no worker has any more.
  void sweep();

 private:
  struct Next;
  ReloadOutcome change();
  std::string prepare(Next& next);
  std::string open_listeners(Next& next);
  std::string open_log(Next& next);
  void put_in_force(Next& next);
  void wait_for_workers() const;
  std::vector<std::string> reopen_logs();

  Shared& shared_;
  ErrorLog& errors_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const std::uint64_t descriptors_;
  std::uint64_t changes_ = 0;                           // so far
  std::vector<std::shared_ptr<const Setup>> old_ones_;  // that a worker may still have
};

}  // namespace weir::app
