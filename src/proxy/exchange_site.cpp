// What the conf says about a request: the rules of its site.
#include <fmt/format.h>

#include "body/text_body.h"
#include "http/date.h"
#include "proxy/exchange.h"

namespace weir::proxy {

void Exchange::consider_rules() {
  const http::Request& request = stream_->request();
  ruling_.begin(site_->rules);
  site_->exceptions.judge(request, ruling_);
  ruled_ = !ruling_.acting.empty();
  if (!ruled_ || !ruling_.edits_request) return;
  edit_request(ruling_, request, edited_);
  request_ = &edited_;
}

// What the request is, and its name in the cache.
void Exchange::classify() {
  cls_ = policy::classify(*request_, ruled_ ? ruling_.policy : site_->rules);
  if (!ruled_ || !ruling_.edits_key) {
    return cache::make_key(stream_->scheme(), request_->authority, request_->target, key_);
  }
  thread_local std::string target, parts;
  parts.clear();
  add_key_parts(ruling_, stream_->request(), parts);
  cache::make_key(stream_->scheme(), request_->authority, key_target(ruling_, *request_, target),
                  key_, parts);
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

// A reply of our own: its fields are in stream_->extra(); those that rules set come along.
void Exchange::reply_text(int status, std::string_view text) {
  if (ruled_) {
    for (const Rule* rule : ruling_.acting) edit(stream_->extra(), {{}, rule->response.set});
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
  for (const Rule* rule : ruling_.acting) edit(fields_, rule->response);
  reply.fields = &fields_;
}

}  // namespace weir::proxy
