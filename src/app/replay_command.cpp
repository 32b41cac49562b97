#include "app/replay_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "app/replay_log.h"
#include "app/replay_settings.h"
#include "app/replayer.h"
#include "app/settings.h"

namespace weir::app {
namespace {

using delivery::Settings;

constexpr int kFailed = 1;
constexpr int kBadUse = 2;
constexpr std::size_t kPlaces = 3;  // of cut lines that are named

// The choices to compare: what was in force, the conf, and --set on top of what is known.
std::vector<Replayer::Choice> choices(const LoadedConfig* conf, const Overrides& set) {
  using Recorded = const Settings*;
  std::vector<Replayer::Choice> out;
  out.push_back({"recorded", "as recorded", [](Recorded recorded) {
                   return recorded ? std::optional(*recorded) : std::nullopt;
                 }});
  std::optional<Settings> in_conf;
  if (conf) {
    in_conf = delivery_settings(conf->config);
    out.push_back({"conf", std::filesystem::path(conf->file).filename().string(),
                   [in_conf](Recorded) { return in_conf; }});
  } else {
    out.push_back({"defaults", "defaults", [](Recorded recorded) {
                     return recorded ? std::nullopt : std::optional(Settings{});
                   }});
  }
  if (set.empty()) return out;
  out.push_back(
      {"set", "--set", [set, in_conf](Recorded recorded) {
         return std::optional(set.on(in_conf ? *in_conf : recorded ? *recorded : Settings{}));
       }});
  return out;
}

void add_notes(const RecordingNotes& notes, ReplayReport& report) {
  if (!notes.cut.empty()) {
    std::string places;
    for (std::size_t i = 0; i < std::min(notes.cut.size(), kPlaces); ++i)
      places += (i == 0 ? "" : ", ") + notes.cut[i];
    if (notes.cut.size() > kPlaces) places += ", ...";
    report.notes.push_back(
        notes.cut.size() == 1
            ? fmt::format("One line has no end ({}) and was left out: the recording was cut there, "
                          "as when Weir is killed.",
                          places)
            : fmt::format("{} lines have no end ({}) and were left out: the recording was cut "
                          "there, as when Weir is killed.",
                          notes.cut.size(), places));
  }
  if (notes.lost_lines > 0) {
    report.notes.push_back(
        fmt::format("{} lines are missing: the disk was too slow for them. Verdicts may differ.",
                    notes.lost_lines));
  }
  if (notes.old_files > 0) {
    report.notes.push_back(
        "A recording of version 1 says neither the settings of its time nor how connections "
        "ended.");
  }
}

}  // namespace

int replay_command(const LoadedConfig* conf, const ReplayArguments& given, std::ostream& out,
                   std::ostream& err) {
  std::string warnings;
  const auto set = Overrides::parse(given.set, warnings);
  if (!set) {
    err << set.error();
    return kBadUse;
  }
  err << warnings;
  Replayer replayer(choices(conf, *set));
  const auto notes = read_recording(given.files, replayer);
  if (!notes && notes.error().no_recording && is_access_log(given.files.front())) {
    const Settings base = conf ? delivery_settings(conf->config) : Settings{};
    return replay_log(given.files, set->on(base), given.json, out, err);
  }
  if (!notes) {
    err << "weir replay: " << notes.error().text << '\n';
    return kFailed;
  }
  ReplayReport report = replayer.report();
  if (report.samples == 0) {
    err << "weir replay: there are no samples in "
        << (given.files.size() == 1 ? given.files.front() : std::string("these files")) << '\n';
    return kFailed;
  }
  report.files = given.files.size();
  add_notes(*notes, report);
  out << (given.json ? replay_json(report) : replay_table(report, given.verbose));
  return 0;
}

}  // namespace weir::app
