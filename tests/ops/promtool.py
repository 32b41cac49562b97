#!/usr/bin/env python3
"""Holds a live scrape, the alert rules and their tests against promtool (Debian: prometheus).

    promtool.py --weir build/release/src/app/weir --origin build/release/bin/weir-origin
"""

import argparse
import os
import re
import subprocess
import sys

import running

RULES = os.path.join(os.path.dirname(__file__), "../../ops/prometheus")


def promtool(*arguments, stdin=None):
    """Its words if it has anything to say, else None."""
    done = subprocess.run(["promtool", *arguments], input=stdin, cwd=RULES, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return f"promtool {' '.join(arguments)}: {done.stdout}" if done.returncode != 0 or "FAILED" in done.stdout else None


def untested():
    """Every alert has a test of its name."""
    with open(f"{RULES}/alerts.yml", encoding="utf-8") as rules, \
            open(f"{RULES}/alerts_test.yml", encoding="utf-8") as tests:
        alerts = re.findall(r"- alert: (\w+)", rules.read())
        tested = re.findall(r"^  - name: (\w+)", tests.read(), re.M)
    if not alerts or len(set(alerts)) != len(alerts):
        return "alerts.yml: no alerts, or two of a name"
    wrong = set(alerts) ^ set(tested)
    return f"alerts_test.yml: not the alerts of alerts.yml: {', '.join(sorted(wrong))}" if wrong else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=running.chosen)
    parser.add_argument("--origin", required=True)
    options = parser.parse_args()
    with running.weir(options.weir, options.origin) as weir:
        scrape = weir.scrape()
    complaints = [
        None if "\nweir_requests_total{" in scrape else "that is no scrape of Weir",
        promtool("check", "metrics", stdin=scrape),
        promtool("check", "rules", "alerts.yml"),
        promtool("test", "rules", "alerts_test.yml"),
        untested(),
    ]
    for complaint in filter(None, complaints):
        print(complaint)
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
