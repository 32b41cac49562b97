#pragma once
// Entry: what the Index has of one key. At rest, one object and nothing under way, it is three
// pointers. Not thread safe: the lock of its shard guards it.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ref.h"
#include "base/text.h"
#include "cache/busy.h"
#include "cache/object.h"

namespace weir::cache {

class Entry {
 public:
  struct Lead {
    std::string variant;  // as far as it was known when it began
    Ref<Busy> busy;
  };
  // What begins gets numbers from its shard and from the purges so far.
  struct Numbers {
    std::uint64_t& generations;
    std::uint64_t purges;
  };

  explicit Entry(std::string_view key) : key_(key) {}

  std::string_view key() const { return key_; }  // compared in full: a digest never gives out bytes
  std::span<const Ref<Object>> variants() const;  // the most recent first
  const std::vector<Lead>& leads() const;         // which others may join
  std::size_t fetches() const;                    // under way, also those that nobody joins
  bool bare() const { return variants().empty() && fetches() == 0; }

  // `change` gets a vector of them all, to leave there what is to stay.
  template <class Change>
  void change_variants(Change change) {
    std::vector<Ref<Object>> all = take_variants();
    change(all);
    put_variants(std::move(all));
  }

  const Lead* find_lead(std::string_view variant) const;
  Ref<Busy> lead(const std::string& variant, Numbers numbers);
  Ref<Busy> lead_alone(Numbers numbers);
  // False: it is not of those that are under way here, since a purge came in between.
  bool end_lead(const Busy& busy);
  // What is under way is not kept any more: a purge.
  void disown_leads();

 private:
  struct More {
    std::vector<Ref<Object>> variants;  // if more than one: all
    std::vector<Lead> leads;
    std::uint32_t alone = 0;
    std::uint64_t generation = 0;  // of what is under way; each More of a shard has another one
  };

  std::vector<Ref<Object>> take_variants();
  void put_variants(std::vector<Ref<Object>> all);
  More& more(std::uint64_t& generations);
  void settle();  // without More where nothing is in it

  Text key_;
  Ref<Object> only_;  // the variant, if there is one alone
  std::unique_ptr<More> more_;
};

// Part of the 400 bytes that a small object may cost beyond its bytes.
static_assert(sizeof(Entry) <= 24);

}  // namespace weir::cache
