// GET /status as a screen.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/status_command.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

// "12.3 MiB"
std::string bytes(const Json& value) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double n = value.get<double>();
  std::size_t unit = 0;
  while (n >= 1024 && unit + 1 < std::size(kUnits)) {
    n /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", n) : fmt::format("{:.1f} {}", n, kUnits[unit]);
}

// "3 d 4 h", "2 min 5 s"
std::string age(double seconds) {
  const auto s = static_cast<std::uint64_t>(seconds);
  if (s >= 86400) return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
  if (s >= 3600) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

// "0.5 ms", "12 s"
std::string time(const Json& seconds) {
  const double s = seconds.get<double>();
  return s < 1 ? fmt::format("{:g} ms", s * 1000) : fmt::format("{:.3g} s", s);
}

// "name 12   other 3" of an object of numbers; those that are 0 are left out unless `all`.
std::string numbers(const Json& object, bool all) {
  std::string out;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_number()) continue;
    if (!all && value == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : "   ", name, value.dump());
  }
  return out.empty() ? "none" : out;
}

void row(std::string& out, std::string_view title, std::string_view text) {
  out += fmt::format("{:<13}{}\n", title, text);
}

std::string results(const Json& requests) {
  double total = 0;
  for (const auto& [name, value] : requests.items()) {
    if (value.is_number()) total += value.get<double>();
  }
  std::string out = fmt::format("{:.0f}", total);
  for (const auto& [name, value] : requests.items()) {
    if (!value.is_number()) continue;
    const double n = value.get<double>();
    out += fmt::format("   {} {:.0f}", name, n);
    if (total > 0) out += fmt::format(" ({:.1f} %)", 100 * n / total);
  }
  return out;
}

std::string percentiles(const Json& times) {
  return fmt::format("half within {}, 99 % within {}", time(times.at("p50_seconds")),
                     time(times.at("p99_seconds")));
}

void add_clients(std::string& out, const Json& s) {
  const Json& clients = s.at("connections");
  const Json& most = clients.at("max");
  row(out, "clients",
      fmt::format("{} open{}   {}", clients.at("open").dump(),
                  most == 0 ? "" : " of " + most.dump(), numbers(clients.at("phases"), true)));
  row(out, "", fmt::format("closed: {}", numbers(clients.at("closed"), false)));
  row(out, "requests", results(s.at("requests")));
  if (const Json& refused = s.at("requests").at("refused"); !refused.empty())
    row(out, "", fmt::format("refused: {}", numbers(refused, false)));
  row(out, "responses", numbers(s.at("responses"), false));
  row(out, "", fmt::format("first byte: {}", percentiles(s.at("times").at("first_byte"))));
  row(out, "", fmt::format("delivery: {}", percentiles(s.at("times").at("delivery"))));
  const Json& moved = s.at("bytes");
  row(out, "bytes",
      fmt::format("to clients {}, acknowledged {}; from origins {}", bytes(moved.at("sent")),
                  bytes(moved.at("acknowledged")), bytes(moved.at("from_origins"))));
}

void add_disks(std::string& out, const Json& disks) {
  for (const Json& disk : disks.at("disks")) {
    const bool full = disk.at("refused_regions").get<std::uint64_t>() > 0;
    const std::string state = !disk.at("in_use").get<bool>() ? "   TAKEN OUT"
                              : full                         ? "   FILE SYSTEM FULL"
                                                             : "";
    row(out, "disk",
        fmt::format("{} of {}   {}{}", bytes(disk.at("used_bytes")), bytes(disk.at("size_bytes")),
                    disk.at("path").get<std::string>(), state));
  }
  if (disks.at("disks").empty()) return;
  row(out, "on disk",
      fmt::format("objects {}   waiting {}   unwritten {}   damaged {}   errors {}",
                  disks.at("objects").dump(), bytes(disks.at("dirty_bytes")),
                  disks.at("unwritten_chunks").dump(), disks.at("damaged").dump(),
                  disks.at("read_errors").dump()));
}

void add_store(std::string& out, const Json& store) {
  row(out, "store",
      fmt::format("{} of {}   keys {}   chunks {}   evicted {}", bytes(store.at("used_bytes")),
                  bytes(store.at("limit_bytes")), store.at("keys").dump(),
                  store.at("chunks").dump(), bytes(store.at("evicted_bytes"))));
  row(out, "spool",
      fmt::format("{} of {}", bytes(store.at("spool_used_bytes")),
                  bytes(store.at("spool_limit_bytes"))));
}

void add_origins(std::string& out, const Json& origins) {
  for (const Json& origin : origins) {
    const Json& fetches = origin.at("fetches");
    row(out, "origin",
        fmt::format("{}   running: {}   waiting: {}", origin.at("name").get<std::string>(),
                    numbers(origin.at("running"), false), numbers(origin.at("waiting"), false)));
    row(out, "", fmt::format("received {}", bytes(origin.at("received_bytes"))));
    row(out, "", fmt::format("connections: {}", numbers(origin.at("connections"), true)));
    for (const Json& server : origin.at("servers")) {
      row(out, "",
          fmt::format("server {} {}   {}", server.at("name").get<std::string>(),
                      server.at("state").get<std::string>(), numbers(server, true)));
    }
    for (const char* kind : {"lead", "pass", "fill"}) {
      row(out, "", fmt::format("{}: {}", kind, numbers(fetches.at(kind), false)));
    }
    row(out, "", fmt::format("failures: {}", numbers(fetches.at("failures"), false)));
    row(out, "",
        fmt::format("retries {}   resumes {}   parked {}   queue: {}", fetches.at("retries").dump(),
                    fetches.at("resumes").dump(), fetches.at("parked").dump(),
                    percentiles(fetches.at("queue"))));
  }
}

void add_listens(std::string& out, const Json& s) {
  for (const Json& listen : s.at("listen")) {
    std::string queues;
    for (const Json& queue : listen.at("queues")) {
      queues += fmt::format("   {} (most {} of {})", queue.at("waiting").dump(),
                            queue.at("most").dump(), queue.at("backlog").dump());
    }
    row(out, "listen",
        fmt::format("{}   waiting by worker:{}", listen.at("address").get<std::string>(), queues));
  }
  row(out, "",
      fmt::format("lost by the kernel on this machine: overflows {}, drops {}",
                  s.at("listen_overflows").dump(), s.at("listen_drops").dump()));
}

void add_workers(std::string& out, const Json& workers) {
  std::string lags;
  for (const Json& worker : workers) lags += "   " + time(worker.at("lag_max_seconds"));
  row(out, "workers", fmt::format("{}   longest lag:{}", workers.size(), lags));
}

}  // namespace

std::expected<std::string, std::string> status_screen(std::string_view text) {
  try {
    const Json s = Json::parse(text);
    std::string out = fmt::format(
        "weir {}   {}   pid {}   up {}   resident {}\n\n", s.at("version").get<std::string>(),
        s.at("state").get<std::string>(), s.at("pid").dump(),
        age(s.at("uptime_seconds").get<double>()), bytes(s.at("resident_bytes")));
    add_clients(out, s);
    add_store(out, s.at("store"));
    add_disks(out, s.at("disks"));
    add_origins(out, s.at("origins"));
    add_listens(out, s);
    add_workers(out, s.at("workers"));
    row(out, "access log", numbers(s.at("access_log"), true));
    const Json& reloads = s.at("reloads");
    row(out, "reloads",
        fmt::format("done {}   failed {}{}   values that wait for a restart {}",
                    reloads.at("done").dump(), reloads.at("failed").dump(),
                    reloads.at("last_failed").get<bool>() ? " (the last one)" : "",
                    reloads.at("after_restart").dump()));
    const Json& errors = s.at("error_log");
    row(out, "error log",
        fmt::format("level {}   written {}   dropped {}", errors.at("level").get<std::string>(),
                    errors.at("written").dump(), errors.at("dropped").dump()));
    return out;
  } catch (const Json::exception& e) {
    return std::unexpected(fmt::format("the status cannot be read: {}", e.what()));
  }
}

}  // namespace weir::app
