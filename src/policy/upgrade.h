#pragma once
// Upgrade (RFC 9110 §7.8): whether a request may leave HTTP, and the two heads that do it. Pure;
// any thread.

#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "http/head.h"

namespace weir::policy {

// Which of the protocols that the request offers to switch to are among `allowed`, in its order and
// spelling: "websocket, x/2"; empty: none, and then Upgrade is as if it were not there, which the
// server may always decide. Only of a GET of HTTP/1.1 without content that says "Connection:
// upgrade". Names are compared without regard to case; h2c is never one: it is no tunnel.
std::string upgrades_to_ask(const http::Request& request, std::span<const std::string> allowed);
// The same, whether there is any. No allocation.
bool wants_upgrade(const http::Request& request, std::span<const std::string> allowed);

// Makes `to`, as forward_request left it, ask for them.
void ask_upgrade(std::string_view protocols, http::Request& to);

// Whether this 101 switches to what was asked for, and to nothing else, and says so in Connection
// too (RFC 9110 §7.8, RFC 6455 §4.1).
bool is_switch(const http::Response& response, std::string_view asked);
// clean_response() for such a 101: Connection and Upgrade stay.
void clean_switch(http::Response& response, bool via, WallTime received);

}  // namespace weir::policy
