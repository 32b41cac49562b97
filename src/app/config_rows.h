#pragma once
// The rows of params.def as values: what the parser, the printer and the help walk over. Only for
// config*.cpp.

#include <array>
#include <concepts>
#include <type_traits>

#include "app/config.h"

namespace weir::app {

template <class Enum>
inline constexpr auto kChoicesOf = std::array<Choice, 0>{};

#define WEIR_NAME(enumerator, name) Choice{name, static_cast<int>(E::enumerator)},
#define WEIR_ENUM(Enum, ...)                     \
  template <>                                    \
  inline constexpr auto kChoicesOf<Enum> = [] {  \
    using E = Enum;                              \
    return std::to_array<Choice>({__VA_ARGS__}); \
  }();
#define WEIR_ENUM_OF(Enum, ...) WEIR_ENUM(Enum, __VA_ARGS__)
#include "app/params.def"

template <class Enum>
constexpr std::string_view name_of(Enum value) {
  for (const Choice& c : kChoicesOf<Enum>) {
    if (c.value == static_cast<int>(value)) return c.name;
  }
  return {};
}

// each_param(table, f) calls f(const Param&, member) for every row of the table, in order.
#define WEIR_TABLE(key, Type, member, text)           \
  template <class T, class F>                         \
  requires std::same_as<std::remove_const_t<T>, Type> \
  void each_param(T& table, F&& f) {                  \
    constexpr std::string_view kTable = #key;
#define WEIR_TABLES(key, Type, member, text) WEIR_TABLE(key, Type, member, text)
#define WEIR_INNER(key, Type) WEIR_TABLE(key, Type, , )
#define WEIR_PARAM(name, kind, initial, min, max, text)                               \
  {                                                                                   \
    static_assert(sound_row(Kind::k##kind, initial, min, max), "params.def: " #name); \
    static constexpr Param kRow{                                                      \
        kTable, row_name(#name), Kind::k##kind, false, initial, min, max, {}, text};  \
    f(kRow, table.name);                                                              \
  }
#define WEIR_REQUIRED(name, kind, example, text)                                                   \
  {                                                                                                \
    static constexpr Param kRow{kTable, row_name(#name), Kind::k##kind, true, example, "", "", {}, \
                                text};                                                             \
    f(kRow, table.name);                                                                           \
  }
#define WEIR_ONE_OF(name, Enum, initial, text)                                 \
  {                                                                            \
    static constexpr Param kRow{kTable, row_name(#name),        Kind::kChoice, \
                                false,  name_of(Enum::initial), "",            \
                                "",     kChoicesOf<Enum>,       text};         \
    f(kRow, table.name);                                                       \
  }
#define WEIR_OPTIONAL(name, kind, example, min, max, text)                                  \
  {                                                                                         \
    static_assert(!is_number(Kind::k##kind) || sound_row(Kind::k##kind, example, min, max), \
                  "params.def: " #name);                                                    \
    static constexpr Param kRow{                                                            \
        kTable, row_name(#name), Kind::k##kind, false, example, min, max, {}, text, true};  \
    f(kRow, table.name);                                                                    \
  }
#define WEIR_OPTIONAL_OF(name, Enum, example, text)                                 \
  {                                                                                 \
    static constexpr Param kRow{                                                    \
        kTable, row_name(#name),  Kind::kChoice, false, name_of(Enum::example), "", \
        "",     kChoicesOf<Enum>, text,          true};                             \
    f(kRow, table.name);                                                            \
  }
#define WEIR_TABLE_END() }
#include "app/params.def"

struct Table {
  std::string_view key;
  std::string_view text;
  bool repeated;  // [[key]]
};

// each_table(config, f) calls f(const Table&, member) for every table, in order. The member of a
// repeated one is a vector.
template <class C, class F>
requires std::same_as<std::remove_const_t<C>, Config>
void each_table(C& config, F&& f) {
#define WEIR_TABLE(key, Type, member, text) f(Table{#key, text, false}, config.member);
#define WEIR_TABLES(key, Type, member, text) f(Table{#key, text, true}, config.member);
#include "app/params.def"
}

// each_nested(table, f) calls f(const Table&, vector) for the tables that stand inside of a table.
#define WEIR_TABLE(key, Type, member, text)           \
  template <class T, class F>                         \
  requires std::same_as<std::remove_const_t<T>, Type> \
  void each_nested([[maybe_unused]] T& table, [[maybe_unused]] F&& f) {
#define WEIR_TABLES(key, Type, member, text) WEIR_TABLE(key, Type, member, text)
#define WEIR_INNER(key, Type) WEIR_TABLE(key, Type, , )
#define WEIR_NESTED(key, Type, member, text) f(Table{#key, text, true}, table.member);
#define WEIR_TABLE_END() }
#include "app/params.def"

// A table of defaults, of the type of a member of Config.
template <class T>
T fresh_table(const T&) {
  return {};
}
template <class T>
T fresh_table(const std::vector<T>&) {
  return {};
}

// The default of a row, or the example of a required one, as TOML.
std::string sample_value(const Param& row);
// "listen[0].address"
std::string path_of(std::string_view table, std::string_view name);
std::string indexed(std::string_view path, std::size_t index);

}  // namespace weir::app
