#pragma once
// Which responses are compressed, for whom, and what their heads say then. Pure.
//
// The entity tag of a coded response is the weak twin of the identity's: W/"abc" beside "abc".
// If-None-Match about either holds for the other, here and at the origin, without translation (weak
// comparison, RFC 9110 §8.8.3.2); If-Match, which would never hold, is told to the origin in the
// origin's own words; If-Range never holds (strong comparison), so that no bytes of two forms are
// joined; and nothing is promised of the coded bytes, which the next release of a library may make
// otherwise. A suffix ("abc-gzip") would promise that, and has to be told apart from tags
// of the origin's own that end so.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/coding.h"
#include "http/head.h"

namespace weir::policy {

// What a site asks for. Copied freely; what `types` views outlives it.
struct CompressionRules {
  std::array<http::Coding, 2> codings{};  // the first is preferred
  std::uint8_t count = 0;                 // of codings; 0: off
  // Media types in lower case, "*" at most once in each; null: default_types().
  const std::vector<std::string>* types = nullptr;
  std::uint64_t min = 1024;              // bytes; shorter bodies are not worth it
  std::uint64_t max = 16 * 1024 * 1024;  // bytes; longer ones are too much work
  int gzip_level = 5;
  int brotli_level = 4;

  bool on() const { return count > 0; }
  int level(http::Coding coding) const {
    return coding == http::Coding::kGzip ? gzip_level : brotli_level;
  }
};

const std::vector<std::string>& default_types();
// `type`: a media type without parameters, in any case. text/event-stream only fits its own name.
bool type_fits(std::string_view type, const std::vector<std::string>& patterns);

// Why a response is not compressed for anybody: kYes if it is for those who accept it.
enum class Compressible : std::uint8_t {
  kYes,
  kOff,          // the site does not ask for it
  kStatus,       // one without content, or a part: 1xx, 204, 205, 206, 304 (RFC 9110 §15)
  kCoded,        // there is a Content-Encoding already
  kNoTransform,  // Cache-Control: no-transform (RFC 9111 §5.2.2.6)
  kType,
  kSmall,
  kLarge,
};
std::string_view name(Compressible verdict);
// `length`: of the identity form, if known.
Compressible compressible(const http::Response& response, std::optional<std::uint64_t> length,
                          const CompressionRules& rules);

// Which of the codings the client gets (RFC 9110 §12.5.3): the one of the highest weight, among
// equals the first of `rules`; identity where that has a higher weight by name, or transformations
// are not wanted (RFC 9111 §5.2.1.6). No Accept-Encoding: identity.
http::Coding negotiate(const http::Fields& request, const CompressionRules& rules);

// The head of a coded response, in place: Content-Encoding is added, a strong ETag becomes weak,
// Accept-Ranges "none", digests of the bytes go (RFC 9530, RFC 3230, RFC 1864).
void describe_coded(http::Coding coding, http::Fields& fields);
// The same for a 304 about one, where only the ETag stands.
void weaken_etag(http::Fields& fields);
// Whether If-None-Match names the strong ETag of `response` as a weak one: then the client has a
// coded form of ours, whatever a 304 of the origin's does not say of the type.
bool names_weakened(const http::Fields& request, const http::Fields& response);
// Whether caches are told already that the answer depends on Accept-Encoding.
bool varies_by_coding(const http::Fields& response);
// Range where a date in If-Range cannot tell which form the client has a part of.
bool if_range_is_ambiguous(const http::Fields& request);
// Whether all of what `part` (a 206, or the head that is stored of one) is a part of would be
// compressed, as far as can be known. `total`: of the representation, if known.
bool is_part_of_compressible(const http::Response& part, std::optional<std::uint64_t> total,
                             const CompressionRules& rules);
// If-Match in a request to the origin: the tags that we made weak are strong again. Those of the
// origin's own that are weak do not match either way. Not beside Range: bytes of a coded form must
// not be joined to others (RFC 9110 §13.1.1).
void restore_if_match(http::Fields& request);

}  // namespace weir::policy
