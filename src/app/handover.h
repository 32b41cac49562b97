#pragma once
// Upgrade without a gap: a new Weir takes over from a running one, over a Unix socket
// (server.handover), with messages that are JSON and may have descriptors along (net/fd_channel.h):
//
//   new                               old
//   {"ask": "sockets", "protocol": 1, "managed": false} -->
//              <-- {"listen": ADDRESS} + sockets, one or more; {"admin": ADDRESS} + socket;
//                  {"handover": ADDRESS} + this listener; {"stdout": ""} and {"stderr": ""} + file;
//                  {"end": "sockets"}
//                                              or {"refused": WHY}
//   {"ask": "memory"} -->                      freezes its store, writes a snapshot of its cache
//              <-- {"slabs": N} + files, one or more; {"snapshot": OBJECTS} + file
//                                              or {"cold": WHY}
//   {"ask": "disks"} -->                       writes what is queued, lets go of the disks
//              <-- {"end": "disks"}
//   reads all that
//   {"ready": PID, "pid_file": PATH} -->
//              <-- {"purge": ...}, what was purged since the snapshot
//              <-- {"over": true}
//   serves                                     drains
//         each tells the other what is purged with it, and hears when that holds there, too:
//              <-> {"purge": {"urls": [URL], "soft": false}}, or "tags", or "ban"; {"until": N}
//              <-> {"heard": N}; {"busy": true}, it takes its time; {"bye": true}, nobody need wait
//              <-- end of the channel: it has ended, and reads nothing of the slabs any more
//
// Whatever fails before "over", the old one serves on as if nothing had been: only by that word the
// new one may begin, and may later write into slabs of both.

#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::app::handover {

inline constexpr int kProtocol = 1;
// How long each waits for an answer of the other.
inline constexpr Duration kPatience = std::chrono::seconds(10);
inline constexpr Duration kMemoryPatience = std::chrono::minutes(2);
// Between two questions of the new one: it reads what it got.
inline constexpr Duration kReadingPatience = std::chrono::minutes(10);

// Of a message: the value of a key as text; "" where it is not there, or no text.
std::string text_of(std::string_view message, const char* key);
bool has(std::string_view message, const char* key);

}  // namespace weir::app::handover
