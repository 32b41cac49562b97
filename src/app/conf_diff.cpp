#include "app/conf_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "app/config_page.h"

namespace weir::app {
namespace {

// The process and its memory. All else a running Weir changes.
#define WEIR_UNTIL_RESTART(KEEP)  \
  KEEP(server, workers)           \
  KEEP(server, user)              \
  KEEP(server, pid_file)          \
  KEEP(server, admin)             \
  KEEP(server, handover)          \
  KEEP(server, landlock)          \
  KEEP(server, seccomp)           \
  KEEP(log, error)                \
  KEEP(log, syslog_format)        \
  KEEP(log, syslog_facility)      \
  KEEP(log, syslog_tag)           \
  KEEP(delivery, record)          \
  KEEP(delivery, record_on_order) \
  KEEP(delivery, record_max)      \
  KEEP(delivery, record_sample)

struct Name {
  std::string_view table;
  std::string_view name;
};
constexpr Name kUntilRestart[] = {
#define WEIR_KEEP(table, name) {#table, #name},
    WEIR_UNTIL_RESTART(WEIR_KEEP)
#undef WEIR_KEEP
};
constexpr std::string_view kStorage = "storage";  // all of it

struct Value {
  std::string text;
  std::string shown;
  bool restart = false;
};
// One table of a conf; which one it is of those with its title, its label tells.
struct Part {
  std::string label;
  bool repeated = false;
  std::vector<std::pair<std::string, Value>> values;
};

// What tells a [[table]] from the others: its name, address or hosts.
std::string identity(const EffectiveTable& table) {
  for (const std::string_view name : {"name", "address", "hosts", "path", "certificate"}) {
    const auto at = std::ranges::find(table.values, name, &EffectiveValue::name);
    if (at != table.values.end() && at->text != "\"\"") return " " + at->text;
  }
  return {};
}

std::vector<Part> parts_of(const LoadedConfig& loaded) {
  std::vector<Part> out;
  std::string outer;  // the label of the last table that is not inside of another
  std::map<std::string, int> seen;
  for (const EffectiveTable& table : effective_tables(loaded)) {
    Part part;
    part.repeated = table.title.starts_with("[[");
    const std::size_t lead = part.repeated ? 2 : 1;
    const std::string key = table.title.substr(lead, table.title.size() - 2 * lead);
    const std::size_t dot = key.find('.');
    const bool inner = dot != std::string::npos;
    part.label = inner ? fmt::format("{} {}{}", outer, key.substr(dot + 1), identity(table))
                       : key + (part.repeated ? identity(table) : "");
    if (const int n = ++seen[part.label]; n > 1) part.label += fmt::format(" #{}", n);
    if (!inner) outer = part.label;
    for (const EffectiveValue& value : table.values) {
      part.values.emplace_back(value.name,
                               Value{value.text, is_secret(value) ? "(not shown)" : value.text,
                                     needs_restart(key.substr(0, dot), value.name)});
    }
    out.push_back(std::move(part));
  }
  return out;
}

const Part* find(const std::vector<Part>& parts, const std::string& label) {
  const auto at = std::ranges::find(parts, label, &Part::label);
  return at == parts.end() ? nullptr : &*at;
}

const Value* find(const Part& part, const std::string& name) {
  const auto at = std::ranges::find(part.values, name, &std::pair<std::string, Value>::first);
  return at == part.values.end() ? nullptr : &at->second;
}

std::string name_in(const Part& part, const std::string& name) {
  return fmt::format("{}{}{}", part.label, part.repeated ? " " : ".", name);
}

void compare(const Part& from, const Part& to, std::vector<ConfChange>& out) {
  for (const auto& [name, value] : from.values) {
    const Value* now = find(to, name);
    if (now && now->text == value.text) continue;
    out.push_back({name_in(from, name), value.shown, now ? now->shown : "", value.restart});
  }
  for (const auto& [name, value] : to.values) {
    if (!find(from, name)) out.push_back({name_in(to, name), "", value.shown, value.restart});
  }
}

bool restarts(const Part& part) {
  return std::ranges::any_of(part.values, [](const auto& v) { return v.second.restart; });
}

}  // namespace

std::string ConfChange::text() const {
  if (from.empty() && to.empty()) return what;
  return fmt::format("{}: {} -> {}", what, from.empty() ? "unset" : from,
                     to.empty() ? "unset" : to);
}

std::vector<ConfChange> conf_diff(const LoadedConfig& from, const LoadedConfig& to) {
  const std::vector<Part> old_parts = parts_of(from);
  const std::vector<Part> new_parts = parts_of(to);
  std::vector<ConfChange> out;
  for (const Part& old : old_parts) {
    if (const Part* now = find(new_parts, old.label)) {
      compare(old, *now, out);
    } else {
      out.push_back({old.label + ": removed", "", "", restarts(old)});
    }
  }
  for (const Part& now : new_parts) {
    if (!find(old_parts, now.label)) out.push_back({now.label + ": added", "", "", restarts(now)});
  }
  return out;
}

bool needs_restart(std::string_view table, std::string_view name) {
  if (table == kStorage) return true;
  return std::ranges::any_of(kUntilRestart,
                             [&](const Name& n) { return n.table == table && n.name == name; });
}

void keep_until_restart(LoadedConfig& next, const Config& in_force) {
  if (next.config.storage != in_force.storage) next.kept.emplace(kStorage);
  next.config.storage = in_force.storage;
#define WEIR_KEEP(table, name)                                                            \
  if (next.config.table.name != in_force.table.name) next.kept.emplace(#table "." #name); \
  next.config.table.name = in_force.table.name;
  WEIR_UNTIL_RESTART(WEIR_KEEP)
#undef WEIR_KEEP
}

}  // namespace weir::app
