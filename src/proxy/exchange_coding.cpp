// How an Exchange answers with a compressed form of what it has.
#include "policy/compression.h"
#include "proxy/compression.h"
#include "proxy/exchange.h"

namespace weir::proxy {
namespace {

// How far what is compressed for one client alone runs ahead of it, bytes.
constexpr std::uint64_t kAhead = std::uint64_t{256} * 1024;
// A form takes at most so much of the store; one of a larger object is made for each answer anew.
constexpr std::uint64_t kFormsPart = 8;

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
  return policy::if_range_is_ambiguous(request_->fields) &&
         may_compress() == policy::Compressible::kYes &&
         policy::negotiate(stream_->request().fields, compression_rules()) !=
             http::Coding::kIdentity;
}

// The reply is framed as one of the identity form. What is asked is what the client said: a rule
// may have the origin asked for the identity form alone.
void Exchange::encode(front::Reply& reply) {
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
  if (reply.body && !encode_body(coding, rules, reply)) return;
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
                           front::Reply& reply) {
  const auto total = object_->body().total();
  const bool keep =
      object_->shared() && total.value_or(0) <= house_.store.keep_limit() / kFormsPart;
  Ref<body::Body> into = keep ? object_->forms().find(coding) : nullptr;
  // What is only read in another form is in use nevertheless.
  if (into) body::BodyReader(object_->body_ref(), 0, 1, *this).next(1);
  if (!into) {
    Compression::Order order{object_, key_, coding, rules.level(coding), {}, {}};
    auto encoder = Compression::encoder(house_, order);
    if (!encoder) return false;
    body::BodyOptions options;
    options.id = key_.digest;
    options.drop_passed = !keep;
    if (!keep) options.lead_limit = kAhead;
    order.into = keep ? house_.store.create(options) : house_.transit.create(options);
    into = order.into;
    if (object_->shared()) order.refill = plan(FetchPlan::Kind::kFill, true);
    auto started = Compression::start(house_, std::move(order), std::move(encoder));
    if (keep) {
      const body::Body* made = into.get();
      into = object_->forms().offer(coding, std::move(into));
      if (into.get() != made) started->cancel();  // somebody else was quicker
    } else {
      compression_ = std::move(started);
    }
  }
  reply.body = std::move(into);
  reply.length = reply.body->total();
  return true;
}

}  // namespace weir::proxy
