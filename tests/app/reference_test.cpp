#include "app/reference.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "app/metrics.h"
#include "base/error.h"
#include "delivery/close_reason.h"

namespace weir::app {
namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("docs/ has what weir help prints") {
  CHECK(content(WEIR_DOCS_DIR "/reasons.md") == reasons_page(PageForm::kMarkdown));
  CHECK(content(WEIR_DOCS_DIR "/metrics.md") == metrics_reference(PageForm::kMarkdown));
}

TEST_CASE("every row of the tables is on its page, with its text and advice") {
  for (const PageForm form : {PageForm::kTerminal, PageForm::kMarkdown}) {
    const std::string reasons = reasons_page(form);
    for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
      const auto& row = delivery::info(static_cast<delivery::CloseReason>(i));
      CAPTURE(std::string(row.name));
      CHECK(reasons.find(row.name) != std::string::npos);
      CHECK(reasons.find(row.advice.substr(0, 12)) != std::string::npos);
    }
    for (std::size_t i = 0; i < kErrcs; ++i) {
      const ErrorInfo& row = info(static_cast<Errc>(i));
      CAPTURE(std::string(row.name));
      CHECK(reasons.find(row.name) != std::string::npos);
      CHECK(reasons.find(row.advice.substr(0, 12)) != std::string::npos);
    }
    const std::string metrics = metrics_reference(form);
    for (const MetricRow& row : kMetricRows) {
      CAPTURE(std::string(row.name));
      CHECK(metrics.find(row.name) != std::string::npos);
    }
  }
}

TEST_CASE("the pages for the terminal keep to 100 columns") {
  for (const std::string& page :
       {reasons_page(PageForm::kTerminal), metrics_reference(PageForm::kTerminal)}) {
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(line);
      CHECK(line.size() <= 100);
    }
  }
}

}  // namespace
}  // namespace weir::app
