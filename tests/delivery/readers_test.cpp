// Simulated readers of every pace: who must never be cut, and who must be gone in time.

#include <doctest/doctest.h>

#include <string>

#include "delivery/simulated_client.h"

using namespace std::chrono_literals;
using weir::Duration;
using namespace weir::delivery;

namespace {

struct Reader {
  const char* who;
  SimulatedClient::Kind kind;
};

Outcome watch_for(const SimulatedClient::Kind& kind, Duration most, const Script& script = {}) {
  SimulatedClient client(kind);
  return watch(client, Settings{}, most, script);
}

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

Script at_times(Duration from, Duration to, bool fin = false) {
  return [=](SimulatedClient& client, Duration t) {
    client.reachable = t < from || t >= to;
    if (t >= from) client.fin = fin;
  };
}

}  // namespace

TEST_CASE("a reader that takes 1.2 KB/s or more is never cut, whatever its buffer") {
  const Reader readers[] = {
      {"64 KB/s, standard buffer", {.rate = 64e3}},
      {"12 KB/s, standard buffer", {.rate = 12e3}},
      {"8 KB/s, 94 KB steps", {.rate = 8e3, .reopen = 94e3}},
      {"8 KB/s, buffer of 16 KB",
       {.rate = 8e3, .buffer = 16e3, .reopen = 9e3, .first_reopen = 2e3}},
      {"4 KB/s, the whole queue at once", {.rate = 4e3, .reopen = 120e3, .first_reopen = 120e3}},
      {"4 KB/s, buffer of 8 KB", {.rate = 4e3, .buffer = 8e3, .reopen = 4e3, .first_reopen = 1448}},
      {"2 KB/s, 94 KB steps", {.rate = 2e3, .reopen = 94e3}},
      {"1.2 KB/s, 64 KB steps", {.rate = 1.2e3}},
      {"1.2 KB/s, tiny buffer", {.rate = 1.2e3, .buffer = 2e3, .reopen = 1e3, .first_reopen = 500}},
  };
  for (const Reader& reader : readers) {
    CAPTURE(std::string(reader.who));
    const Outcome outcome = watch_for(reader.kind, 1h);
    CHECK(outcome.reason == CloseReason::kOpen);
    CHECK(outcome.at == 0s);
  }
}

TEST_CASE("a player that drops from full speed to 16 KB/s with a grown buffer is never cut") {
  for (const double buffer : {1e6, 5.6e6, 12e6, 18e6}) {
    CAPTURE(buffer);
    const Outcome outcome = watch_for(
        {.rate = 40e6, .buffer = buffer, .reopen = buffer / 11, .first_reopen = buffer / 11}, 30min,
        [](SimulatedClient& client, Duration) {
          if (client.read() > 30e6) client.kind.rate = 16e3;
        });
    CHECK(outcome.reason == CloseReason::kOpen);
  }
}

TEST_CASE("a client that takes a trickle of some 100 B/s is gone in 150 s, whatever its buffer") {
  const Reader readers[] = {
      {"100 B/s, standard buffer", {.rate = 100}},
      {"100 B/s, the window opens first after 80 s", {.rate = 100, .first_reopen = 8e3}},
      {"100 B/s, and then for 94 KB", {.rate = 100, .reopen = 94e3, .first_reopen = 10e3}},
      {"100 B/s, every segment opens it", {.rate = 100, .reopen = 1448, .first_reopen = 1448}},
      {"100 B/s, buffer of 4 KB", {.rate = 100, .buffer = 4e3, .reopen = 2e3, .first_reopen = 1e3}},
      {"100 B/s, smallest buffer",
       {.rate = 100, .buffer = 1152, .reopen = 576, .first_reopen = 576}},
      {"100 B/s, grown buffer", {.rate = 100, .buffer = 5.6e6, .reopen = 5e5, .first_reopen = 5e5}},
      {"200 B/s, every segment opens it", {.rate = 200, .reopen = 1448, .first_reopen = 1448}},
      {"10 B/s, every byte opens it", {.rate = 10, .buffer = 1152, .reopen = 1, .first_reopen = 1}},
  };
  for (const Reader& reader : readers) {
    CAPTURE(std::string(reader.who));
    const Outcome outcome = watch_for(reader.kind, 10min);
    CHECK(outcome.reason != CloseReason::kOpen);
    CHECK(seconds(outcome.at) >= 119);
    CHECK(seconds(outcome.at) <= 150);
  }
}

TEST_CASE("one that never reads is gone after 115 to 130 s of shut window") {
  for (const double rate : {40e6, 64e3}) {
    CAPTURE(rate);
    const Outcome outcome =
        watch_for({.rate = rate}, 10min, [](SimulatedClient& client, Duration t) {
          if (t >= 30s) client.kind.rate = 0;
        });
    CHECK(outcome.reason == CloseReason::kZeroWindow);
    CHECK(seconds(outcome.at) >= 30 + 115);
    CHECK(seconds(outcome.at) <= 30 + 130);
  }
}

TEST_CASE("a pause of 75 s at zero window is survived, and another one after reading on") {
  const Outcome outcome = watch_for({.rate = 1e6}, 10min, [](SimulatedClient& client, Duration t) {
    const bool paused = (t >= 10s && t < 85s) || (t >= 90s && t < 165s);
    client.kind.rate = paused ? 0 : 1e6;
  });
  CHECK(outcome.reason == CloseReason::kOpen);
}

TEST_CASE("a half-closed reader is judged as any other while it can be heard") {
  const auto half_closed = [](SimulatedClient& client, Duration t) { client.fin = t >= 1s; };
  CHECK(watch_for({.rate = 4e3}, 10min, half_closed).reason == CloseReason::kOpen);
  const Outcome stuck = watch_for({.rate = 0}, 10min, half_closed);
  CHECK(stuck.reason == CloseReason::kZeroWindow);
  CHECK(seconds(stuck.at) >= 115);
}

TEST_CASE("blackouts of 25 and 45 s are survived, in flight or at a shut window") {
  for (const Duration rto_max : {Duration(2s), Duration(10s)}) {
    for (const double rate : {40e6, 64e3, 12e3, 8e3, 4e3}) {
      for (const Duration dark : {25s, 45s}) {
        for (Duration from = 1s; from < 50s; from += 700ms) {
          CAPTURE(rate);
          CAPTURE(seconds(from));
          CAPTURE(seconds(dark));
          const Outcome outcome =
              watch_for({.rate = rate, .rto_max = rto_max}, 3min, at_times(from, from + dark));
          CHECK(outcome.reason == CloseReason::kOpen);
        }
      }
    }
  }
}

TEST_CASE("without TCP_RTO_MAX_MS blackouts of 45 s are survived too") {
  for (const double rate : {40e6, 64e3, 12e3, 8e3, 4e3}) {
    for (Duration from = 1s; from < 30s; from += 700ms) {
      CAPTURE(rate);
      CAPTURE(seconds(from));
      const Outcome outcome =
          watch_for({.rate = rate, .rto_max = 120s}, 5min, at_times(from, from + 45s));
      CHECK(outcome.reason == CloseReason::kOpen);
    }
  }
}

TEST_CASE("one that vanishes with data owed is gone 60 to 72 s later") {
  for (const double rate : {40e6, 64e3, 12e3, 4e3, 0.0}) {
    for (Duration from = 3s; from < 40s; from += 1700ms) {
      CAPTURE(rate);
      CAPTURE(seconds(from));
      const Outcome outcome = watch_for({.rate = rate}, 10min, at_times(from, 10h));
      CHECK(outcome.reason == CloseReason::kStalled);
      CHECK(outcome.at - from >= 60s);
      CHECK(outcome.at - from <= 72s);  // the first question comes up to TCP_RTO_MAX later
    }
  }
}

TEST_CASE("one that sends FIN and vanishes with data owed is gone 8 to 12 s later") {
  for (const double rate : {40e6, 1e6, 64e3}) {
    for (Duration from = 3s; from < 23s; from += 1300ms) {
      CAPTURE(rate);
      CAPTURE(seconds(from));
      const Outcome outcome = watch_for({.rate = rate}, 10min, at_times(from, 10h, true));
      CHECK(outcome.reason == CloseReason::kStalledHalfClosed);
      CHECK(outcome.at - from >= 7900ms);
      CHECK(outcome.at - from <= 12s);
    }
  }
}

TEST_CASE(
    "one that sends FIN and vanishes at a long shut window is gone 12 s later if probes hurry") {
  // On the FIN the session sets TCP_RTO_MAX_MS to 2 s; the armed timer runs out first.
  for (Duration from = 3s; from < 60s; from += 1300ms) {
    CAPTURE(seconds(from));
    const Outcome outcome =
        watch_for({.rate = 0}, 10min, [from](SimulatedClient& client, Duration t) {
          if (t < from) return;
          client.reachable = false;
          client.fin = true;
          client.kind.rto_max = 2s;
        });
    CHECK(outcome.reason == CloseReason::kStalledHalfClosed);
    CHECK(outcome.at - from <= 12500ms);
  }
}

TEST_CASE(
    "one that vanishes at a shut window is gone by the zero window's limit on old kernels too") {
  // Without TCP_RTO_MAX_MS probes are up to two minutes apart and say nothing for long.
  const Outcome outcome = watch_for({.rate = 0, .rto_max = 120s}, 10min, at_times(70s, 10h));
  CHECK(outcome.reason != CloseReason::kOpen);
  CHECK(seconds(outcome.at) <= 130);
}

TEST_CASE("a client that can be heard costs one sample a second") {
  const Outcome outcome = watch_for({.rate = 64e3}, 100s);
  CHECK(outcome.samples <= 101);
  CHECK(outcome.samples >= 99);
}

TEST_CASE("min_rate cuts who stays below it and never who is above, however uneven the steps") {
  Settings settings;
  settings.min_rate = 32 * 1024;  // judged over 16 s
  const auto watched = [&](SimulatedClient::Kind kind) {
    SimulatedClient client(kind);
    return watch(client, settings, 20min);
  };
  CHECK(watched({.rate = 40e3, .reopen = 94e3}).reason == CloseReason::kOpen);
  CHECK(watched({.rate = 40e3, .buffer = 5.6e6, .reopen = 510e3, .first_reopen = 510e3}).reason ==
        CloseReason::kOpen);
  const Outcome slow = watched({.rate = 16e3});
  CHECK(slow.reason == CloseReason::kTooSlow);
  CHECK(seconds(slow.at) >= 16);
  CHECK(seconds(slow.at) <= 45);
}
