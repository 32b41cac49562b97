#pragma once
// What the fields of a whole head say about its body and its connection (RFC 9112 §6.3 and §9.3).

#include <cstdint>

#include "base/result.h"
#include "http/head.h"

namespace weir::http {

// Sets framing and length, or fails with kBadFraming or kUnsupportedCoding. Anything that two
// readers could read differently is refused: more than one Content-Length, even when all are equal;
// Transfer-Encoding beside Content-Length or in HTTP/1.0; any coding but one `chunked`.
Result<void> frame_request(Request& head);

// Likewise, with kOriginBadResponse. Equal repeated Content-Length lines become one (§6.3 allows
// it); unequal ones are refused. HEAD, CONNECT, 1xx, 204 and 304: Framing::kNone, though what the
// fields say must still be valid.
Result<void> frame_response(Method to, Response& head);

bool wants_keep_alive(const Fields& fields, Version version);

}  // namespace weir::http
