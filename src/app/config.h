#pragma once
// The configuration: one struct a table of params.def, one member a row. Bytes and rates are plain
// numbers of bytes (per second), durations are weir::Duration. Immutable once loaded; any thread
// may read it.

#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/conf_text.h"
#include "app/param.h"
#include "base/log.h"
#include "base/time.h"
#include "net/tls.h"
#include "origin/settings.h"
#include "policy/forwarding.h"
#include "proxy/fill_policy.h"
#include "proxy/rule.h"

namespace weir::app {

using net::TlsProfile;
using origin::Balance;
using policy::Forwarded;
using proxy::Finish;
using proxy::Ranges;
using proxy::SetCookie;

#define WEIR_NAME(enumerator, name) enumerator,
#define WEIR_ENUM(Enum, ...) enum class Enum : std::uint8_t { __VA_ARGS__ };
#define WEIR_TABLE(key, Type, member, text) \
  struct Type {                             \
    bool operator==(const Type&) const = default;
#define WEIR_TABLES(key, Type, member, text) WEIR_TABLE(key, Type, member, text)
#define WEIR_INNER(key, Type) WEIR_TABLE(key, Type, , )
#define WEIR_NESTED(key, Type, member, text) std::vector<Type> member;
#define WEIR_PARAM(name, kind, initial, min, max, text) \
  ParamType<Kind::k##kind> name = literal<Kind::k##kind>(initial);
#define WEIR_OPTIONAL(name, kind, example, min, max, text) OptionalType<Kind::k##kind> name = {};
#define WEIR_OPTIONAL_OF(name, Enum, example, text) std::optional<Enum> name = {};
#define WEIR_REQUIRED(name, kind, example, text) ParamType<Kind::k##kind> name = {};
#define WEIR_ONE_OF(name, Enum, initial, text) Enum name = Enum::initial;
#define WEIR_TABLE_END() \
  }                      \
  ;
#include "app/params.def"

// One member a table: server, listens, storage, origins, sites, http, delivery, log.
struct Config {
#define WEIR_TABLE(key, Type, member, text) Type member;
#define WEIR_TABLES(key, Type, member, text) std::vector<Type> member;
#include "app/params.def"

  bool operator==(const Config&) const = default;
};

// Where values were set, by path as in "server.workers", "listen[0]", "listen[0].address",
// "site[1].hosts[0]", "site[1].rule[0].ttl". What is missing has its default.
using Places = std::map<std::string, Place, std::less<>>;

struct LoadedConfig {
  Config config;
  std::string file;
  Places places;
  std::string warnings;  // risky values, shown as errors are; empty: none
  // Parameters ("server.workers") and tables ("storage") that have other values than the file says,
  // until a restart.
  std::set<std::string, std::less<>> kept = {};
};

// The error is a text for people: every error of the file, each as
//   FILE:LINE:COLUMN: error: what, then the line, a caret, and what was probably meant.
// `file` is only named in messages. The loaded configuration is whole and consistent: names refer
// to what exists, short forms are expanded, hosts are in lower case.
std::expected<LoadedConfig, std::string> parse_config(std::string_view text, std::string file);
std::expected<LoadedConfig, std::string> load_config(const std::string& path);

// conf/weir.conf: every parameter with text, default and bounds.
std::string sample_config();
// The values in force, as TOML that loads to the same Config, each with the place it was set at.
std::string effective_config(const LoadedConfig& loaded);
// The same as values. One table after the other as the conf would have them.
struct EffectiveValue {
  std::string name;
  std::string text;  // as TOML
  // "weir.conf:12", "default", "implied" by the short forms, or "until a restart"
  std::string where;
  bool hidden = false;  // a secret that is set: `text` is not for showing
};
struct EffectiveTable {
  std::string title;  // "[server]", "[[listen]]"
  std::vector<EffectiveValue> values;
};
std::vector<EffectiveTable> effective_tables(const LoadedConfig& loaded);
// The parameters as a page for `weir help params`.
std::string params_help();

}  // namespace weir::app
