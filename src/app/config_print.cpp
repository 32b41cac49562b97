// Config as text: the sample conf, the effective values, the help page.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/config.h"
#include "app/config_rows.h"

namespace weir::app {
namespace {

// A TOML basic string.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string value_text(const Param&, bool value) { return value ? "true" : "false"; }
std::string value_text(const Param& p, std::uint64_t value) {
  return p.kind == Kind::kCount ? std::to_string(value)
                                : quoted(format_quantity(value, units_of(p.kind)));
}
std::string value_text(const Param& p, Duration value) {
  return value_text(p, static_cast<std::uint64_t>(value.count()));
}
std::string value_text(const Param&, const std::string& value) { return quoted(value); }
std::string value_text(const Param&, const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& v : values) out += (out.empty() ? "" : ", ") + quoted(v);
  return "[" + out + "]";
}
template <class Enum>
requires std::is_enum_v<Enum> std::string value_text(const Param&, Enum value) {
  return quoted(name_of(value));
}

template <class T>
std::string value_text(const Param& p, const std::optional<T>& value) {
  return value_text(p, *value);
}

// Every line of the text behind `lead`.
std::string lines(std::string_view text, std::string_view lead) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += fmt::format("{}{}\n", lead, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// "16 to 65535", "\"json\" or \"combined\"", or empty.
std::string bounds_of(const Param& p) {
  std::string out;
  for (const Choice& c : p.choices) {
    const bool last = c.name == p.choices.back().name;
    out += fmt::format("{}{}", out.empty() ? "" : last ? " or " : ", ", quoted(c.name));
  }
  if (!p.min.empty() && !p.max.empty()) return fmt::format("{} to {}", p.min, p.max);
  if (!p.min.empty() && !p.min.starts_with("0 ")) return fmt::format("at least {}", p.min);
  return out;
}

std::string header(const Table& table) {
  return table.repeated ? fmt::format("[[{}]]\n", table.key) : fmt::format("[{}]\n", table.key);
}
// Of one that stands inside of `outer`.
std::string header(const Table& outer, const Table& table) {
  return fmt::format("[[{}.{}]]\n", outer.key, table.key);
}

std::string sample_row(const Param& p, bool nested = false) {
  const std::string bounds = bounds_of(p);
  std::string out = "\n" + lines(p.text, "# ");
  if (!bounds.empty()) out += fmt::format("# {}\n", bounds);
  if (p.optional && !nested) out += "# Unset by default.\n";
  out += fmt::format("{}{} = {}\n", p.required && !nested ? "" : "#", p.name, sample_value(p));
  return out;
}

std::string help_row(const Param& p) {
  const std::string bounds = bounds_of(p);
  const std::string initial = p.required   ? "required"
                              : p.optional ? "unset, as " + sample_value(p)
                                           : sample_value(p);
  return fmt::format("\n  {:<24}{}{}\n", p.name, initial,
                     bounds.empty() ? "" : fmt::format("  ({})", bounds)) +
         lines(p.text, "      ");
}

// A file name that fits in a comment.
std::string one_line(std::string name) {
  std::ranges::replace_if(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return name;
}

class EffectiveWalk {
 public:
  explicit EffectiveWalk(const LoadedConfig& loaded) : loaded_(loaded) {}
  std::vector<EffectiveTable> take() { return std::move(out_); }

  template <class T>
  void add(const Table& table, const std::string& path, const T& values) {
    const std::string title = header(table);
    out_.push_back({title.substr(0, title.size() - 1), {}});
    each_param(values, [&](const Param& p, const auto& member) { add(p, path, member); });
    each_nested(values, [&](const Table& nested, const auto& members) {
      const std::string key = path_of(table.key, nested.key);
      add(Table{key, nested.text, true}, path_of(path, nested.key), members);
    });
  }
  template <class T>
  void add(const Table& table, const std::string& path, const std::vector<T>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) add(table, indexed(path, i), values[i]);
  }

 private:
  template <class T>
  void add(const Param& p, const std::string& path, const T& member) {
    const auto set = loaded_.places.find(path_of(path, p.name));
    const bool is_set = set != loaded_.places.end();
    if (p.optional && !is_set) return;
    out_.back().values.push_back(
        {.name = std::string(p.name),
         .text = is_set || p.required ? value_text(p, member) : sample_value(p),
         .where = is_kept(path, p) ? std::string("until a restart")
                  : is_set         ? fmt::format("{}:{}", one_line(loaded_.file), set->second.line)
                  : p.required     ? std::string("implied")
                                   : std::string("default"),
         .hidden = p.kind == Kind::kSecret && is_set});
  }

  bool is_kept(const std::string& path, const Param& p) const {
    return loaded_.kept.contains(path_of(path, p.name)) ||
           loaded_.kept.contains(path.substr(0, path.find_first_of(".[")));
  }

  const LoadedConfig& loaded_;
  std::vector<EffectiveTable> out_;
};

}  // namespace

std::string path_of(std::string_view table, std::string_view name) {
  return fmt::format("{}.{}", table, name);
}

std::string indexed(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string sample_value(const Param& p) {
  if (p.kind == Kind::kCount || p.kind == Kind::kBool) return std::string(p.initial);
  return is_list(p.kind) ? fmt::format("[{}]", quoted(p.initial)) : quoted(p.initial);
}

std::string sample_config() {
  std::string out =
      "# Every parameter of Weir, with its default and its bounds. Made by: weir config --sample\n"
      "# Two lines are a whole conf, safe for production:\n"
      "#   listen = \"127.0.0.1:8080\"\n"
      "#   origin = \"127.0.0.1:9000\"\n";
  const Config defaults;
  each_table(defaults, [&](const Table& table, const auto& member) {
    out += "\n" + lines(table.text, "# ") + header(table);
    const auto fresh = fresh_table(member);
    each_param(fresh, [&](const Param& p, const auto&) { out += sample_row(p); });
    each_nested(fresh, [&](const Table& nested, const auto& members) {
      out += "\n" + lines(nested.text, "# ") + "#" + header(table, nested);
      const auto inner = fresh_table(members);
      each_param(inner, [&](const Param& p, const auto&) { out += sample_row(p, true); });
    });
  });
  return out;
}

std::vector<EffectiveTable> effective_tables(const LoadedConfig& loaded) {
  EffectiveWalk walk(loaded);
  each_table(loaded.config, [&](const Table& table, const auto& member) {
    walk.add(table, std::string(table.key), member);
  });
  return walk.take();
}

std::string effective_config(const LoadedConfig& loaded) {
  std::string out = "# The values in force, and where each was set.\n";
  for (const EffectiveTable& table : effective_tables(loaded)) {
    out += "\n" + table.title + "\n";
    for (const EffectiveValue& value : table.values) {
      const std::string line = value.hidden ? fmt::format("#{} is not shown", value.name)
                                            : fmt::format("{} = {}", value.name, value.text);
      out += fmt::format("{:<44} # {}\n", line, value.where);
    }
  }
  return out;
}

std::string params_help() {
  std::string out;
  const auto show = [&](const std::string& title, std::string_view text, const auto& rows) {
    out += fmt::format("{}{}{}", out.empty() ? "" : "\n", title, lines(text, "  "));
    each_param(rows, [&](const Param& p, const auto&) { out += help_row(p); });
  };
  const Config defaults;
  each_table(defaults, [&](const Table& table, const auto& member) {
    const auto fresh = fresh_table(member);
    show(header(table), table.text, fresh);
    each_nested(fresh, [&](const Table& nested, const auto& members) {
      show(header(table, nested), nested.text, fresh_table(members));
    });
  });
  return out;
}

}  // namespace weir::app
