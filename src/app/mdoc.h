#pragma once
// Mdoc: a page of the manual in mdoc(7), as mandoc and groff read it. Texts are any bytes: what the
// language takes for its own is escaped; a sentence begins a line of its own.

#include <string>
#include <string_view>

namespace weir::app {

class Mdoc {
 public:
  // As in weir(8), "an edge cache".
  Mdoc(std::string_view name, int section, std::string_view title);

  Mdoc& heading(std::string_view text);  // .Sh
  Mdoc& part(std::string_view text);     // .Ss
  Mdoc& text(std::string_view text);     // of a paragraph
  Mdoc& paragraph();                     // the next begins
  // A list of terms; inside of it: items, each with texts behind it.
  Mdoc& begin_list();
  Mdoc& item(std::string_view term);
  Mdoc& end_list();
  // Lines as they are, for confs and commands.
  Mdoc& example(std::string_view lines);
  // A line of mdoc's own, as ".Xr weir 8".
  Mdoc& macro(std::string_view line);

  const std::string& page() const { return out_; }

 private:
  std::string out_;
};

// An argument of a macro.
std::string mdoc_argument(std::string_view text);

}  // namespace weir::app
