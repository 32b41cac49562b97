"""What a cache hit costs, beside the floor of what the kernel alone costs. See scripts/bench.

Every round runs every case on every server, in turning order, so that what else happens on the machine
falls on all alike. CPU is user+sys of the server's process alone, over the run of wrk. The ratio is taken
inside each round; figures are medians over rounds.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from processes import Server, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGETS = ["weir", "weir-origin", "bench-floor"]
SENDFILE_LEAST = 64 << 10


@dataclass(frozen=True)
class Case:
    name: str
    size: int
    connections: int

    @property
    def target(self):
        return f"/{self.size}?size={self.size}&cc=max-age=3600"

    @property
    def is_large(self):
        return self.size >= SENDFILE_LEAST

    def seconds(self, usual):
        """What is in flight when wrk stops was paid for and not counted: it must be little of the whole."""
        return 2 * usual if self.size >= 64 << 20 else usual


CASES = [
    Case("1 KiB", 1 << 10, 64),
    Case("32 KiB", 32 << 10, 64),
    Case("1 MiB", 1 << 20, 16),
    Case("100 MiB", 100 << 20, 8),
]


def build(directory):
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", directory, "--target", *TARGETS], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)


def program(directory, name):
    for folder, _, files in os.walk(directory):
        path = os.path.join(folder, name)
        if name in files and os.access(path, os.X_OK):
            return path
    raise SystemExit(f"bench: there is no program {name} under {directory}")


def start_floor(args, scratch, mode):
    port = free_port()
    name = "floor W" if mode == "writev" else "floor S"
    command = [program(args.build, "bench-floor"), "--port", str(port), "--mode", mode]
    return Server(name, command, port, os.path.join(scratch, f"floor-{mode}"))


def start_weir(args, scratch, origin, access):
    port = free_port()
    name = "weir" if access == "off" else "weir+log"
    conf = os.path.join(scratch, f"{name}.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(f'listen = "127.0.0.1:{port}"\norigin = "127.0.0.1:{origin.port}"\n'
                   '[server]\nworkers = 1\n[storage]\nmemory = "1 GiB"\n'
                   f'[log]\naccess = "{access}"\nformat = "json"\n')
    command = [program(args.build, "weir"), "run", "-c", conf]
    return Server(name, command, port, os.path.join(scratch, name))


NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=1000;
  client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/temp;
  fastcgi_temp_path {scratch}/temp; uwsgi_temp_path {scratch}/temp; scgi_temp_path {scratch}/temp;
  proxy_cache_path {scratch}/cache keys_zone=bench:10m max_size=1g use_temp_path=off;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache bench; }}
  }}
}}
"""


def start_nginx(scratch, origin):
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if nginx is None:
        raise SystemExit("bench: --peers nginx needs nginx (package nginx-light)")
    port = free_port()
    conf = os.path.join(scratch, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(NGINX_CONF.format(scratch=scratch, port=port, origin=origin.port))
    return Server("nginx", [nginx, "-c", conf, "-p", scratch], port, os.path.join(scratch, "nginx"))


def start_servers(args, scratch, started):
    origin_port = free_port()
    origin = Server("origin", [program(args.build, "weir-origin"), "--listen", f"127.0.0.1:{origin_port}"],
                    origin_port, os.path.join(scratch, "origin"))
    started.append(origin)
    starts = {
        "floor W": lambda: start_floor(args, scratch, "writev"),
        "floor S": lambda: start_floor(args, scratch, "sendfile"),
        "weir": lambda: start_weir(args, scratch, origin, "off"),
        "weir+log": lambda: start_weir(args, scratch, origin, os.path.join(scratch, "access.log")),
        "nginx": lambda: start_nginx(scratch, origin),
    }
    servers = []
    for name in args.servers:
        started.append(starts[name]())
        servers.append(started[-1])
    return origin, servers


def takes_part(server, case):
    return server.name != "weir+log" or case.size <= 1 << 10


def warm(servers, cases):
    """Each object once, so that it is a hit from then on; and a look whether it is."""
    for server in servers:
        for case in cases:
            if not takes_part(server, case):
                continue
            for attempt in range(2):
                status, fields, count = server.get(case.target)
                if status != 200 or count != case.size:
                    raise SystemExit(f"bench: {server.name} answers {status} with {count} bytes, {case.name}")
                if server.name.startswith("weir") and attempt and "hit" not in fields.get("Cache-Status", ""):
                    raise SystemExit(f"bench: not a hit: Cache-Status: {fields.get('Cache-Status')}")


def run_wrk(server, case, seconds):
    before = server.cpu_seconds()
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{case.seconds(seconds)}s", "--timeout", "60s", "-s",
               os.path.join(ROOT, "bench", "report.lua"), server.url(case.target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = server.cpu_seconds()
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"bench: wrk failed on {server.name}, {case.name}:\n{done.stdout}{done.stderr}")
    report = json.loads(lines[0][len("REPORT "):])
    if any(report["errors"].values()) or report["requests"] == 0:
        raise SystemExit(f"bench: errors on {server.name}, {case.name}: {lines[0]}")
    user, system = after[0] - before[0], after[1] - before[1]
    requests = report["bytes"] / case.size if case.is_large else report["requests"]
    return {
        "req_s": report["requests"] / report["seconds"],
        "mb_s": report["bytes"] / report["seconds"] / 1e6,
        "us": (user + system) / requests * 1e6,
        "user_us": user / requests * 1e6,
        "s_gb": (user + system) / report["bytes"] * 1e9,
        "p50_us": report["p50_us"],
        "p99_us": report["p99_us"],
    }


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_round(servers, cases, seconds, turn):
    """{(case, server): figures}, each with its ratio to the floor of this same round."""
    figures = {}
    for case in cases:
        players = [server for server in servers if takes_part(server, case)]
        shift = turn % len(players)
        for server in players[shift:] + players[:shift]:
            show_progress(f"{case.name}: {server.name}")
            figures[case.name, server.name] = run_wrk(server, case, seconds)
        key = "s_gb" if case.is_large else "us"
        floors = ["floor W", "floor S"] if case.is_large else ["floor W"]
        floor = min((figures[case.name, name][key] for name in floors if (case.name, name) in figures),
                    default=None)
        for server in players:
            own = figures[case.name, server.name]
            own["ratio"] = own[key] / floor if floor else float("nan")
    show_progress("")
    return figures


def medians(rounds):
    rows = []
    for case_name, server_name in rounds[0]:
        runs = [one[case_name, server_name] for one in rounds]
        row = {"case": case_name, "server": server_name}
        row.update({key: statistics.median(run[key] for run in runs) for key in runs[0]})
        row["ratios"] = [round(run["ratio"], 3) for run in runs]
        rows.append(row)
    return rows


def print_table(rows, servers):
    order = [server.name for server in servers]
    rows = sorted(rows, key=lambda row: ([case.name for case in CASES].index(row["case"]),
                                         order.index(row["server"])))
    print(f"{'case':<9}{'server':<10}{'req/s':>10}{'MB/s':>8}{'us/req':>10}{'user us':>9}{'s/GB':>8}"
          f"{'p50 us':>9}{'p99 us':>9}{'ratio':>7}  (lowest..highest)")
    previous = None
    for row in rows:
        if previous not in (None, row["case"]):
            print()
        previous = row["case"]
        print(f"{row['case']:<9}{row['server']:<10}{row['req_s']:>10.1f}{row['mb_s']:>8.0f}{row['us']:>10.2f}"
              f"{row['user_us']:>9.2f}{row['s_gb']:>8.3f}{row['p50_us']:>9.0f}{row['p99_us']:>9.0f}"
              f"{row['ratio']:>7.2f}  ({min(row['ratios']):.2f}..{max(row['ratios']):.2f})")


def check_origin(origin, servers, cases):
    """Every cache has asked for every object once: all else were hits."""
    with_counts = subprocess.run(["curl", "-s", origin.url("/_control/counts")], capture_output=True,
                                 check=True)
    asked = json.loads(with_counts.stdout)["requests"]
    for case in cases:
        caches = sum(1 for server in servers if not server.name.startswith("floor") and takes_part(server, case))
        if asked.get(case.target, 0) != caches:
            raise SystemExit(f"bench: {case.target} was asked {asked.get(case.target, 0)} times for"
                             f" {caches} caches: not all were hits")


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "none"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench hits", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second: a look, not a measurement")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=int, help="of one run of wrk (twice that for 100 MiB); default 3")
    parser.add_argument("--json", metavar="FILE", help="write settings and figures there too")
    parser.add_argument("--peers", default="", help="other caches, by comma: nginx")
    parser.add_argument("--servers", default="floor W,floor S,weir,weir+log", help="by comma")
    parser.add_argument("--cases", default="", help="by comma, such as '1 KiB,1 MiB'; default all")
    parser.add_argument("--build", metavar="DIR", help="a build directory to use as it is")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (1 if args.quick else 3)
    args.servers = [name for name in f"{args.servers},{args.peers}".split(",") if name]
    unknown = set(args.servers) - {"floor W", "floor S", "weir", "weir+log", "nginx"}
    if unknown:
        parser.error(f"unknown server: {', '.join(sorted(unknown))}")
    wanted = [name.strip() for name in args.cases.split(",") if name.strip()]
    args.cases = [case for case in CASES if not wanted or case.name in wanted]
    if len(wanted) not in (0, len(args.cases)):
        parser.error(f"cases are {', '.join(case.name for case in CASES)}")
    return args


def main():
    args = arguments()
    if args.build is None:
        args.build = os.path.join(ROOT, "build", "release")
        build(args.build)
    started = []
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as scratch:
        os.chmod(scratch, 0o777)  # a server that drops its rights writes its logs here
        try:
            origin, servers = start_servers(args, scratch, started)
            warm(servers, args.cases)
            rounds = [run_round(servers, args.cases, args.seconds, turn) for turn in range(args.rounds)]
            check_origin(origin, servers, args.cases)
            resident = {server.name: server.resident_bytes() for server in servers}
        finally:
            for server in started:
                server.stop()
    rows = medians(rounds)
    settings = {"rounds": args.rounds, "seconds": args.seconds, "cores": os.cpu_count(),
                "wrk": "-t1, keep-alive", "workers": 1}
    print(f"commit {commit()}, Linux {platform.release()}, {settings['cores']} cores,"
          f" {args.rounds} rounds of {args.seconds} s; CPU is user+sys of the server's process;\n"
          "ratio: CPU per request to floor W, from 64 KiB on CPU per GB to the better floor\n")
    print_table(rows, servers)
    print("\nresident: " + ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in resident.items()))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"bench": "hits", "commit": commit(), "kernel": platform.release(),
                       "settings": settings, "rows": rows, "resident": resident}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
