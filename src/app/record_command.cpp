#include "app/record_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "app/ask_admin.h"
#include "app/units.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr int kFailed = 1;
constexpr int kBadUse = 2;
// Opening the file is a thread's affair over there.
constexpr Duration kLook = 50ms;
constexpr int kLooks = 100;

std::string state_in(const std::string& page) {
  const Json json = Json::parse(page, nullptr, false);
  return json.is_object() ? json.value("state", "") : std::string();
}

std::expected<std::string, NoAnswer> ask(const Config& config, const RecordArguments& given,
                                         const Recorder::Order& order) {
  if (given.what == "status") return ask_admin(config, {"/record"});
  Json body{{"record", given.what}};
  if (order.every != 0) body["sample"] = order.every;
  if (order.most != 0) body["max_size"] = order.most;
  auto answer = ask_admin(config, {"/record", body.dump()});
  for (int i = 0; i < kLooks && answer && state_in(*answer) == "opening"; ++i) {
    std::this_thread::sleep_for(kLook);
    answer = ask_admin(config, {"/record"});
  }
  return answer;
}

std::string bytes_text(const Json& json, const char* key) {
  return format_quantity(json.value(key, std::uint64_t{0}), kByteUnits);
}

}  // namespace

std::expected<Recorder::Order, std::string> parse_record_arguments(const RecordArguments& given) {
  Recorder::Order out;
  std::string_view sample = given.sample;
  std::uint64_t every = 0;
  if (sample.starts_with("1/")) sample.remove_prefix(2);
  const bool good = parse_digits(sample, every) && every >= 1 && every <= 1'000'000;
  if (!given.sample.empty() && !good) {
    return std::unexpected(
        fmt::format("--sample: \"{}\" must be as 1/100, down to 1/1000000", given.sample));
  }
  out.every = static_cast<std::uint32_t>(every);
  if (given.max_size.empty()) return out;
  Quantity size = parse_quantity(given.max_size, kByteUnits);
  std::string whole;
  if (size.fault == QuantityFault::kUnknownUnit) {
    whole = fmt::format("{} {}", size.number, likely_unit(size.unit, kByteUnits));
    size = parse_quantity(whole, kByteUnits);
  }
  if (size.fault != QuantityFault::kNone || size.value == 0) {
    return std::unexpected(fmt::format("--max-size: \"{}\" must be as \"64 MiB\"", given.max_size));
  }
  out.most = size.value;
  return out;
}

std::expected<std::string, std::string> record_screen(const std::string& page) {
  const Json json = Json::parse(page, nullptr, false);
  const std::string state = state_in(page);
  if (state.empty()) return std::unexpected("the answer cannot be read");
  const std::string file = json.value("file", "");
  if (state == "off" && file.empty())
    return "not recording: the conf names no file (delivery.record_on_order)\n";
  const std::uint64_t every = json.value("sample", std::uint64_t{1});
  const std::string whom =
      every == 1 ? "each connection" : fmt::format("one of {} connections", every);
  if (state == "on") {
    return fmt::format("recording {} to {}: {} of at most {}\n", whom, file,
                       bytes_text(json, "bytes"), bytes_text(json, "max_bytes"));
  }
  if (state == "full") {
    return fmt::format("not recording: {} has reached its limit, {}\n", file,
                       bytes_text(json, "max_bytes"));
  }
  if (state == "failed")
    return fmt::format("not recording: {}: {}\n", file, json.value("error", ""));
  return fmt::format("{}: {}\n", state == "opening" ? "opening the file" : "not recording", file);
}

int record_command(const Config& config, const RecordArguments& given, std::ostream& out,
                   std::ostream& err) {
  const auto order = parse_record_arguments(given);
  if (!order) {
    err << "weir record: " << order.error() << "\n";
    return kBadUse;
  }
  const auto answer = ask(config, given, *order);
  if (!answer) {
    err << "weir record: " << answer.error().text << "\n";
    return kFailed;
  }
  const auto screen = given.json ? *answer : record_screen(*answer);
  if (!screen) {
    err << "weir record: " << screen.error() << "\n";
    return kFailed;
  }
  out << *screen;
  return given.what == "on" && state_in(*answer) != "on" ? kFailed : 0;
}

}  // namespace weir::app
