#include "app/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/date.h"
#include "app/wrap.h"

namespace weir::app {
namespace {

using delivery::CloseReason;
using delivery::Fate;
using Json = nlohmann::ordered_json;

constexpr std::size_t kWidth = 100;

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string count(std::uint64_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::uint64_t happened_cuts(const ReplayReport& r) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    if (delivery::is_cut(static_cast<CloseReason>(i))) n += r.happened[i];
  }
  return n;
}

std::string first_line(const ReplayReport& r) {
  std::string out =
      fmt::format("{} judged by {} over {:.0f} s in {}", count(r.judged, "connection"),
                  count(r.samples, "sample"), seconds(r.span), count(r.files, "file"));
  if (r.connections > r.judged) {
    out += fmt::format("; {} more never owed anything for long", r.connections - r.judged);
  }
  if (r.every > 1) out += fmt::format("; one of {} was recorded", count(r.every, "connection"));
  return out + ".\n\n";
}

// The table's cells, the first of each row its name.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string text() const {
    std::string out;
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        out += i == 0 ? fmt::format("{:<{}}", row[0], width(0))
                      : fmt::format("  {:>{}}", row[i], width(i));
      }
      out.erase(out.find_last_not_of(' ') + 1);
      out += '\n';
    }
    return out;
  }

 private:
  std::size_t width(std::size_t column) const {
    std::size_t most = 0;
    for (const auto& row : rows_) {
      if (column < row.size()) most = std::max(most, row[column].size());
    }
    return most;
  }

  std::vector<std::vector<std::string>> rows_;
};

Table head_of(const ReplayReport& r, bool happened) {
  std::vector<std::string> head = {""};
  if (happened) head.emplace_back("as it happened");
  for (const ReplayColumn& c : r.columns) head.push_back(c.title);
  return Table(std::move(head));
}

template <class Cell>
void add_row(Table& table, const ReplayReport& r, std::string name,
             std::optional<std::string> happened, const Cell& cell) {
  std::vector<std::string> row = {std::move(name)};
  if (happened) row.push_back(std::move(*happened));
  for (const ReplayColumn& c : r.columns) row.push_back(fmt::to_string(cell(c)));
  table.add(std::move(row));
}

std::string table_of(const ReplayReport& r) {
  const bool told = r.ended > 0;
  const auto in_fact = [&](std::uint64_t n) {
    return told ? std::optional(fmt::to_string(n)) : std::nullopt;
  };
  const std::optional<std::string> nobody =
      told ? std::optional<std::string>("") : std::nullopt;  // what was cut in fact shows no more
  Table table = head_of(r, told);
  add_row(table, r, "cut", in_fact(happened_cuts(r)),
          [](const ReplayColumn& c) { return c.cut(); });
  constexpr std::pair<Fate, const char*> kRows[] = {
      {Fate::kAlive, "  alive"}, {Fate::kDead, "  dead"}, {Fate::kUnknown, "  not known"}};
  for (const auto& [fate, text] : kRows) {
    add_row(table, r, text, nobody, [f = fate](const ReplayColumn& c) { return c.cut(f); });
  }
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    const bool any =
        std::ranges::any_of(r.columns, [&](const ReplayColumn& c) { return c.cut(reason) > 0; });
    if (!delivery::is_cut(reason) || (!any && r.happened[i] == 0)) continue;
    add_row(table, r, fmt::format("as {}", name(reason)), in_fact(r.happened[i]),
            [&](const ReplayColumn& c) { return c.cut(reason); });
  }
  if (std::ranges::any_of(r.columns, [](const ReplayColumn& c) { return c.perhaps() > 0; })) {
    add_row(table, r, "perhaps cut", nobody, [](const ReplayColumn& c) { return c.perhaps(); });
  }
  return table.text();
}

// What the words of the table mean, as far as they are there.
std::string legend(const ReplayReport& r) {
  const auto any = [&](const auto& cell) {
    return std::ranges::any_of(r.columns, [&](const ReplayColumn& c) { return cell(c) > 0; });
  };
  std::string out;
  if (any([](const ReplayColumn& c) { return c.cut(); })) {
    out += wrapped(
        "alive: it acknowledged more after that moment, or ended well. dead: it did neither for as "
        "long as it was recorded. not known: nothing was recorded behind it.",
        "", kWidth);
  }
  if (any([](const ReplayColumn& c) { return c.perhaps(); })) {
    out += wrapped(
        "perhaps cut: it got on again between two samples, when its time was up, or just before.",
        "", kWidth);
  }
  return out;
}

std::string row_of(const CutConnection& c) {
  std::string out =
      fmt::format("{:<24} {:<20} after {:>8.1f} s  {:<20} ",
                  c.client.empty() ? fmt::format("connection {}", c.number) : c.client,
                  name(c.reason), seconds(c.age), c.wall ? print_date(*c.wall) : "");
  out += c.perhaps ? "perhaps cut, alive" : std::string(name(c.fate));
  if (c.fate == Fate::kDead) out += fmt::format(" for {:.1f} s", seconds(c.watched));
  if (c.ended) out += fmt::format(", ended as {}", name(*c.ended));
  return out + '\n';
}

Json reasons_of(const ReplayColumn& c) {
  Json out = Json::object();
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    if (c.cut(reason) == 0) continue;
    Json& row = out[name(reason)];
    for (std::size_t f = 0; f < delivery::kFates; ++f)
      row[name(static_cast<Fate>(f))] = c.cuts[i][f];
  }
  return out;
}

Json connection_of(const CutConnection& c) {
  Json out = {{"conn", c.number}};
  if (!c.client.empty()) out["client"] = c.client;
  out["reason"] = name(c.reason);
  out["after_seconds"] = seconds(c.age);
  if (c.wall) out["time"] = print_date(*c.wall);
  out["fate"] = name(c.fate);
  out["watched_seconds"] = seconds(c.watched);
  if (c.perhaps) out["perhaps"] = true;
  if (c.ended) out["ended"] = name(*c.ended);
  return out;
}

Json column_of(const ReplayColumn& c) {
  Json connections = Json::array();
  for (const CutConnection& one : c.connections) connections.push_back(connection_of(one));
  return {{"cut", c.cut()},
          {"alive", c.cut(Fate::kAlive)},
          {"dead", c.cut(Fate::kDead)},
          {"unknown", c.cut(Fate::kUnknown)},
          {"perhaps", c.perhaps()},
          {"reasons", reasons_of(c)},
          {"connections", connections}};
}

}  // namespace

std::uint64_t ReplayColumn::cut(CloseReason reason) const {
  const auto& row = cuts[static_cast<std::size_t>(reason)];
  return std::accumulate(row.begin(), row.end(), std::uint64_t{0});
}

std::uint64_t ReplayColumn::cut() const {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) n += cut(static_cast<CloseReason>(i));
  return n;
}

std::uint64_t ReplayColumn::cut(Fate fate) const {
  std::uint64_t n = 0;
  for (const auto& row : cuts) n += row[static_cast<std::size_t>(fate)];
  return n;
}

std::uint64_t ReplayColumn::perhaps() const {
  return static_cast<std::uint64_t>(std::ranges::count(connections, true, &CutConnection::perhaps));
}

std::string replay_table(const ReplayReport& report, bool verbose) {
  std::string out = first_line(report) + table_of(report);
  const std::string meaning = legend(report);
  if (!meaning.empty()) out += '\n' + meaning;
  if (verbose && !report.columns.empty()) {
    const ReplayColumn& last = report.columns.back();
    out += fmt::format("\nCut with {}:\n", last.title);
    for (const CutConnection& c : last.connections) out += row_of(c);
    if (last.connections.empty()) out += "none\n";
  }
  for (const std::string& note : report.notes) out += '\n' + wrapped(note, "", kWidth);
  return out;
}

std::string replay_json(const ReplayReport& r) {
  Json happened = Json::object();
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    if (r.happened[i] > 0) happened[name(static_cast<CloseReason>(i))] = r.happened[i];
  }
  Json columns = Json::object();
  for (const ReplayColumn& c : r.columns) columns[c.name] = column_of(c);
  const Json page = {{"files", r.files},     {"connections", r.connections}, {"judged", r.judged},
                     {"samples", r.samples}, {"seconds", seconds(r.span)},   {"every", r.every},
                     {"ended", r.ended},     {"happened", happened},         {"with", columns},
                     {"notes", r.notes}};
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
