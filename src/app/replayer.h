#pragma once
// Replayer: all connections of a recording through the patience machines, each under several
// settings at once, in one pass and in memory for the connections that are open.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/recording_files.h"
#include "app/replay_report.h"

namespace weir::app {

class Replayer final : public RecordingReader {
 public:
  struct Choice {
    std::string name;  // see ReplayColumn
    std::string title;
    // Of the settings in force when the connection was recorded; nothing: none are known.
    std::function<std::optional<delivery::Settings>(const delivery::Settings* recorded)> settings;
  };
  explicit Replayer(std::vector<Choice> choices);

  void on_line(std::size_t file, delivery::RecordedLine&& line) override;
  // Once, behind the last line. Of a choice that had settings for no connection there is no column.
  ReplayReport report();

 private:
  using Settings = std::vector<std::optional<delivery::Settings>>;  // one a choice
  // What one process recorded.
  struct Run {
    std::optional<TimePoint> now;  // at `wall`; nothing: it does not say
    WallTime wall{};
    const Settings* settings = nullptr;  // in force at the moment
  };
  struct Connection {
    std::string client;
    TimePoint began = TimePoint::max();  // its first sample
    TimePoint last{};
    std::uint64_t acked = 0;
    std::optional<delivery::CloseReason> ended;
    std::vector<std::optional<delivery::Replay>> replays;  // one a choice
  };
  using Key = std::pair<std::size_t, std::uint64_t>;  // run, conn

  void enter_run(const std::string& id);
  void set_settings(Run& run, const delivery::Settings* recorded);
  void on_run(const delivery::RecordedRun& line);
  void on_sample(const delivery::Sample& sample);
  void on_end(const delivery::RecordedEnd& end);
  Connection& begin(const delivery::Sample& sample);
  void finish(const Key& key, const Connection& c);
  CutConnection cut_of(const Key& key, const Connection& c, const delivery::Replay& replay) const;
  void see(TimePoint now);

  std::vector<Choice> choices_;
  std::map<std::string, std::size_t, std::less<>> runs_by_id_;
  std::deque<Run> runs_;
  std::deque<Settings> settings_;  // replays point at these
  std::size_t run_ = 0;
  std::size_t file_ = SIZE_MAX;
  std::map<Key, Connection> open_;
  TimePoint first_ = TimePoint::max();
  TimePoint last_{};
  ReplayReport report_;
};

}  // namespace weir::app
