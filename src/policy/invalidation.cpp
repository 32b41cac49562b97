#include "policy/invalidation.h"

#include <algorithm>
#include <optional>

#include "http/authority.h"

namespace weir::policy {
namespace {

using http::FieldId;

// A URI as RFC 3986 §3 takes it apart, the fragment left out. Views into the text.
struct Reference {
  std::optional<std::string_view> scheme, authority;
  std::string_view path;
  std::string_view query;  // with its "?"
};

Reference take_apart(std::string_view text) {
  Reference r;
  text = text.substr(0, text.find('#'));
  const std::size_t colon = text.find_first_of(":/?");
  if (colon != std::string_view::npos && colon > 0 && text[colon] == ':') {
    r.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    r.authority = text.substr(0, end);
    text.remove_prefix(end);
  }
  const std::size_t query = std::min(text.find('?'), text.size());
  r.path = text.substr(0, query);
  r.query = text.substr(query);
  return r;
}

// RFC 3986 §5.2.4, of a path that begins with "/".
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool up = segment == "/..";
    if (up) out.erase(std::min(out.rfind('/'), out.size()));
    if (!up && segment != "/.") out.append(segment);
    if (path.empty() && (up || segment == "/.")) out.push_back('/');
  }
  return out;
}

// Whether `r`, where it says so, is of the same scheme, host and port as `base`.
bool same_origin(const Reference& r, const Reference& base) {
  if (r.scheme && (!http::iequals(*r.scheme, *base.scheme) || !r.authority)) return false;
  if (!r.authority) return true;
  std::string authority;
  return http::parse_authority(*r.authority, http::Port::kOptional, authority) &&
         http::without_default_port(*base.scheme, authority) == *base.authority;
}

// §5.2.2: the path and query that `r` has, seen from `base`.
std::string target_of(const Reference& r, const Reference& base) {
  if (r.path.empty()) {
    if (r.authority) return std::string(1, '/').append(r.query);
    return std::string(base.path).append(r.query.empty() ? base.query : r.query);
  }
  if (r.path.starts_with('/')) return without_dot_segments(r.path).append(r.query);
  std::string merged(base.path.substr(0, base.path.rfind('/') + 1));
  merged.append(r.path);
  return without_dot_segments(merged).append(r.query);
}

// The URI that a field names, if it is of the same origin as `uri`.
std::optional<std::string> named_by(FieldId id, const http::Response& response,
                                    std::string_view uri) {
  if (response.fields.count(id) != 1) return std::nullopt;
  const Reference base = take_apart(uri);
  const Reference r = take_apart(*response.fields.get(id));
  if (!same_origin(r, base)) return std::nullopt;
  std::string named(*base.scheme);
  return named.append("://").append(*base.authority).append(target_of(r, base));
}

}  // namespace

bool invalidates(int status) { return status >= 200 && status < 400; }

std::vector<std::string> also_invalidated(std::string_view uri, const http::Response& response) {
  std::vector<std::string> found;
  for (const FieldId id : {FieldId::kLocation, FieldId::kContentLocation}) {
    auto named = named_by(id, response, uri);
    if (named && *named != uri && std::ranges::find(found, *named) == found.end()) {
      found.push_back(std::move(*named));
    }
  }
  return found;
}

bool content_location_is(std::string_view uri, const http::Response& response) {
  return named_by(FieldId::kContentLocation, response, uri) == uri;
}

}  // namespace weir::policy
