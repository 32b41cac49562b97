#pragma once
// One question over TCP and its whole answer, waited for: for the command line, never on a Loop.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"

namespace weir::net {

// Connects, sends `question` and reads until the other end closes, all within `patience`. Fails
// with kConnectRefused, kConnectFailed or kConnectTimeout, or when it breaks off later with
// kOriginReset or kBetweenBytesTimeout, and with errno.
Result<std::string> ask(const Address& to, std::string_view question, Duration patience);

}  // namespace weir::net
