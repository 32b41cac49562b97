#include "app/order_commands.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/admin_orders.h"
#include "app/ask_admin.h"
#include "app/explain.h"
#include "app/settings.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr int kFailed = 1;
constexpr int kBadUse = 2;
constexpr Duration kReloadPatience = 1min;
constexpr Duration kPurgePatience = 5min;  // a ban walks over all that is stored

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int purge_command(const Config& config, const PurgeArguments& given, std::ostream& out,
                  std::ostream& err) {
  Json order = Json::object();
  if (!given.urls.empty()) order["url"] = given.urls;
  if (!given.tags.empty()) order["tag"] = given.tags;
  if (!given.prefix.empty()) order["prefix"] = given.prefix;
  if (!given.ban.empty()) order["ban"] = given.ban;
  if (order.size() != 1) {
    err << "weir purge: give one of URLs, --tag, --prefix and --ban\n";
    return kBadUse;
  }
  order["soft"] = given.soft;
  const auto answer = ask_admin(config, {"/purge", text_of(order), kPurgePatience});
  const Json result = answer ? Json::parse(*answer, nullptr, false) : Json();
  if (!answer || !result.is_object() || !result.contains("purged")) {
    err << "weir purge: " << (answer ? "the answer cannot be read" : answer.error().text) << "\n";
    return kFailed;
  }
  const std::string count = result["purged"].dump();
  out << fmt::format("{} {} object{}\n", given.soft ? "made stale" : "purged", count,
                     count == "1" ? "" : "s");
  return 0;
}

int reload_command(const LoadedConfig& conf, std::ostream& out, std::ostream& err) {
  Json order = Json::object();
  std::error_code unresolved;
  const auto path = std::filesystem::absolute(conf.file, unresolved);
  if (!conf.file.empty() && !unresolved) order["conf"] = path.string();
  const auto answer = ask_admin(conf.config, {"/reload", text_of(order), kReloadPatience});
  const Json result = answer ? Json::parse(*answer, nullptr, false) : Json();
  if (!answer || !result.is_object() || !result.contains("changes")) {
    err << "weir reload: " << (answer ? "the answer cannot be read" : answer.error().text) << "\n";
    return kFailed;
  }
  for (const Json& change : result["changes"]) out << change.get<std::string>() << "\n";
  for (const Json& kept : result["needs_restart"])
    out << "after a restart: " << kept.get<std::string>() << "\n";
  out << (result["changes"].empty() ? "reloaded: nothing is different\n" : "reloaded\n");
  const Json failed = result.value("logs_failed", Json::array());  // an older Weir tells none
  for (const Json& log : failed)
    err << "weir reload: a log cannot be opened again: " << log.get<std::string>() << "\n";
  if (failed.empty()) return 0;
  err << "weir reload: the conf is in force; a log goes on in its old file, a recording ends\n";
  return kFailed;
}

int explain_command(const Config& config, const ExplainArguments& given, std::ostream& out,
                    std::ostream& err) {
  const auto question = make_question(given.url, given.method, given.fields);
  if (!question) {
    err << "weir explain: " << question.error() << "\n";
    return kBadUse;
  }
  const Json body{{"url", given.url}, {"method", given.method}, {"fields", given.fields}};
  std::expected<std::string, NoAnswer> answer = std::unexpected(NoAnswer{"nobody was asked", true});
  if (!given.offline) answer = ask_admin(config, {"/explain", text_of(body)});
  if (!answer && !answer.error().absent) {
    err << "weir explain: " << answer.error().text << "\n";
    return kFailed;
  }
  if (!answer) {
    err << "weir explain: by the conf alone, what is stored is not known: " << answer.error().text
        << "\n";
    answer = explain(*question, config, proxy::SiteTable(sites(config)), nullptr);
  }
  std::expected<std::string, std::string> page = *answer;
  if (!given.json) page = explain_screen(*answer);
  if (!page) {
    err << "weir explain: " << page.error() << "\n";
    return kFailed;
  }
  out << *page;
  return 0;
}

int level_command(const Config& config, const std::string& level, std::ostream& out,
                  std::ostream& err) {
  AdminQuestion question{"/level"};
  if (!level.empty()) question.body = text_of(Json{{"level", level}});
  const auto answer = ask_admin(config, question);
  const Json result = answer ? Json::parse(*answer, nullptr, false) : Json();
  if (!answer || !result.is_object() || !result.value("level", Json()).is_string()) {
    err << "weir level: " << (answer ? "the answer cannot be read" : answer.error().text) << "\n";
    return kFailed;
  }
  out << result["level"].get<std::string>() << "\n";
  return 0;
}

}  // namespace weir::app
