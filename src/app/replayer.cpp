#include "app/replayer.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::app {

using delivery::Replay;

Replayer::Replayer(std::vector<Choice> choices) : choices_(std::move(choices)) {
  for (const Choice& choice : choices_) {
    ReplayColumn& column = report_.columns.emplace_back();
    column.name = choice.name;
    column.title = choice.title;
  }
}

void Replayer::on_line(std::size_t file, delivery::RecordedLine&& line) {
  if (file != file_) {
    // A part of version 1 has no other name, nor have lines in front of the first run.
    file_ = file;
    ++report_.files;
    enter_run(fmt::format("file {}", file));
  }
  if (const auto* sample = std::get_if<delivery::Sample>(&line)) on_sample(*sample);
  if (const auto* run = std::get_if<delivery::RecordedRun>(&line)) on_run(*run);
  if (const auto* end = std::get_if<delivery::RecordedEnd>(&line)) on_end(*end);
  if (const auto* begin = std::get_if<delivery::RecordedBegin>(&line)) {
    see(begin->now);
    open_[{run_, begin->connection}].client = begin->client;
    ++report_.connections;
  }
}

void Replayer::enter_run(const std::string& id) {
  const auto [it, fresh] = runs_by_id_.emplace(id, runs_.size());
  run_ = it->second;
  if (fresh) set_settings(runs_.emplace_back(), nullptr);
}

void Replayer::set_settings(Run& run, const delivery::Settings* recorded) {
  Settings& settings = settings_.emplace_back();
  for (const Choice& choice : choices_) settings.push_back(choice.settings(recorded));
  run.settings = &settings;
}

void Replayer::on_run(const delivery::RecordedRun& line) {
  see(line.now);
  enter_run("run " + line.id);
  Run& run = runs_[run_];
  run.now = line.now;
  run.wall = line.wall;
  set_settings(run, &line.settings);
  report_.every = std::max(report_.every, line.every);
}

void Replayer::on_sample(const delivery::Sample& sample) {
  see(sample.now);
  ++report_.samples;
  Connection& c = begin(sample);
  c.last = sample.now;
  c.acked = sample.acked;
  for (auto& replay : c.replays) {
    if (replay) replay->on(sample);
  }
}

// The connection, made anew where the number stands for another one: a recording of version 1 does
// not say so.
Replayer::Connection& Replayer::begin(const delivery::Sample& sample) {
  const Key key{run_, sample.connection};
  Connection* c = &open_[key];
  const bool other = sample.now < c->last || sample.acked < c->acked;
  if (!c->replays.empty() && other) {
    finish(key, *c);
    *c = {};
  }
  if (!c->replays.empty()) return *c;
  ++report_.judged;
  if (c->client.empty()) ++report_.connections;
  c->began = sample.now;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const auto& settings = (*runs_[run_].settings)[i];
    c->replays.push_back(settings ? std::optional<Replay>(*settings) : std::nullopt);
  }
  return *c;
}

void Replayer::on_end(const delivery::RecordedEnd& end) {
  see(end.now);
  ++report_.ended;
  ++report_.happened[static_cast<std::size_t>(end.reason)];
  const auto it = open_.find({run_, end.connection});
  if (it == open_.end()) return;  // its beginning is in a part that is not here
  it->second.ended = end.reason;
  for (auto& replay : it->second.replays) {
    if (replay) replay->on_end(end);
  }
  finish(it->first, it->second);
  open_.erase(it);
}

void Replayer::finish(const Key& key, const Connection& c) {
  for (std::size_t i = 0; i < c.replays.size(); ++i) {
    const auto& replay = c.replays[i];
    if (!replay) continue;
    ReplayColumn& column = report_.columns[i];
    column.used = true;
    if (replay->cut()) {
      ++column.cuts[static_cast<std::size_t>(replay->reason())]
                   [static_cast<std::size_t>(replay->fate())];
    }
    if (replay->cut() || replay->perhaps()) column.connections.push_back(cut_of(key, c, *replay));
  }
}

CutConnection Replayer::cut_of(const Key& key, const Connection& c, const Replay& replay) const {
  CutConnection out;
  out.client = c.client;
  out.number = key.second;
  out.at = replay.at();
  out.age = replay.at() - c.began;
  out.reason = replay.reason();
  out.fate = replay.fate();
  out.watched = replay.watched();
  out.perhaps = replay.perhaps();
  out.ended = c.ended;
  const Run& run = runs_[key.first];
  if (run.now) out.wall = run.wall + std::chrono::round<Seconds>(replay.at() - *run.now);
  return out;
}

void Replayer::see(TimePoint now) {
  first_ = std::min(first_, now);
  last_ = std::max(last_, now);
}

ReplayReport Replayer::report() {
  for (const auto& [key, connection] : open_) finish(key, connection);
  open_.clear();
  std::erase_if(report_.columns, [](const ReplayColumn& c) { return !c.used; });
  for (ReplayColumn& column : report_.columns)
    std::ranges::sort(column.connections, {},
                      [](const CutConnection& c) { return std::pair(c.at, c.number); });
  if (first_ < last_) report_.span = last_ - first_;
  return std::move(report_);
}

}  // namespace weir::app
