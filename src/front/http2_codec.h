#pragma once
// What ties an Http2Session to nghttp2: its options, its callbacks, and the heads of responses.

#include <memory>

#include "front/settings.h"

struct nghttp2_session;

namespace weir::front {

class Http2Session;

// A server's side, with our SETTINGS ready to be sent. Calls back into `session`.
std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> open_http2(Http2Session& session,
                                                                        const Settings& settings);

}  // namespace weir::front
