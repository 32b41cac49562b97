#pragma once
// Ban: a purge by conditions that every object is held against, all of which must hold:
//
//   SUBJECT OPERATOR VALUE   "host = example.org", "path ~ ^/news/", "field.Server ~ nginx"
//
// Subjects: url, scheme, host (with its port), path, query (without "?"), status, field.NAME (of
// the stored response; each of its lines). Operators: "=", "!=", "^=" (begins with), "~" and "!~"
// (an RE2 expression is found in it, or not). A field that is not there is like none of the values.
// Immutable but for its count; any thread.

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "http/head.h"

namespace weir::cache {

struct Condition;  // one of them

class Ban : public RefCounted<Ban> {
 public:
  static constexpr std::size_t kConditionsMost = 8;
  static constexpr std::size_t kValueMost = 2048;  // bytes

  // The error is for people: what is wrong with which condition.
  static std::expected<Ref<Ban>, std::string> parse(const std::vector<std::string>& conditions);

  explicit Ban(std::vector<Condition> conditions);
  ~Ban();

  // `url`: of the object's key.
  bool matches(std::string_view url, const http::Response& head) const;

  // Objects to which it made a difference.
  std::size_t objects() const { return objects_.load(std::memory_order_relaxed); }
  void count() const { objects_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const std::vector<Condition> conditions_;
  mutable std::atomic<std::size_t> objects_{0};
};

}  // namespace weir::cache
