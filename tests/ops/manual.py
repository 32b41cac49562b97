#!/usr/bin/env python3
"""Holds the pages of the manual against mandoc's lint, and reads them once as a person would.

    manual.py --weir build/release/src/app/weir
"""

import argparse
import subprocess
import sys
import tempfile

import running

# A word that must be on the page as it is read.
PAGES = {"weir": ("weir purge", "SIGHUP"), "weir.conf": ("zero_window_timeout", "Default: \"75 s\""),
         "weir-log": ("zero_window (ZW)", "connect_refused (502)")}


def faults_of(program, name, words):
    page = subprocess.run([program, "help", "man", name], check=True, capture_output=True).stdout
    with tempfile.NamedTemporaryFile(suffix=".mdoc") as file:
        file.write(page)
        file.flush()
        lint = subprocess.run(["mandoc", "-T", "lint", file.name], capture_output=True, text=True).stdout
        # Where Weir is not installed, its other pages are not there.
        yield from (line for line in lint.splitlines() if "referenced manual not found: Xr weir" not in line)
        read = subprocess.run(["mandoc", "-T", "ascii", file.name], check=True, capture_output=True, text=True).stdout
    plain = ""
    for char in read:  # bold is a letter over itself
        plain = plain[:-1] if char == "\b" else plain + char
    plain = " ".join(plain.split())
    yield from (f"{name}: does not say {word!r}" for word in words if word not in plain)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=running.chosen)
    options = parser.parse_args()
    faults = [fault for name, words in PAGES.items() for fault in faults_of(options.weir, name, words)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
