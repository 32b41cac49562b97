"""What a cache hit over TLS costs, Weir beside nginx and HAProxy, with wrk. See bench/edge.py."""

import json
import os
import subprocess

from edge import Case, arguments, measure
from hits import ROOT

CASES = [
    Case("1 KiB", 1 << 10, 64),
    Case("1 MiB", 1 << 20, 16),
    Case("100 MiB", 100 << 20, 8),
]


def run_wrk(server, case, seconds):
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "60s", "-s",
               os.path.join(ROOT, "bench", "report.lua"), server.url(case.target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"bench: wrk failed on {server.name}, {case.name}:\n{done.stdout}{done.stderr}")
    report = json.loads(lines[0][len("REPORT "):])
    if any(report["errors"].values()) or report["bytes"] == 0:
        raise SystemExit(f"bench: errors on {server.name}, {case.name}: {lines[0]}")
    return report


if __name__ == "__main__":
    measure("tls", arguments("tls", __doc__, CASES), run_wrk, "https", False, "wrk -t1 over TLS 1.3, keep-alive")
