"""Runs the rows of the lab against a proxy. See scripts/lab."""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import lab as laboratory
import netns
import proxies
import rows
import rows_crowd
import rows_halfclose
import rows_origin
import rows_requests
import rows_owed
import rows_stuck
import rows_tunnel
import wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = os.path.join(ROOT, "build", "release")
THEMES = (rows_halfclose, rows_stuck, rows_owed, rows_origin, rows_requests, rows_tunnel, rows_crowd)  # each declares its rows
OPEN_FILES = 8192
GRACE = 30  # seconds beyond its limit until a row is given up


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/lab", description="Sick clients and origins, staged in "
                                     "network namespaces. Needs root.")
    parser.add_argument("--proxy", choices=proxies.KINDS, default="weir")
    parser.add_argument("--tls", action="store_true",
                        help="Weir's clients come over TLS; the rows about delivery, unless --rows says which")
    parser.add_argument("--rows", help="only these, as in 1,2x,15")
    parser.add_argument("--weir", metavar="PATH", help="the program; default: the release preset, built")
    parser.add_argument("--origin", metavar="PATH", help="the program weir-origin; default: likewise")
    parser.add_argument("--list", action="store_true", help="say what the rows are, and end")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--keep", metavar="DIR", help="a new folder for confs and logs, which stays")
    return parser.parse_args()


DELIVERY = (rows_halfclose, rows_stuck, rows_owed)


def natural(row):
    """1, 1b, 2, ..., 10: by number, then letter."""
    digits = "".join(c for c in row.name if c.isdigit())
    return int(digits), row.name[len(digits):]


def chosen(names, themes=THEMES):
    known = {row.name: row for row in sorted(rows.ROWS, key=natural)}
    if names is None:
        files = {theme.__name__ for theme in themes}
        return [row for row in known.values() if row.run.__module__ in files]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"lab: no such row: {', '.join(unknown)}; there are {', '.join(known)}")
    return [row for name, row in known.items() if name in wanted]


def build(options):
    """Makes the programs that were not given."""
    targets = []
    if options.proxy == "weir" and options.weir is None:
        options.weir = os.path.join(RELEASE, "src", "app", "weir")
        targets.append("weir")
    if options.origin is None:
        options.origin = os.path.join(RELEASE, "bin", "weir-origin")
        targets.append("weir-origin")
    if targets:
        if not os.path.exists(os.path.join(RELEASE, "build.ninja")):
            subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", RELEASE, "--target", *targets], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([os.path.join(ROOT, "scripts", "give-back")], check=True)


def check_programs(kind, options):
    """A program that is missing is a mistake of the caller, no reason to skip."""
    for program in (kind.program, options.origin):
        if shutil.which(program) is None:
            raise SystemExit(f"lab: there is no program {program}")


def obstacle():
    """Why the lab cannot run on this machine; None: it can."""
    if os.geteuid() != 0:
        return "it needs root"
    for tool in ("ip", "tc", "nft", "ss", "setpriv"):
        if shutil.which(tool) is None:
            return f"there is no program {tool}"
    try:
        netns.remove_leftovers()
        with contextlib.closing(netns.Topology()) as topology:
            wire.Faults(topology)
            wire.ZeroWindows(topology, [9000])
            wire.FinSniffer(topology).close()
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return f"no shaped network namespaces with packet filters here: {error}"
    return None


def report(result, done, total):
    print(f"[{done}/{total}] {result.row.name}: {result.outcome} after {result.seconds:.1f} s: "
          f"{result.detail}", file=sys.stderr, flush=True)


class Stage:
    """Runs rows, each in its thread, and gives up those that overrun their limit."""

    def __init__(self, lab, total):
        self._lab = lab
        self._total = total
        self._lock = threading.Lock()
        self.results = {}

    def run(self, some, at_once):
        threads = []
        stage_start = time.monotonic()
        for row in some:
            thread = threading.Thread(target=self._carry_out, args=(row, at_once), daemon=True)
            thread.start()
            threads.append((row, thread))
            if not at_once:
                thread.join(row.limit + GRACE)
        for row, thread in threads:
            end = stage_start + row.start + row.limit + GRACE
            thread.join(max(0.0, end - time.monotonic()) if at_once else 0)
            self._note(rows.Result(row, seconds=time.monotonic() - stage_start,
                                   detail=f"did not end within {row.limit + GRACE:.0f} s"))

    def _carry_out(self, row, delayed):
        if delayed:
            time.sleep(row.start)
        self._note(rows.carry_out(row, self._lab))

    def _note(self, result):
        with self._lock:
            if result.row.name not in self.results:
                self.results[result.row.name] = result
                report(result, len(self.results), self._total)


def run_rows(lab, some):
    stage = Stage(lab, len(some))
    stage.run([row for row in some if row.alone], at_once=False)
    together = [row for row in some if not row.alone]
    first = min((row.start for row in together), default=0)
    for row in together:
        row.start -= first
    stage.run(together, at_once=True)
    for words in lab.dead_proxies():
        print(f"lab: A PROXY ENDED BY ITSELF: {words}", file=sys.stderr)
    return [stage.results[row.name] for row in some]


def print_table(results, name):
    print(f"\n| row | {name} | seconds | detail | must |\n|---|---|---|---|---|")
    for result in results:
        sign = {"passed": "+", "failed": "-", "skipped": "skipped"}[result.outcome]
        print(f"| {result.row.name} {result.row.sentence} | {sign} | {result.seconds:.1f} | "
              f"{result.detail} | {result.row.must} |")


def write_json(path, results, name):
    table = {"proxy": name, "rows": [
        {"row": r.row.name, "sentence": r.row.sentence, "must": r.row.must, "result": r.outcome,
         "seconds": round(r.seconds, 2), "detail": r.detail} for r in results]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)


def finish(results, options):
    name = "weir over TLS" if options.tls else options.proxy
    print_table(results, name)
    if options.json:
        write_json(options.json, results, name)
    count = {outcome: sum(r.outcome == outcome for r in results)
             for outcome in ("passed", "failed", "skipped")}
    print(f"\nlab: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] else 0


def interrupt(*_):
    raise KeyboardInterrupt


def catch_signals(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def run_in(scratch, kind, options, some):
    lab = laboratory.Lab(kind, options.origin, scratch)
    try:
        return run_rows(lab, some)
    finally:
        catch_signals(signal.SIG_IGN)  # what comes now must not stop the cleaning up
        lab.close()


def stage(options, some):
    kind = proxies.WeirOverTls(options.weir) if options.tls else \
        proxies.KINDS[options.proxy](options.weir if options.proxy == "weir" else None)
    check_programs(kind, options)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(OPEN_FILES, hard),) * 2)
    scratch = options.keep or tempfile.mkdtemp(prefix="weir-lab-")
    os.makedirs(scratch, exist_ok=not options.keep)
    os.chmod(scratch, 0o755)
    try:
        return run_in(scratch, kind, options, some)
    finally:
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)


def main():
    options = arguments()
    if options.tls and options.proxy != "weir":
        raise SystemExit("lab: --tls is for Weir")
    some = chosen(options.rows, DELIVERY if options.tls else THEMES)
    if options.list:
        for row in some:
            print(f"{row.name:4} {row.sentence}\n     must: {row.must}")
        return 0
    catch_signals(interrupt)
    try:
        reason = obstacle()
        if reason:
            print(f"lab: CANNOT RUN HERE, EVERY ROW IS SKIPPED: {reason}", file=sys.stderr)
            return finish([rows.Result(row, "skipped", detail=reason) for row in some], options)
        build(options)
        return finish(stage(options, some), options)
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 2
        if code != end.code:
            print(end.code, file=sys.stderr)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"lab: {error}", file=sys.stderr)
        code = 2
    sys.stdout.flush()
    os._exit(code)  # rows that were given up may still be waiting in their threads
