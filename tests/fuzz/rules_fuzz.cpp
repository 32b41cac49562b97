// A request target against rules: one spelling for each path, one key for each meaning.

#include <string>

#include "base/check.h"
#include "proxy/rules.h"
#include "proxy/target.h"

using namespace weir;
using namespace weir::proxy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(text.find('\n'), text.size());
  http::Request asked;
  asked.method_text = "GET";
  asked.authority = "example.org";
  asked.target = "/" + std::string(text.substr(0, cut));
  if (cut < text.size()) asked.fields.add(http::FieldId::kCookie, text.substr(cut + 1));

  std::string memory;
  const std::string plain(plain_path(asked.target, memory));
  WEIR_CHECK(plain.starts_with('/') && plain.find("//") == plain.npos);
  WEIR_CHECK((plain + "/").find("/../") == plain.npos);

  static const RuleSet rules = [] {
    Rule rule;
    rule.reason = "rule:1";
    rule.paths = {Glob("/*a*b*")};
    rule.query_strip = {Glob("a*")};
    rule.query_ignore = {Glob("*b")};
    rule.query_sort = true;
    rule.key_cookies = {"a"};
    rule.strip_cookies = {Glob("b*")};
    Rule every = rule;
    every.paths.clear();
    every.query_strip = {Glob("*")};
    return RuleSet({rule, every});
  }();
  Ruling ruling;
  ruling.begin({});
  rules.judge(asked, ruling);
  http::Request edited;
  edit_request(ruling, asked, edited);
  cache::Key key, again;
  make_key(ruling, "http", asked, edited, key);
  WEIR_CHECK(key.url().find('?') == std::string_view::npos ||
             asked.target.find(' ') != std::string::npos);
  WEIR_CHECK(key.text.find('\n', key.url().size()) == std::string::npos);
  make_key(ruling, "http", asked, edited, again);
  WEIR_CHECK(key.text == again.text && key.digest == again.digest);
  filled_in(text, "http", asked);
  return 0;
}
