"""What a scrape of /metrics costs a worker that is busy with hits of 1 KiB. See scripts/bench.

Two figures: the CPU of one scrape, out of many in a row while nobody else asks; and CPU per hit with a scrape each
second beside the same without, in turns, as a ratio inside each pair of runs. The share follows from the first alone
(its CPU, once a second, of one core); the second says whether that is all, as far as the machine's noise lets it.
"""

import argparse
import os
import statistics
import tempfile
import threading
import urllib.request

from hits import CASES, ROOT, build, commit, program, run_wrk
from processes import Server, free_port

CASE = CASES[0]


def start(directory, scratch):
    origin_port, port, admin = free_port(), free_port(), free_port()
    origin = Server("origin", [program(directory, "weir-origin"), "--listen", f"127.0.0.1:{origin_port}"], origin_port,
                    os.path.join(scratch, "origin"))
    conf = os.path.join(scratch, "weir.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(f'listen = "127.0.0.1:{port}"\norigin = "127.0.0.1:{origin_port}"\n'
                   f'[server]\nworkers = 1\nadmin = "127.0.0.1:{admin}"\n[log]\naccess = "off"\n')
    weir = Server("weir", [program(directory, "weir"), "run", "-c", conf], port, os.path.join(scratch, "weir"))
    return origin, weir, f"http://127.0.0.1:{admin}/metrics"


def scrape(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return len(answer.read())


def cost_of_one(weir, url, count):
    scrape(url)
    before = sum(weir.cpu_seconds())
    for _ in range(count):
        size = scrape(url)
    return (sum(weir.cpu_seconds()) - before) / count, size


def run_scraped(weir, url, seconds):
    over = threading.Event()

    def each_second():
        while not over.wait(1):
            scrape(url)

    thread = threading.Thread(target=each_second)
    thread.start()
    try:
        return run_wrk(weir, CASE, seconds)
    finally:
        over.set()
        thread.join()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench scrape", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=4, help="of one run of wrk")
    parser.add_argument("--count", type=int, default=2000, help="scrapes in a row")
    args = parser.parse_args()
    directory = os.path.join(ROOT, "build", "release")
    build(directory)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as scratch:
        servers = start(directory, scratch)
        origin, weir, url = servers
        try:
            for _ in range(2):
                weir.get(CASE.target)
            ratios = []
            for turn in range(args.rounds):
                runs = {}
                for scraped in (turn % 2 == 0, turn % 2 != 0):
                    run = run_scraped(weir, url, args.seconds) if scraped else run_wrk(weir, CASE, args.seconds)
                    runs[scraped] = run["us"]
                ratios.append(runs[True] / runs[False])
            each, size = cost_of_one(weir, url, args.count)
        finally:
            for server in (weir, origin):
                server.stop()
    print(f"commit {commit()}, {os.cpu_count()} cores, {args.rounds} rounds of {args.seconds} s\n"
          f"one scrape: {each * 1e3:.2f} ms of CPU ({size} bytes), once a second {each * 100:.2f} % of a core\n"
          f"CPU per hit with a scrape each second, to without: {statistics.median(ratios):.3f}"
          f"  ({min(ratios):.3f}..{max(ratios):.3f})")


if __name__ == "__main__":
    main()
