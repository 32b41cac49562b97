// From TOML to Config. The only file that knows toml++.

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "app/conf_value.h"
#include "app/config.h"
#include "app/config_check.h"
#include "app/config_rows.h"

namespace weir::app {
namespace {

Place place_of(const toml::source_region& region) {
  const auto& [begin, end, path] = region;
  const bool one_line = end.line == begin.line && end.column > begin.column;
  return {static_cast<int>(begin.line), static_cast<int>(begin.column),
          one_line ? static_cast<int>(end.column - begin.column) : 1};
}
Place place_of(const toml::node& node) { return place_of(node.source()); }
// toml++ 3.3 ends the region of a key one column late.
Place place_of(const toml::key& key) {
  Place at = place_of(key.source());
  at.length = static_cast<int>(key.str().size());
  return at;
}

bool holds_tables(const toml::node& node) {
  const toml::array* list = node.as_array();
  return list && !list->empty() && list->front().is_table();
}

// The tables that have a parameter of this name.
std::string home_of(std::string_view key) {
  std::string home;
  const auto look = [&](const auto& rows) {
    each_param(rows, [&](const Param& p, const auto&) {
      if (p.name == key) home += fmt::format("{}[{}]", home.empty() ? "" : " or ", p.table);
    });
  };
  const Config defaults;
  each_table(defaults, [&](const Table&, const auto& member) {
    const auto fresh = fresh_table(member);
    look(fresh);
    each_nested(fresh, [&](const Table&, const auto& inner) { look(fresh_table(inner)); });
  });
  return home;
}

// "path" and "paths": more likely that one than the same name in another table.
bool begins_alike(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && (a.starts_with(b) || b.starts_with(a));
}

// "site.rule" of "site[0].rule[1]".
std::string without_indices(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside |= c == '[';
    if (!inside) out += c;
    inside &= c != ']';
  }
  return out;
}

class Reader {
 public:
  explicit Reader(LoadedConfig& out) : out_(out) {}

  void read(const toml::table& root);
  Findings& findings() { return findings_; }

 private:
  void error(Place at, std::string text, std::string hint = {}) {
    findings_.errors.push_back({at, std::move(text), std::move(hint)});
  }
  void unknown(const toml::key& key, std::string_view table,
               const std::vector<std::string_view>& known);

  template <class T>
  void read_member(const Table& table, const toml::node& node, T& member);
  template <class T>
  void read_member(const Table& table, const toml::node& node, std::vector<T>& members);
  template <class T>
  void read_tables(const std::string& path, const toml::node& node, std::vector<T>& members);
  template <class T>
  void read_nested(const std::string& path, const toml::node& node, std::vector<T>& members);
  template <class T>
  void read_rows(const std::string& path, const toml::table& from, T& to);
  void read_short(const toml::node& node, std::vector<Listen>& listens);
  void read_short(const toml::node& node, std::vector<OriginConf>& origins);
  void read_short(const toml::node& node, std::vector<Site>& sites);
  void complete();

  // Each answers by the member's type; what is wrong is reported.
  void read_value(const Param& p, const std::string& path, const toml::node& node, bool& to);
  void read_value(const Param& p, const std::string& path, const toml::node& node, Duration& to);
  void read_value(const Param& p, const std::string& path, const toml::node& node,
                  std::uint64_t& to);
  void read_value(const Param& p, const std::string& path, const toml::node& node, std::string& to);
  void read_value(const Param& p, const std::string& path, const toml::node& node,
                  std::vector<std::string>& to);
  template <class Enum>
  requires std::is_enum_v<Enum>
  void read_value(const Param& p, const std::string& path, const toml::node& node, Enum& to);
  template <class T>
  void read_value(const Param& p, const std::string& path, const toml::node& node,
                  std::optional<T>& to);
  void read_text(Kind kind, const std::string& path, const toml::node& node, std::string& to);
  void read_texts(Kind kind, const std::string& path, const toml::node& node,
                  std::vector<std::string>& to);

  LoadedConfig& out_;
  Findings findings_;
};

void Reader::unknown(const toml::key& key, std::string_view table,
                     const std::vector<std::string_view>& known) {
  const std::string name =
      table.empty() ? std::string(key.str()) : fmt::format("{}.{}", table, key.str());
  const std::string home = home_of(key.str());
  const std::string_view near = nearest(key.str(), known);
  std::string hint = did_you_mean(near);
  if (!table.empty() && (key == "listen" || key == "origin")) {
    hint = fmt::format("\"{} = ...\" stands above the first [table]", key.str());
  } else if (!home.empty() && !begins_alike(key.str(), near)) {
    hint = fmt::format("it belongs to {}", home);
  }
  error(place_of(key), fmt::format("unknown key \"{}\"", name), hint);
}

void Reader::read(const toml::table& root) {
  std::vector<std::string_view> known;
  each_table(out_.config, [&](const Table& table, auto& member) {
    known.push_back(table.key);
    const auto it = root.find(table.key);
    if (it == root.end()) return;
    out_.places.emplace(table.key, place_of(it->first));
    read_member(table, it->second, member);
  });
  for (const auto& [key, node] : root) {
    if (std::ranges::find(known, key.str()) == known.end()) unknown(key, "", known);
  }
  complete();
  check_config(out_.config, out_.places, findings_);
}

// A conf with one origin and no [[site]] has one site for every host.
void Reader::complete() {
  Config& c = out_.config;
  const auto missing = [&](std::string_view key) { return !out_.places.contains(key); };
  if (missing("listen")) error({}, "no address to listen on", "add: listen = \"127.0.0.1:8080\"");
  if (missing("origin")) error({}, "no origin", "add: origin = \"127.0.0.1:9000\"");
  if (!missing("site")) return;
  if (c.origins.size() == 1) {
    c.sites.emplace_back();
    c.sites.back().hosts = {"*"};
    c.sites.back().origin = c.origins.front().name;
  } else if (c.origins.size() > 1) {
    error({}, "several origins and no [[site]] that says which serves what",
          fmt::format("add: [[site]] with hosts = [\"*\"] and origin = \"{}\"",
                      c.origins.front().name));
  }
}

template <class T>
void Reader::read_member(const Table& table, const toml::node& node, T& member) {
  const std::string path(table.key);
  if (const toml::table* from = node.as_table()) {
    read_rows(path, *from, member);
  } else {
    error(place_of(node), fmt::format("\"{}\" must be a table", path),
          fmt::format("write [{}] and its parameters below", path));
  }
}

template <class T>
void Reader::read_member(const Table& table, const toml::node& node, std::vector<T>& members) {
  const std::string path(table.key);
  if (node.is_table()) {
    return error(out_.places.find(path)->second, fmt::format("[{}] may repeat", path),
                 fmt::format("write [[{}]]", path));
  }
  if (!holds_tables(node)) return read_short(node, members);
  read_tables(path, node, members);
}

template <class T>
void Reader::read_nested(const std::string& path, const toml::node& node, std::vector<T>& members) {
  if (holds_tables(node)) return read_tables(path, node, members);
  if (const toml::table* only = node.as_table()) {
    const std::string item = indexed(path, 0);
    out_.places.emplace(item, place_of(node));
    members.emplace_back();
    return read_rows(item, *only, members.back());
  }
  const std::string name = without_indices(path);
  error(place_of(node), fmt::format("\"{}\" must be a table", name),
        fmt::format("write [[{}]] and its parameters below", name));
}

template <class T>
void Reader::read_tables(const std::string& path, const toml::node& node, std::vector<T>& members) {
  for (const toml::node& element : *node.as_array()) {
    const std::string item = indexed(path, members.size());
    out_.places.emplace(item, place_of(element));
    members.emplace_back();
    if (const toml::table* from = element.as_table()) {
      read_rows(item, *from, members.back());
    } else {
      error(place_of(element), fmt::format("a list of {} holds tables or texts, not both", path));
    }
  }
}

template <class T>
void Reader::read_rows(const std::string& path, const toml::table& from, T& to) {
  std::vector<std::string_view> known;
  each_param(to, [&](const Param& p, auto& member) {
    known.push_back(p.name);
    const std::string name = path_of(path, p.name);
    if (const toml::node* node = from.get(p.name)) {
      out_.places.emplace(name, place_of(*node));
      read_value(p, name, *node, member);
    } else if (p.required) {
      error(app::place_of(out_.places, path), fmt::format("{} is missing", name),
            fmt::format("as: {} = {}", p.name, sample_value(p)));
    }
  });
  each_nested(to, [&](const Table& nested, auto& members) {
    known.push_back(nested.key);
    const toml::node* node = from.get(nested.key);
    if (node) read_nested(path_of(path, nested.key), *node, members);
  });
  const std::string table = without_indices(path);
  for (const auto& [key, node] : from) {
    if (std::ranges::find(known, key.str()) == known.end()) unknown(key, table, known);
  }
}

void Reader::read_short(const toml::node& node, std::vector<Listen>& listens) {
  std::vector<std::string> addresses;
  read_texts(Kind::kAddress, "listen", node, addresses);
  for (std::string& address : addresses) {
    const std::string item = indexed("listen", listens.size());
    const Place at = app::place_of(out_.places, item);
    out_.places.emplace(item + ".address", at);
    listens.emplace_back().address = std::move(address);
  }
}

void Reader::read_short(const toml::node& node, std::vector<OriginConf>& origins) {
  OriginConf& main = origins.emplace_back();
  main.name = "main";
  out_.places.emplace("origin[0].name", place_of(node));
  out_.places.emplace("origin[0].servers", place_of(node));
  read_texts(Kind::kServers, "origin[0].servers", node, main.servers);
}

void Reader::read_short(const toml::node& node, std::vector<Site>&) {
  error(place_of(node), "\"site\" must be a table", "write [[site]] and its parameters below");
}

void Reader::read_value(const Param&, const std::string& path, const toml::node& node, bool& to) {
  if (const auto* value = node.as_boolean()) {
    to = value->get();
  } else {
    const auto text = node.value<std::string>();
    const bool quoted = text == "true" || text == "false";
    error(place_of(node),
          fmt::format("{} must be true or false{}", path, quoted ? ", without quotes" : ""));
  }
}

void Reader::read_value(const Param& p, const std::string& path, const toml::node& node,
                        std::uint64_t& to) {
  std::optional<NumberFault> fault;
  if (const auto* text = node.as_string()) {
    fault = check_number(p, text->get(), to);
  } else if (const auto* bare = node.as_integer()) {
    fault = check_number(p, bare->get(), to);
  } else {
    fault = NumberFault{p.kind == Kind::kCount
                            ? "must be a whole number"
                            : fmt::format("must be a text with a unit, as \"{}\"", p.initial),
                        {}};
  }
  if (!fault) return;
  const bool bare = p.kind == Kind::kCount && !fault->likely.empty();
  error(place_of(node), fmt::format("{}: {}", path, fault->text),
        bare ? fmt::format("did you mean {}?", fault->likely) : did_you_mean(fault->likely));
}

void Reader::read_value(const Param& p, const std::string& path, const toml::node& node,
                        Duration& to) {
  auto nanoseconds = static_cast<std::uint64_t>(to.count());
  read_value(p, path, node, nanoseconds);
  to = Duration(static_cast<Duration::rep>(nanoseconds));
}

void Reader::read_value(const Param& p, const std::string& path, const toml::node& node,
                        std::string& to) {
  read_text(p.kind, path, node, to);
}

void Reader::read_value(const Param& p, const std::string& path, const toml::node& node,
                        std::vector<std::string>& to) {
  read_texts(p.kind, path, node, to);
}

template <class Enum>
requires std::is_enum_v<Enum>
void Reader::read_value(const Param& p, const std::string& path, const toml::node& node, Enum& to) {
  const auto text = node.value<std::string>();
  std::vector<std::string_view> names;
  std::string list;
  for (const Choice& choice : p.choices) {
    if (text == choice.name) to = static_cast<Enum>(choice.value);
    if (text == choice.name) return;
    names.push_back(choice.name);
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", choice.name);
  }
  error(place_of(node), fmt::format("{} must be one of {}", path, list),
        text ? did_you_mean(nearest(*text, names)) : std::string());
}

template <class T>
void Reader::read_value(const Param& p, const std::string& path, const toml::node& node,
                        std::optional<T>& to) {
  read_value(p, path, node, to.emplace());
}

void Reader::read_text(Kind kind, const std::string& path, const toml::node& node,
                       std::string& to) {
  const auto* text = node.as_string();
  if (!text) return error(place_of(node), fmt::format("{} must be a text in quotes", path));
  std::string value = text->get();
  if (const Fault fault = check_text(kind, value)) {
    return error(place_of(node), fmt::format("{}: \"{}\" {}", path, text->get(), *fault));
  }
  to = std::move(value);
}

// A single text stands for a list of one.
void Reader::read_texts(Kind kind, const std::string& path, const toml::node& node,
                        std::vector<std::string>& to) {
  const auto read_one = [&](const toml::node& element) {
    const std::string item = indexed(path, to.size());
    out_.places.emplace(item, place_of(element));
    read_text(kind, item, element, to.emplace_back());
  };
  if (node.is_string()) return read_one(node);
  const toml::array* list = node.as_array();
  if (!list)
    return error(place_of(node), fmt::format("{} must be a text or a list of texts", path));
  if (list->empty()) return error(place_of(node), fmt::format("{} must not be empty", path));
  for (const toml::node& element : *list) read_one(element);
}

// TOML itself forbids both forms of a table in one file; say so in our words.
ConfMessage syntax_error(const toml::parse_error& e) {
  const std::string_view text = e.description();
  for (const std::string_view key : {"listen", "origin"}) {
    if (text.find(fmt::format("'{}'", key)) == text.npos) continue;
    if (text.find("redefine") == text.npos && text.find("conflict") == text.npos) continue;
    return {place_of(e.source()), fmt::format("\"{0} = ...\" and [[{0}]] do not mix", key),
            fmt::format("write every {0} as [[{0}]]", key)};
  }
  return {place_of(e.source()), std::string(text), {}};
}

}  // namespace

std::expected<LoadedConfig, std::string> parse_config(std::string_view text, std::string file) {
  const ConfText source(file, text);
  LoadedConfig loaded{{}, std::move(file), {}, {}};
  try {
    const toml::table root = toml::parse(text);
    Reader reader(loaded);
    reader.read(root);
    const Findings& found = reader.findings();
    if (!found.errors.empty()) {
      return std::unexpected(source.show(found.errors, "error"));
    }
    loaded.warnings = source.show(found.warnings, "warning");
  } catch (const toml::parse_error& e) {
    return std::unexpected(source.show(syntax_error(e), "error"));
  }
  return loaded;
}

std::expected<LoadedConfig, std::string> load_config(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string text;
  while (in) {
    char piece[16 * 1024];
    in.read(piece, sizeof piece);
    text.append(piece, static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof()) return std::unexpected(fmt::format("{}: error: {}\n", path, std::strerror(errno)));
  return parse_config(text, path);
}

}  // namespace weir::app
