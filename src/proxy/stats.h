#pragma once
// What the exchanges and fetches of one worker have done. Written by that worker; any thread may
// read.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/count.h"
#include "base/durations.h"
#include "base/error.h"
#include "front/stream.h"
#include "http/coding.h"

namespace weir::proxy {

// How a request was answered.
enum class How : std::uint8_t {
  kUndecided,  // it never came so far
  kHit,
  kMiss,  // it led the fetch
  kJoin,  // it waited for the fetch of another
  kPass,
  kError,  // an error page of Weir's own
  kOwn,    // by Weir itself, as the conf says: a rule of the site, or a purge
};
inline constexpr std::size_t kHows = 7;
// "hit", "miss", "join", "pass", "error", "own"; empty for kUndecided, as the access log has it.
std::string_view name(How how);

// Requests by how they were answered and by the named reason, which is one of few static texts.
class RequestCounts {
 public:
  // The writer. `reason` lives for ever; empty: there was nothing to say.
  void add(How how, std::string_view reason, std::uint64_t n = 1);
  void merge(const RequestCounts& other);

  // Any thread: f(How, std::string_view reason, std::uint64_t) for each pair that was seen, and for
  // each How without a reason.
  template <class F>
  void each(F&& f) const {
    for (std::size_t i = 0; i < kHows; ++i) f(static_cast<How>(i), "", plain_[i].get());
    const std::size_t used = used_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) f(rows_[i].how, rows_[i].reason, rows_[i].count.get());
  }
  std::uint64_t total(How how) const;

 private:
  // More pairs than the rooms below have reasons. Should they not do, a request counts as one
  // without a reason.
  static constexpr std::size_t kMost = 96;
  struct Row {
    How how = How::kUndecided;
    std::string_view reason;
    Count count;
  };
  std::array<Count, kHows> plain_;
  std::array<Row, kMost> rows_;
  std::atomic<std::size_t> used_{0};  // publishes `how` and `reason` of the rows below it
};

// What a purge was told to look for; an invalidation is the one after an unsafe request (RFC 9111
// §4.4).
enum class PurgeKind : std::uint8_t { kUrl, kTag, kPrefix, kBan, kInvalidation };
inline constexpr std::size_t kPurgeKinds = 5;
std::string_view name(PurgeKind kind);  // "url", "tag", "prefix", "ban", "invalidation"
inline constexpr std::array<std::string_view, 2> kPurgeModes = {"hard", "soft"};  // by PurgeMode

// The purges that one worker carried out.
struct PurgeStats {
  std::array<std::array<Count, 2>, kPurgeKinds> purges;  // by cache::PurgeMode
  std::array<Count, 2> objects;                          // to which they made a difference

  void merge(const PurgeStats& other);
};

// What was compressed, by http::Coding.
struct CodingStats {
  Count responses;  // that were answered in it, however it was made
  Count made;       // bodies that were encoded, to the end
  Count in, out;    // bytes that were encoded, and what came of them
};

// The tunnels of one worker.
struct TunnelStats {
  Count open;
  std::array<Count, delivery::kCloseReasons> ended;
  Count to_client, from_client;  // bytes

  void merge(const TunnelStats& other);
};

struct Stats {
  RequestCounts requests;
  std::array<Count, 6> responses;  // by the first digit of their status; 0: none was sent
  Durations first_byte;            // from the first byte of the request to that of the response
  Durations delivery;              // ...to the last byte acknowledged, of whole responses
  Durations standstill;            // of responses that stood still at all
  PurgeStats purges;
  std::array<CodingStats, http::kCodings> codings;
  TunnelStats tunnels;

  // A response is over and its receipt settled.
  void response(const front::Ending& ending);
  void merge(const Stats& other);
};

enum class FetchKind : std::uint8_t { kLead, kPass, kFill };
inline constexpr std::size_t kFetchKinds = 3;
std::string_view name(FetchKind kind);  // "lead", "pass", "fill"

// What became of a fetch.
enum class FetchEnd : std::uint8_t {
  kWhole,
  kFreshened,  // a 304: the stored response lives on
  kSwitched,   // a 101: a tunnel goes on with its connection
  kFailed,
  kAbandoned,  // nobody read it and it was not worth finishing, or its client's request failed
};
inline constexpr std::size_t kFetchEnds = 5;
std::string_view name(FetchEnd end);  // "whole", "freshened", "switched", ...

// The fetches of one worker from one origin.
struct FetchStats {
  std::array<std::array<Count, kFetchEnds>, kFetchKinds> ended;
  std::array<Count, kErrcs> failed;  // by Errc
  Count resumes;                     // a cut response went on by Range
  Count retries;                     // asked again, nothing of a response being there
  Count parked;      // its connection was given up because readers were too far behind
  Durations queued;  // until there was a place at the origin

  void end(FetchKind kind, FetchEnd how) {
    ended[static_cast<std::size_t>(kind)][static_cast<std::size_t>(how)].add();
  }
  void fail(FetchKind kind, Error why);
  void merge(const FetchStats& other);
};

}  // namespace weir::proxy
