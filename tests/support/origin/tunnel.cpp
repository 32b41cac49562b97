#include "support/origin/tunnel.h"

#include <sys/socket.h>

#include <algorithm>

#include "support/content.h"

namespace weir::test::origin {
namespace {

std::string content(std::uint64_t n, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  fill_content(n, offset, bytes);
  return bytes;
}

// `size` bytes of content, the first of them together with the head.
Sent send_first(Socket& socket, std::string head, const Script& script) {
  constexpr std::uint64_t kPiece = 64 * 1024;
  std::uint64_t at = 0;
  do {
    const std::uint64_t size = std::min(kPiece, script.size - at);
    const Sent sent = socket.send(head + content(script.number, at, size));
    if (sent != Sent::kAll) return sent;
    head.clear();
    at += size;
  } while (at < script.size);
  return Sent::kAll;
}

}  // namespace

bool play_tunnel(Socket& socket, const Request& request, const Script& script) {
  const std::string* protocol = request.find("Upgrade");
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " +
                     (script.switch_to.empty() ? protocol ? *protocol : "" : script.switch_to) +
                     "\r\n";
  for (const Field& field : script.fields) head += field.name + ": " + field.value + "\r\n";
  if (!socket.wait(script.delay)) return false;
  Sent sent = send_first(socket, head + "\r\n", script);
  if (script.tunnel == TunnelPlay::kHalfCloseFirst) ::shutdown(socket.fd(), SHUT_WR);
  if (script.tunnel == TunnelPlay::kStopReading) {
    while (sent == Sent::kAll && socket.wait(std::chrono::seconds(1))) {
    }
    return false;
  }
  std::uint64_t got = 0;
  while (sent == Sent::kAll) {
    const std::string_view bytes = socket.read_some(UINT64_MAX);
    if (bytes.empty()) break;
    got += bytes.size();
    if (got >= script.reset_at) return true;
    if (script.tunnel == TunnelPlay::kEcho) sent = socket.send(bytes);
    if (script.rate > 0 && !socket.wait(Micros(bytes.size() * 1'000'000 / script.rate))) break;
  }
  if (script.tunnel == TunnelPlay::kCount && socket.wait(script.body_delay))
    socket.send(std::to_string(got));
  return false;
}

}  // namespace weir::test::origin
