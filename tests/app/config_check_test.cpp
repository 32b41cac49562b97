#include "app/config_check.h"

#include <doctest/doctest.h>

#include <string>

namespace weir::app {
namespace {

// A conf that is good but for what `text` adds.
std::string found(std::string_view text) {
  const std::string head = "listen = \"127.0.0.1:80\"\n";
  const auto loaded = parse_config(head + std::string(text), "t.conf");
  return loaded ? loaded->warnings : loaded.error();
}

constexpr std::string_view kOrigins =
    "[[origin]]\nname = \"app\"\nservers = [\"a:1\"]\n"
    "[[origin]]\nname = \"img\"\nservers = [\"b:1\"]\n";

TEST_CASE("values that contradict each other are errors at their place") {
  struct Row {
    std::string text;
    std::string_view error;
  };
  const std::string origins(kOrigins);
  const Row rows[] = {
      {origins + "[[site]]\nhosts = [\"*\"]\norigin = \"apps\"\n",
       "t.conf:10:10: error: there is no [[origin]] named \"apps\"\n"
       "    origin = \"apps\"\n"
       "             ^~~~~~\n"
       "did you mean \"app\"?\n"},
      {origins,
       "t.conf: error: several origins and no [[site]] that says which serves what\n"
       "add: [[site]] with hosts = [\"*\"] and origin = \"app\"\n"},
      {origins + "[[origin]]\nname = \"app\"\nservers = [\"c:1\"]\n[[site]]\nhosts = \"*\"\n"
                 "origin = \"app\"\n",
       "t.conf:9:8: error: an origin named \"app\" is there already, in line 3\n"
       "    name = \"app\"\n"
       "           ^~~~~\n"},
      {origins + "[[site]]\nhosts = [\"a.org\"]\norigin = \"app\"\n"
                 "[[site]]\nhosts = [\"b.org\", \"A.org\"]\norigin = \"img\"\n",
       "t.conf:12:19: error: the host \"a.org\" is there already, in line 9\n"
       "    hosts = [\"b.org\", \"A.org\"]\n"
       "                      ^~~~~~~\n"},
      {"origin = \"a:1\"\n[http]\nhead_max = \"4 KiB\"\n",
       "t.conf:4:12: error: http.target_max must not be above http.head_max\n"
       "    head_max = \"4 KiB\"\n"
       "               ^~~~~~~\n"},
      {"[[origin]]\nname = \"a\"\nservers = \"a:1\"\nhost = \"a b\"\n",
       "t.conf:5:8: error: must be a host, or host:port, as a Host field has it\n"
       "    host = \"a b\"\n"
       "           ^~~~~\n"},
      {"[[origin]]\nname = \"a\"\nservers = \"a:1\"\nhost = \"*.foo\"\n",
       "t.conf:5:8: error: must be a host, or host:port, as a Host field has it\n"
       "    host = \"*.foo\"\n"
       "           ^~~~~~~\n"},
      {"origin = \"a:1\"\n[log]\nformat = \"custom\"\ntemplate = '{client} {statsu}'\n",
       "t.conf:5:12: error: lines have no \"statsu\"\n"
       "    template = '{client} {statsu}'\n"
       "               ^~~~~~~~~~~~~~~~~~~\n"
       "did you mean \"status\"?\n"},
      {"origin = \"a:1\"\n[log]\nformat = \"custom\"\n",
       "t.conf:4:10: error: the custom format needs a template\n"
       "    format = \"custom\"\n"
       "             ^~~~~~~~\n"
       "template = '{client} [{time}] \"{method} {target}\" {status}'\n"},
      {"origin = \"a:1\"\n[log]\ntemplate = '{client}'\n",
       "t.conf:4:12: error: log.template says nothing without log.format = \"custom\"\n"
       "    template = '{client}'\n"
       "               ^~~~~~~~~~\n"},
      {"origin = \"a:1\"\n[log]\nerror = \"syslog:tcp:10.0.0.1:514\"\n",
       "t.conf:4:9: error: log.error needs a socket, as \"syslog:unix:/dev/log\" or "
       "\"syslog:udp:192.0.2.1:514\"\n"
       "    error = \"syslog:tcp:10.0.0.1:514\"\n"
       "            ^~~~~~~~~~~~~~~~~~~~~~~~~\n"},
      {"origin = \"a:1\"\n[log]\nerror = \"off\"\n",
       "t.conf:4:9: error: the error log cannot be off\n"
       "    error = \"off\"\n"
       "            ^~~~~\n"
       "set log.level = \"error\"\n"},
      {"origin = \"a:1\"\n[delivery]\nrecord = \"off\"\n",
       "t.conf:4:10: error: delivery.record must be a path\n"
       "    record = \"off\"\n"
       "             ^~~~~\n"
       "without one, or with \"\", `weir record` decides\n"},
      {"origin = \"a:1\"\n[log]\naccess = \"\"\n",
       "t.conf:4:10: error: log.access must not be empty\n"
       "    access = \"\"\n"
       "             ^~\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(found(row.text) == row.error);
  }
}

TEST_CASE("an origin's values are checked at their place") {
  struct Row {
    std::string line;
    std::string_view error;
  };
  const Row rows[] = {
      {"servers = [\"a:1\", \"a:1 weight=2\"]",
       "t.conf:4:19: error: the server \"a:1\" is there already, in line 4"},
      {"servers = [\"a:1\", \"b:1 weight=2k\"]",
       "t.conf:4:19: error: origin[0].servers[1]: \"b:1 weight=2k\" needs a weight of 1 to 1000"},
      {"servers = [\"a:1 backup\"]",
       "t.conf:4:11: error: at least one server must not be a backup"},
      {"servers = \"a:1\"\nbalance = \"roundrobin\"", "did you mean \"round-robin\"?"},
      {"servers = \"a:1\"\neject_min = \"20 s\"",
       "t.conf:5:13: error: eject_min must not be above eject_max"},
      {"servers = \"a:1\"\neject_max = \"20 ms\"",
       "t.conf:5:13: error: eject_min must not be above eject_max"},
      {"servers = \"a:1\"\nhealth_check = \"health\"", "t.conf:5:16: error: must be a path"},
      {"servers = \"a:1\"\nhealth_check = \"/a b\"", "t.conf:5:16: error: must be a path"},
      {"servers = \"a:1\"\nhealth_expect = \"2xx\"",
       "t.conf:5:17: error: must be a status or a range of them"},
      {"servers = \"a:1\"\nhealth_fall = 0", "t.conf:5:15: error: origin[0].health_fall"},
      {"servers = \"a:1\"\nlocal_address = \"10.0.0.5:80\"",
       "t.conf:5:17: error: must be an IP address without a port"},
      {"servers = [\"a:1\", \"b:1 weight=5 backup\"]\nbalance = \"hash\"\nhealth_expect = \"204\"\n"
       "local_address = \"::1\"\nhealth_check = \"/up?full=1\"\neject_failures = 0",
       ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const std::string errors = found("[[origin]]\nname = \"a\"\n" + row.line + "\n");
    CAPTURE(errors);
    CHECK(row.error.empty() == errors.empty());
    CHECK(errors.find(row.error) != errors.npos);
  }
}

TEST_CASE("the Host for an origin is one host, with or without a port") {
  const auto with_host = [](std::string_view host) {
    return found("[[origin]]\nname = \"a\"\nservers = \"a:1\"\nhost = \"" + std::string(host) +
                 "\"\n");
  };
  for (const char* host :
       {"app", "app.example:8080", "10.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:80"}) {
    CAPTURE(std::string(host));
    CHECK(with_host(host).empty());
  }
  for (const char* host :
       {"*", "*.foo", "*:80", "a b", "app:0", "1.2.3.400", "[::1", "http://app"}) {
    CAPTURE(std::string(host));
    CHECK(with_host(host).find("as a Host field has it") != std::string::npos);
  }
}

TEST_CASE("an address may be listened on once, port 0 any number of times") {
  const auto listen = [](std::string_view list) {
    const auto loaded =
        parse_config("origin = \"a:1\"\nlisten = [" + std::string(list) + "]", "t.conf");
    return loaded ? std::string() : loaded.error();
  };
  CHECK(listen("\"127.0.0.1:0\", \"127.0.0.1:0\"").empty());
  CHECK(listen("\"127.0.0.1:80\", \"127.0.0.1:80\"") ==
        "t.conf:2:27: error: the address \"127.0.0.1:80\" is there already, in line 2\n"
        "    listen = [\"127.0.0.1:80\", \"127.0.0.1:80\"]\n"
        "                              ^~~~~~~~~~~~~~\n");
  CHECK(listen("\"[::1]:80\", \"[0:0::1]:80\"").find("there already") != std::string::npos);
}

TEST_CASE("the admin address is this machine's alone, or has a token") {
  const auto admin = [](std::string_view rows) {
    return found("origin = \"a:1\"\n[server]\n" + std::string(rows));
  };
  for (const char* rows :
       {"admin = \"off\"\n", "admin = \"unix:/run/weir.sock\"\n", "admin = \"127.9.9.9:1\"\n",
        "admin = \"[::1]:1\"\n", "admin = \"0.0.0.0:1\"\nadmin_token = \"a.B-9_~+/=\"\n"}) {
    CAPTURE(std::string(rows));
    CHECK(admin(rows).empty());
  }
  CHECK(admin("admin = \"10.0.0.1:6180\"\n") ==
        "t.conf:4:9: error: server.admin is open to other machines and there is no admin_token\n"
        "    admin = \"10.0.0.1:6180\"\n"
        "            ^~~~~~~~~~~~~~~\n"
        "set server.admin_token, or an address as \"127.0.0.1:6180\"\n");
  for (const char* open : {"0.0.0.0:1", "*:1", "[::]:1", "[2001:db8::1]:1"}) {
    CAPTURE(std::string(open));
    CHECK(admin("admin = \"" + std::string(open) + "\"\n").find("no admin_token") !=
          std::string::npos);
  }
  CHECK(admin("admin_token = \"two words\"\n").find("t.conf:4:15: error") == 0);
  CHECK(admin("admin = \"127.0.0.1:80\"\n").find("for clients already") != std::string::npos);
  CHECK(admin("admin = \"on\"\n").find("or \"off\"") != std::string::npos);
}

TEST_CASE("risky values are warned of and taken") {
  CHECK(found("origin = \"a:1\"\n[delivery]\nstall_timeout = \"10 min\"\n").empty());
  CHECK(found("origin = \"a:1\"\n[delivery]\nstall_timeout = \"11 min\"\n") ==
        "t.conf:4:17: warning: a vanished client holds its connection and memory for so long\n"
        "    stall_timeout = \"11 min\"\n"
        "                    ^~~~~~~~\n");
  CHECK(found("origin = \"a:1\"\n[storage]\nmax_object = \"1 GiB\"\n").find("warning") !=
        std::string::npos);
  CHECK(found("[[origin]]\nname = \"a\"\nservers = \"a:1\"\nmax_connections = 4\n")
            .find("more idle connections") != std::string::npos);
}

TEST_CASE("the place of what was not set is the place of its table") {
  const Places places = {{"site[1]", {5, 1, 1}}, {"site[1].origin", {6, 10, 3}}};
  CHECK(place_of(places, "site[1].origin").line == 6);
  CHECK(place_of(places, "site[1].hosts[3]").line == 5);
  CHECK(place_of(places, "site[0].origin").line == 0);
}

}  // namespace
}  // namespace weir::app
