#pragma once
// The certificates of [[listen]]s with TLS: read at start, and again when asked.

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "front/settings.h"
#include "net/tls.h"

namespace weir::app {

// What `listen` says. The error is a sentence that names the file.
std::expected<std::shared_ptr<net::TlsServer>, std::string> read_certificates(const Listen& listen);
// Of all, into their slots, for the connections that come from now on. All or none: empty, or what
// is wrong.
std::string load_certificates(const Config& config,
                              const std::vector<front::ListenSettings>& listens);
// New keys for session tickets; each hour.
void rotate_tickets(const std::vector<front::ListenSettings>& listens);

}  // namespace weir::app
