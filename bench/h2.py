"""What a cache hit over HTTP/2 costs, Weir beside nginx and HAProxy, with h2load. See bench/edge.py."""

import re
import subprocess

from edge import Case, arguments, measure

CASES = [
    Case("1 KiB", 1 << 10, 8, 32),
    Case("1 MiB", 1 << 20, 8, 4),
    Case("100 MiB", 100 << 20, 4, 2),
]


def run_h2load(server, case, seconds):
    command = ["h2load", "-t1", f"-c{case.connections}", f"-m{case.streams}", "-D", str(seconds),
               server.url(case.target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    data = re.search(r"\((\d+)\) data", done.stdout)
    if done.returncode != 0 or not counts or not data:
        raise SystemExit(f"bench: h2load failed on {server.name}, {case.name}:\n{done.stdout}{done.stderr}")
    finished, succeeded, failed, errored, timeout = map(int, counts.groups())
    if failed or errored or timeout or finished != succeeded or int(data[1]) == 0:
        raise SystemExit(f"bench: errors on {server.name}, {case.name}: {counts[0]}")
    return {"requests": succeeded, "bytes": int(data[1]), "seconds": seconds}


def main():
    args = arguments("h2", __doc__, CASES, lambda parser: parser.add_argument(
        "--plain", action="store_true", help="prior knowledge instead of TLS"))
    about = "h2load -t1, prior knowledge" if args.plain else "h2load -t1 over TLS 1.3"
    measure("h2", args, run_h2load, "http" if args.plain else "https", True, about)


if __name__ == "__main__":
    main()
