#pragma once
// Traces: requests as the web and video make them, from a seed. Objects are numbered from 0 on; a
// request asks for some chunks of one in a row, most often for all.

#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

inline constexpr std::uint64_t kChunk = 1 << 20;  // what the store evicts: body::kChunkSize

struct Request {
  std::uint32_t object;
  std::uint32_t first;   // chunk
  std::uint32_t chunks;  // 1 or more
};

struct Trace {
  std::string name;
  std::vector<std::uint64_t> sizes;  // of the objects, bytes; none is 0
  std::vector<Request> requests;
  bool ranges = false;  // requests are for parts: no rule can take an object for one thing

  static std::uint32_t chunks_of(std::uint64_t size) {
    return static_cast<std::uint32_t>((size + kChunk - 1) / kChunk);
  }
  std::uint64_t bytes(const Request& r) const;
  // The sum of the sizes of all objects that are asked for.
  std::uint64_t footprint() const;
};

// How objects are asked for. Zipf's law with this skew; `once`: the share of requests (of video:
// of viewers) for what nobody asks for again; `scan`: now and then a long row of such, as a crawler
// does.
struct Popularity {
  double skew;
  double once = 0;
  bool scan = false;
};

Trace even_trace(const std::string& name, const Popularity& popularity);  // objects of 4 KiB
// Bodies about 10 KiB (log-normal), one in a hundred from 1 MiB up to 100 MiB (Pareto, 1.1).
Trace web_trace(const std::string& name, const Popularity& popularity);
// Titles of 20 to 120 segments of 1 to 8 MiB, each an object, that viewers ask for one after the
// other, forty of them at a time, most for the first ones only.
Trace segments_trace(const std::string& name, const Popularity& popularity);
// The same viewers of titles that are one file each, in requests for 4 MiB.
Trace files_trace(const std::string& name, const Popularity& popularity);

// All of them.
std::vector<Trace (*)()> all_traces();

}  // namespace weir::bench
