#include "app/log_template.h"

#include <doctest/doctest.h>

#include "app/log_format.h"
#include "app/log_words.h"
#include "support/allocations.h"

namespace weir::app {
namespace {

using proxy::AccessEntry;

std::string line(const AccessEntry& e, std::string_view text) {
  LineFormat lines(LogFormat::kCustom, text);
  LogBuffer to;
  lines.append(to, e);
  return std::string(to.view());
}

AccessEntry hit() {
  AccessEntry e;
  e.wall = WallTime{std::chrono::seconds(1'795'293'062)};
  e.wall_fraction = std::chrono::milliseconds(7);
  e.client = "192.0.2.7";
  e.client_port = 51234;
  e.method = "GET";
  e.target = "/a?b=1";
  e.status = 200;
  e.body_bytes = 65536;
  e.acked_known = true;
  e.acked = 65000;
  e.reason = "fresh";
  return e;
}

TEST_CASE("names become values and all else stays") {
  struct Row {
    const char* text;
    const char* line;
  };
  for (
      const Row& row : {
          Row{"", "\n"},
          Row{"no name", "no name\n"},
          Row{"{client}", "192.0.2.7\n"},
          Row{R"({client}:{port} {time} "{method} {target}" {status} {body_bytes} {acked} {reason})",
              "192.0.2.7:51234 2026-11-21T20:31:02.007Z \"GET /a?b=1\" 200 65536 65000 fresh\n"},
          Row{"{status}{status}\t{{{status}}}", "200200\t{200}\n"},
          Row{"{host} {range_first} {rtt_us} {received_bytes} {delivery}", "- - - - -\n"},
          Row{"{complete} {delivered} {ttfb_ms}", "false false 0.000\n"},
      }) {
    CAPTURE(std::string(row.text));
    CHECK(line(hit(), row.text) == row.line);
  }
}

TEST_CASE("the names are those of JSON lines, and each can be written") {
  const auto names = log_template_names();
  REQUIRE(names.size() == std::size(kLogFields));
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(names[i] == kLogFields[i].name);
  AccessEntry unknown;
  for (const std::string_view name : names) {
    CAPTURE(std::string(name));
    CHECK(line(hit(), "<{" + std::string(name) + "}>").ends_with(">\n"));
    CHECK(line(unknown, "{" + std::string(name) + "}").size() > 1);
  }
}

TEST_CASE("what a client sends ends neither a field nor a line") {
  AccessEntry e = hit();
  e.user_agent = "a\"b\r\nforged {client}\xff\\";
  CHECK(line(e, "\"{user_agent}\" {status}") ==
        "\"a\\x22b\\x0d\\x0aforged {client}\\xff\\x5c\" 200\n");
}

TEST_CASE("the longest line fits, however often a text is in it") {
  AccessEntry e = hit();
  const std::string target(9000, '"');
  e.target = target;
  e.body_bytes = e.acked = UINT64_MAX;
  std::string text = "[";
  std::string expected = "[";
  std::string escaped;
  for (std::size_t i = 0; i < target.size(); ++i) escaped += "\\x22";
  for (int i = 0; i < 5; ++i) {
    text += "{target}{body_bytes}";
    expected += escaped + "18446744073709551615";
  }
  CHECK(line(e, text) == expected + "\n");
}

TEST_CASE("a line costs no allocation once there is room") {
  LineFormat lines(LogFormat::kCustom, "{time} {client} \"{target}\" {acked} {user_agent}");
  LogBuffer to;
  to.room(1 << 16);
  const std::size_t before = test::allocations();
  for (int i = 0; i < 100; ++i) lines.append(to, hit());
  CHECK(test::allocations() == before);
  CHECK(to.size() > 100 * 40);
}

TEST_CASE("a template that is none says why, and what was meant") {
  struct Row {
    const char* text;
    const char* fault;
    const char* hint;
  };
  for (const Row& row : {
           Row{"{clinet}", "lines have no \"clinet\"", "did you mean \"client\"?"},
           Row{"{}", "lines have no \"\"", ""},
           Row{"{client", "a brace has no other one", "\"{{\" is a brace"},
           Row{"client}", "a brace has no other one", "\"{{\" is a brace"},
           Row{"{client}\n", "a line of the log is one line, without control characters", ""},
       }) {
    CAPTURE(std::string(row.text));
    const auto made = LogTemplate::parse(row.text);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().text == row.fault);
    CHECK(made.error().hint == row.hint);
  }
}

}  // namespace
}  // namespace weir::app
