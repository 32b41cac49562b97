#include "app/lookout.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::app {

void LookoutPost::open(net::Loop& loop, const front::Frontend& frontend) {
  loop_ = &loop;
  frontend_ = &frontend;
}

void LookoutPost::close() {
  if (loop_) loop_->cancel(*this);
  loop_ = nullptr;
}

void LookoutPost::ask(Executor& where, Task& who) {
  {
    const Lock lock(mutex_);
    where_ = &where;
    who_ = &who;
    told_.reset();
  }
  loop_->post(*this);
}

std::optional<std::vector<front::ConnectionView>> LookoutPost::take() {
  const Lock lock(mutex_);
  return std::exchange(told_, std::nullopt);
}

void LookoutPost::run() noexcept {
  auto views = frontend_->worth_a_look(Lookout::kMost);
  const Lock lock(mutex_);
  told_ = std::move(views);
  if (who_) where_->post(*who_);
}

Lookout::Lookout(net::Loop& loop, std::span<LookoutPost> posts)
    : loop_(loop), posts_(posts), timer_(loop, *this), told_(posts.size()) {}

Lookout::~Lookout() { loop_.cancel(*this); }

void Lookout::ask(Listener& listener) {
  listeners_.push_back(&listener);
  if (listeners_.size() > 1) return;
  seen_.clear();
  told_.assign(posts_.size(), false);
  timer_.set(after(loop_.now(), kPatience));
  for (LookoutPost& post : posts_) post.ask(loop_, *this);
}

void Lookout::forget(Listener& listener) { std::erase(listeners_, &listener); }

void Lookout::run() noexcept {
  for (std::size_t i = 0; i < posts_.size(); ++i) {
    auto views = posts_[i].take();
    if (!views || told_[i]) continue;
    told_[i] = true;
    for (auto& view : *views) seen_.push_back({static_cast<std::uint32_t>(i), std::move(view)});
  }
  if (std::ranges::find(told_, false) == told_.end()) tell();
}

void Lookout::tell() {
  timer_.clear();
  const auto rank = [](const Seen& s) {
    const auto still = std::chrono::floor<Seconds>(s.view.still).count();
    return std::tuple(-still, s.view.rate, ~s.view.held);
  };
  std::ranges::stable_sort(seen_, {}, rank);
  if (seen_.size() > kMost) seen_.resize(kMost);
  Sight sight{loop_.now(), std::exchange(seen_, {}), {}};
  for (std::size_t i = 0; i < told_.size(); ++i) {
    if (!told_[i]) sight.missing.push_back(static_cast<std::uint32_t>(i));
  }
  for (Listener* listener : std::exchange(listeners_, {})) listener->on_sight(sight);
}

}  // namespace weir::app
