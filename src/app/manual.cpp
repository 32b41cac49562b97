#include "app/manual.h"

#include <fmt/format.h>

#include "app/log_words.h"
#include "app/mdoc.h"
#include "base/error.h"
#include "delivery/close_reason.h"

namespace weir::app {
namespace {

void see_also(Mdoc& page, std::string_view first, std::string_view second) {
  page.heading("SEE ALSO")
      .macro(fmt::format(".Xr {} ,", first))
      .macro(fmt::format(".Xr {}", second));
}

// "-c, --conf FILE"
std::string term_of(const CommandOption& option) {
  std::string out = fmt::format("{}", fmt::join(option.names, ", "));
  if (!option.value.empty()) out += (out.empty() ? "" : " ") + option.value;
  return out;
}

// "weir purge -c FILE [-t TAG ...]": every required option, and that there are others.
void synopsis_of(Mdoc& page, const Command& command) {
  std::string line = ".Nm weir Cm " + command.name;  // groff breaks lines at a name only
  bool more = false;
  for (const CommandOption& o : command.options) {
    if (o.required) {
      line += fmt::format(" Fl {} Ar {}", o.names.front().substr(1), o.value);
    } else {
      more = true;
    }
  }
  if (more) line += " Oo Ar options Oc";
  for (const CommandOption& p : command.positionals)
    line += p.required ? " Ar " + p.value : " Oo Ar " + p.value + " Oc";
  page.macro(line);
}

void command_part(Mdoc& page, const Command& command) {
  page.part("weir " + command.name).text(command.text + ".");
  if (command.options.empty() && command.positionals.empty()) return;
  page.begin_list();
  for (const auto* list : {&command.positionals, &command.options}) {
    for (const CommandOption& option : *list) page.item(term_of(option)).text(option.text + ".");
  }
  page.end_list();
  if (!command.footer.empty()) page.example(command.footer);
}

// What happened, and what to do.
void meaning(Mdoc& page, std::string_view text, std::string_view advice) {
  page.text(fmt::format("{}.", text));
  if (!advice.empty()) page.text(advice);
}

void word_list(Mdoc& page, std::string_view field) {
  page.begin_list();
  for (const LogWord& word : kLogWords) {
    if (word.field != field) continue;
    page.item(word.name);
    meaning(page, word.text, word.advice);
  }
  page.end_list();
}

void close_list(Mdoc& page) {
  page.begin_list();
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto& row = delivery::info(static_cast<delivery::CloseReason>(i));
    page.item(fmt::format("{} ({})", row.name, row.code));
    meaning(page, row.text, row.advice);
  }
  page.end_list();
}

void error_list(Mdoc& page) {
  page.begin_list();
  for (std::size_t i = 0; i < kErrcs; ++i) {
    const ErrorInfo& row = info(static_cast<Errc>(i));
    page.item(row.status == 0 ? std::string(row.name)
                              : fmt::format("{} ({})", row.name, row.status));
    meaning(page, row.text, row.advice);
  }
  page.end_list();
}

}  // namespace

std::string weir_manual(const CommandTable& commands) {
  Mdoc page("weir", 8, "an edge cache");
  page.heading("SYNOPSIS");
  for (const Command& command : commands) synopsis_of(page, command);
  page.heading("DESCRIPTION")
      .text(
          "Weir is a reverse proxy that takes large objects from an origin at full speed, keeps "
          "them, "
          "and serves each client at its own pace. It is one process with one thread for each core "
          "and one conf file. These two lines are a whole one:")
      .example("listen = \"127.0.0.1:8080\"\norigin = \"127.0.0.1:9000\"\n");
  page.heading("COMMANDS");
  for (const Command& command : commands) command_part(page, command);
  page.heading("SIGNALS")
      .begin_list()
      .item("SIGTERM, SIGINT")
      .text(
          "Drain: no new work is taken, what is under way is served for server.drain_timeout at "
          "most. "
          "A second one ends at once.")
      .item("SIGHUP")
      .text(
          "Read the conf again, as the command reload does, and certificates; open the logs again, "
          "after they were renamed.")
      .end_list();
  page.heading("EXIT STATUS")
      .text("0: all went well. 1: it failed at run time. 2: bad usage, or a bad conf.");
  see_also(page, "weir.conf 5", "weir-log 7");
  return page.page();
}

std::string log_manual() {
  Mdoc page("weir-log", 7, "what the access log of Weir says");
  page.heading("DESCRIPTION")
      .text(
          "Each response is a line of the access log, written when it is known what became of it: "
          "what was "
          "asked, how it was answered and why, how much of it arrived and how that is known, and "
          "why the "
          "connection ended where it ended with it.")
      .paragraph()
      .text(
          "With format = \"json\" a line is an object with these keys; what is not known is left "
          "out. "
          "\"extended\" lines are those of Apache's combined format with some of the keys behind "
          "them, as "
          "key=value; \"combined\" has no place for them. weir log explains a line, or counts the "
          "words of "
          "a file.")
      .heading("THE FIELDS")
      .begin_list();
  for (const LogField& field : kLogFields) {
    page.item(field.name)
        .text(field.unit.empty() ? fmt::format("{}.", field.text)
                                 : fmt::format("{} ({}).", field.text, field.unit));
  }
  page.end_list();
  page.part("cache");
  word_list(page, "cache");
  page.part("delivery");
  word_list(page, "delivery");
  page.heading("CLOSE REASONS")
      .text(
          "The values of close, with their two letters for short formats. What to do is said for "
          "who "
          "finds the log full of them.");
  close_list(page);
  page.heading("REASONS").text("The values of reason that are no errors.");
  word_list(page, "reason");
  page.heading("ERROR NAMES")
      .text(
          "Those that are, with the status that a client is answered when nothing of a response "
          "was "
          "sent yet.");
  error_list(page);
  see_also(page, "weir.conf 5", "weir 8");
  return page.page();
}

}  // namespace weir::app
