#include "app/admin_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/connections_page.h"
#include "app/explain.h"
#include "app/metrics_page.h"
#include "app/page/admin_page.h"
#include "app/record_page.h"
#include "app/status_page.h"
#include "base/log_level.h"
#include "body/text_body.h"
#include "http/date.h"
#include "http/syntax.h"

namespace weir::app {
namespace {

constexpr std::size_t kBodyMost = 1 << 20;

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kHtmlType = "text/html; charset=utf-8";
struct Resource {
  std::string_view path;
  bool order;  // POST; else GET and HEAD
  std::string_view text;
};
constexpr Resource kResources[] = {
    {"/", false, "a page for browsers"},
    {"/status", false, "what Weir does now, as JSON"},
    {"/connections", false, "the client connections worth a look, as JSON"},
    {"/config", false, "the values in force and where each was set, as JSON"},
    {"/metrics", false, "all counters, for Prometheus"},
    {"/record", false, "whether client connections are recorded, as JSON"},
    {"/record", true, "begin to record them, or end it: see weir record --help"},
    {"/level", false, "the least level of the error log"},
    {"/level", true, "set it until the next start: see weir level --help"},
    {"/purge", true, "forget what is stored, or make it stale: see weir purge --help"},
    {"/reload", true, "read the conf again: see weir reload --help"},
    {"/explain", true, "what becomes of a request: see weir explain --help"},
};

std::string all_resources() {
  std::string out;
  for (const Resource& r : kResources) {
    out += fmt::format("{:<5}{:<14}{}\n", r.order ? "POST" : "GET", r.path, r.text);
  }
  return out;
}

// By another name perhaps: a link, or from another directory.
bool is_same_file(const std::string& one, const std::string& other) {
  std::error_code failed;
  return one == other || std::filesystem::equivalent(one, other, failed);
}

// What can be done with a path; neither: there is no such page.
struct Ways {
  bool read = false;   // GET and HEAD
  bool order = false;  // POST
};
Ways ways_of(std::string_view path) {
  Ways out;
  for (const Resource& r : kResources) {
    if (r.path == path) (r.order ? out.order : out.read) = true;
  }
  return out;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Takes as long for every wrong token of the same length.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differs |= static_cast<unsigned>(a[i] ^ b[i]);
  return differs == 0;
}

// A page of another site can have a browser send anything but this without asking first.
bool is_json(const http::Request& request) {
  const auto type = request.fields.get(http::FieldId::kContentType).value_or("");
  return http::iequals(http::trim(type.substr(0, type.find(';'))), kJsonType);
}

// The page has all it needs in itself, asks this address alone, and is no part of another.
void add_page_fields(http::Fields& fields) {
  fields.add("Content-Security-Policy",
             "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
             "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'");
  fields.add("Referrer-Policy", "no-referrer");
}

std::string level_text() { return fmt::format("{{\"level\":\"{}\"}}\n", name(log_level())); }

std::string error_text(std::string_view why) {
  using Json = nlohmann::json;
  return Json{{"error", why}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

AdminExchange::~AdminExchange() {
  house_.purger.forget(*this);
  house_.lookout.forget(*this);
  house_.shared.reloads.forget(*this);
  house_.loop.cancel(*this);
}

// RFC 6750 §2.1.
bool AdminExchange::authorized(const http::Request& request) const {
  const std::shared_ptr<const Setup> setup = house_.shared.setup();
  const std::string& token = setup->config().server.admin_token;
  if (token.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  const auto given = request.fields.get(http::FieldId::kAuthorization).value_or("");
  return given.size() > kScheme.size() && http::iequals(given.substr(0, kScheme.size()), kScheme) &&
         same_secret(given.substr(kScheme.size()), token);
}

// Without a token only this machine can ask; but a page in a browser here could be made to. With
// one, the address may have any name.
std::optional<AdminExchange::Answer> AdminExchange::refusal(const http::Request& request) const {
  const bool secret = path_of(request.target) != "/";  // the page knows nothing: it asks
  if (secret && !authorized(request))
    return Answer{.status = 401, .text = "401 a token is needed\n"};
  const bool open = house_.shared.setup()->config().server.admin_token.empty();
  if (open && !is_own_host(request.authority)) {
    return Answer{.status = 403, .text = "403 Host must be an IP address or localhost\n"};
  }
  const Ways ways = ways_of(path_of(request.target));
  if (!ways.read && !ways.order) {
    return Answer{.status = 404, .text = "404 no such page; there are\n" + all_resources()};
  }
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  const bool orders = request.method == http::Method::kPost;
  if (!(reads && ways.read) && !(orders && ways.order)) {
    const std::string_view allow = !ways.read    ? "POST"
                                   : !ways.order ? "GET, HEAD"
                                                 : "GET, HEAD, POST";
    return Answer{.status = 405, .text = fmt::format("405 only {}\n", allow), .allow = allow};
  }
  if (orders && !is_json(request)) {
    return Answer{415, kJsonType, error_text("Content-Type must be application/json")};
  }
  return {};
}

AdminExchange::Answer AdminExchange::page(std::string_view path) const {
  if (path == "/") return {.type = kHtmlType, .text = std::string(kAdminPage)};
  if (path == "/config") return {.type = kJsonType, .text = house_.shared.setup()->page};
  if (path == "/record") {
    return {.type = kJsonType, .text = record_page(house_.shared.recorder.status())};
  }
  if (path == "/level") return {.type = kJsonType, .text = level_text()};
  const bool metrics = path == "/metrics";
  const auto snapshot = take_snapshot(house_.shared, house_.loop.now(), metrics);
  if (metrics) return {.type = kMetricsType, .text = metrics_page(*snapshot)};
  return {.type = kStatusType, .text = status_page(*snapshot)};
}

void AdminExchange::on_request(front::Stream& stream) {
  stream_ = &stream;
  state_ = State::kAnswered;
  const http::Request& request = stream.request();
  if (const auto refused = refusal(request)) return reply(*refused);
  const std::string_view path = path_of(request.target);
  if (path == "/connections") return look();
  if (request.method != http::Method::kPost) return reply(page(path));
  begin_reading();
}

void AdminExchange::look() {
  state_ = State::kLooking;
  house_.lookout.ask(*this);
}

void AdminExchange::on_sight(const Sight& sight) {
  reply({200, kJsonType, connections_page(sight)});
}

void AdminExchange::begin_reading() {
  state_ = State::kReading;
  body_.clear();
  const Ref<body::Body> body = stream_->request_body();
  if (!body) return obey();
  reader_.emplace(body, 0, body::kUnlimited, *this);
  read();
}

void AdminExchange::run() noexcept {
  if (state_ == State::kReading) read();
  if (state_ == State::kReloading) tell_of_reload();
}

void AdminExchange::read() {
  while (true) {
    const body::Next next = reader_->next(kBodyMost);
    if (const auto* lease = std::get_if<body::Lease>(&next)) {
      body_.append(reinterpret_cast<const char*>(lease->bytes.data()), lease->bytes.size());
      reader_->advance(lease->bytes.size());
    } else if (std::holds_alternative<body::Wait>(next)) {
      return;
    } else if (std::holds_alternative<body::End>(next)) {
      reader_.reset();
      return obey();
    } else {
      body_.clear();
      reader_.reset();
      return reply({400, kJsonType, error_text("the body of the request was cut")});
    }
    if (body_.size() > kBodyMost) {
      reader_.reset();
      return reply({413, kJsonType, error_text("the body is larger than 1 MiB")});
    }
  }
}

void AdminExchange::obey() {
  const std::string_view path = path_of(stream_->request().target);
  if (path == "/purge") return purge();
  if (path == "/reload") return reload();
  if (path == "/record") return record();
  if (path == "/level") return set_level();
  const auto question = parse_question(body_);
  if (!question) return reply({400, kJsonType, error_text(question.error())});
  Shared& shared = house_.shared;
  const std::shared_ptr<const Setup> setup = shared.setup();
  const Stored stored{shared.index, house_.loop.wall_now()};
  reply({200, kJsonType, explain(*question, setup->config(), *setup->sites, &stored)});
}

void AdminExchange::record() {
  const auto wanted = parse_record(body_);
  if (!wanted) return reply({400, kJsonType, error_text(wanted.error())});
  Recorder& recorder = house_.shared.recorder;
  if (wanted->on && !recorder.possible()) {
    return reply({409, kJsonType, error_text("the conf names no file: delivery.record_on_order")});
  }
  if (wanted->on) {
    recorder.order_on(wanted->order);
  } else {
    recorder.order_off();
  }
  reply({200, kJsonType, record_page(recorder.status())});
}

// Said at whatever level is in force, before and after: who reads the log must know what is
// missing.
void AdminExchange::set_level() {
  const auto level = parse_level(body_);
  if (!level) return reply({400, kJsonType, error_text(level.error())});
  const LogLevel before = log_level();
  set_log_level(*level);
  if (before != *level) {
    log_line(LogLevel::kInfo,
             fmt::format("log.level={} before={} by=admin", name(*level), name(before)));
  }
  reply({200, kJsonType, level_text()});
}

void AdminExchange::purge() {
  auto order = parse_purge(body_, *house_.shared.setup()->sites);
  if (!order) return reply({400, kJsonType, error_text(order.error())});
  state_ = State::kPurging;
  soft_ = order->order.mode == cache::PurgeMode::kSoft;
  std::size_t objects = 0;
  switch (house_.purger.start(std::move(order->order), order->kind, this, objects)) {
    case proxy::Purger::Begun::kDone:
      return on_purged(objects);
    case proxy::Purger::Begun::kUnderWay:
      return;
    case proxy::Purger::Begun::kTooMany:
      return reply({503, kJsonType, error_text("too many bans are under way: try again")});
  }
}

void AdminExchange::reload() {
  if (house_.shared.draining.load(std::memory_order_relaxed))
    return reply({503, kJsonType, error_text("this Weir is about to end")});
  const auto meant = parse_reload(body_);
  if (!meant) return reply({400, kJsonType, error_text(meant.error())});
  const std::string file = house_.shared.setup()->loaded.file;
  if (!meant->empty() && !is_same_file(*meant, file)) {
    return reply({409, kJsonType,
                  error_text(fmt::format("the running Weir reads {}, not {}",
                                         file.empty() ? "no file" : file, *meant))});
  }
  state_ = State::kReloading;
  house_.shared.reloads.ask(house_.loop, *this);
}

void AdminExchange::tell_of_reload() {
  const auto outcome = house_.shared.reloads.take(*this);
  if (!outcome) return;
  if (!outcome->error.empty()) {
    std::string why = outcome->error;
    for (const std::string& log : outcome->logs)
      why += (why.ends_with('\n') ? "" : "\n") + ("a log cannot be opened again: " + log);
    return reply({422, kJsonType, error_text(why)});
  }
  using Json = nlohmann::ordered_json;
  const Json told{{"changes", outcome->changes},
                  {"needs_restart", outcome->kept},
                  {"logs_failed", outcome->logs}};
  reply({200, kJsonType, told.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"});
}

void AdminExchange::on_purged(std::size_t objects) {
  reply({200, kJsonType, fmt::format("{{\"purged\":{},\"soft\":{}}}\n", objects, soft_)});
}

void AdminExchange::reply(const Answer& answer) {
  state_ = State::kAnswered;
  http::Fields& fields = stream_->extra();
  fields.add(http::FieldId::kDate, http::print_date(house_.loop.wall_now()));
  fields.add(http::FieldId::kCacheControl, "no-store");
  fields.add(http::FieldId::kContentType, answer.type);
  fields.add("X-Content-Type-Options", "nosniff");
  if (answer.type == kHtmlType) add_page_fields(fields);
  if (answer.status == 401) fields.add("WWW-Authenticate", "Bearer");
  if (answer.status == 503) fields.add(http::FieldId::kRetryAfter, "1");
  if (!answer.allow.empty()) fields.add(http::FieldId::kAllow, answer.allow);
  front::Reply reply;
  reply.body = body::text_body(house_.source, answer.text);
  reply.status = reply.body ? answer.status : 503;
  reply.length = reply.body ? answer.text.size() : 0;
  stream_->reply(reply);
}

void AdminExchange::on_done(front::Stream&, const front::Ending&) {
  if (state_ == State::kPurging) house_.purger.forget(*this);
  if (state_ == State::kLooking) house_.lookout.forget(*this);
  if (state_ == State::kReloading) house_.shared.reloads.forget(*this);
  reader_.reset();
  stream_ = nullptr;
  state_ = State::kIdle;
}

}  // namespace weir::app
