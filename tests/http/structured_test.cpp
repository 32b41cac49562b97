#include "http/structured.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace weir::http;

namespace {

using Type = StructuredValue::Type;

std::string show(const StructuredValue& value) {
  switch (value.type) {
    case Type::kInteger:
      return fmt::format("{}", value.integer);
    case Type::kDecimal:
      return "decimal";
    case Type::kString:
      return fmt::format("'{}'", value.text);
    case Type::kToken:
      return fmt::format("token {}", value.text);
    case Type::kBytes:
      return "bytes";
    case Type::kBoolean:
      return value.boolean ? "true" : "false";
    case Type::kDate:
      return fmt::format("@{}", value.integer);
    case Type::kDisplayString:
      return "display";
    case Type::kInnerList:
      return "list";
  }
  return "?";
}

std::string show(std::string_view text) {
  const auto members = parse_dictionary(text);
  if (!members) return "invalid";
  std::string out;
  for (const StructuredMember& member : *members) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", member.key, show(member.value));
  }
  return out;
}

struct Row {
  const char* section;  // of RFC 9651
  std::string_view text;
  std::string_view members;
};

}  // namespace

TEST_CASE("dictionaries are read") {
  for (const Row& row : {
           Row{"4.2", "", ""},
           Row{"4.2", "   ", ""},
           Row{"3.2", "a", "a: true"},
           Row{"3.2", "a=1", "a: 1"},
           Row{"3.2", "  a=1  ", "a: 1"},
           Row{"3.2", "a=1,b=2", "a: 1; b: 2"},
           Row{"3.2", "a=1 \t, \t b=2", "a: 1; b: 2"},
           Row{"4.2.2", "a=1, b=2, a=3", "a: 3; b: 2"},
           Row{"3.1.2", "a;x=1;y, b=2; z=?0", "a: true; b: 2"},
           Row{"3.1.2", "*a-b_c.1*=1", "*a-b_c.1*: 1"},
           Row{"3.3.1", "a=-0", "a: 0"},
           Row{"3.3.1", "a=007", "a: 7"},
           Row{"3.3.1", "a=999999999999999", "a: 999999999999999"},
           Row{"3.3.1", "a=-999999999999999", "a: -999999999999999"},
           Row{"3.3.2", "a=1.5, b=-123456789012.123", "a: decimal; b: decimal"},
           Row{"3.3.3", "a=\"\"", "a: ''"},
           Row{"3.3.3", "a=\"b, c=1\"", "a: 'b, c=1'"},
           Row{"3.3.3", R"(a="\"\\")", R"(a: '"\')"},
           Row{"3.3.4", "a=b, c=*d:e/f%", "a: token b; c: token *d:e/f%"},
           Row{"3.3.5", "a=::, b=:aGVsbG8=:", "a: bytes; b: bytes"},
           Row{"3.3.6", "a=?0, b=?1", "a: false; b: true"},
           Row{"3.3.7", "a=@0, b=@-62135596800", "a: @0; b: @-62135596800"},
           Row{"3.3.8", "a=%\"f%c3%bcr\"", "a: display"},
           Row{"3.1.1", "a=(), b=(1 2;x   \"c\");y", "a: list; b: list"},
       }) {
    CAPTURE(row.section);
    CAPTURE(row.text);
    CHECK(show(row.text) == row.members);
  }
}

TEST_CASE("one wrong byte spoils a dictionary") {
  for (const Row& row : {
           Row{"4.2.2", ",", ""},
           Row{"4.2.2", "a=1,", ""},
           Row{"4.2.2", "a=1,,b=2", ""},
           Row{"4.2.2", ", a=1", ""},
           Row{"4.2.2", "a b", ""},
           Row{"4.2.2", "a=1 b=2", ""},
           Row{"4.2", "\ta=1", ""},
           Row{"3.1.2", "A=1", ""},
           Row{"3.1.2", "aB=1", ""},
           Row{"3.1.2", "1a=1", ""},
           Row{"3.1.2", "&&&", ""},
           Row{"3.2", "a=", ""},
           Row{"3.2", "a =1", ""},
           Row{"3.2", "a= 1", ""},
           Row{"3.3.1", "a=-", ""},
           Row{"3.3.1", "a=--1", ""},
           Row{"3.3.1", "a=+1", ""},
           Row{"3.3.1", "a=1000000000000000", ""},
           Row{"3.3.2", "a=1.", ""},
           Row{"3.3.2", "a=.1", ""},
           Row{"3.3.2", "a=1.1234", ""},
           Row{"3.3.2", "a=1234567890123.1", ""},
           Row{"3.3.2", "a=1.2.3", ""},
           Row{"3.3.3", "a=\"", ""},
           Row{"3.3.3", "a=\"b", ""},
           Row{"3.3.3", "a=\"\\n\"", ""},
           Row{"3.3.3", "a=\"\\", ""},
           Row{"3.3.3", "a=\"\xc3\xbc\"", ""},
           Row{"3.3.3", "a='b'", ""},
           Row{"3.3.5", "a=:b", ""},
           Row{"3.3.5", "a=:-:", ""},
           Row{"3.3.6", "a=?2", ""},
           Row{"3.3.6", "a=?", ""},
           Row{"3.3.7", "a=@", ""},
           Row{"3.3.7", "a=@1.5", ""},
           Row{"3.3.8", "a=%\"%C3%BC\"", ""},
           Row{"3.3.8", "a=%\"%c3\"", ""},
           Row{"3.3.8", "a=%\"%f0%80%80%80\"", ""},
           Row{"3.3.8", "a=%\"%ed%a0%80\"", ""},
           Row{"3.3.8", "a=%\"%c", ""},
           Row{"3.3.8", "a=%b", ""},
           Row{"3.1.1", "a=(", ""},
           Row{"3.1.1", "a=(1", ""},
           Row{"3.1.1", "a=(1\"b\")", ""},
           Row{"3.1.1", "a=(1,2)", ""},
           Row{"3.1.2", "a;", ""},
           Row{"3.1.2", "a;X", ""},
           Row{"3.1.2", "a;x=", ""},
           Row{"3.1.2", "a ;x", ""},
       }) {
    CAPTURE(row.section);
    CAPTURE(row.text);
    CHECK(show(row.text) == "invalid");
  }
}

TEST_CASE("a dictionary has no more than 1024 members") {
  std::string text = "a0";
  for (int i = 1; i < 1024; ++i) text += fmt::format(", a{}", i);
  CHECK(parse_dictionary(text)->size() == 1024);
  CHECK(parse_dictionary(text + ", a7=1")->size() == 1024);
  CHECK_FALSE(parse_dictionary(text + ", b"));
}
