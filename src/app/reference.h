#pragma once
// The tables of reasons and metrics as pages: `weir help reasons` and `weir help metrics` for the
// terminal, and in Markdown for docs/, where a test compares them.

#include <cstdint>
#include <string>

namespace weir::app {

enum class PageForm : std::uint8_t { kTerminal, kMarkdown };

// Close reasons of client connections, then errors: what each means and what to do.
std::string reasons_page(PageForm form);
std::string metrics_reference(PageForm form);

}  // namespace weir::app
