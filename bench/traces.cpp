#include "traces.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace weir::bench {
namespace {

using Random = std::mt19937_64;

// Numbers from 0 to n - 1 by Zipf's law; the size or length of a thing says nothing of its rank.
class Zipf {
 public:
  Zipf(std::uint32_t n, double skew) : sums_(n) {
    double sum = 0;
    for (std::uint32_t i = 0; i < n; ++i) sums_[i] = sum += std::pow(i + 1, -skew);
  }
  std::uint32_t operator()(Random& random) const {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<std::uint32_t>(std::ranges::lower_bound(sums_, at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

bool chance(Random& random, double share) {
  return std::uniform_real_distribution<double>(0, 1)(random) < share;
}

Request whole(const Trace& trace, std::uint32_t object) {
  return {object, 0, Trace::chunks_of(trace.sizes[object])};
}

// What is asked for one by one. `size` makes an object's.
template <class Size>
Trace singles(const std::string& name, const Popularity& p, std::uint32_t objects,
              std::size_t requests, Size size) {
  Random random(7);
  const Zipf zipf(objects, p.skew);
  Trace out;
  out.name = name;
  for (std::uint32_t i = 0; i < objects; ++i) out.sizes.push_back(size(random));
  const auto fresh = [&] {
    out.sizes.push_back(size(random));
    return static_cast<std::uint32_t>(out.sizes.size() - 1);
  };
  while (out.requests.size() < requests) {
    if (p.scan && out.requests.size() % 200'000 == 100'000) {
      for (std::uint32_t i = 0; i < objects / 10; ++i) out.requests.push_back(whole(out, fresh()));
    }
    const std::uint32_t object = chance(random, p.once) ? fresh() : zipf(random);
    out.requests.push_back(whole(out, object));
  }
  return out;
}

std::uint64_t web_size(Random& random) {
  if (chance(random, 0.01)) {
    const double u = std::uniform_real_distribution<double>(0, 1)(random);
    const double least = static_cast<double>(kChunk);
    return static_cast<std::uint64_t>(std::min(100 * least, least * std::pow(1 - u, -1 / 1.1)));
  }
  const double body = std::lognormal_distribution<double>(std::log(10 * 1024.0), 1.5)(random);
  return static_cast<std::uint64_t>(std::clamp(body, 100.0, static_cast<double>(kChunk)));
}

// ---- video

struct Title {
  std::uint32_t segments;
  std::uint64_t segment;  // bytes
};

Title make_title(Random& random) {
  return {std::uniform_int_distribution<std::uint32_t>(20, 120)(random),
          std::uniform_int_distribution<std::uint64_t>(kChunk, 8 * kChunk)(random)};
}

struct Viewer {
  std::uint32_t title;
  std::uint32_t at;
  std::uint32_t end;
};

// Calls watch(title, segment) in the order in which forty viewers at a time come to it. Titles that
// are seen once are added to `titles`; `make` is told of each that is new.
template <class Make, class Watch>
void view(const Popularity& p, std::size_t requests, Make make, Watch watch) {
  constexpr std::uint32_t kTitles = 1500;
  constexpr std::size_t kViewers = 40;
  constexpr double kMean = 15;  // segments
  Random random(11);
  const Zipf zipf(kTitles, p.skew);
  std::vector<Title> titles;
  const auto fresh = [&] {
    titles.push_back(make_title(random));
    make(titles.back());
    return static_cast<std::uint32_t>(titles.size() - 1);
  };
  while (titles.size() < kTitles) fresh();
  const auto begin = [&]() -> Viewer {
    if (p.scan && chance(random, 0.005)) {  // takes all of it
      const std::uint32_t title = fresh();
      return {title, 0, titles[title].segments};
    }
    const std::uint32_t title = chance(random, p.once) ? fresh() : zipf(random);
    const double wanted = 1 + std::exponential_distribution<double>(1 / kMean)(random);
    return {title, 0, std::min(titles[title].segments, static_cast<std::uint32_t>(wanted))};
  };
  std::vector<Viewer> viewers;
  while (viewers.size() < kViewers) viewers.push_back(begin());
  for (std::size_t n = 0; n < requests; ++n) {
    Viewer& v = viewers[random() % kViewers];
    watch(v.title, v.at);
    if (++v.at == v.end) v = begin();
  }
}

constexpr Popularity kMild{0.8}, kUsual{1.0}, kSteep{1.2}, kScans{1.0, 0, true}, kOnce{1.0, 0.5};

}  // namespace

std::uint64_t Trace::bytes(const Request& r) const {
  const std::uint64_t from = r.first * kChunk;
  return std::min(sizes[r.object] - from, r.chunks * kChunk);
}

std::uint64_t Trace::footprint() const {
  std::vector<bool> seen(sizes.size());
  std::uint64_t sum = 0;
  for (const Request& r : requests) {
    if (!seen[r.object]) sum += sizes[r.object];
    seen[r.object] = true;
  }
  return sum;
}

Trace even_trace(const std::string& name, const Popularity& popularity) {
  return singles(name, popularity, 100'000, 2'000'000, [](Random&) { return 4096u; });
}

Trace web_trace(const std::string& name, const Popularity& popularity) {
  return singles(name, popularity, 400'000, 1'500'000, web_size);
}

Trace segments_trace(const std::string& name, const Popularity& popularity) {
  Trace out;
  out.name = name;
  std::vector<std::uint32_t> first;  // object of each title
  const auto make = [&](const Title& title) {
    first.push_back(static_cast<std::uint32_t>(out.sizes.size()));
    out.sizes.insert(out.sizes.end(), title.segments, title.segment);
  };
  view(popularity, 600'000, make, [&](std::uint32_t title, std::uint32_t segment) {
    out.requests.push_back(whole(out, first[title] + segment));
  });
  return out;
}

Trace files_trace(const std::string& name, const Popularity& popularity) {
  constexpr std::uint32_t kRange = 4;
  Trace out;
  out.name = name;
  out.ranges = true;
  const auto make = [&](const Title& title) {
    out.sizes.push_back(title.segments * kRange * kChunk);
  };
  view(popularity, 600'000, make, [&](std::uint32_t title, std::uint32_t segment) {
    out.requests.push_back({title, segment * kRange, kRange});
  });
  return out;
}

std::vector<Trace (*)()> all_traces() {
  return {
      [] { return even_trace("even, zipf 0.8", kMild); },
      [] { return even_trace("even, zipf 1.0", kUsual); },
      [] { return even_trace("even, zipf 1.2", kSteep); },
      [] { return even_trace("even, zipf 1.0, scans", kScans); },
      [] { return even_trace("even, zipf 1.0, half once", kOnce); },
      [] { return web_trace("web, zipf 0.8", kMild); },
      [] { return web_trace("web, zipf 1.0", kUsual); },
      [] { return web_trace("web, zipf 1.2", kSteep); },
      [] { return web_trace("web, zipf 1.0, scans", kScans); },
      [] { return web_trace("web, zipf 1.0, half once", kOnce); },
      [] { return segments_trace("video segments, zipf 0.8", kMild); },
      [] { return segments_trace("video segments, zipf 1.0", kUsual); },
      [] { return segments_trace("video segments, zipf 1.2", kSteep); },
      [] { return segments_trace("video segments, zipf 1.0, scans", kScans); },
      [] { return segments_trace("video segments, zipf 1.0, half once", kOnce); },
      [] { return files_trace("video files, zipf 0.8", kMild); },
      [] { return files_trace("video files, zipf 1.0", kUsual); },
      [] { return files_trace("video files, zipf 1.2", kSteep); },
      [] { return files_trace("video files, zipf 1.0, half once", kOnce); },
  };
}

}  // namespace weir::bench
