#!/usr/bin/env python3
"""Holds the dashboard and the alert rules against the metrics that Weir has (counters.def, as `weir help metrics`
prints it) and against a live scrape: names, labels, values of labels, what is asked of counters, and PromQL itself.

    names.py --weir build/release/src/app/weir --origin build/release/bin/weir-origin
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import running

OPS = os.path.join(os.path.dirname(__file__), "../../ops")
OURS = {"instance", "job"}  # labels that Prometheus adds
# Metrics that no panel shows: the dashboard's variable is made of it.
NOT_SHOWN = {"weir_info"}
METRIC = re.compile(r"\b(?P<rising>(?:rate|increase)\s*\(\s*)?(?P<name>(?:weir_\w+|up)\b)(?:\{(?P<labels>[^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


class Row:
    def __init__(self, labels, kind):
        self.labels, self.kind, self.values = set(labels), kind, {}


def rows_of(program):
    """The rows of counters.def by name."""
    page = subprocess.run([program, "help", "metrics", "--markdown"], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^\| `(weir_\w+)` \| ([\w,]*) \| (counter|gauge|histogram) \|", page, re.M)
    return {name: Row(filter(None, labels.split(",")), kind) for name, labels, kind in found}


def add_values(rows, scrape):
    for name, labels in re.findall(r"^(weir_\w+)\{(.*)\} ", scrape, re.M):
        row = rows.get(name) or rows.get(re.sub(r"_(bucket|sum|count)$", "", name))
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            row.values.setdefault(label, set()).add(value)


def row_of(rows, name):
    """The row that this name is a series of, and what is wrong with the name."""
    if name == "up":
        return Row([], "gauge"), None
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    if base != name and base in rows and rows[base].kind == "histogram":
        return rows[base], None
    if name not in rows:
        return None, "there is no such metric"
    return rows[name], "a histogram has _bucket, _sum and _count" if rows[name].kind == "histogram" else None


def faults_of(rows, expression, legend=""):
    labels = {"le"} | OURS
    for use in METRIC.finditer(expression):
        name = use["name"]
        row, wrong = row_of(rows, name)
        if wrong:
            yield f"{name}: {wrong}"
            continue
        labels |= row.labels
        if bool(use["rising"]) != (row.kind != "gauge") and name not in ("up",):
            yield f"{name}: rate() and increase() are for counters, and for all of them"
        for label, operator, text in MATCHER.findall(use["labels"] or ""):
            if label not in row.labels | OURS | {"le"}:
                yield f"{name}: has no label {label}"
            elif "$" not in text and label not in OURS and text:
                strange = set(text.split("|")) - row.values.get(label, set())
                if strange:
                    yield f"{name}: {label} is never {' or '.join(sorted(strange))}"
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    shown = re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", legend)
    for label in {part.strip() for group in grouped for part in group.split(",")} | set(shown):
        if label not in labels:
            yield f"no metric of it has the label {label}: {expression.strip()}"
    kept = set.union(*({p.strip() for p in group.split(",")} for group in grouped)) if grouped else labels
    for label in set(shown) - kept:
        yield f"{label} is shown and not kept: {expression.strip()}"


def alert_expressions():
    with open(f"{OPS}/prometheus/alerts.yml", encoding="utf-8") as file:
        text = file.read()
    for part in text.split("- alert: ")[1:]:
        name = part.split("\n", 1)[0]
        expression = re.search(r"expr:(.*?)\n        (?:for|labels):", part, re.S)[1].lstrip().removeprefix("|")
        shown = " ".join("{{%s}}" % label for label in re.findall(r"\$labels\.(\w+)", part))
        yield f"alerts.yml: {name}", expression, shown


def dashboard_expressions(board):
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"weir.json: {panel['title']}", target["expr"], target["legendFormat"]
    for note in board["annotations"]["list"]:
        yield f"weir.json: {note['name']}", note["expr"], note["titleFormat"]


def layout_faults(board):
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        yield "weir.json: two panels of one id"
    taken = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if x >= 24 or taken.setdefault((x, y), panel["id"]) != panel["id"]:
                    yield f"weir.json: {panel['title']} lies on another panel or outside"
                    return


def promql_faults(expressions):
    """What promtool says of them, as rules."""
    rules = [{"record": f"x:{i}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
             for i, (_, expression, _) in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "board", "rules": rules}]}, file)  # JSON is YAML
        file.flush()
        done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    return [f"weir.json: {done.stdout}{done.stderr}"] if done.returncode else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=running.chosen)
    parser.add_argument("--origin", required=True)
    options = parser.parse_args()
    rows = rows_of(options.weir)
    with running.weir(options.weir, options.origin) as weir:
        add_values(rows, weir.scrape())
    with open(f"{OPS}/grafana/weir.json", encoding="utf-8") as file:
        board = json.load(file)
    shown = list(dashboard_expressions(board))
    faults = [f"{place}: {fault}" for place, expression, legend in [*shown, *alert_expressions()]
              for fault in faults_of(rows, expression, legend)]
    used = {name for _, expression, _ in shown for name in re.findall(r"\bweir_\w+", expression)}
    used |= {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    faults += [f"weir.json: does not show {name}" for name in sorted(set(rows) - used - NOT_SHOWN)]
    faults += [*layout_faults(board), *promql_faults(shown)]
    if len(rows) < 60 or len(shown) < 60:
        faults.append(f"only {len(rows)} metrics and {len(shown)} expressions were found")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
