#include "app/manual.h"

#include <doctest/doctest.h>

#include <string>

#include "app/config_rows.h"
#include "app/log_words.h"
#include "app/mdoc.h"
#include "base/error.h"
#include "delivery/close_reason.h"

namespace weir::app {
namespace {

using std::string;

bool has(const string& text, const string& part) { return text.find(part) != string::npos; }

CommandTable commands() {
  return {{"run", "Serve", "", {{{"-c", "--conf"}, "FILE", "The conf file", true, {}}}, {}},
          {"look",
           "Look",
           "",
           {{{"--json"}, "", "As JSON", false, {}}},
           {{{}, "what", "Which", true, {"ls", "dump"}}}}};
}

TEST_CASE("what mdoc takes for its own is escaped, and sentences begin lines") {
  Mdoc page("x", 8, "y");
  page.text(".Sh \\fB -c 'a'. Then \"b\" (so.) And ~.\nEnd");
  CHECK(has(page.page(),
            "\\&.Sh \\efB \\-c \\(aqa\\(aq.\nThen \\(dqb\\(dq (so.)\nAnd \\(ti.\nEnd\n"));
  CHECK(mdoc_argument("Nm") == "\\&Nm");
  CHECK(mdoc_argument("[a b]") == "\"[a b]\\&\"");
  CHECK(mdoc_argument("a \"b\"") == "\"a \\(dqb\\(dq\"");
}

TEST_CASE("weir(8) has every command with its options") {
  const string page = weir_manual(commands());
  CHECK(has(page, ".Nm weir Cm run Fl c Ar FILE\n"));
  CHECK(has(page, ".Nm weir Cm look Oo Ar options Oc Ar what\n"));
  CHECK(has(page, ".It \"\\-c, \\-\\-conf FILE\"\nThe conf file.\n"));
  CHECK(has(page, ".It \\&\\-\\-json\nAs JSON.\n"));
}

TEST_CASE("weir.conf(5) has every parameter with default and bounds") {
  const string page = conf_manual();
  const Config defaults;
  each_table(defaults, [&](const Table&, const auto& member) {
    const auto fresh = fresh_table(member);
    each_param(fresh, [&](const Param& p, const auto&) {
      CAPTURE(string(p.name));
      CHECK(has(page, ".It " + mdoc_argument(p.name) + "\n"));
    });
  });
  CHECK(has(page, "Default: \\(dq75 s\\(dq; 10 ms to 1 d.\n"));
  CHECK(has(page, ".Ss \\&[[site.rule]]\\&\n"));
}

TEST_CASE("weir-log(7) has every field, word, close reason and error") {
  const string page = log_manual();
  for (const LogField& row : kLogFields) CHECK(has(page, ".It " + mdoc_argument(row.name) + "\n"));
  for (const LogWord& row : kLogWords) CHECK(has(page, ".It " + mdoc_argument(row.name) + "\n"));
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto& row = delivery::info(static_cast<delivery::CloseReason>(i));
    CHECK(has(page, ".It \"" + string(row.name) + " ("));
  }
  for (std::size_t i = 0; i < kErrcs; ++i) {
    CHECK(has(page, string(info(static_cast<Errc>(i)).name)));
  }
}

TEST_CASE("the completion knows commands, options, words and files") {
  const string text = bash_completion(commands());
  CHECK(has(text, "_weir_words \"run look --help --version\""));
  CHECK(has(text, "-c|--conf) _weir_files; return"));
  CHECK(has(text, "_weir_words \"--help --json\"; else _weir_words \"ls dump\"; fi"));
}

}  // namespace
}  // namespace weir::app
