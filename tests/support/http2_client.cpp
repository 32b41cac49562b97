#include "support/http2_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "support/content.h"

namespace weir::test {
namespace {

constexpr std::size_t kKeep = 1 << 20;
constexpr auto kPatience = std::chrono::seconds(20);

nghttp2_nv nv(const std::string& name, const std::string& value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

std::string Http2Answer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

struct Http2Client::Callbacks {
  static Http2Client& client(void* user) { return *static_cast<Http2Client*>(user); }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    Http2Answer& a = client(user).streams_[frame->hd.stream_id].answer;
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    if (key != ":status") {
      if (a.status >= 200) a.fields.emplace_back(key, text);
    } else if (text[0] == '1') {
      a.interim.push_back(std::stoi(text));
    } else {
      a.status = std::stoi(text);
    }
    return 0;
  }

  static int data(nghttp2_session* ng, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    Stream& s = client(user).streams_[id];
    Http2Answer& a = s.answer;
    const std::span<const char> text(reinterpret_cast<const char*>(bytes), size);
    if (s.content && !a.wrong_at) {
      const std::uint64_t first = [&]() -> std::uint64_t {
        const std::string range = a.field("content-range");
        return range.empty() ? 0 : std::stoull(range.substr(6));
      }();
      const std::size_t good = check_content(*s.content, first + a.bytes, text);
      if (good < size) a.wrong_at = a.bytes + good;
    }
    a.body.append(text.data(), std::min(size, kKeep - std::min(kKeep, a.body.size())));
    a.bytes += size;
    nghttp2_session_consume_connection(ng, size);
    if (s.held) {
      s.owed += size;
    } else {
      nghttp2_session_consume_stream(ng, id, size);
    }
    return 0;
  }

  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Client& c = client(user);
    const bool of_message = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (of_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      c.streams_[frame->hd.stream_id].answer.ended = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      ++c.goaways_;
      c.goaway_code_ = frame->goaway.error_code;
    }
    return 0;
  }

  static int closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    Http2Answer& a = client(user).streams_[id].answer;
    a.closed = true;
    a.code = code;
    return 0;
  }

  static ssize_t body(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t most,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Stream& s = client(user).streams_[id];
    const std::size_t n = std::min(most, s.body.size() - s.at);
    if (n == 0 && s.endless) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(into, s.body.data() + s.at, n);
    s.at += n;
    if (s.at == s.body.size() && !s.endless) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
};

Http2Client::Http2Client(int fd, Options options) : fd_(fd), ng_(nullptr, nghttp2_session_del) {
  fcntl(fd_, F_SETFL, O_NONBLOCK);
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame_recv);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::closed);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session* ng = nullptr;
  nghttp2_session_client_new2(&ng, callbacks, this, option);
  ng_.reset(ng);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window};
  nghttp2_submit_settings(ng, NGHTTP2_FLAG_NONE, &window, 1);
  nghttp2_session_set_local_window_size(ng, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(options.connection_window));
}

Http2Client::~Http2Client() { ::close(fd_); }

int Http2Client::connect(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error(std::strerror(errno));
  return fd;
}

std::int32_t Http2Client::ask(const Http2Request& request) {
  const std::string method = ":method";
  const std::string scheme[] = {":scheme", "http"};
  const std::string authority[] = {":authority", "localhost"};
  const std::string path = ":path";
  std::vector<nghttp2_nv> head{nv(method, request.method), nv(scheme[0], scheme[1]),
                               nv(authority[0], authority[1]), nv(path, request.path)};
  for (const auto& [name, value] : request.fields) head.push_back(nv(name, value));
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::body;
  const bool body = request.has_body || request.endless || !request.body.empty();
  const std::int32_t id = nghttp2_submit_request(ng_.get(), nullptr, head.data(), head.size(),
                                                 body ? &provider : nullptr, nullptr);
  if (id < 0) throw std::runtime_error(nghttp2_strerror(id));
  Stream& s = streams_[id];
  s.content = request.content;
  s.body = request.body;
  s.endless = request.endless;
  return id;
}

void Http2Client::release(std::int32_t id) {
  Stream& s = streams_[id];
  s.held = false;
  nghttp2_session_consume_stream(ng_.get(), id, std::exchange(s.owed, 0));
}

void Http2Client::reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(ng_.get(), NGHTTP2_FLAG_NONE, id, code);
}

void Http2Client::foretell(std::int32_t id, std::string_view priority) {
  nghttp2_submit_priority_update(ng_.get(), NGHTTP2_FLAG_NONE, id,
                                 reinterpret_cast<const std::uint8_t*>(priority.data()),
                                 priority.size());
}

void Http2Client::finish(std::int32_t id) {
  streams_[id].endless = false;
  nghttp2_session_resume_data(ng_.get(), id);
}

bool Http2Client::pump(std::chrono::milliseconds wait) {
  if (ended_) return false;
  const std::uint8_t* data = nullptr;
  ssize_t n = 0;
  while (out_.size() < kKeep && (n = nghttp2_session_mem_send(ng_.get(), &data)) > 0) {
    out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
  pollfd ready{fd_, POLLIN, 0};
  if (!out_.empty()) ready.events |= POLLOUT;
  poll(&ready, 1, static_cast<int>(wait.count()));
  if (!out_.empty()) {
    n = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n > 0) out_.erase(0, static_cast<std::size_t>(n));
  }
  std::array<std::uint8_t, 64 * 1024> buffer;
  while ((n = recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
    if (nghttp2_session_mem_recv(ng_.get(), buffer.data(), static_cast<std::size_t>(n)) < 0) break;
    if (static_cast<std::size_t>(n) < buffer.size()) break;
  }
  if (n == 0 || (n < 0 && errno != EAGAIN)) ended_ = true;
  return !ended_;
}

bool Http2Client::until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (!pump(std::chrono::milliseconds(50)) && !holds()) return false;
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return true;
}

bool Http2Client::all_closed() const {
  return std::ranges::all_of(streams_, [](const auto& s) { return s.second.answer.closed; });
}

}  // namespace weir::test
