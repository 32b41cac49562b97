#include "app/reference.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "app/log_words.h"
#include "app/metrics.h"
#include "app/wrap.h"
#include "base/error.h"
#include "delivery/close_reason.h"

namespace weir::app {
namespace {

constexpr std::string_view kMade = "<!-- Made by: weir help {} --markdown. A test compares. -->\n";

constexpr std::string_view kCloses =
    "Why a client's connection ended: `close` of the access log, `reason` of\n"
    "weir_client_connections_closed_total. The two letters are for short log formats; `!` marks "
    "those\n"
    "by which somebody did not get what was owed, or was turned away.\n";
constexpr std::string_view kReasons =
    "Why a request was answered from the cache or not: `reason` of the access log and of\n"
    "weir_requests_total, and the detail of Cache-Status. Errors stand there, too, and the name of "
    "a\n"
    "rule of the site, as rule:NAME.\n";
constexpr std::string_view kErrors =
    "Why a request was refused, a fetch failed or a response was cut: `reason` of the access log, "
    "the\n"
    "detail of Cache-Status, and the text of Weir's own error pages. The status is what a client "
    "is\n"
    "answered when nothing of a response was sent yet; 0: its connection is closed.\n";
constexpr std::string_view kMetrics =
    "What GET /metrics of the admin address tells. Histograms have the buckets of "
    "base/durations.h.\n";

// A cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*') out += '\\';
    out += c;
  }
  return out;
}

std::string_view side_name(Side side) {
  switch (side) {
    case Side::kClient:
      return "client";
    case Side::kOrigin:
      return "origin";
    case Side::kUs:
      break;
  }
  return "us";
}

template <class F>
void each_close(F&& f) {
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    f(delivery::info(static_cast<delivery::CloseReason>(i)));
  }
}

template <class F>
void each_error(F&& f) {
  for (std::size_t i = 0; i < kErrcs; ++i) f(info(static_cast<Errc>(i)));
}

constexpr std::size_t kWidth = 100;

std::string entry(std::string_view title, std::string_view text, std::string_view advice) {
  return fmt::format("\n{}\n", title) + wrapped(text, "      ", kWidth) +
         wrapped(advice, "      ", kWidth);
}

std::string cache_reasons(PageForm form) {
  const bool markdown = form == PageForm::kMarkdown;
  std::string out = markdown ? fmt::format("\n## From the cache or not\n\n{}\n", kReasons)
                             : fmt::format("\nFROM THE CACHE OR NOT\n{}", kReasons);
  if (markdown) out += "| reason | what happened | what it means and what to do |\n|---|---|---|\n";
  for (const LogWord& row : kLogWords) {
    if (row.field != "reason") continue;
    out += markdown
               ? fmt::format("| `{}` | {} | {} |\n", row.name, cell(row.text), cell(row.advice))
               : entry(fmt::format("  {}", row.name), row.text, row.advice);
  }
  return out;
}

}  // namespace

std::string reasons_page(PageForm form) {
  const bool markdown = form == PageForm::kMarkdown;
  std::string out;
  if (markdown) {
    out = fmt::format(kMade, "reasons") + fmt::format("# Reasons\n\n{}\n", kCloses) +
          "| reason | | what happened | what it means and what to do |\n|---|---|---|---|\n";
  } else {
    out = "CLOSE REASONS\n" + std::string(kCloses);
  }
  each_close([&](const delivery::CloseInfo& row) {
    const std::string_view mark = row.is_error ? " !" : "";
    out += markdown
               ? fmt::format("| `{}` | {}{} | {} | {} |\n", row.name, row.code, mark,
                             cell(row.text), cell(row.advice))
               : entry(fmt::format("  {:<24}{}{}", row.name, row.code, mark), row.text, row.advice);
  });
  out += cache_reasons(form);
  out += markdown ? fmt::format(
                        "\n## Errors\n\n{}\n| error | side | status | what happened | what it "
                        "means and what to do |\n|---|---|---|---|---|\n",
                        kErrors)
                  : fmt::format("\nERRORS\n{}", kErrors);
  each_error([&](const ErrorInfo& row) {
    const std::string_view side = side_name(row.side);
    out += markdown ? fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, side, row.status,
                                  cell(row.text), cell(row.advice))
                    : entry(fmt::format("  {:<24}{:<8}{}", row.name, side, row.status), row.text,
                            row.advice);
  });
  return out;
}

std::string metrics_reference(PageForm form) {
  const bool markdown = form == PageForm::kMarkdown;
  std::string out = markdown ? fmt::format(kMade, "metrics") +
                                   fmt::format("# Metrics\n\n{}\n", kMetrics) +
                                   "| metric | labels | type | unit | |\n|---|---|---|---|---|\n"
                             : "METRICS\n" + std::string(kMetrics);
  for (const MetricRow& row : kMetricRows) {
    const std::string labels = row.labels.empty() ? "" : fmt::format("{{{}}}", row.labels);
    out += markdown ? fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, row.labels,
                                  name(row.kind), row.unit, cell(row.help))
                    : entry(fmt::format("  {}{}  {}{}{}", row.name, labels, name(row.kind),
                                        row.unit.empty() ? "" : ", ", row.unit),
                            row.help, "");
  }
  return out;
}

}  // namespace weir::app
