#include "app/log_words.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "app/log_format.h"
#include "delivery/receipt.h"
#include "proxy/stats.h"

namespace weir::app {
namespace {

// One in which everything is known.
proxy::AccessEntry full_entry() {
  proxy::AccessEntry e;
  e.client = e.method = e.target = e.host = e.version = e.referer = e.user_agent = "x";
  e.cache = e.reason = e.origin = e.close = e.delivery_proof = "x";
  e.range = proxy::AccessRange{0, 9};
  e.received = 1;
  e.acked_known = true;
  e.time_to_last_ack = e.standstill = std::chrono::seconds(1);
  e.rtt_us = 1;
  return e;
}

TEST_CASE("the rows are the keys of JSON lines, in their order") {
  LineFormat lines(LogFormat::kJson);
  LogBuffer to;
  lines.append(to, full_entry());
  std::string keys;
  const auto line = nlohmann::ordered_json::parse(to.view());
  for (const auto& [key, value] : line.items()) keys += key + " ";
  std::string rows;
  for (const LogField& field : kLogFields) rows += std::string(field.name) + " ";
  CHECK(keys == rows);
}

TEST_CASE("no word stands twice, and each is of a field") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const LogWord& word : kLogWords) {
    CAPTURE(std::string(word.name));
    CHECK(seen.emplace(word.field, word.name).second);
    CHECK(find_log_field(word.field) != nullptr);
    CHECK_FALSE(word.text.ends_with('.'));
    if (!word.advice.empty()) CHECK(word.advice.ends_with('.'));
  }
}

TEST_CASE("every way to answer, every proof, close reason and error has a meaning") {
  using proxy::How;
  for (const How how : {How::kHit, How::kMiss, How::kJoin, How::kPass, How::kError, How::kOwn}) {
    CHECK(meaning_of("cache", proxy::name(how)).has_value());
  }
  using delivery::Proof;
  for (const Proof proof :
       {Proof::kUnknown, Proof::kNextRequest, Proof::kAcknowledged, Proof::kClosedClean}) {
    CHECK(meaning_of("delivery", delivery::name(proof)).has_value());
  }
  CHECK(meaning_of("close", "zero_window")->advice.find("Raise") != std::string_view::npos);
  CHECK(meaning_of("reason", "connect_refused").has_value());
  CHECK(meaning_of("reason", "rule:static").has_value());
  CHECK_FALSE(meaning_of("reason", "zero_window").has_value());
  CHECK_FALSE(meaning_of("close", "connect_refused").has_value());
  CHECK_FALSE(meaning_of("target", "hit").has_value());
}

// policy/ and proxy/ give reasons as texts; this reads where.
TEST_CASE("every reason that the code gives has a meaning") {
  const std::set<std::string> others = {"gzip", "identity", "br", "deflate", "zstd", "vary"};
  int found = 0;
  for (const char* file :
       {"policy/admission.cpp", "policy/reuse.cpp", "policy/request_class.cpp"}) {
    std::ifstream in(std::string(WEIR_SOURCE_DIR "/") + file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::regex word("\"([a-z]+(_[a-z]+)*)\"");
    for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
      const std::string name = (*at)[1];
      if (others.contains(name)) continue;
      CAPTURE(name);
      CHECK(meaning_of("reason", name).has_value());
      ++found;
    }
  }
  CHECK(found > 20);
}

}  // namespace
}  // namespace weir::app
