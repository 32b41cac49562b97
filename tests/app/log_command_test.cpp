#include "app/log_command.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "app/log_format.h"
#include "app/pipe.h"

namespace weir::app {
namespace {

using std::string;

proxy::AccessEntry stuck() {
  proxy::AccessEntry e;
  e.client = "192.0.2.7";
  e.method = "GET";
  e.target = "/a b\x1b[2J\"";
  e.version = "HTTP/1.1";
  e.user_agent = "x y \"z\"";
  e.status = 200;
  e.body_bytes = 1000;
  e.cache = "hit";
  e.acked_known = true;
  e.acked = 400;
  e.delivery_proof = "unknown";
  e.close = "zero_window";
  return e;
}

string line(LogFormat format, const proxy::AccessEntry& e) {
  LineFormat lines(format);
  LogBuffer to;
  lines.append(to, e);
  return string(to.view());
}

struct Outcome {
  int code;
  string out;
  string err;
};

Outcome log(const string& what, const string& input = {}) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int code = log_command(what, in, out, err);
  return {code, out.str(), err.str()};
}

bool has(const string& text, const char* part) { return text.find(part) != string::npos; }

TEST_CASE("lines in a format that says little are counted as that") {
  const string little = line(LogFormat::kCombined, stuck());
  const Outcome all = log("-", little + little);
  CHECK(all.code == 0);
  CHECK(has(all.out, "2 lines\n2 of them say neither"));
  CHECK(has(all.out, "(log.format = \"combined\")"));
  const Outcome mixed = log("-", little + line(LogFormat::kJson, stuck()));
  CHECK(has(mixed.out, "2 lines\n1 of them"));
  CHECK(has(mixed.out, "zero_window"));
  const string much = line(LogFormat::kExtended, stuck());
  CHECK_FALSE(has(log("-", much + much).out, "of them say"));
}

TEST_CASE("a line of each format is taken apart") {
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kExtended, LogFormat::kCombined}) {
    const auto parsed = parse_log_line(line(format, stuck()));
    REQUIRE(parsed);
    CHECK(parsed->get("client") == "192.0.2.7");
    CHECK(parsed->get("method") == "GET");
    CHECK(parsed->get("status") == "200");
    CHECK(parsed->get("body_bytes") == "1000");
    CHECK(parsed->get("version") == "HTTP/1.1");
    CHECK(parsed->get("close") == (format == LogFormat::kCombined ? "" : "zero_window"));
    CHECK(parsed->get("acked") == (format == LogFormat::kCombined ? "" : "400"));
  }
  proxy::AccessEntry refused;
  refused.client = "::1";
  refused.status = 400;
  CHECK(parse_log_line(line(LogFormat::kCombined, refused))->get("method") == "");
}

TEST_CASE("what is no line of the access log is none") {
  for (const char* text :
       {"", "{", "{}", "[]", "{\"time\"", "2026-11-21T20:31:02.123Z info draining signal=15",
        "1.2.3.4 - - [x] \"GET / HTTP/1.1\" abc 5 \"-\" \"-\"",
        "1.2.3.4 - - [x] \"GET / HTTP/1.1\" 200", "\x00\xff"}) {
    CAPTURE(string(text));
    CHECK_FALSE(parse_log_line(text).has_value());
  }
}

TEST_CASE("a line is explained: each field, what happened, and what to do") {
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kExtended}) {
    const Outcome said = log(line(format, stuck()));
    CHECK(said.code == 0);
    CHECK(has(said.out, "incomplete"));
    CHECK(has(said.out, "acked           400 bytes"));
    CHECK(has(said.out, "zero_window: the client answered but read nothing"));
    CHECK(has(said.out, "Raise the timeout"));
    CHECK_FALSE(has(said.out, "\x1b"));
  }
  proxy::AccessEntry good = stuck();
  good.complete = good.delivered = true;
  CHECK(has(log(line(LogFormat::kJson, good)).out, "The whole response arrived."));
}

TEST_CASE("a file of one line is explained, of several the words are counted") {
  const ScratchDir dir;
  const string path = dir.file("access log");
  std::ofstream(path) << line(LogFormat::kJson, stuck());
  CHECK(has(log(path).out, "acked           400 bytes"));
  proxy::AccessEntry other = stuck();
  other.close = "stalled";
  std::ofstream(path, std::ios::app)
      << "nonsense\n"
      << line(LogFormat::kExtended, other) << line(LogFormat::kJson, stuck());
  const Outcome said = log(path);
  CHECK(said.code == 0);
  CHECK(has(said.out, "3 lines, and 1 that are none"));
  CHECK(has(said.out, "3  hit\n"));
  CHECK(said.out.find("2  zero_window\n") < said.out.find("1  stalled\n"));
  CHECK(has(said.out, "1  stalled\n"));
  CHECK(has(log("-", line(LogFormat::kJson, other)).out, "stalled: "));
}

TEST_CASE("what cannot be read is an error") {
  CHECK(log("/no/such/file").code == 1);
  CHECK(has(log("/no/such/file").err, "No such file"));
  CHECK(log("/").code == 1);
  CHECK(log("what is this").code == 2);
  CHECK(log("-", "\n\n").code == 1);
}

TEST_CASE("what is too long for the name of a file is no exception") {
  const Outcome given = log(string(5000, 'x') + " y");
  CHECK(given.code == 2);
  CHECK(has(given.err, "neither a line of the access log nor a file"));
}

}  // namespace
}  // namespace weir::app
