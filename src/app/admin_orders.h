#pragma once
// What orders to the admin address (POST) are told, as JSON. Pure.
//
//   {"url": "http://example.org/a"}       all variants; or a list of URLs
//   {"tag": "news"}                       what bears this Surrogate-Key or Cache-Tag; or a list
//   {"prefix": "http://example.org/a/"}   what has a URL that begins so
//   {"ban": ["host = example.org", "path ~ ^/news/"]}   what all conditions hold for
//   each with "soft": true                it becomes stale instead of being forgotten
//
//   {"url": "http://example.org/a", "method": "GET", "fields": ["Cookie: a=b"]}   /explain
//
//   {"record": "on", "sample": 100, "max_size": 67108864}   /record; or "off" alone
//   {"level": "debug"}                    /level: error, warn, info or debug
//   {"conf": "/etc/weir/weir.conf"}       /reload: the file that is meant; or {}: the one it reads
//
// Conditions are those of cache/ban.h.

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "app/recorder.h"
#include "base/log.h"
#include "cache/purge.h"
#include "http/head.h"
#include "proxy/site.h"
#include "proxy/stats.h"

namespace weir::app {

struct PurgeRequest {
  cache::PurgeOrder order;
  proxy::PurgeKind kind = proxy::PurgeKind::kUrl;
};

// Which file is written is none of the order's business.
struct RecordRequest {
  bool on = false;
  Recorder::Order order;
};

// A request as a client would have sent it.
struct Question {
  std::string scheme;
  http::Request request;
};

// The errors are for people. URLs end up as they are spelled in the cache of their site.
std::expected<PurgeRequest, std::string> parse_purge(std::string_view json,
                                                     const proxy::SiteTable& sites);
std::expected<Question, std::string> parse_question(std::string_view json);
std::expected<RecordRequest, std::string> parse_record(std::string_view json);
std::expected<LogLevel, std::string> parse_level(std::string_view json);
std::expected<std::string, std::string> parse_reload(std::string_view json);  // "conf", or ""
// Of "http://example.org/a?b", a method and "Name: value" texts.
std::expected<Question, std::string> make_question(std::string_view url, std::string_view method,
                                                   const std::vector<std::string>& fields);

// Whether that is what the admin address can rightly be called: an IP address or localhost, with
// any port. Another name may be one that an attacker's page has and that now resolves to here (DNS
// rebinding).
bool is_own_host(std::string_view authority);

}  // namespace weir::app
