#include "proxy/target.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace weir::proxy {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return {};
}

// The character at the front of `text` and how many bytes spell it.
struct Spelled {
  char c;
  std::size_t bytes;
};
Spelled first_of(std::string_view text) {
  if (text[0] != '%' || text.size() < 3) return {text[0], 1};
  const auto high = hex_digit(text[1]);
  const auto low = hex_digit(text[2]);
  if (!high || !low) return {'%', 1};
  return {static_cast<char>(*high * 16 + *low), 3};
}

// Cuts the last segment off, which is "." or "..", and for ".." the one before it.
void resolve_last_segment(std::string& out) {
  const std::size_t slash = out.rfind('/');
  const std::string_view last = std::string_view(out).substr(slash + 1);
  const bool up = last == "..";
  if (!up && last != ".") return;
  out.resize(slash);
  if (up) out.resize(std::min(out.rfind('/'), out.size()));
  out.push_back('/');
}

std::string_view name_of(std::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view plain_path(std::string_view target, std::string& out) {
  std::string_view path = path_of(target);
  const bool plain =
      path.find('%') == path.npos && path.find("/.") == path.npos && path.find("//") == path.npos;
  if (plain || !path.starts_with('/')) return path;
  out.assign(1, '/');
  path.remove_prefix(1);
  while (!path.empty()) {
    const Spelled next = first_of(path);
    path.remove_prefix(next.bytes);
    if (next.c != '/') {
      out.push_back(next.c);
    } else if (out.back() != '/') {
      out.push_back('/');
    }
    const bool segment_ends = path.empty() || first_of(path).c == '/';
    if (segment_ends && out.back() == '.') resolve_last_segment(out);
  }
  return out;
}

void edit_query(std::string_view target, const std::vector<Glob>& dropped, bool sorted,
                std::string& out) {
  thread_local std::vector<std::string_view> kept;
  const std::string_view path = path_of(target);
  out.append(path);
  if (path.size() == target.size()) return;
  kept.clear();
  for (std::string_view rest = target.substr(path.size() + 1);;) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    if (!parameter.empty() && !any_matches(dropped, name_of(parameter))) kept.push_back(parameter);
    if (parameter.size() == rest.size()) break;
    rest.remove_prefix(parameter.size() + 1);
  }
  // std::stable_sort may allocate; equal names are told apart by where they stand.
  if (sorted) {
    std::ranges::sort(kept, [](std::string_view a, std::string_view b) {
      const int order = name_of(a).compare(name_of(b));
      return order != 0 ? order < 0 : a.data() < b.data();
    });
  }
  char separator = '?';
  for (const std::string_view parameter : kept) {
    out.push_back(separator);
    out.append(parameter);
    separator = '&';
  }
}

}  // namespace weir::proxy
