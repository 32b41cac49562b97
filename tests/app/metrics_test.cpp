#include "app/metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "app/full_snapshot.h"
#include "app/metrics_page.h"
#include "support/exposition.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using test::Metrics;

TEST_CASE("seconds are exact and without an exponent") {
  CHECK(seconds_text(0s) == "0");
  CHECK(seconds_text(500us) == "0.0005");
  CHECK(seconds_text(7200s) == "7200");
  CHECK(seconds_text(1500ms) == "1.5");
  CHECK(seconds_text(1ns) == "0.000000001");
}

TEST_CASE("a line is the name, the labels in the order of the row, and the value") {
  Exposition out;
  out.add(Metric::kRequests, {"miss", "cacheable"}, 3);
  out.add(Metric::kCpu, {}, 250ms);
  out.add(Metric::kInfo, {"a\"b\\c\nd"}, std::uint64_t{1});
  const std::string text = out.text();
  for (const char* line :
       {"\nweir_requests_total{result=\"miss\",reason=\"cacheable\"} 3\n",
        "\nweir_cpu_seconds_total 0.25\n", "\nweir_info{version=\"a\\\"b\\\\c\\nd\"} 1\n"}) {
    CAPTURE(std::string(line));
    CHECK(text.find(line) != std::string::npos);
  }
  CHECK(Metrics(text).sum("weir_info", {{"version", "a\"b\\c\nd"}}) == 1);
}

TEST_CASE("a histogram is printed cumulatively and closed by +Inf") {
  Durations d;
  d.add(1ms);
  d.add(1ms);
  d.add(24h);
  Exposition out;
  out.add(Metric::kFetchQueue, {"main"}, d);
  const Metrics read(out.text());
  const auto bucket = [&](const char* le) {
    return read.sum("weir_fetch_queue_seconds_bucket", {{"le", le}, {"origin", "main"}});
  };
  CHECK(bucket("0.0005") == 0);
  CHECK(bucket("0.001") == 2);
  CHECK(bucket("7200") == 2);
  CHECK(bucket("+Inf") == 3);
  CHECK(read.sum("weir_fetch_queue_seconds_count") == 3);
  CHECK(read.sum("weir_fetch_queue_seconds_sum") == doctest::Approx(86400.002));
}

TEST_CASE("every row has a name, unit and help as Prometheus wants them") {
  std::set<std::string_view> names;
  for (const MetricRow& row : kMetricRows) {
    CAPTURE(std::string(row.name));
    CHECK(names.insert(row.name).second);
    CHECK(row.name.starts_with("weir_"));
    CHECK(row.help.ends_with('.'));
    CHECK((row.kind == MetricKind::kCounter) == row.name.ends_with("_total"));
    if (row.kind == MetricKind::kHistogram) CHECK(row.name.ends_with("_seconds"));
    const bool bytes = row.name.find("_bytes") != row.name.npos;
    const bool seconds = row.name.find("_seconds") != row.name.npos;
    CHECK(bytes == (row.unit == "bytes"));
    CHECK(seconds == (row.unit == "seconds"));
  }
}

TEST_CASE("the page is well-formed and has a value for every row") {
  Durations lag;
  const auto snapshot = full_snapshot(lag);
  const Metrics read(metrics_page(*snapshot));
  CHECK(read.all().size() == std::size(kMetricRows));
  for (const MetricRow& row : kMetricRows) {
    CAPTURE(std::string(row.name));
    const auto& metric = read.all().at(std::string(row.name));
    CHECK(metric.help == row.help);
    CHECK(metric.type == name(row.kind));
    CHECK_FALSE(metric.series.empty());
  }
  CHECK(read.sum("weir_requests_total", {{"result", "hit"}}) == 30);
  CHECK(read.sum("weir_requests_refused_total", {{"reason", "bad_host"}}) == 8);
  CHECK(read.sum("weir_fetch_failures_total", {{"origin", "main"}, {"reason", "origin_cut"}}) == 1);
  CHECK(read.sum("weir_server_up", {{"server", "a:1"}}) == 1);
  CHECK(read.sum("weir_server_up", {{"server", "b:1"}}) == 0);
  CHECK(read.sum("weir_loop_lag_max_seconds", {{"worker", "1"}}) == 0.25);
  CHECK(read.sum("weir_accept_queue_connections_max") == 3);
  CHECK(read.sum("weir_start_time_seconds") == 1'700'000'000);
  CHECK(read.sum("weir_tls_certificate_expires_seconds", {{"file", "/tls.pem"}}) == 1'800'000'000);
}

TEST_CASE("every close reason but open is a value of the label") {
  Durations lag;
  const Metrics read(metrics_page(*full_snapshot(lag)));
  std::set<std::string> rows;
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    rows.emplace(delivery::name(static_cast<delivery::CloseReason>(i)));
  }
  rows.erase("open");
  CHECK(read.values("weir_client_connections_closed_total", "reason") == rows);
}

TEST_CASE("the reader of these tests sees what is not well-formed") {
  const std::string good = "# HELP a_total x\n# TYPE a_total counter\n";
  CHECK(Metrics(good + "a_total 1\n").sum("a_total") == 1);
  for (const char* bad :
       {"a_total 1", "b_total 1\n", "a_total\n", "a_total x\n", "a_total 1\na_total 2\n",
        "a_total{} 1\n", "a_total{b=\"c} 1\n", "a_total{b=\"\\x\"} 1\n", "a_total{1=\"c\"} 1\n",
        "a_total -1\n", "# HELP a_total x\n", "# TYPE a_total gauge\n", "a_total{b=\"c\"}1\n"}) {
    CAPTURE(std::string(bad));
    CHECK_THROWS(Metrics(good + bad));
  }
  const std::string histogram = "# HELP h x\n# TYPE h histogram\n";
  CHECK_THROWS(
      Metrics(histogram + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"));
  CHECK_THROWS(Metrics(histogram + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n"));
  CHECK_THROWS(Metrics(histogram + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n"));
}

}  // namespace
}  // namespace weir::app
