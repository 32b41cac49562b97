// How an Exchange answers with a compressed form of what it has.
#include <algorithm>

#include "policy/compression.h"
#include "proxy/compression.h"
#include "proxy/exchange.h"

namespace weir::proxy {
namespace {

// How far what is compressed for one client alone runs ahead of it, bytes.
constexpr std::uint64_t kAhead = std::uint64_t{256} * 1024;
// A form takes at most so much of the store; one of a larger object is made for each answer anew.
constexpr std::uint64_t kFormsPart = 8;

std::uint64_t form_limit(const House& house) {
  return std::max<std::uint64_t>(house.store.keep_limit() / kFormsPart, 1);
}

// Forms are evicted apart from each other, and one that comes back is not the object itself.
Digest form_id(const cache::Key& key, http::Coding coding) {
  Digest id = key.digest;
  id.high ^= 0x9e3779b97f4a7c15 * static_cast<std::uint64_t>(coding);
  return id;
}

}  // namespace

policy::CompressionRules Exchange::compression_rules() const {
  return ruled_ ? rules_->ruling.compression(site_->compression) : site_->compression;
}

policy::Compressible Exchange::may_compress() const {
  if (object_->part()) return policy::Compressible::kStatus;
  const auto total = object_->shared() ? object_->body().total() : object_->length();
  return policy::compressible(object_->head(), total, compression_rules());
}

// Whether the range that is asked for could be joined to a part of another form.
bool Exchange::mixes_forms() const {
  if (!policy::if_range_is_ambiguous(request_->fields)) return false;
  const policy::CompressionRules rules = compression_rules();
  if (policy::negotiate(stream_->request().fields, rules) == http::Coding::kIdentity) return false;
  const auto& part = object_->part();
  if (!part && object_->head().status != 206) return may_compress() == policy::Compressible::kYes;
  const auto total = part ? std::optional(part->total) : std::nullopt;
  return policy::is_part_of_compressible(object_->head(), total, rules);
}

// Then the Range counts as not asked for (RFC 9110 §14.2). False: what is here is all of it.
bool Exchange::ask_for_whole() {
  const bool all = !object_->part() && object_->head().status != 206;
  if (!all && stream_->request_body()) return false;  // which is gone
  if (!rules_) rules_ = std::make_unique<Ruled>();
  if (request_ != &rules_->edited) rules_->edited = *request_;
  request_ = &rules_->edited;
  rules_->edited.fields.remove(http::FieldId::kRange);
  rules_->edited.fields.remove(http::FieldId::kIfRange);
  if (all) return false;
  object_ = nullptr;
  how_ == How::kPass ? pass(status_.forward, status_.detail) : step_lookup();
  return true;
}

// The reply is framed as one of the identity form. What is asked is what the client said: a rule
// may have the origin asked for the identity form alone.
void Exchange::encode(front::Reply& reply, std::optional<body::BodyPin>& pin) {
  const http::Request& asked = stream_->request();
  const policy::CompressionRules rules = compression_rules();
  const int stored = object_->head().status;
  // The origin's own 304 does not say what it is about; the client may.
  const bool of_ours =
      stored == 304 && rules.on() && policy::names_weakened(asked.fields, object_->head().fields);
  if (!of_ours && may_compress() != policy::Compressible::kYes) return;
  if (reply.fields->has(http::FieldId::kContentEncoding)) return;  // a rule says so
  if (!policy::varies_by_coding(*reply.fields))
    stream_->extra().add(http::FieldId::kVary, http::field_name(http::FieldId::kAcceptEncoding));
  const bool whole = reply.status == stored && !answer_.range && answer_.parts.empty();
  if (!whole && reply.status != 304) return;
  // A rule that ignores Range has it taken away by now.
  if (request_->fields.has(http::FieldId::kRange)) return;
  const http::Coding coding = policy::negotiate(asked.fields, rules);
  if (coding == http::Coding::kIdentity) return;
  if (reply.body && !encode_body(coding, rules, reply, pin)) return;
  if (asked.method == http::Method::kHead) reply.length.reset();
  if (reply.fields != &fields_) fields_ = *reply.fields;
  reply.fields = &fields_;
  if (reply.status == 304) return policy::weaken_etag(fields_);
  policy::describe_coded(coding, fields_);
  house_.stats.codings[static_cast<std::size_t>(coding)].responses.add();
}

// Of what is stored, the form that is kept beside it; of what passes, one for this answer alone.
// False: there is no memory to make it.
bool Exchange::encode_body(http::Coding coding, const policy::CompressionRules& rules,
                           front::Reply& reply, std::optional<body::BodyPin>& pin) {
  const auto total = object_->body().total();
  const bool keep = object_->shared() && total.value_or(0) <= form_limit(house_);
  Ref<body::Body> form = keep ? object_->forms().find(coding) : nullptr;
  if (form) {
    pin.emplace(form);
    if (!form->servable()) form = nullptr;  // it was evicted before
  }
  // What is only read in another form is in use nevertheless.
  if (form) body::BodyReader(object_->body_ref(), 0, 1, *this).next(1);
  if (!form) form = start_encoding(coding, rules, keep);
  if (!form) return false;
  pin.emplace(form);
  if (!form->servable()) return false;
  reply.body = std::move(form);
  reply.length = reply.body->total();
  return true;
}

// Null: there is no memory for it. What is kept may be what another worker began just now.
Ref<body::Body> Exchange::start_encoding(http::Coding coding, const policy::CompressionRules& rules,
                                         bool keep) {
  Compression::Order order{object_, key_, coding, rules.level(coding), rules.max, {}, {}};
  auto encoder = Compression::encoder(house_, order);
  if (!encoder) return nullptr;
  body::BodyOptions options;
  options.id = form_id(key_, coding);
  options.drop_passed = !keep;
  if (!keep) options.lead_limit = kAhead;
  // Nobody knows how long it becomes.
  if (keep && !object_->body().total()) options.lead_limit = form_limit(house_);
  order.into = keep ? house_.store.create(options) : house_.transit.create(options);
  const Ref<body::Body> made = order.into;
  // As on_hole() would have it: also of one that is not shared any more.
  const body::Body& body = object_->body();
  if (object_->shared() || body.refillable() || body.backing())
    order.refill = plan(FetchPlan::Kind::kFill, true);
  auto started = Compression::start(house_, std::move(order), std::move(encoder));
  if (!started) return nullptr;
  if (!keep) {
    compression_ = std::move(started);
    return made;
  }
  Ref<body::Body> form = object_->forms().offer(coding, made);
  if (form != made) started->cancel();  // somebody else was quicker
  return form;
}

}  // namespace weir::proxy
