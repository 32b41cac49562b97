#include "net/resolver.h"

#include <event2/dns.h>
#include <event2/util.h>

#include <utility>

#include "base/check.h"
#include "base/list.h"
#include "base/log.h"

namespace weir::net {
namespace {

constexpr Duration kFailedFor = std::chrono::seconds(1);
constexpr std::size_t kNamesMost = 1024;  // then the ones not asked for lately are forgotten

::evdns_base* open_dns(Loop& loop, const std::string& resolv_conf) {
  // Without the flag that reads /etc/resolv.conf by itself: it gives no evdns at all where the file
  // is missing, and then /etc/hosts would not be read either.
  ::evdns_base* dns = evdns_base_new(loop.base(), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
  WEIR_CHECK(dns != nullptr);
  loop.keep_to_the_end({dns, [](void* d) { evdns_base_free(static_cast<::evdns_base*>(d), 0); }});
  const int rc = evdns_base_resolv_conf_parse(dns, DNS_OPTIONS_ALL, resolv_conf.c_str());
  if (rc != 0) log_warn("resolver=\"{}\" problem={} nameserver=127.0.0.1", resolv_conf, rc);
  return dns;
}

// RFC 8305 §4: the families in turn, IPv6 first.
std::vector<Address> interleave(const evutil_addrinfo* list) {
  std::vector<Address> six, four, all;
  for (; list != nullptr; list = list->ai_next) {
    std::vector<Address>& family = list->ai_family == AF_INET6 ? six : four;
    family.push_back(address_from(*list->ai_addr, static_cast<socklen_t>(list->ai_addrlen)));
  }
  for (std::size_t i = 0; i < six.size() || i < four.size(); ++i) {
    if (i < six.size()) all.push_back(six[i]);
    if (i < four.size()) all.push_back(four[i]);
  }
  return all;
}

}  // namespace

// One query: waits at a Name, then as a posted task at the Loop.
class Resolver::Ask final : public Query, public Task {
 public:
  struct Place : ListNode {
    explicit Place(Ask& a) : ask(a) {}
    Ask& ask;
  };

  Ask(Loop& loop, Owner& owner, std::uint16_t port)
      : place(*this), loop_(loop), owner_(owner), port_(port) {}
  ~Ask() override { loop_.cancel(*this); }

  void answer(const std::vector<Address>& addresses) {
    if (!addresses.empty()) {
      result_ = addresses;
      for (Address& a : *result_) a.set_port(port_);
    }
    loop_.post(*this);
  }
  void run() noexcept override { owner_.on_resolved(std::move(result_)); }

  Place place;

 private:
  Loop& loop_;
  Owner& owner_;
  const std::uint16_t port_;
  Result<std::vector<Address>> result_ = fail(Errc::kResolveFailed);
};

// What evdns calls back with; it dies there, at the latest when the Loop ends.
struct Resolver::Lookup {
  Resolver* resolver;  // null: the Resolver died meanwhile
  Name* name;
  evdns_getaddrinfo_request* request = nullptr;
};

struct Resolver::Name {
  explicit Name(const std::string& h) : host(h) {}
  const std::string host;
  std::vector<Address> good;                   // of the latest look-up that succeeded; ports 0
  TimePoint settled_until = TimePoint::min();  // no look-up before
  Lookup* lookup = nullptr;                    // under way
  List<Ask::Place> waiting;
};

Resolver::Resolver(Loop& loop, Duration ttl, const std::string& resolv_conf)
    : loop_(loop), ttl_(ttl), dns_(open_dns(loop, resolv_conf)) {}

Resolver::~Resolver() {
  for (auto& [host, name] : names_) {
    if (name->lookup == nullptr) continue;
    name->lookup->resolver = nullptr;
    evdns_getaddrinfo_cancel(name->lookup->request);
  }
}

std::unique_ptr<Resolver::Query> Resolver::resolve(const HostPort& name, Owner& owner) {
  auto ask = std::make_unique<Ask>(loop_, owner, name.port);
  if (const auto literal = parse_address(name.host, name.port)) {
    ask->answer({*literal});
    return ask;
  }
  Name& known = name_of(name.host);
  if (known.lookup == nullptr && loop_.now() < known.settled_until) {
    ask->answer(known.good);
    return ask;
  }
  known.waiting.push_back(ask->place);
  if (known.lookup == nullptr) look_up(known);
  return ask;
}

Resolver::Name& Resolver::name_of(const std::string& host) {
  if (const auto it = names_.find(host); it != names_.end()) return *it->second;
  if (names_.size() >= kNamesMost) drop_old_names();
  return *names_.emplace(host, std::make_unique<Name>(host)).first->second;
}

void Resolver::drop_old_names() {
  std::erase_if(names_, [now = loop_.now()](const auto& item) {
    return item.second->lookup == nullptr && item.second->settled_until <= now;
  });
}

void Resolver::look_up(Name& name) {
  evutil_addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  name.lookup = new Lookup{this, &name};
  const auto trampoline = [](int result, evutil_addrinfo* list, void* lookup) {
    looked_up(result, list, lookup);
  };
  auto* request =
      evdns_getaddrinfo(dns_, name.host.c_str(), nullptr, &hints, trampoline, name.lookup);
  // What /etc/hosts or a malformed name decides was called back before this line.
  if (name.lookup != nullptr) name.lookup->request = request;
}

void Resolver::looked_up(int result, void* list, void* lookup) noexcept {
  const std::unique_ptr<Lookup> done(static_cast<Lookup*>(lookup));
  auto* found = static_cast<evutil_addrinfo*>(list);
  std::vector<Address> addresses = interleave(found);
  if (found != nullptr) evutil_freeaddrinfo(found);
  if (done->resolver != nullptr) done->resolver->finish(*done->name, result, std::move(addresses));
}

void Resolver::finish(Name& name, int result, std::vector<Address> addresses) {
  name.lookup = nullptr;
  if (!addresses.empty()) {
    name.good = std::move(addresses);
    name.settled_until = after(loop_.now(), ttl_);
  } else {
    name.settled_until = after(loop_.now(), kFailedFor);
    log_warn("name={} resolve=failed reason=\"{}\" answer={}", name.host,
             evutil_gai_strerror(result), name.good.empty() ? "none" : "stale");
  }
  while (Ask::Place* place = name.waiting.pop_front()) place->ask.answer(name.good);
}

}  // namespace weir::net
