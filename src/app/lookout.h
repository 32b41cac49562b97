#pragma once
// Lookout: the connections worth a look, of all workers. Each worker has a LookoutPost, a task that
// is posted to its Loop and looks at its own connections between its other work: nothing is locked
// that a request passes.
//
//   Resting --ask()--> Waiting --all posts have told, or kPatience--> Resting, everybody is told
//
// Who asks while it waits is told with the others. A worker that does not tell in time is named.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "front/frontend.h"
#include "net/loop.h"

namespace weir::app {

struct Seen {
  std::uint32_t worker = 0;
  front::ConnectionView view;
};

// What a Lookout has to tell.
struct Sight {
  TimePoint now{};
  std::vector<Seen> connections;       // the worst first, at most Lookout::kMost
  std::vector<std::uint32_t> missing;  // workers that did not tell
};

// Made before the workers' threads and outlives them.
class LookoutPost final : public Task {
 public:
  // The worker's, before its thread starts and after it has ended.
  void open(net::Loop& loop, const front::Frontend& frontend);
  void close();

  // Any thread. `who` is posted to `where` when there is an answer.
  void ask(Executor& where, Task& who) EXCLUDES_LOCK(mutex_);
  std::optional<std::vector<front::ConnectionView>> take() EXCLUDES_LOCK(mutex_);
  void run() noexcept override EXCLUDES_LOCK(mutex_);

 private:
  net::Loop* loop_ = nullptr;
  const front::Frontend* frontend_ = nullptr;
  Mutex mutex_;  // leaf but for Executor::post
  Executor* where_ GUARDED_BY(mutex_) = nullptr;
  Task* who_ GUARDED_BY(mutex_) = nullptr;
  std::optional<std::vector<front::ConnectionView>> told_ GUARDED_BY(mutex_);
};

// Loop's thread only.
class Lookout final : public Task, private net::Timer::Owner {
 public:
  static constexpr std::size_t kMost = 100;
  static constexpr Duration kPatience = std::chrono::seconds(1);

  class Listener {
   public:
    virtual void on_sight(const Sight& sight) = 0;  // once; may ask again

   protected:
    ~Listener() = default;
  };

  // `posts` by number of worker; all outlive it.
  Lookout(net::Loop& loop, std::span<LookoutPost> posts);
  ~Lookout();

  void ask(Listener& listener);
  void forget(Listener& listener);
  void run() noexcept override;  // a post has told

 private:
  void on_timer(net::Timer&) override { tell(); }
  void tell();

  net::Loop& loop_;
  std::span<LookoutPost> posts_;
  net::Timer timer_;
  std::vector<Listener*> listeners_;
  std::vector<bool> told_;  // by number of worker
  std::vector<Seen> seen_;
};

}  // namespace weir::app
