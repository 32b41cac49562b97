// What the conf says about a request: the rules of its site, and who may purge.
#include <fmt/format.h>

#include <algorithm>

#include "body/text_body.h"
#include "http/date.h"
#include "proxy/exchange.h"

namespace weir::proxy {

void Exchange::consider_rules() {
  const http::Request& request = stream_->request();
  if (!rules_) rules_ = std::make_unique<Ruled>();
  rules_->ruling.begin(site_->rules);
  site_->exceptions.judge(request, rules_->ruling);
  ruled_ = !rules_->ruling.acting.empty();
  if (!ruled_ || !rules_->ruling.edits_request) return;
  edit_request(rules_->ruling, request, rules_->edited);
  request_ = &rules_->edited;
}

// What the request is, and its name in the cache.
void Exchange::classify() {
  cls_ = policy::classify(*request_, ruled_ ? rules_->ruling.policy : site_->rules);
  if (!ruled_ || !rules_->ruling.edits_key) {
    return cache::make_key(stream_->scheme(), request_->authority, request_->target, key_);
  }
  make_key(rules_->ruling, stream_->scheme(), stream_->request(), *request_, key_);
}

// The client would leave HTTP for a protocol that the site allows.
void Exchange::ask_upgrade() {
  tunnel_place_ = routes_->origin_of(*site_).tunnels->take();
  if (!tunnel_place_) return refuse(Error{Errc::kTunnelsFull});
  pass(policy::Forward::kBypass, cls_.reason);
}

void Exchange::on_switched(const http::Response& response, origin::Switched origin) {
  WEIR_CHECK(state_ == State::kWait && tunnel_place_);
  std::exchange(busy_, nullptr)->leave(joiner_);
  state_ = State::kDeliver;
  tunnel_ = std::make_unique<Tunnel>(house_.tunnels, house_.stats.tunnels, std::move(origin));
  front::Reply head{
      .status = response.status, .reason = response.reason, .fields = &response.fields};
  if (ruled_ && rules_->ruling.edits_response) edit_reply(head);
  status_.forward_status = response.status;
  add_cache_status();
  stream_->switch_protocols(head, *tunnel_);
}

// A rule that answers by itself.
void Exchange::respond(const Rule& rule) {
  state_ = State::kDeliver;
  how_ = How::kOwn;
  status_.detail = rule.reason;
  http::Fields& fields = stream_->extra();
  fields.add(http::FieldId::kDate, http::print_date(house_.loop.wall_now()));
  fields.add(http::FieldId::kContentType, "text/plain; charset=utf-8");
  if (!rule.location.empty()) {
    fields.add(http::FieldId::kLocation,
               filled_in(rule.location, stream_->scheme(), stream_->request()));
  }
  add_cache_status();
  const int status = *rule.respond;
  reply_text(status, rule.text.empty() ? fmt::format("{} {}\n", status, http::reason_phrase(status))
                                       : rule.text + "\n");
}

// PURGE, from those who may: all variants of the URL, as a GET of it would find them.
void Exchange::purge() {
  how_ = How::kOwn;
  const auto from = net::parse_address(std::string(stream_->client_host()), 0);
  const bool may = from && std::ranges::any_of(site_->purge_from, [&](const net::Network& n) {
                     return n.contains(*from);
                   });
  if (!may) return refuse(Error{Errc::kPurgeRefused});
  state_ = State::kPurge;
  const http::Request& request = stream_->request();
  classify();
  cache::PurgeOrder order;
  order.urls.push_back(url_in_cache(*site_, key_.url()));
  if (request.fields.get("Soft-Purge") == "1") order.mode = cache::PurgeMode::kSoft;
  std::size_t objects = 0;
  const auto begun = house_.purger.start(std::move(order), PurgeKind::kUrl, this, objects);
  if (begun == Purger::Begun::kDone) return on_purged(objects);
  if (begun != Purger::Begun::kUnderWay) refuse(Error{Errc::kPurgeRefused});
}

void Exchange::on_purged(std::size_t objects) {
  state_ = State::kDeliver;
  status_.detail = "purged";
  http::Fields& fields = stream_->extra();
  fields.add(http::FieldId::kDate, http::print_date(house_.loop.wall_now()));
  fields.add(http::FieldId::kContentType, "application/json");
  add_cache_status();
  reply_text(200, fmt::format("{{\"purged\":{}}}\n", objects));
}

// A reply of our own: its fields are in stream_->extra(); those that rules set come along.
void Exchange::reply_text(int status, std::string_view text) {
  if (ruled_) {
    for (const Rule* rule : rules_->ruling.acting) edit(stream_->extra(), {{}, rule->response.set});
  }
  front::Reply reply;
  reply.status = status;
  const bool content = status != 204 && status != 304;
  if (content) reply.body = body::text_body(house_.source, text);
  reply.length = reply.body ? text.size() : 0;
  stream_->reply(reply);
}

// The fields for the client, as rules change them.
void Exchange::edit_reply(front::Reply& reply) {
  if (reply.fields != &fields_) fields_ = *reply.fields;
  for (const Rule* rule : rules_->ruling.acting) edit(fields_, rule->response);
  reply.fields = &fields_;
}

}  // namespace weir::proxy
