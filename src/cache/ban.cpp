#include "cache/ban.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <span>

#include "http/syntax.h"

namespace weir::cache {
namespace {

// What one expression may use, compiled and while it matches: with kConditionsMost and the length
// of the list it bounds what bans can take. Bytes.
constexpr std::int64_t kExpressionMemory = 256 * 1024;

enum class Subject : std::uint8_t { kUrl, kScheme, kHost, kPath, kQuery, kStatus, kField };
enum class Operator : std::uint8_t { kIs, kBegins, kFinds };

constexpr std::array<std::pair<std::string_view, Subject>, 6> kSubjects = {
    {{"url", Subject::kUrl},
     {"scheme", Subject::kScheme},
     {"host", Subject::kHost},
     {"path", Subject::kPath},
     {"query", Subject::kQuery},
     {"status", Subject::kStatus}}};
constexpr std::string_view kFieldPrefix = "field.";

struct Parts {
  std::string_view scheme, host, path, query;
};

// Of "scheme://host/path?query", as keys are spelled.
Parts parts_of(std::string_view url) {
  Parts p;
  const std::size_t host = std::min(url.find("://"), url.size());
  p.scheme = url.substr(0, host);
  url.remove_prefix(std::min(host + 3, url.size()));
  p.host = url.substr(0, url.find_first_of("/?"));
  url.remove_prefix(p.host.size());
  p.path = url.substr(0, url.find('?'));
  p.query = url.substr(std::min(p.path.size() + 1, url.size()));
  return p;
}

}  // namespace

struct Condition {
  Subject subject = Subject::kUrl;
  Operator op = Operator::kIs;
  bool negated = false;
  std::string field;  // the name, of kField
  std::string value;
  std::unique_ptr<RE2> expression;  // of kFinds
};

namespace {

bool compare(const Condition& c, std::string_view text) {
  switch (c.op) {
    case Operator::kIs:
      return text == c.value;
    case Operator::kBegins:
      return text.starts_with(c.value);
    case Operator::kFinds:
      return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *c.expression);
  }
  return false;
}

bool any_line(const Condition& c, const http::Fields& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (http::iequals(fields[i].name, c.field) && compare(c, fields[i].value)) return true;
  }
  return false;
}

bool holds(const Condition& c, std::string_view url, const Parts& parts,
           const http::Response& head) {
  switch (c.subject) {
    case Subject::kUrl:
      return compare(c, url) != c.negated;
    case Subject::kScheme:
      return compare(c, parts.scheme) != c.negated;
    case Subject::kHost:
      return compare(c, parts.host) != c.negated;
    case Subject::kPath:
      return compare(c, parts.path) != c.negated;
    case Subject::kQuery:
      return compare(c, parts.query) != c.negated;
    case Subject::kStatus:
      return compare(c, fmt::format_int(head.status).c_str()) != c.negated;
    case Subject::kField:
      return any_line(c, head.fields) != c.negated;
  }
  return false;
}

std::string parse_subject(std::string_view text, Condition& into) {
  const auto known = std::ranges::find(kSubjects, text, [](const auto& row) { return row.first; });
  if (known != kSubjects.end()) {
    into.subject = known->second;
    return {};
  }
  if (text.starts_with(kFieldPrefix) && http::is_token(text.substr(kFieldPrefix.size()))) {
    into.subject = Subject::kField;
    into.field = text.substr(kFieldPrefix.size());
    return {};
  }
  return fmt::format(
      "unknown subject \"{}\": known are url, scheme, host, path, query, status, field.NAME", text);
}

std::string parse_operator(std::string_view text, Condition& into) {
  into.negated = text == "!=" || text == "!~";
  if (text == "=" || text == "!=") {
    into.op = Operator::kIs;
  } else if (text == "^=") {
    into.op = Operator::kBegins;
  } else if (text == "~" || text == "!~") {
    into.op = Operator::kFinds;
  } else {
    return fmt::format("unknown operator \"{}\": known are =, !=, ^=, ~, !~", text);
  }
  return {};
}

std::string compile(Condition& c) {
  if (c.op != Operator::kFinds) return {};
  RE2::Options options(RE2::Latin1);  // fields may hold any bytes
  options.set_log_errors(false);
  options.set_max_mem(kExpressionMemory);
  c.expression = std::make_unique<RE2>(c.value, options);
  return c.expression->ok()
             ? std::string()
             : fmt::format("bad expression \"{}\": {}", c.value, c.expression->error());
}

// A status that no response has would make a ban of nothing, or of everything.
std::string check_status(const Condition& c) {
  if (c.subject != Subject::kStatus || c.op == Operator::kFinds) return {};
  const bool digits = std::ranges::all_of(c.value, [](char d) { return d >= '0' && d <= '9'; });
  const std::size_t n = c.value.size();
  if (c.op == Operator::kIs && !(digits && n == 3))
    return fmt::format("a status is a number of three digits, not \"{}\"", c.value);
  if (c.op == Operator::kBegins && !(digits && n >= 1 && n <= 3))
    return fmt::format("a status begins with one to three digits, not \"{}\"", c.value);
  return {};
}

// The first word of `rest`, taken off it.
std::string_view take_word(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest = http::trim(rest.substr(word.size()));
  return word;
}

std::string parse_condition(std::string_view text, Condition& into) {
  std::string_view rest = http::trim(text);
  const std::string_view subject = take_word(rest);
  const std::string_view op = take_word(rest);
  if (op.empty()) return "must be \"SUBJECT OPERATOR VALUE\", as \"path ~ ^/news/\"";
  if (rest.size() > Ban::kValueMost) return fmt::format("longer than {} bytes", Ban::kValueMost);
  std::string wrong = parse_subject(subject, into);
  if (wrong.empty()) wrong = parse_operator(op, into);
  into.value = rest;
  if (wrong.empty()) wrong = check_status(into);
  return wrong.empty() ? compile(into) : wrong;
}

}  // namespace

std::expected<Ref<Ban>, std::string> Ban::parse(const std::vector<std::string>& conditions) {
  if (conditions.empty()) return std::unexpected("a ban without conditions would be of everything");
  if (conditions.size() > kConditionsMost) {
    return std::unexpected(fmt::format("more than {} conditions", kConditionsMost));
  }
  std::vector<Condition> all(conditions.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string wrong = parse_condition(conditions[i], all[i]);
    if (!wrong.empty()) {
      return std::unexpected(fmt::format("condition \"{}\": {}", conditions[i], wrong));
    }
  }
  return make_ref<Ban>(std::move(all), conditions);
}

Ban::Ban(std::vector<Condition> conditions, std::vector<std::string> texts)
    : conditions_(std::move(conditions)), texts_(std::move(texts)) {}
Ban::~Ban() = default;

bool Ban::matches(std::string_view url, const http::Response& head) const {
  const Parts parts = parts_of(url);
  return std::ranges::all_of(conditions_,
                             [&](const Condition& c) { return holds(c, url, parts, head); });
}

}  // namespace weir::cache
