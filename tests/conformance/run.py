#!/usr/bin/env python3
"""Asks a cache everything that the rows know. See rows.py for the words, rows_*.py for the rows.

    run.py --weir build/release/src/app/weir            starts it in front of the rows' own origin
    run.py --cache 127.0.0.1:8080 --origin-port 9000    any cache that stands in front of that port

Ends with 1 when a required row fails; with --weir also when any other row is not as written that is not in OTHERWISE.
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

# Optional rows, and rows about what caches do, in which Weir knowingly does otherwise: it asks where it may
# guess, passes on nothing that it will answer itself, and serves nothing stale that nobody allowed.
OTHERWISE = {
    "request max-stale, stale from the start",
    "request no-store",
    "Age: 7200;foo=bar counts",
    "Age: 7200;foo=111 counts",
    "heuristically fresh for 2 s when last modified 5 s before",
    "heuristically fresh for 2 s when last modified 10 s before",
    "stale, and the origin ends the connection",
    "stale, and the origin says 503",
    "the tag of another variant validates",
    "a tag without quotes validates with quotes",
    "If-None-Match is passed on where nothing is stored",
    "and gets quotes",
    "a 304 updates Content-Encoding",
    "a 304 updates Content-Range",
    "the stored Content-Language is what is wanted most",
}
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


def report(chosen, complaints, wordy, strict):
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
    unlike = [row.name for row, complaint in zip(chosen, complaints)
              if complaint and row.kind != rows.REQUIRED and row.name not in OTHERWISE]
    if strict and unlike:
        print(f"not in OTHERWISE: {'; '.join(unlike)}")
    return held[rows.REQUIRED] == count[rows.REQUIRED] and not (strict and unlike)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", type=lambda path: os.environ.get("WEIR_PROGRAM") or path,
                        help="the program; the environment's WEIR_PROGRAM comes before it")
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
    return 0 if report(chosen, complaints, options.wordy, bool(options.weir)) else 1


if __name__ == "__main__":
    sys.exit(main())
