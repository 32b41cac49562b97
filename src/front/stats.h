#pragma once
// What the client connections of one worker have done. Written by that worker; any thread may read.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/count.h"
#include "base/error.h"
#include "delivery/close_reason.h"
#include "delivery/sample.h"

namespace weir::front {

// Why a stream of HTTP/2 was reset.
enum class StreamReset : std::uint8_t {
  kClient,    // by the client
  kProtocol,  // it broke the protocol, or was one too many
  kCut,       // the response failed
  kNoCredit,  // the client gave no credit for it
  kUnwanted,  // the response was over before the request: nobody wants the rest
};
inline constexpr std::size_t kStreamResets = 5;
std::string_view name(StreamReset why);  // "client", "protocol", "cut", "no_credit", "unwanted"

enum class TlsVersion : std::uint8_t { k12, k13 };
inline constexpr std::size_t kTlsVersions = 2;
std::string_view name(TlsVersion version);  // "TLSv1.2", "TLSv1.3"

struct Stats {
  void count_handshake(TlsVersion version, bool resumed) {
    handshakes[static_cast<std::size_t>(version)][resumed ? 1 : 0].add();
  }

  Count accepted;                                     // connections
  std::array<Count, delivery::kCloseReasons> closed;  // of them, by CloseReason
  std::array<Count, delivery::kPhases> open;          // by Phase, as Frontend::relieve() saw them
  std::array<Count, kErrcs> refused;                  // requests answered here, by Errc
  Count sent_bytes;   // handed to the kernel: heads, bodies and their framing
  Count acked_bytes;  // of these, as the samples and next requests of clients have shown

  // Handshakes of TLS that were whole; those that failed are among `closed`.
  std::array<std::array<Count, 2>, kTlsVersions> handshakes;  // by TlsVersion; full, resumed

  Count http2;                              // connections that went on in HTTP/2
  Count streams;                            // requests on them that were whole
  std::array<Count, kStreamResets> resets;  // by StreamReset

  // Adds the numbers of another; the caller is the writer of this one.
  void merge(const Stats& other);
};

}  // namespace weir::front
