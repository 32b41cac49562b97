#pragma once
// What weir-origin counts and tells on /_control/counts. Every function may be called from any
// thread.
//
//   total, requests      requests, and the same by "path?query"; those to /_control/ never count
//   connections, open    connections on which a request came; those of them that are open now
//   open_max             most connections that the peer had open at one time, idle ones included
//   last_peer            the IP address that the last of them came from
//   tls, tls_resumed     handshakes that ended well, and those of them that resumed a session
//   tls_name, tls_client SNI of the last, and the common name that its client showed
//   proxy_header         what the last PROXY header said: "192.0.2.1:1234" or "LOCAL"
//   in_flight_max        most requests answered at one time
//   bytes_sent           body bytes handed to the kernel, as they go
//   not_modified, ranges 304 and 206 answers
//   reset                connections that the script ended with a RST
//   aborted_by_peer      answers that the peer did not take whole
//   blocked              answers given up by send_block_reset
//   last_transfer_seconds  first byte of the answer to last byte handed to the kernel, of the
//   answer
//                        that was last sent as planned; transfer_seconds: the same by "path?query"
//   last_request         {method, target, fields: [[name, value]...], body_bytes, body_hash (hex),
//                        trailers: [line...]}

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "support/origin/request.h"
#include "support/origin/tls.h"

namespace weir::test::origin {

enum class Outcome { kDone, kNotModified, kRange, kReset, kPeerGone, kBlocked };

class Counts {
 public:
  void connected(int fd);
  void disconnected(int fd);  // before it is closed
  void shaken(const Shaken& shaken);
  void introduced(const std::string& source);
  // Returns which request of this target it is, from 1.
  std::uint64_t begin(const Request& request);
  void received(const Request& request, std::uint64_t body_bytes, std::uint64_t body_hash,
                std::vector<std::string> trailers);
  void sent(std::uint64_t body_bytes) { bytes_sent_ += body_bytes; }
  // `seconds` below zero: there was no transfer to speak of.
  void end(const Request& request, Outcome outcome, double seconds);

  std::string json();
  void reset();

  // Script keys that act on every later request, as if they stood at its query's end.
  void set_orders(std::string query);
  std::string orders();

 private:
  std::mutex mutex_;
  std::string orders_;
  std::string last_peer_;
  std::map<std::string, std::uint64_t> requests_;
  std::map<std::string, double> transfer_seconds_;
  std::map<Outcome, std::uint64_t> outcomes_;
  std::uint64_t total_ = 0;
  std::uint64_t connections_ = 0;
  std::set<int> open_;
  std::uint64_t open_max_ = 0;
  std::uint64_t tls_ = 0;
  std::uint64_t tls_resumed_ = 0;
  Shaken last_shaken_;
  std::string last_source_;
  std::uint64_t in_flight_ = 0;
  std::uint64_t in_flight_max_ = 0;
  double last_transfer_seconds_ = 0;
  Request last_request_;
  std::uint64_t last_body_bytes_ = 0;
  std::uint64_t last_body_hash_ = 0;
  std::vector<std::string> last_trailers_;
  std::atomic<std::uint64_t> bytes_sent_{0};
};

}  // namespace weir::test::origin
