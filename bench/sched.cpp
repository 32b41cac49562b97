// What a fetch costs in the scheduler, how long it waits, and how fair that is: a simulation of
// 1,000,000 requests to an origin that for half of the time is asked for more than it can do.
//
//   bench-sched [REQUESTS]
//
// Twice: clients told apart, and all as one (first come, first served). The simulation notes its
// calls; what is timed is the same calls again, on a new scheduler, without the simulation.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <queue>
#include <random>
#include <vector>

#include "sched/scheduler.h"

namespace {

using namespace std::chrono_literals;
using weir::Duration;
using weir::TimePoint;
using weir::sched::kLanes;
using weir::sched::Lane;
using weir::sched::Scheduler;
using weir::sched::Ticket;
using State = Ticket::State;

constexpr std::uint32_t kClients = 4000;
constexpr double kSkew = 1.0;  // of Zipf's law: the first client asks for an eighth of all
constexpr weir::sched::Limits kLimits{.running = 64, .waiting = 10'000, .patience = 5s};
constexpr double kServiceMs = 20;                      // mean; exponential
constexpr double kPerSecond = 64 / kServiceMs * 1000;  // what the origin can do
constexpr const char* kLaneNames[kLanes] = {"client waits", "revalidation", "prefetch"};

struct Arrival {
  TimePoint at;
  Lane lane;
  std::uint32_t client;
};

// Half a minute at 80 % of what the origin can do, half a minute at 200 %, and so on. Four of five
// requests are waited for by clients, 15 % are revalidations, 5 % prefetches.
std::vector<Arrival> make_arrivals(std::size_t requests) {
  std::mt19937_64 random(1);
  std::vector<double> weights;
  for (std::uint32_t i = 1; i <= kClients; ++i) weights.push_back(std::pow(i, -kSkew));
  std::discrete_distribution<std::uint32_t> client(weights.begin(), weights.end());
  std::discrete_distribution<int> lane({80, 15, 5});
  std::exponential_distribution<double> gap(1.0);
  std::vector<Arrival> arrivals;
  double seconds = 3600;
  while (arrivals.size() < requests) {
    const double load = std::fmod(seconds, 60) < 30 ? 0.8 : 2.0;
    seconds += gap(random) / (load * kPerSecond);
    const std::chrono::nanoseconds at(static_cast<std::int64_t>(seconds * 1e9));
    arrivals.push_back({TimePoint(at), static_cast<Lane>(lane(random)), client(random)});
  }
  return arrivals;
}

struct Request : Ticket {
  std::uint32_t number = 0;
};

std::deque<Request> make_requests(const std::vector<Arrival>& arrivals, bool tell_apart) {
  std::deque<Request> requests(arrivals.size());
  for (std::uint32_t i = 0; i < arrivals.size(); ++i) {
    requests[i].number = i;
    requests[i].lane = arrivals[i].lane;
    if (tell_apart) requests[i].client = (arrivals[i].client + 1) * 0x9e3779b97f4a7c15u;
  }
  return requests;
}

// One call of the scheduler.
struct Call {
  enum class What : std::uint8_t { kSubmit, kWithdraw, kNext, kExpired };
  What what;
  std::uint32_t number;  // of the request; kSubmit, kWithdraw
  TimePoint now;
};

struct Outcome {
  std::vector<Call> calls;
  std::vector<Duration> waits[kLanes];
  std::uint64_t refused[kLanes] = {};
  // By client, of what it waits for.
  std::vector<double> asked = std::vector<double>(kClients);
  std::vector<double> served = std::vector<double>(kClients);
};

class Simulation {
 public:
  Simulation(const std::vector<Arrival>& arrivals, bool tell_apart)
      : arrivals_(arrivals), requests_(make_requests(arrivals, tell_apart)) {}

  Outcome run() {
    for (Request& request : requests_) {
      const Arrival& arrival = arrivals_[request.number];
      finish_until(arrival.at);
      settle(arrival.at);
      submit(request, arrival.at);
    }
    finish_until(TimePoint::max());
    return std::move(out_);
  }

 private:
  struct End {
    TimePoint at;
    Request* request;
    bool operator<(const End& other) const { return at > other.at; }  // the earliest on top
  };

  void note(Call::What what, TimePoint now, std::uint32_t number = 0) {
    out_.calls.push_back({what, number, now});
  }
  void submit(Request& request, TimePoint now) {
    if (request.lane == Lane::kClientWaits) ++out_.asked[arrivals_[request.number].client];
    note(Call::What::kSubmit, now, request.number);
    const Scheduler::Admission admission = scheduler_.submit(request, now);
    if (admission.state == State::kRunning) started(request, now);
    if (admission.state == State::kRefused) refused(request, now);
    if (admission.displaced) refused(static_cast<Request&>(*admission.displaced), now);
  }
  void withdraw(Request& request, TimePoint now) {
    note(Call::What::kWithdraw, now, request.number);
    scheduler_.withdraw(request, now);
  }
  void finish_until(TimePoint limit) {
    while (!ends_.empty() && ends_.top().at <= limit) {
      const End end = ends_.top();
      ends_.pop();
      withdraw(*end.request, end.at);
      settle(end.at);
    }
  }
  void settle(TimePoint now) {
    for (;;) {
      note(Call::What::kExpired, now);
      Ticket* ticket = scheduler_.expired(now);
      if (!ticket) break;
      refused(static_cast<Request&>(*ticket), now);
    }
    for (;;) {
      note(Call::What::kNext, now);
      Ticket* ticket = scheduler_.next(now);
      if (!ticket) break;
      started(static_cast<Request&>(*ticket), now);
    }
  }
  void started(Request& request, TimePoint now) {
    const Arrival& arrival = arrivals_[request.number];
    out_.waits[static_cast<std::size_t>(arrival.lane)].push_back(now - arrival.at);
    if (arrival.lane == Lane::kClientWaits) ++out_.served[arrival.client];
    const double ns = kServiceMs * 1e6 * service_(random_);
    ends_.push({now + std::chrono::nanoseconds(static_cast<std::int64_t>(ns)), &request});
  }
  void refused(Request& request, TimePoint now) {
    ++out_.refused[static_cast<std::size_t>(request.lane)];
    withdraw(request, now);
  }

  const std::vector<Arrival>& arrivals_;
  std::deque<Request> requests_;
  std::mt19937_64 random_{2};
  std::exponential_distribution<double> service_{1.0};
  Scheduler scheduler_{kLimits};
  std::priority_queue<End> ends_;
  Outcome out_;
};

double seconds_of(const std::vector<Call>& calls, std::deque<Request>& requests) {
  Scheduler scheduler(kLimits);
  const auto start = std::chrono::steady_clock::now();
  for (const Call& call : calls) {
    switch (call.what) {
      case Call::What::kSubmit:
        scheduler.submit(requests[call.number], call.now);
        break;
      case Call::What::kWithdraw:
        scheduler.withdraw(requests[call.number], call.now);
        break;
      case Call::What::kNext:
        scheduler.next(call.now);
        break;
      case Call::What::kExpired:
        scheduler.expired(call.now);
        break;
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What each client would get of the same total if it were shared max-min fairly: all that it asked
// for, up to a level that is the same for all.
std::vector<double> fair_shares(const std::vector<double>& asked, double total) {
  std::vector<double> sorted = asked;
  std::ranges::sort(sorted);
  double level = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    level = total / static_cast<double>(sorted.size() - i);
    if (sorted[i] > level) break;
    total -= sorted[i];
  }
  std::vector<double> shares;
  for (const double a : asked) shares.push_back(std::min(a, level));
  return shares;
}

// Jain's index of served over fair share: 1 when all get the same part of it, 1/n when one gets
// all.
double fairness(const Outcome& outcome) {
  double total = 0;
  for (const double served : outcome.served) total += served;
  const auto shares = fair_shares(outcome.asked, total);
  double sum = 0, squares = 0, n = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == 0) continue;
    const double x = outcome.served[i] / shares[i];
    sum += x, squares += x * x, ++n;
  }
  return sum * sum / (n * squares);
}

double ms_at(const std::vector<Duration>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto i = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[i]).count();
}

void report(const char* title, const std::vector<Arrival>& arrivals, bool tell_apart) {
  Outcome outcome = Simulation(arrivals, tell_apart).run();
  auto requests = make_requests(arrivals, tell_apart);
  const double seconds = seconds_of(outcome.calls, requests);
  fmt::print("{}\n  {:.0f} ns a call, {:.0f} ns a request ({} calls, {} requests)\n", title,
             seconds * 1e9 / static_cast<double>(outcome.calls.size()),
             seconds * 1e9 / static_cast<double>(arrivals.size()), outcome.calls.size(),
             arrivals.size());
  fmt::print("  {:<14}{:>9}{:>9}{:>11}{:>11}{:>11}{:>11}\n", "", "started", "refused", "p50 ms",
             "p90 ms", "p99 ms", "max ms");
  for (std::size_t l = 0; l < kLanes; ++l) {
    std::vector<Duration>& waits = outcome.waits[l];
    std::ranges::sort(waits);
    fmt::print("  {:<14}{:>9}{:>9}{:>11.1f}{:>11.1f}{:>11.1f}{:>11.1f}\n", kLaneNames[l],
               waits.size(), outcome.refused[l], ms_at(waits, 0.5), ms_at(waits, 0.9),
               ms_at(waits, 0.99), ms_at(waits, 1));
  }
  fmt::print("  fairness among {} clients (Jain's index): {:.4f}\n", kClients, fairness(outcome));
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t requests = 1'000'000;
  if (argc > 1) {
    const char* end = argv[1] + std::strlen(argv[1]);
    const auto [at, error] = std::from_chars(argv[1], end, requests);
    if (argc > 2 || error != std::errc{} || at != end || requests == 0) {
      fmt::print(stderr, "usage: bench-sched [REQUESTS]\n");
      return 2;
    }
  }
  const auto arrivals = make_arrivals(requests);
  report("clients told apart", arrivals, true);
  report("all as one client", arrivals, false);
  return 0;
}
