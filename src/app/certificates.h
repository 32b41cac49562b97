#pragma once
// The files of TLS, of [[listen]]s and of [[origin]]s: read at start, and again when asked.

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/setup.h"
#include "net/tls.h"

namespace weir::app {

// What `listen` says. The error is a sentence that names the file.
std::expected<std::shared_ptr<net::TlsServer>, std::string> read_certificates(const Listen& listen);
// Whether a server of it speaks TLS.
bool wants_tls(const OriginConf& origin);
// The same towards the servers of an origin.
std::expected<std::shared_ptr<net::TlsClient>, std::string> read_tls_client(
    const OriginConf& origin);
// Empty, or that it has expired or will within a week. The time is that of its end.
std::string doubt_about_end(WallTime until, WallTime now);
// Of all, into their slots, for the connections that come from now on. All or none: empty, or what
// is wrong. Warns of those that have expired, or soon will.
std::string load_certificates(const Setup& setup);
// New keys for session tickets; each hour.
void rotate_tickets(const Setup& setup);

}  // namespace weir::app
