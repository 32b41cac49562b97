#include "app/config_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "app/admin_socket.h"
#include "app/certificates.h"
#include "app/conf_rule.h"
#include "app/conf_value.h"
#include "app/config_rows.h"
#include "app/log_target.h"
#include "app/log_template.h"
#include "net/address.h"
#include "origin/health.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLeastDisk = 32 << 20;

// Finds values that may stand only once.
class Once {
 public:
  Once(const Places& places, Findings& out) : places_(places), out_(out) {}

  void see(const std::string& value, const std::string& path, std::string_view what) {
    const Place at = place_of(places_, path);
    const auto [first, fresh] = seen_.emplace(value, at);
    if (fresh || value.empty()) return;
    const int line = first->second.line;
    out_.errors.push_back(
        {at, fmt::format("{} \"{}\" is there already, in line {}", what, value, line), {}});
  }

 private:
  const Places& places_;
  Findings& out_;
  std::map<std::string, Place> seen_;
};

void check_listens(const Config& c, const Places& places, Findings& out) {
  Once addresses(places, out);
  for (std::size_t i = 0; i < c.listens.size(); ++i) {
    const std::string& address = c.listens[i].address;
    if (address.ends_with(":0")) continue;  // the kernel picks a port for each
    addresses.see(address, indexed("listen", i) + ".address", "the address");
  }
}

void check_tls(const Config& c, const Places& places, Findings& out) {
  for (std::size_t i = 0; i < c.listens.size(); ++i) {
    const Listen& listen = c.listens[i];
    const std::string at = indexed("listen", i);
    const bool named = std::ranges::all_of(
        listen.tls, [](const ListenTls& t) { return !t.certificate.empty() && !t.key.empty(); });
    if (listen.tls.empty() && !listen.tls_client_ca.empty()) {
      out.errors.push_back({place_of(places, at + ".tls_client_ca"),
                            "tls_client_ca says nothing without a [[listen.tls]]",
                            {}});
    }
    if (listen.tls.empty() || !named) continue;  // what is missing was told already
    if (const auto made = read_certificates(listen); !made)
      out.errors.push_back({place_of(places, at + ".tls[0]"), made.error(), {}});
  }
}

void check_servers(const OriginConf& o, const std::string& path, const Places& places,
                   Findings& out) {
  Once addresses(places, out);
  bool backups_alone = !o.servers.empty();
  for (std::size_t i = 0; i < o.servers.size(); ++i) {
    ServerText server;
    if (split_server(o.servers[i], server)) return;  // told already
    addresses.see(server.address, indexed(path + ".servers", i), "the server");
    backups_alone &= server.backup;
  }
  if (backups_alone) {
    out.errors.push_back(
        {place_of(places, path + ".servers"), "at least one server must not be a backup", {}});
  }
  if (o.eject_min > o.eject_max) {
    const bool least_set = places.contains(path + ".eject_min");
    out.errors.push_back({place_of(places, path + (least_set ? ".eject_min" : ".eject_max")),
                          "eject_min must not be above eject_max",
                          {}});
  }
}

// What is said about TLS towards an origin that has none would be believed to protect something.
void check_origin_tls(const OriginConf& o, const std::string& path, const Places& places,
                      Findings& out) {
  const bool any = wants_tls(o);
  const std::pair<std::string_view, bool> said[] = {{"tls_verify", !o.tls_verify},
                                                    {"tls_ca", !o.tls_ca.empty()},
                                                    {"tls_name", !o.tls_name.empty()},
                                                    {"tls_certificate", !o.tls_certificate.empty()},
                                                    {"tls_key", !o.tls_key.empty()}};
  for (const auto& [key, is_set] : said) {
    if (any || !is_set) continue;
    out.errors.push_back({place_of(places, path_of(path, key)),
                          fmt::format("{} says nothing without a server of TLS", key),
                          "write \"https://\" in front of the servers"});
  }
  if (o.tls_certificate.empty() != o.tls_key.empty()) {
    const bool key = o.tls_certificate.empty();
    out.errors.push_back({place_of(places, path + (key ? ".tls_key" : ".tls_certificate")),
                          "tls_certificate and tls_key need each other",
                          {}});
  } else if (any) {
    if (const auto made = read_tls_client(o); !made)
      out.errors.push_back({place_of(places, path), made.error(), {}});
  }
  if (any && !o.tls_verify) {
    out.warnings.push_back({place_of(places, path + ".tls_verify"),
                            "whoever is in between can answer for this origin unnoticed",
                            {}});
  }
}

void check_health(const OriginConf& o, const std::string& path, const Places& places,
                  Findings& out) {
  const bool visible =
      std::ranges::all_of(o.health_check, [](char c) { return c > ' ' && c < 0x7f; });
  if (!o.health_check.empty() && (!o.health_check.starts_with('/') || !visible)) {
    out.errors.push_back({place_of(places, path + ".health_check"),
                          "must be a path that begins with \"/\", as \"/health\"",
                          {}});
  }
  if (!origin::parse_status_range(o.health_expect)) {
    out.errors.push_back({place_of(places, path + ".health_expect"),
                          "must be a status or a range of them, as \"204\" or \"200-399\"",
                          {}});
  }
}

void check_origin(const OriginConf& o, const std::string& path, const Places& places,
                  Findings& out) {
  std::string host_and_port = o.host;
  std::string host = o.host + ":80";
  if (!o.host.empty() && check_server(host_and_port) && check_server(host)) {
    out.errors.push_back({place_of(places, path + ".host"),
                          "must be a host, or host:port, as a Host field has it",
                          {}});
  }
  check_servers(o, path, places, out);
  check_origin_tls(o, path, places, out);
  check_health(o, path, places, out);
  if (!o.local_address.empty() && !net::parse_address(o.local_address, 0)) {
    out.errors.push_back(
        {place_of(places, path + ".local_address"),
         "must be an IP address without a port, as \"10.0.0.5\" or \"2001:db8::5\"",
         {}});
  }
  if (o.max_connections != 0 && o.idle_connections > o.max_connections) {
    out.warnings.push_back(
        {place_of(places, path + ".idle_connections"),
         fmt::format("more idle connections than max_connections = {} allows", o.max_connections),
         {}});
  }
}

void check_origins(const Config& c, const Places& places, Findings& out) {
  Once names(places, out);
  for (std::size_t i = 0; i < c.origins.size(); ++i) {
    const std::string path = indexed("origin", i);
    names.see(c.origins[i].name, path + ".name", "an origin named");
    check_origin(c.origins[i], path, places, out);
  }
}

// "/a/./b/" and "/a/b" are one.
std::string plain(const std::string& path) {
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  return normal.size() > 1 && normal.ends_with('/') ? normal.substr(0, normal.size() - 1) : normal;
}

void check_disks(const Config& c, const Places& places, Findings& out) {
  const std::vector<DiskConf>& disks = c.storage.disks;
  Once paths(places, out);
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const std::string path = indexed("storage.disk", i);
    paths.see(plain(disks[i].path), path + ".path", "the path");
    if (disks[i].path.empty()) {
      out.errors.push_back({place_of(places, path + ".path"), "must not be empty", {}});
    }
    if (disks[i].size < kLeastDisk) {
      out.errors.push_back({place_of(places, path + ".size"), "must be at least 32 MiB", {}});
    }
  }
  if (disks.size() > 255) {
    out.errors.push_back({place_of(places, "storage.disk[255]"), "255 disks are the most", {}});
  }
}

void check_rules(const Site& site, const std::string& path, const Places& places, Findings& out) {
  Once names(places, out);
  for (std::size_t i = 0; i < site.rules.size(); ++i) {
    const std::string at = indexed(path + ".rule", i);
    names.see(site.rules[i].name, at + ".name", "a rule named");
    for (RuleFault& fault : check_rule(site.rules[i])) {
      const std::string where = fault.parameter.empty() ? at : path_of(at, fault.parameter);
      out.errors.push_back({place_of(places, where), std::move(fault.text), std::move(fault.hint)});
    }
  }
}

void check_sites(const Config& c, const Places& places, Findings& out) {
  std::vector<std::string_view> names;
  for (const OriginConf& o : c.origins) names.push_back(o.name);
  Once hosts(places, out);
  for (std::size_t i = 0; i < c.sites.size(); ++i) {
    const std::string path = indexed("site", i);
    for (std::size_t k = 0; k < c.sites[i].hosts.size(); ++k) {
      hosts.see(c.sites[i].hosts[k], indexed(path + ".hosts", k), "the host");
    }
    check_rules(c.sites[i], path, places, out);
    if (mixes_off(c.sites[i].compress)) {
      out.errors.push_back({place_of(places, path + ".compress"), "\"off\" stands alone", {}});
    }
    const std::string& origin = c.sites[i].origin;
    if (origin.empty() || std::ranges::find(names, origin) != names.end()) continue;
    out.errors.push_back({place_of(places, path + ".origin"),
                          fmt::format("there is no [[origin]] named \"{}\"", origin),
                          did_you_mean(nearest(origin, names))});
  }
}

void check_limits(const Config& c, const Places& places, Findings& out) {
  const auto at = [&](std::string_view path) { return place_of(places, path); };
  if (c.http.target_max > c.http.head_max) {
    const bool target_set = places.contains("http.target_max");
    out.errors.push_back({at(target_set ? "http.target_max" : "http.head_max"),
                          "http.target_max must not be above http.head_max",
                          {}});
  }
  if (c.storage.max_object > c.storage.memory) {
    out.warnings.push_back({at("storage.max_object"),
                            "storage.max_object is above storage.memory: no such object fits",
                            {}});
  }
  if (c.delivery.stall_timeout > 10min) {
    out.warnings.push_back({at("delivery.stall_timeout"),
                            "a vanished client holds its connection and memory for so long",
                            {}});
  }
  const auto record = parse_log_target(c.delivery.record);
  const bool no_path = !record || record->kind == LogTarget::Kind::kOff || record->is_socket();
  if (!c.delivery.record.empty() && no_path) {
    out.errors.push_back({at("delivery.record"), "delivery.record must be a path",
                          "without one, or with \"\", `weir record` decides"});
  }
}

// A socket that is not there may come later; a word that was meant to be one makes a file.
void check_target(std::string_view name, const std::string& text, const Place& at, Findings& out) {
  const auto target = parse_log_target(text);
  if (!target) {
    out.errors.push_back({at, fmt::format("{} {}", name, target.error()), {}});
    return;
  }
  if (target->kind == LogTarget::Kind::kFile && text.find('/') == text.npos) {
    constexpr std::array<std::string_view, 5> kWords = {"off", "stdout", "stderr", "syslog",
                                                        "journal"};
    if (const std::string likely = did_you_mean(nearest(text, kWords)); !likely.empty()) {
      out.warnings.push_back({at, "a file of that name, where Weir is started", likely});
    }
  }
  if (!target->is_socket() || target->socket.family() != AF_UNIX) return;
  const std::string path = target->socket.text().substr(std::string_view("unix:").size());
  std::error_code ignored;
  if (!std::filesystem::is_socket(path, ignored)) {
    out.warnings.push_back(
        {at, fmt::format("there is no socket {} now: until there is, lines are lost", path), {}});
  }
}

void check_template(const LogConf& log, const Places& places, Findings& out) {
  const bool custom = log.format == LogFormat::kCustom;
  const Place at =
      place_of(places, custom && log.template_.empty() ? "log.format" : "log.template");
  if (custom && log.template_.empty()) {
    out.errors.push_back({at, "the custom format needs a template",
                          "template = '{client} [{time}] \"{method} {target}\" {status}'"});
  } else if (!custom && !log.template_.empty()) {
    out.errors.push_back({at, "log.template says nothing without log.format = \"custom\"", {}});
  } else if (const auto lines = LogTemplate::parse(log.template_); !lines) {
    out.errors.push_back({at, lines.error().text, lines.error().hint});
  }
}

void check_logs(const Config& c, const Places& places, Findings& out) {
  check_template(c.log, places, out);
  check_target("log.access", c.log.access, place_of(places, "log.access"), out);
  check_target("log.error", c.log.error, place_of(places, "log.error"), out);
  if (c.log.error == "off") {
    out.errors.push_back({place_of(places, "log.error"), "the error log cannot be off",
                          "set log.level = \"error\""});
  }
}

// RFC 6750 section 2.1.
bool is_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

void check_admin(const Config& c, const Places& places, Findings& out) {
  const Server& server = c.server;
  if (!is_token(server.admin_token)) {
    out.errors.push_back({place_of(places, "server.admin_token"),
                          "server.admin_token may have letters, digits and \"-._~+/=\"",
                          {}});
  }
  const auto address = admin_address(server);
  if (!address) return;  // "off"
  if (!address->loopback() && server.admin_token.empty()) {
    out.errors.push_back({place_of(places, "server.admin"),
                          "server.admin is open to other machines and there is no admin_token",
                          "set server.admin_token, or an address as \"127.0.0.1:6180\""});
  }
  const auto same = std::ranges::find(c.listens, server.admin, &Listen::address);
  if (same != c.listens.end() && address->port() != 0) {
    out.errors.push_back({place_of(places, "server.admin"),
                          fmt::format("{} is an address for clients already", server.admin),
                          {}});
  }
}

}  // namespace

Place place_of(const Places& places, std::string_view path) {
  while (!path.empty()) {
    if (const auto it = places.find(path); it != places.end()) return it->second;
    const std::size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == path.npos ? 0 : cut);
  }
  return {};
}

void check_config(const Config& config, const Places& places, Findings& out) {
  check_listens(config, places, out);
  check_disks(config, places, out);
  check_tls(config, places, out);
  check_origins(config, places, out);
  check_sites(config, places, out);
  check_limits(config, places, out);
  check_logs(config, places, out);
  check_admin(config, places, out);
}

}  // namespace weir::app
