#include "cache/entry.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace weir::cache {

std::span<const Ref<Object>> Entry::variants() const {
  if (more_ && !more_->variants.empty()) return more_->variants;
  return {&only_, only_ ? std::size_t{1} : 0};
}

const std::vector<Entry::Lead>& Entry::leads() const {
  static const std::vector<Lead> none;
  return more_ ? more_->leads : none;
}

std::size_t Entry::fetches() const { return more_ ? more_->leads.size() + more_->alone : 0; }

std::vector<Ref<Object>> Entry::take_variants() {
  std::vector<Ref<Object>> all;
  if (more_) all.swap(more_->variants);
  if (only_) all.push_back(std::exchange(only_, nullptr));
  return all;
}

void Entry::put_variants(std::vector<Ref<Object>> all) {
  if (all.size() == 1) {
    only_ = std::move(all.front());
  } else if (!all.empty()) {
    if (!more_) more_ = std::make_unique<More>();
    more_->variants = std::move(all);
  }
  settle();
}

// One that was made for variants alone gets its generation with the first fetch.
Entry::More& Entry::more(std::uint64_t& generations) {
  if (!more_) more_ = std::make_unique<More>();
  if (more_->generation == 0) more_->generation = ++generations;
  return *more_;
}

void Entry::settle() {
  if (more_ && more_->variants.empty() && fetches() == 0) more_.reset();
}

const Entry::Lead* Entry::find_lead(std::string_view variant) const {
  const auto it = std::ranges::find(leads(), variant, &Lead::variant);
  return it == leads().end() ? nullptr : &*it;
}

Ref<Busy> Entry::lead(const std::string& variant, Numbers numbers) {
  More& m = more(numbers.generations);
  auto busy = make_ref<Busy>(m.generation, numbers.purges);
  return m.leads.emplace_back(variant, std::move(busy)).busy;
}

Ref<Busy> Entry::lead_alone(Numbers numbers) {
  More& m = more(numbers.generations);
  ++m.alone;
  return make_ref<Busy>(m.generation, numbers.purges);
}

bool Entry::end_lead(const Busy& busy) {
  if (!more_ || more_->generation != busy.generation() || busy.generation() == 0) return false;
  const auto is_it = [&](const Lead& lead) { return lead.busy.get() == &busy; };
  if (std::erase_if(more_->leads, is_it) == 0) {
    WEIR_CHECK(more_->alone > 0);
    --more_->alone;
  }
  settle();
  return true;
}

void Entry::disown_leads() {
  if (!more_) return;
  more_->leads.clear();
  more_->alone = 0;
  more_->generation = 0;
  settle();
}

}  // namespace weir::cache
