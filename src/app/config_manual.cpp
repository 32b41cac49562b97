#include <fmt/format.h>

#include "app/config_rows.h"
#include "app/manual.h"
#include "app/mdoc.h"

namespace weir::app {
namespace {

// "Default: "1 GiB"; at least 0 B.", without what does not apply.
std::string value_line(const Param& p) {
  std::string out = p.required   ? "Required, as "
                    : p.optional ? "Unset by default; as "
                                 : "Default: ";
  out += sample_value(p);
  if (!p.min.empty() && !p.max.empty()) out += fmt::format("; {} to {}", p.min, p.max);
  for (const Choice& c : p.choices)
    out += fmt::format("{}\"{}\"", &c == p.choices.data() ? "; one of " : ", ", c.name);
  return out + '.';
}

template <class T>
void table_part(Mdoc& page, const std::string& header, std::string_view text, const T& rows) {
  page.part(header).text(text).begin_list();
  each_param(rows, [&](const Param& p, const auto&) {
    page.item(p.name).text(p.text).paragraph().text(value_line(p));
  });
  page.end_list();
}

}  // namespace

std::string conf_manual() {
  Mdoc page("weir.conf", 5, "the conf file of Weir");
  page.heading("DESCRIPTION")
      .text(
          "The conf file is TOML 1.0. Sizes, rates and durations are texts with their units, as "
          "\"64 KiB\", "
          "\"1 MiB/s\" and \"10 s\". An unknown key is an error. weir check finds all errors in "
          "one go; weir "
          "config shows the values in force and where each was set. A parameter that is not there "
          "has its "
          "default.")
      .paragraph()
      .text("The least conf is two lines, and fit for production:")
      .example("listen = \"127.0.0.1:8080\"\norigin = \"127.0.0.1:9000\"\n")
      .heading("PARAMETERS");
  const Config defaults;
  each_table(defaults, [&](const Table& table, const auto& member) {
    const auto fresh = fresh_table(member);
    table_part(page,
               table.repeated ? fmt::format("[[{}]]", table.key) : fmt::format("[{}]", table.key),
               table.text, fresh);
    each_nested(fresh, [&](const Table& nested, const auto& members) {
      table_part(page, fmt::format("[[{}.{}]]", table.key, nested.key), nested.text,
                 fresh_table(members));
    });
  });
  page.heading("SEE ALSO").macro(".Xr weir-log 7 ,").macro(".Xr weir 8");
  return page.page();
}

}  // namespace weir::app
