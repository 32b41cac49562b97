// What must hold for every value: thousands of random ones, the same in each run.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "http/cache_control.h"
#include "http/date.h"
#include "http/range.h"
#include "http/structured.h"
#include "support/random.h"

using namespace weir;
using namespace weir::http;
using weir::test::Random;

namespace {

constexpr WallTime kNow{Seconds{1'750'000'000}};
constexpr Seconds kMost{std::int64_t{1} << 31};

std::string recased(std::string text, Random& random) {
  for (char& c : text) {
    if (std::isalpha(static_cast<unsigned char>(c)) && random.chance(2))
      c = static_cast<char>(c ^ 0x20);
  }
  return text;
}

CacheControl response_directives(const std::string& text) {
  Fields fields;
  fields.add(FieldId::kCacheControl, text);
  return parse_response_cache_control(fields);
}

}  // namespace

TEST_CASE("a printed date is read back, in any case of letters, and by no other spelling") {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const WallTime t{Seconds{static_cast<std::int64_t>(random.below(253402300800))}};
    const std::string text = print_date(t);
    CAPTURE(text);
    REQUIRE(text.size() == 29);
    REQUIRE(parse_date(text, kNow) == t);
    REQUIRE(parse_date(recased(text, random), kNow) == t);
    std::string broken = text;
    broken[random.below(3)] = '1';
    REQUIRE_FALSE(parse_date(broken, kNow));
    REQUIRE_FALSE(parse_date(text.substr(0, random.below(29)), kNow));
    REQUIRE_FALSE(parse_date(text + ' ', kNow));
  }
}

TEST_CASE("each of the three formats names the same second") {  // RFC 9110 §5.6.7
  Random random(2);
  constexpr std::array<const char*, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
  const std::int64_t from = (kNow - std::chrono::years{49}).time_since_epoch().count();
  for (int i = 0; i < 20'000; ++i) {
    const WallTime t{Seconds{from + static_cast<std::int64_t>(random.below(49ULL * 2 * 31556952))}};
    const std::string fix = print_date(t);  // "Sun, 06 Nov 1994 08:49:37 GMT"
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::string old =
        fmt::format("{}, {}-{}-{} {} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
                    fix.substr(5, 2), fix.substr(8, 3), fix.substr(14, 2), fix.substr(17, 8));
    const std::string day_text = fix[5] == '0' ? " " + fix.substr(6, 1) : fix.substr(5, 2);
    const std::string ansi = fmt::format("{} {} {} {} {}", fix.substr(0, 3), fix.substr(8, 3),
                                         day_text, fix.substr(17, 8), fix.substr(12, 4));
    CAPTURE(old);
    CAPTURE(ansi);
    REQUIRE(parse_date(old, kNow) == t);
    REQUIRE(parse_date(ansi, kNow) == t);
  }
}

TEST_CASE("whatever comes as a date is none or stays one") {
  Random random(3);
  for (int i = 0; i < 50'000; ++i) {
    std::string text =
        print_date(WallTime{Seconds{static_cast<std::int64_t>(random.number() >> 28)}});
    for (std::uint64_t n = random.between(1, 3); n > 0; --n) {
      text[random.below(text.size())] = random.text("0123456789 :,-GMTaN", 1)[0];
    }
    const auto read = parse_date(text, kNow);
    if (read) REQUIRE(parse_date(print_date(*read), kNow) == read);
  }
}

TEST_CASE("the bytes of ranges are those that the specs name, once each") {  // RFC 9110 §14.1.2
  Random random(4);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t total = random.between(1, 40);
    std::vector<RangeSpec> specs;
    std::map<std::uint64_t, bool> wanted;  // byte: seen
    for (std::uint64_t n = random.between(1, 8); n > 0; --n) {
      RangeSpec spec;
      if (!random.chance(4)) spec.first = random.below(50);
      if (!spec.first || random.chance(2)) spec.last = spec.first.value_or(0) + random.below(20);
      specs.push_back(spec);
      for (std::uint64_t at = 0; at < total; ++at) {
        const bool in = spec.first ? at >= *spec.first && at <= spec.last.value_or(total)
                                   : at + *spec.last >= total;
        if (in) wanted[at] = false;
      }
    }
    const auto ranges = resolve_all(specs, total);
    for (std::size_t a = 0; a < ranges.size(); ++a) {
      REQUIRE(ranges[a].first <= ranges[a].last);
      for (std::uint64_t at = ranges[a].first; at <= ranges[a].last; ++at) {
        REQUIRE(wanted.contains(at));
        REQUIRE_FALSE(std::exchange(wanted[at], true));
      }
      for (std::size_t b = 0; b < a; ++b) {  // apart by at least a byte
        REQUIRE((ranges[a].first > ranges[b].last + 1 || ranges[b].first > ranges[a].last + 1));
      }
    }
    REQUIRE(std::ranges::all_of(wanted, [](const auto& byte) { return byte.second; }));
  }
}

TEST_CASE("a printed range is read back") {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t total = random.number() + 1;
    const std::uint64_t first = random.below(total);
    const std::uint64_t last = random.between(first, total - 1);
    const auto content = parse_content_range(print_content_range({first, last}, total));
    REQUIRE((content && content->range == ByteRange{first, last} && content->total == total));
    const auto specs = parse_range(fmt::format("bytes={}-{}", first, last));
    REQUIRE(specs);
    REQUIRE(resolve(specs->front(), total) == ByteRange{first, last});
    const auto suffix = parse_range(fmt::format("bytes=-{}", total - first));
    REQUIRE(resolve(suffix->front(), total) == ByteRange{first, total - 1});
    REQUIRE_FALSE(resolve({total, {}}, total));
  }
}

TEST_CASE("more directives never allow more") {  // RFC 9111 §4.2.1
  Random random(6);
  const auto directive = [&random] {
    std::string text(
        random.one_of({"max-age", "s-maxage", "no-store", "no-cache", "private", "must-revalidate",
                       "stale-while-revalidate", "stale-if-error", "proxy-revalidate", "x"}));
    if (random.chance(2)) text += '=';
    return recased(text, random) + random.text("0123456789\"a -", 6);
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string once = directive();
    for (std::uint64_t n = random.below(4); n > 0; --n) once += ", " + directive();
    if (std::ranges::count(once, '"') % 2 != 0) once += '"';  // what follows stands by itself
    const std::string more = once + ", " + directive();
    CAPTURE(more);
    const CacheControl a = response_directives(once), b = response_directives(more);
    for (const auto time : {&CacheControl::max_age, &CacheControl::s_maxage,
                            &CacheControl::stale_while_revalidate, &CacheControl::stale_if_error}) {
      if (a.*time) REQUIRE(((b.*time) && *(b.*time) <= *(a.*time)));
      if (a.*time) REQUIRE((*(a.*time) >= Seconds{0} && *(a.*time) <= kMost));
    }
    for (const auto flag :
         {&CacheControl::no_store, &CacheControl::no_cache, &CacheControl::is_private,
          &CacheControl::must_revalidate, &CacheControl::proxy_revalidate}) {
      if (a.*flag) REQUIRE(b.*flag);
    }
  }
}

TEST_CASE("a dictionary that is printed is read back, and every prefix of it is told apart") {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::map<std::string, std::string> members;
    for (std::uint64_t n = random.between(1, 5); n > 0; --n) {
      const std::string key = "k" + random.text("abc-_.*019", 3);
      const std::string values[] = {std::to_string(random.number() % 1'000'000'000'000'000), "?1",
                                    "\"" + random.text("ab ,;=", 5) + "\"",
                                    "t" + random.text("aB/:!", 4)};
      members[key] = values[random.below(4)];
    }
    std::string text;
    for (const auto& [key, value] : members) {
      if (!text.empty()) text += random.one_of({",", ", ", " ,\t "});
      text.append(key).append("=").append(value);
    }
    const auto read = parse_dictionary(text);
    CAPTURE(text);
    REQUIRE(read);
    REQUIRE(read->size() == members.size());
    for (const StructuredMember& member : *read) REQUIRE(members.contains(std::string(member.key)));
    const auto shorter =
        parse_dictionary(std::string_view(text).substr(0, random.below(text.size())));
    if (shorter) REQUIRE(shorter->size() <= members.size());
  }
}

TEST_CASE("no bytes break the dictionary") {
  Random random(8);
  for (int i = 0; i < 100'000; ++i) {
    const auto read = parse_dictionary(random.text("ab=1,;\"\\?%@:()- *\t.\x80", 24));
    if (read) REQUIRE(read->size() <= 24);
  }
}
