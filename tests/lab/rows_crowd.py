"""Many clients at a time: what the stuck ones cost, and what happens when there are too many."""

import re
import statistics
import time
from contextlib import ExitStack

from lab import MB
from rows import judge, row
from rows_halfclose import HIT

STUCK = 2000
QUIET = 20  # seconds over which the CPU of doing nothing is measured
PROMPT = 0.25


def kernel_bytes(lab, port):
    """What the kernel holds for each connection at `port`: queued to send and set aside (skmem w and f)."""
    text = lab.run_in_proxy("ss", "-tmnH", "state", "established", "state", "close-wait",
                            f"( sport = :{port} )")
    return [int(w) + int(f) for f, w in re.findall(r"skmem:\(.*?,f(\d+),w(\d+),", text)]


def median_seconds(lab, targets):
    times = []
    for target in targets:
        status, seconds = lab.get("crowd", target)
        if status != 200:
            return None
        times.append(seconds)
    return statistics.median(times)


class Crowd:
    """Clients that asked for a large hit and never read."""

    def __init__(self, lab, stack):
        self._process = lab.proxy("crowd").process
        target = lab.object(HIT, "crowd")
        lab.get("crowd", target)  # a hit, so that the object's pages are counted before the crowd comes
        before = self._process.resident_bytes()
        for _ in range(STUCK):
            stack.enter_context(lab.client("crowd", rcvbuf=16384)).request(target)
        time.sleep(5)
        self.user_each = (self._process.resident_bytes() - before) / STUCK
        sizes = kernel_bytes(lab, lab.proxy("crowd").address[1])
        self.connections = len(sizes)
        self.kernel_each = sum(sizes) / STUCK

    def cpu_share(self, seconds):
        before = self._process.cpu_seconds()
        time.sleep(seconds)
        return (self._process.cpu_seconds() - before) / seconds


@row("15", f"{STUCK:,} clients stuck at zero window on a cached 64 MB object",
     "<= 4 KB of user memory, <= 200 KB kernel each; healthy 1 MB prompt; < 1 % of a core", alone=True,
     limit=120)
def crowd(lab):
    hit = lab.object(MB, "crowd")
    with ExitStack() as stack:
        stuck = Crowd(lab, stack)
        healthy_hit = median_seconds(lab, [hit] * 9)
        healthy_miss = median_seconds(lab, [f"/15-{i}?size=1MiB&n=1&cc=max-age=3600" for i in range(9)])
        time.sleep(2)
        share = stuck.cpu_share(QUIET)
    spell = ["failed" if s is None else f"{s:.3f} s" for s in (healthy_hit, healthy_miss)]
    detail = (f"{stuck.connections} held, {stuck.user_each / 1024:.1f} KB RSS, "
              f"{stuck.kernel_each / 1024:.0f} KB kernel each; healthy 1 MB hit {spell[0]}, "
              f"miss {spell[1]}; {share:.2%} of a core")
    prompt = None not in (healthy_hit, healthy_miss) and max(healthy_hit, healthy_miss) <= PROMPT
    return judge(prompt and stuck.connections >= STUCK and stuck.user_each <= 4096
                 and stuck.kernel_each <= 200 * 1024 and share < 0.01, detail)


@row("16", "more clients than the proxy may hold", "accepted and answered 503; served again once others left",
     limit=60)
def too_many(lab):
    limit, more = 40, 10
    lab.proxy("limited", connection_limit=limit)
    target = "/16?size=1KiB&n=1&cc=max-age=3600"
    with ExitStack() as stack:
        # All are busy: a proxy may close idle connections to make room, and should.
        inside = [stack.enter_context(lab.client("limited")) for _ in range(limit)]
        for number, client in enumerate(inside):
            client.request(f"/16-{number}?size=1KiB&n=1&delay=5s")
        time.sleep(1)
        refused = []
        for _ in range(more):
            with lab.client("limited") as client:
                client.request(target)
                refused.append(client.read_response(timeout=2))
        served = sum(client.read_response(timeout=15) == 200 for client in inside)
        for client in inside[:more]:
            client.close()
        time.sleep(1)
        again, _ = lab.get("limited", target, timeout=5)
    told = sum(one == 503 for one in refused)
    return judge(served == limit and told == more and again == 200,
                 f"{served} of {limit} served, {told} of {more} more told 503, afterwards: {again}")
