#!/usr/bin/env python3
"""Asks bash what it offers behind the beginnings of commands.

    completion.py --weir build/release/src/app/weir
"""

import argparse
import os
import subprocess
import sys
import tempfile

import running

# What is typed, the last word unfinished, and all that is offered.
ROWS = [
    ("weir ex", {"explain"}),
    ("weir st", {"status", "store"}),
    ("weir --v", {"--version"}),
    ("weir run --c", {"--conf"}),
    ("weir run -c we", {"weir.conf"}),
    ("weir status --conf we", {"weir.conf"}),
    ("weir store ", {"stat", "check", "ls", "dump"}),
    ("weir store l", {"ls"}),
    ("weir help ", {"params", "reasons", "metrics", "man", "completion", "weir", "weir.conf", "weir-log"}),
    ("weir log we", {"weir.conf"}),
    ("weir purge --s", {"--soft"}),
    ("weir purge --tag ", set()),
    ("weir record ", {"on", "off", "status"}),
    ("weir record --m", {"--max-size"}),
    ("weir replay we", {"weir.conf"}),
    ("weir replay --s", {"--set"}),
    ("weir nothing -", set()),
]

ASK = """
source ./completion
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_weir
printf '%s\\n' "${COMPREPLY[@]}"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=running.chosen)
    options = parser.parse_args()
    script = subprocess.run([options.weir, "help", "completion"], check=True, capture_output=True, text=True).stdout
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("completion", script), ("weir.conf", "")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        for typed, wanted in ROWS:
            done = subprocess.run(["bash", "-c", ASK, "bash", *typed.split(" ")], cwd=folder, capture_output=True,
                                  text=True)
            offered = set(done.stdout.split())
            if offered != wanted or done.stderr or done.returncode:
                failed += 1
                print(f"{typed!r}: {sorted(offered)} instead of {sorted(wanted)} {done.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
