#!/usr/bin/env python3
"""Asks a cache everything that the rows know. See rows.py for the words, rows_*.py for the rows.

    run.py --weir build/release/src/app/weir            starts it in front of the rows' own origin
    run.py --cache 127.0.0.1:8080 --origin-port 9000    any cache that stands in front of that port

Ends with 1 when a required row fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import client
import origin
import rows
import rows_control  # noqa: F401
import rows_freshness  # noqa: F401
import rows_headers  # noqa: F401
import rows_invalidation  # noqa: F401
import rows_ranges  # noqa: F401
import rows_stale  # noqa: F401
import rows_validation  # noqa: F401
import rows_vary  # noqa: F401

AT_A_TIME = 48  # rows; most of their time is waiting

# An origin that ends connections when told to is not to be left alone for it.
CONF = """listen = "127.0.0.1:0"
[[origin]]
name = "rows"
servers = "127.0.0.1:{port}"
eject_failures = 0
[server]
workers = 2
admin = "off"
[log]
access = "off"
level = "error"
"""


@contextmanager
def weir(program, port):
    """Yields the address of a Weir in front of that port."""
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "weir.conf")
        with open(conf, "w") as file:
            file.write(CONF.format(port=port))
        process = subprocess.Popen([program, "run", "-c", conf], stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                if "listening on 127.0.0.1:" in line:
                    yield "127.0.0.1", int(line.split("listening on 127.0.0.1:")[1].split()[0])
                    break
            else:
                raise RuntimeError("weir does not listen")
        finally:
            process.terminate()
            if process.wait(30) != 0:
                raise RuntimeError(f"weir ended with {process.returncode}")


@contextmanager
def given(address):
    host, port = address.rsplit(":", 1)
    yield host, int(port)


def report(chosen, complaints, wordy):
    held = {kind: 0 for kind in (rows.REQUIRED, rows.OPTIONAL, rows.BEHAVIOUR)}
    count = dict(held)
    for row, complaint in zip(chosen, complaints):
        count[row.kind] += 1
        held[row.kind] += complaint is None
        if complaint or wordy:
            word = {rows.REQUIRED: "FAILED", rows.OPTIONAL: "not so", rows.BEHAVIOUR: "otherwise"}[row.kind]
            print(f"{row.kind:9} {word if complaint else 'ok'}: {row.name} [{row.rfc}]"
                  f"{': ' if complaint else ''}{complaint or ''}")
    print(f"behaviour: {held[rows.BEHAVIOUR]} of {count[rows.BEHAVIOUR]} as written")
    print(f"conformance: {held[rows.REQUIRED]} of {count[rows.REQUIRED]} required, "
          f"{held[rows.OPTIONAL]} of {count[rows.OPTIONAL]} optional")
    return held[rows.REQUIRED] == count[rows.REQUIRED]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", help="the program")
    parser.add_argument("--cache", help="HOST:PORT of a cache that runs already")
    parser.add_argument("--origin-port", type=int, default=0)
    parser.add_argument("--only", default="", help="rows whose name has this text")
    parser.add_argument("--wordy", action="store_true", help="tell of rows that hold, too")
    options = parser.parse_args()
    if bool(options.weir) == bool(options.cache):
        parser.error("one of --weir and --cache")

    chosen = [row for row in rows.ROWS if options.only in row.name]
    served = origin.Origin(rows.ROWS, options.origin_port)
    place = weir(options.weir, served.port) if options.weir else given(options.cache)
    with place as address, ThreadPoolExecutor(AT_A_TIME) as pool:
        asker = client.Client(address, served)
        complaints = list(pool.map(asker.complaint, chosen))
    return 0 if report(chosen, complaints, options.wordy) else 1


if __name__ == "__main__":
    sys.exit(main())
