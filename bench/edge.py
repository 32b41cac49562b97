"""Hits over TLS or HTTP/2: Weir beside nginx and HAProxy, one worker each. For bench/tls.py and bench/h2.py.

Every round runs every case on every server, in turning order. CPU is user+sys of the server's process alone,
over the run of the load program. The ratio is to the cheaper peer of the same round; figures are medians over
rounds. TLS is 1.3 with AES-128-GCM and a P-256 certificate for all.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from hits import ROOT, build, commit, medians, program, show_progress
from processes import Server, free_port

SERVERS = ["weir", "nginx", "haproxy"]


@dataclass(frozen=True)
class Case:
    name: str
    size: int
    connections: int
    streams: int = 1  # on each connection, where the protocol has them

    @property
    def target(self):
        return f"/{self.size}?size={self.size}&cc=max-age=3600"

    @property
    def is_large(self):
        return self.size >= 64 << 10

    def seconds(self, usual):
        return 2 * usual if self.size >= 64 << 20 else usual


class Edge(Server):
    scheme = "https"

    def url(self, target):
        return f"{self.scheme}://127.0.0.1:{self.port}{target}"


def edge(scheme):
    return type("Edge", (Edge,), {"scheme": scheme})


def make_certificate(scratch):
    base = os.path.join(scratch, "edge")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", base + ".key", "-out", base + ".pem"],
                   check=True, capture_output=True)
    with open(base + ".both", "w", encoding="ascii") as both:
        for part in (".pem", ".key"):
            with open(base + part, encoding="ascii") as file:
                both.write(file.read())
    return base


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def find(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise SystemExit(f"bench: there is no {name} (package {package}); leave it out with --servers")
    return path


def start_weir(args, scratch, origin, certificate, scheme):
    port = free_port()
    tls = f'tls = {{ certificate = "{certificate}.pem", key = "{certificate}.key" }}\n' if scheme == "https" else ""
    conf = write(os.path.join(scratch, "weir.conf"),
                 f'origin = "127.0.0.1:{origin.port}"\n[[listen]]\naddress = "127.0.0.1:{port}"\n{tls}'
                 '[server]\nworkers = 1\n[storage]\nmemory = "1 GiB"\n[log]\naccess = "off"\n')
    return edge(scheme)("weir", [program(args.build, "weir"), "run", "-c", conf], port,
                        os.path.join(scratch, "weir"))


NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=1000;
  client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/temp;
  fastcgi_temp_path {scratch}/temp; uwsgi_temp_path {scratch}/temp; scgi_temp_path {scratch}/temp;
  proxy_cache_path {scratch}/cache keys_zone=bench:10m max_size=1g use_temp_path=off;
  ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_buffer_size 16k;
  ssl_certificate {certificate}.pem; ssl_certificate_key {certificate}.key;
  server {{
    listen 127.0.0.1:{port} {how} backlog=4096;
    location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache bench; }}
  }}
}}
"""


def start_nginx(scratch, origin, certificate, scheme, http2):
    port = free_port()
    how = " ".join((["ssl"] if scheme == "https" else []) + (["http2"] if http2 else []))
    conf = write(os.path.join(scratch, "nginx.conf"),
                 NGINX_CONF.format(scratch=scratch, port=port, origin=origin.port, certificate=certificate, how=how))
    return edge(scheme)("nginx", [find("nginx", "nginx-light"), "-c", conf, "-p", scratch], port,
                        os.path.join(scratch, "nginx"))


HAPROXY_CONF = """
global
  nbthread 1
  maxconn 4096
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
cache bench
  total-max-size 1024
  max-object-size 200000000
  max-age 3600
frontend edge
  bind 127.0.0.1:{port} backlog 4096 {how}
  http-request cache-use bench
  http-response cache-store bench
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
"""


def start_haproxy(scratch, origin, certificate, scheme, http2):
    port = free_port()
    if scheme == "https":
        how = f"ssl crt {certificate}.both alpn {'h2,http/1.1' if http2 else 'http/1.1'}"
    else:
        how = "proto h2" if http2 else ""
    conf = write(os.path.join(scratch, "haproxy.conf"),
                 HAPROXY_CONF.format(port=port, origin=origin.port, how=how))
    return edge(scheme)("haproxy", [find("haproxy", "haproxy"), "-db", "-q", "-f", conf], port,
                        os.path.join(scratch, "haproxy"))


def start_servers(args, scratch, started, scheme, http2):
    port = free_port()
    origin = Server("origin", [program(args.build, "weir-origin"), "--listen", f"127.0.0.1:{port}"], port,
                    os.path.join(scratch, "origin"))
    started.append(origin)
    certificate = make_certificate(scratch)
    starts = {
        "weir": lambda: start_weir(args, scratch, origin, certificate, scheme),
        "nginx": lambda: start_nginx(scratch, origin, certificate, scheme, http2),
        "haproxy": lambda: start_haproxy(scratch, origin, certificate, scheme, http2),
    }
    for name in args.servers:
        started.append(starts[name]())
    return origin, started[1:]


def warm(servers, cases, scheme, http2):
    """Each object twice, over the protocol that is measured."""
    version = "--http1.1" if not http2 else "--http2" if scheme == "https" else "--http2-prior-knowledge"
    for server in servers:
        for case in cases:
            for _ in range(2):
                said = subprocess.run(["curl", "-s", "-k", version, "-o", os.devnull, "-w",
                                       "%{http_version} %{http_code} %{size_download}", server.url(case.target)],
                                      capture_output=True, text=True, check=False).stdout
                if said != f"{'2' if http2 else '1.1'} 200 {case.size}":
                    raise SystemExit(f"bench: {server.name} answers {said!r}, {case.name}")


def asked(origin, case):
    said = subprocess.run(["curl", "-s", origin.url("/_control/counts")], capture_output=True, check=True)
    return json.loads(said.stdout)["requests"].get(case.target, 0)


def run_round(servers, cases, seconds, turn, load):
    """{(case, server): figures}, each with its ratio to the cheaper peer of this same round."""
    figures = {}
    for case in cases:
        shift = turn % len(servers)
        for server in servers[shift:] + servers[:shift]:
            show_progress(f"{case.name}: {server.name}")
            before = server.cpu_seconds()
            done = load(server, case, case.seconds(seconds))
            after = server.cpu_seconds()
            cpu = sum(after) - sum(before)
            requests = done["bytes"] / case.size if case.is_large else done["requests"]
            figures[case.name, server.name] = {
                "req_s": done["requests"] / done["seconds"], "mb_s": done["bytes"] / done["seconds"] / 1e6,
                "us": cpu / requests * 1e6, "s_gb": cpu / done["bytes"] * 1e9}
        key = "s_gb" if case.is_large else "us"
        peers = [figures[case.name, s.name][key] for s in servers if s.name != "weir"]
        for server in servers:
            own = figures[case.name, server.name]
            own["ratio"] = own[key] / min(peers) if peers else float("nan")
    show_progress("")
    return figures


def print_table(rows):
    print(f"{'case':<9}{'server':<9}{'req/s':>10}{'MB/s':>8}{'us/req':>10}{'s/GB':>8}{'ratio':>7}"
          "  (lowest..highest)")
    for row in rows:
        print(f"{row['case']:<9}{row['server']:<9}{row['req_s']:>10.1f}{row['mb_s']:>8.0f}{row['us']:>10.2f}"
              f"{row['s_gb']:>8.3f}{row['ratio']:>7.2f}  ({min(row['ratios']):.2f}..{max(row['ratios']):.2f})")


def arguments(name, about, cases, add=lambda parser: None):
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=about)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second: a look, not a measurement")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=int, help="of one run (twice that for 100 MiB); default 3")
    parser.add_argument("--json", metavar="FILE", help="write settings and figures there too")
    parser.add_argument("--servers", default=",".join(SERVERS), help="by comma")
    parser.add_argument("--cases", default="", help="by comma, such as '1 KiB,1 MiB'; default all")
    parser.add_argument("--build", metavar="DIR", help="a build directory to use as it is")
    add(parser)
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (1 if args.quick else 3)
    args.servers = [server for server in args.servers.split(",") if server]
    if unknown := set(args.servers) - set(SERVERS):
        parser.error(f"unknown server: {', '.join(sorted(unknown))}")
    wanted = [case.strip() for case in args.cases.split(",") if case.strip()]
    args.cases = [case for case in cases if not wanted or case.name in wanted]
    if len(wanted) not in (0, len(args.cases)):
        parser.error(f"cases are {', '.join(case.name for case in cases)}")
    return args


def measure(name, args, load, scheme, http2, about):
    """`load(server, case, seconds)` returns {"requests", "bytes", "seconds"}."""
    if args.build is None:
        args.build = os.path.join(ROOT, "build", "release")
        build(args.build)
    started = []
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as scratch:
        os.chmod(scratch, 0o777)  # a server that drops its rights writes its logs here
        try:
            origin, servers = start_servers(args, scratch, started, scheme, http2)
            warm(servers, args.cases, scheme, http2)
            rounds = [run_round(servers, args.cases, args.seconds, turn, load) for turn in range(args.rounds)]
            for case in args.cases:
                if asked(origin, case) != len(servers):
                    raise SystemExit(f"bench: {case.target} was asked {asked(origin, case)} times for"
                                     f" {len(servers)} caches: not all were hits")
        finally:
            for server in started:
                server.stop()
    rows = medians(rounds)
    rows.sort(key=lambda row: ([case.name for case in args.cases].index(row["case"]),
                               args.servers.index(row["server"])))
    print(f"commit {commit()}, Linux {platform.release()}, {os.cpu_count()} cores, {args.rounds} rounds of"
          f" {args.seconds} s; {about};\nCPU is user+sys of the server's process; ratio: to the cheaper peer, CPU per"
          " request, from 64 KiB on CPU per GB\n")
    print_table(rows)
    if args.json:
        write(args.json, json.dumps({"bench": name, "commit": commit(), "kernel": platform.release(),
                                     "settings": {"rounds": args.rounds, "seconds": args.seconds, "load": about},
                                     "rows": rows}, indent=1) + "\n")
