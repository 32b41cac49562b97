#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "app/cli_table.h"
#include "app/log_command.h"
#include "app/manual.h"
#include "app/order_commands.h"
#include "app/record_command.h"
#include "app/reference.h"
#include "app/replay_command.h"
#include "app/start_check.h"
#include "app/status_command.h"
#include "app/store_command.h"
#include "app/top_command.h"
#include "app/upgrade_command.h"

namespace weir::app {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kBadUse = 2;

struct Arguments {
  std::string conf;
  std::string topic;
  std::string page;  // of the manual
  std::string level;
  std::string line;  // of the log, or a file of such
  bool sample = false;
  bool json = false;
  bool markdown = false;
  RunOptions run;
  PurgeArguments purge;
  ExplainArguments explain;
  RecordArguments record;
  ReplayArguments replay;
};

struct Commands {
  CLI::App* run;
  CLI::App* check;
  CLI::App* config;
  CLI::App* status;
  CLI::App* top;
  CLI::App* store;
  CLI::App* reload;
  CLI::App* upgrade;
  CLI::App* purge;
  CLI::App* explain;
  CLI::App* level;
  CLI::App* log;
  CLI::App* record;
  CLI::App* replay;
  CLI::App* help;
};

void add_conf(CLI::App& command, Arguments& to, bool required) {
  command.add_option("-c,--conf", to.conf, "The conf file")->type_name("FILE")->required(required);
}

CLI::App* describe_purge(CLI::App& weir, Arguments& to) {
  CLI::App* purge = weir.add_subcommand("purge", "Have a running Weir forget what it stores");
  add_conf(*purge, to, true);
  purge->add_option("url", to.purge.urls, "URLs, all variants of each")->type_name("URL");
  purge->add_option("-t,--tag", to.purge.tags, "What bears this Surrogate-Key or Cache-Tag")
      ->type_name("TAG");
  purge->add_option("-p,--prefix", to.purge.prefix, "What has a URL that begins so")
      ->type_name("URL");
  purge->add_option("-b,--ban", to.purge.ban, "What all these conditions hold for")
      ->type_name("CONDITION");
  purge->add_flag("--soft", to.purge.soft,
                  "Make it stale instead: it is validated, and may be served within its grace");
  purge->footer(
      "A condition is SUBJECT OPERATOR VALUE: url, scheme, host, path, query, status or "
      "field.NAME; "
      "=, !=,\n^= (begins with), ~ and !~ (an RE2 expression is found in it, or not), as in\n"
      "  weir purge -c weir.conf --ban \"host = example.org\" \"field.Content-Type ~ ^image/\"");
  return purge;
}

CLI::App* describe_explain(CLI::App& weir, Arguments& to) {
  CLI::App* explain = weir.add_subcommand(
      "explain", "Say what becomes of a request, and why; of the conf alone where no Weir runs");
  add_conf(*explain, to, true);
  explain->add_option("url", to.explain.url, "The URL")->type_name("URL")->required();
  explain->add_option("-H,--header", to.explain.fields, "A field of the request")
      ->type_name("\"Name: value\"")
      ->allow_extra_args(false);
  explain->add_option("-X,--method", to.explain.method, "Its method, if not GET");
  explain->add_flag("--json", to.explain.json, "As JSON");
  explain->add_flag("--offline", to.explain.offline, "Do not ask a running Weir");
  return explain;
}

CLI::App* describe_record(CLI::App& weir, Arguments& to) {
  CLI::App* record =
      weir.add_subcommand("record", "Have a running Weir record its clients, for weir replay");
  record->add_option("what", to.record.what, "on, off, or status")
      ->required()
      ->check(CLI::IsMember({"on", "off", "status"}));
  add_conf(*record, to, true);
  record->add_option("--sample", to.record.sample, "How many of the connections, as 1/100")
      ->type_name("1/N");
  record
      ->add_option("--max-size", to.record.max_size,
                   "Stop when the file is that large, as 64M; no more than delivery.record_max")
      ->type_name("SIZE");
  record->add_flag("--json", to.record.json, "As JSON");
  record->footer(
      "The conf names the file: delivery.record, or record_on_order. Connections are recorded "
      "that\n"
      "begin from now on.");
  return record;
}

CLI::App* describe_replay(CLI::App& weir, Arguments& to) {
  CLI::App* replay = weir.add_subcommand(
      "replay", "Say whom of recorded clients other settings would have cut, and who was alive");
  replay->add_option("file", to.replay.files, "Recordings (delivery.record), or access logs")
      ->type_name("FILE")
      ->required();
  replay->add_option("-c,--conf,--config", to.conf, "The conf file, to compare with")
      ->type_name("FILE");
  replay->add_option("-s,--set", to.replay.set, "A parameter of [delivery], as the conf has it")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  replay->add_flag("--json", to.replay.json, "As JSON");
  replay->add_flag("-v,--verbose", to.replay.verbose, "With each connection that is cut");
  replay->footer(
      "Samples are recorded where delivery.record says, or by `weir record on`, as in\n"
      "  weir replay /var/log/weir/samples --set delivery.stall_timeout=30s");
  return replay;
}

CLI::App* describe_level(CLI::App& weir, Arguments& to) {
  CLI::App* level =
      weir.add_subcommand("level", "Tell or set the level of a running Weir's error log");
  level->add_option("level", to.level, "The least level that is logged, until the next start")
      ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  add_conf(*level, to, true);
  return level;
}

CLI::App* describe_help(CLI::App& weir, Arguments& to) {
  CLI::App* help = weir.add_subcommand("help", "Explain what the tables of Weir have");
  help->add_option(
          "topic", to.topic,
          "Parameters, reasons or metrics; a page of the manual; or the completion for bash")
      ->check(CLI::IsMember({"params", "reasons", "metrics", "man", "completion"}));
  help->add_option("page", to.page, "Of the manual, in mdoc")
      ->check(CLI::IsMember({"weir", "weir.conf", "weir-log"}));
  help->add_flag("--markdown", to.markdown, "As a page of docs/ (reasons and metrics)");
  return help;
}

Commands describe_commands(CLI::App& weir, Arguments& to) {
  weir.set_version_flag("--version", "weir " WEIR_VERSION);
  weir.require_subcommand(1);
  weir.footer(
      "`weir help params` explains every parameter of the conf file, `weir help reasons` every\n"
      "reason in the logs, `weir help metrics` every counter.\n"
      "`weir log LINE` says what a line of the access log means.");
  Commands c{};
  c.run = weir.add_subcommand("run", "Serve as the conf file says, until SIGTERM or SIGINT");
  add_conf(*c.run, to, true);
  c.run->add_flag("--take-over", to.run.take_over,
                  "Take over sockets and cache of the Weir that runs (server.handover), which then "
                  "drains and ends");
  c.run->add_option("--ready-fd", to.run.ready_fd)->group("");  // for weir upgrade
  c.check = weir.add_subcommand(
      "check", "Say whether the conf file is good, and whether Weir can start with it here");
  add_conf(*c.check, to, true);
  c.config = weir.add_subcommand("config", "Print the values in force and where each was set");
  add_conf(*c.config, to, false);
  c.config->add_flag("--sample", to.sample, "Print a conf file of all parameters instead");
  c.status = weir.add_subcommand("status", "Ask a running Weir what it does");
  add_conf(*c.status, to, true);
  c.status->add_flag("--json", to.json, "As JSON");
  c.top = weir.add_subcommand("top", "Watch a running Weir: q quit, s sort, p pause");
  add_conf(*c.top, to, true);
  c.store = weir.add_subcommand("store", "Look at what is stored on disk: stat, check, ls, dump");
  c.store->add_option("what", to.topic, "stat, check (all checksums), ls (objects), dump (records)")
      ->required()
      ->check(CLI::IsMember({"stat", "check", "ls", "dump"}));
  add_conf(*c.store, to, true);
  c.reload = weir.add_subcommand(
      "reload", "Have a running Weir read its conf again; it says what changed, or what is wrong");
  add_conf(*c.reload, to, true);
  c.upgrade = weir.add_subcommand(
      "upgrade", "Start this Weir in the place of the one that runs, without a gap");
  add_conf(*c.upgrade, to, true);
  c.purge = describe_purge(weir, to);
  c.explain = describe_explain(weir, to);
  c.level = describe_level(weir, to);
  c.log = weir.add_subcommand("log", "Say what a line of the access log means, or count a file's");
  c.log->add_option("what", to.line, "A line, a file, or - for the input")
      ->type_name("LINE|FILE")
      ->required();
  c.record = describe_record(weir, to);
  c.replay = describe_replay(weir, to);
  c.help = describe_help(weir, to);
  return c;
}

// CLI11's own help() would be that of the command in use.
std::string whole_help(const CLI::App& weir) {
  return weir.get_formatter()->make_help(&weir, weir.get_name(), CLI::AppFormatMode::Normal);
}

std::string manual_page(CLI::App& weir, const std::string& page) {
  if (page == "weir.conf") return conf_manual();
  if (page == "weir-log") return log_manual();
  return weir_manual(command_table(weir));
}

std::string help_page(CLI::App& weir, const Arguments& given) {
  const PageForm form = given.markdown ? PageForm::kMarkdown : PageForm::kTerminal;
  if (given.topic == "params") return params_help();
  if (given.topic == "reasons") return reasons_page(form);
  if (given.topic == "metrics") return metrics_reference(form);
  if (given.topic == "man") return manual_page(weir, given.page);
  if (given.topic == "completion") return bash_completion(command_table(weir));
  return whole_help(weir);
}

// The conf is only compared with.
int replay(const Arguments& given, std::ostream& out, std::ostream& err) {
  if (given.conf.empty()) return replay_command(nullptr, given.replay, out, err);
  const auto loaded = load_config(given.conf);
  if (!loaded) {
    err << loaded.error();
    return kBadUse;
  }
  err << loaded->warnings << std::flush;
  return replay_command(&*loaded, given.replay, out, err);
}

int with_conf(const Commands& c, const Arguments& given, RunFn run, std::ostream& out,
              std::ostream& err) {
  const auto loaded = load_config(given.conf);
  if (!loaded) {
    err << loaded.error();
    return kBadUse;
  }
  err << loaded->warnings << std::flush;
  if (c.run->parsed()) return run(*loaded, given.run);
  if (c.upgrade->parsed()) return upgrade_command(given.conf, out, err);
  if (c.status->parsed()) return status_command(loaded->config, given.json, out, err);
  if (c.top->parsed()) return top_command(loaded->config, err);
  if (c.store->parsed()) return store_command(loaded->config, given.topic, out, err);
  if (c.reload->parsed()) return reload_command(*loaded, out, err);
  if (c.purge->parsed()) return purge_command(loaded->config, given.purge, out, err);
  if (c.record->parsed()) return record_command(loaded->config, given.record, out, err);
  if (c.explain->parsed()) return explain_command(loaded->config, given.explain, out, err);
  if (c.level->parsed()) return level_command(loaded->config, given.level, out, err);
  if (c.check->parsed()) return check_command(*loaded, out, err);
  if (c.config->parsed()) out << effective_config(*loaded);
  return kOk;
}

int dispatch(CLI::App& weir, const Commands& c, const Arguments& given, RunFn run,
             std::ostream& out, std::ostream& err) {
  if (c.help->parsed()) {
    out << help_page(weir, given);
  } else if (c.config->parsed() && given.sample) {
    out << sample_config();
  } else if (c.log->parsed()) {
    return log_command(given.line, std::cin, out, err);
  } else if (c.replay->parsed()) {
    return replay(given, out, err);
  } else if (given.conf.empty()) {
    err << "weir config: give -c FILE or --sample\n";
    return kBadUse;
  } else {
    return with_conf(c, given, run, out, err);
  }
  return kOk;
}

}  // namespace

int cli_main(int argc, const char* const* argv, RunFn run, std::ostream& out, std::ostream& err) {
  CLI::App weir("Weir, an edge cache", "weir");
  Arguments given;
  int code = kOk;
  try {
    const Commands commands = describe_commands(weir, given);
    weir.parse(argc, argv);
    code = dispatch(weir, commands, given, run, out, err);
  } catch (const CLI::ParseError& e) {
    code = weir.exit(e, out, err) == 0 ? kOk : kBadUse;
  }
  return out.flush() ? code : kFailed;
}

int cli_main(int argc, char** argv, RunFn run) {
  return cli_main(argc, argv, run, std::cout, std::cerr);
}

}  // namespace weir::app
