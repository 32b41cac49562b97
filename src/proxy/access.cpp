#include "proxy/access.h"

namespace weir::proxy {

AccessEntry access_entry(const House& house, const front::Stream& stream,
                         const front::Ending& ending) {
  const http::Request& request = stream.request();
  AccessEntry e;
  const Duration took = ending.ended - ending.began;
  // The wall clock is known for now; the request began `took` before.
  const Duration began =
      house.loop.wall_now().time_since_epoch() + house.loop.wall_fraction() - took;
  e.wall = WallTime{std::chrono::floor<Seconds>(began)};
  e.wall_fraction = began - e.wall.time_since_epoch();
  e.worker = house.worker;
  e.client = stream.client_host();
  e.client_port = stream.client_port();
  e.method = request.method_text;
  e.target = request.target;
  e.host = request.authority;
  e.version = request.version.major == 2         ? "HTTP/2.0"
              : request.version == http::kHttp10 ? "HTTP/1.0"
                                                 : "HTTP/1.1";
  e.referer = request.fields.get(http::FieldId::kReferer).value_or("");
  e.user_agent = request.fields.get(http::FieldId::kUserAgent).value_or("");
  e.status = ending.status;
  e.head_bytes = ending.head_bytes;
  e.body_bytes = ending.body_bytes;
  e.complete = ending.complete;
  if (ending.close != delivery::CloseReason::kOpen) e.close = delivery::name(ending.close);
  const delivery::Receipt::Facts& receipt = ending.receipt;
  e.delivered = receipt.complete;
  e.acked_known = receipt.proof != delivery::Proof::kUnknown || receipt.rtt != Duration{0};
  e.acked = receipt.body_acked;
  e.delivery_proof = delivery::name(receipt.proof);
  e.rtt_us = static_cast<std::uint32_t>(receipt.rtt / std::chrono::microseconds(1));
  e.retransmits = receipt.retransmits;
  if (receipt.last_acked != TimePoint{}) e.time_to_last_ack = receipt.last_acked - ending.began;
  e.standstill = receipt.standstill;
  if (ending.first_byte != TimePoint{}) e.time_to_first_byte = ending.first_byte - ending.began;
  e.duration = took;
  return e;
}

}  // namespace weir::proxy
