"""Clients that have sent their FIN: some wait for their answer, some are dead (war story 2)."""

import time

from lab import MB, in_parallel
from rows import Failed, judge, row

HIT = 64 * MB
# The common stage begins with the clients that read in bulk. When they have slowed down come the rows
# that measure short times, and when those have filled their buffers, the rest.
SHORT, LATER = 25, 35
HONOURED, IGNORED = 1, 2  # how far below the expected number a RST lies
DEAD_LIMIT = 150  # how long a dead one is watched


def half_closed(lab, target, place="hits", rate=None):
    """(whether all came, what was seen)"""
    with lab.client(place) as client:
        client.request(target)
        client.half_close()
        start = time.monotonic()
        if rate:
            client.read_paced(rate)
        else:
            client.read_all(timeout=70)
        seconds = time.monotonic() - start
    return client.end == "ok" and client.status == 200, f"{client.status} {client.end}, {seconds:.1f} s"


@row("1", "half-close after GET, full speed, 64 MB hit", "complete", start=LATER)
def full_speed(lab):
    return judge(*half_closed(lab, lab.object(HIT)))


@row("1b", "half-close after GET, 1 MB/s, 30 MB hit", "complete")
def one_megabyte(lab):
    return judge(*half_closed(lab, lab.object(30 * MB), rate=1e6))


@row("1c", "half-close after GET, cache miss, origin 4 MB/s, 20 MB", "complete", start=LATER)
def miss(lab):
    return judge(*half_closed(lab, f"/1c?size={20 * MB}&n=1&rate=4000000&cc=max-age=3600", "misses"))


@row("1d", "half-close while the origin takes 8 s, and 60 s, to answer", "complete", limit=100)
def waiting(lab):
    def wait(seconds):
        return half_closed(lab, f"/1d?size=1MiB&n=1&delay={seconds}s&cc=max-age=3600", "misses")

    short, long = in_parallel(lambda: wait(8), lambda: wait(60))
    return judge(short[0] and long[0], f"{short[1]}; {long[1]}")


# War story 2. The FIN arrives; then the client is silent for ever, and a firewall sends a RST in its name:
# one below the expected number (the kernel takes it), two below (the kernel ignores it), or none.

def in_flight(lab, client):
    """A buffer that takes half a second of the link's full speed: the window stays open without reads."""
    client.grow_buffer(32 * MB)
    client.request(lab.object(HIT))
    client.read_until(2 * MB)


# How long it was so, at most, before the fault.
WINDOW_SHUT_FOR = 4


def window_shut(lab, client):
    """On a busy link it takes a while until the client's buffer is full."""
    client.request(lab.object(HIT))
    client.read_until(MB)
    until = time.monotonic() + 30
    while time.monotonic() < until and not (lab.kernel_timer(client) or "").startswith(TIMERS[window_shut]):
        time.sleep(0.25)
    time.sleep(WINDOW_SHUT_FOR - 0.5)


def waits_for_origin(lab, client):
    client.request(f"/dead-{client.port}?size=1MiB&n=1&delay=200s&cc=max-age=3600")
    time.sleep(1)


# State of the client -> the timer that the proxy's kernel then runs: proof that the fault was staged.
# Of /proc/net/tcp: 01 retransmission, 04 probe of a shut window, 00 none, 02 keepalive.
TIMERS = {in_flight: ("01:",), window_shut: ("04:",), waits_for_origin: ("00:", "02:")}


def check_staging(lab, before, client, watch):
    """Only while somebody holds the connection: a proxy that takes a FIN for an abort has let go."""
    time.sleep(0.05)
    timer = lab.kernel_timer(client)
    if watch.is_held and timer is not None and not timer.startswith(TIMERS[before]):
        raise Failed(f"not staged: {before.__name__} with the kernel's timer at {timer}")


def dies_half_closed(lab, before, below, place):
    """FIN, silence, and the RST `below` (None: no RST). Returns when it was let go of."""
    with lab.client(place) as client:
        before(lab, client)
        watch = lab.watch(client)
        client.half_close()
        fault_at = lab.vanish(client)
        if below is None:
            check_staging(lab, before, client, watch)
        else:
            lab.forge_reset(client, below)
        return watch.wait(fault_at, DEAD_LIMIT)


def judge_dead(lab, most, cases, place="hits"):
    """`cases`: name -> (what the client does before its FIN, which RST)."""
    gone = in_parallel(*[lambda case=case: dies_half_closed(lab, *case, place) for case in cases.values()])
    detail = "; ".join(f"{name}: {one}" for name, one in zip(cases, gone, strict=True))
    return judge(all(one.within(0, most) for one in gone), detail)


def pending(below):
    return {"in flight": (in_flight, below), "window shut": (window_shut, below)}


@row("2", "FIN, then RST at expected-1 (the firewall's), data pending", "<= 1 s", start=SHORT,
     limit=DEAD_LIMIT + 20)
def honoured_reset(lab):
    return judge_dead(lab, 1, pending(HONOURED))


@row("2x", "FIN, then RST at expected-2 (the kernel ignores it), data pending",
     "fd and kernel <= 12 s", start=SHORT, limit=DEAD_LIMIT + 20)
def ignored_reset(lab):
    return judge_dead(lab, 12, pending(IGNORED))


@row("2n", "FIN, then silence (the RST is lost), data pending", "fd and kernel <= 12 s", start=SHORT,
     limit=DEAD_LIMIT + 20)
def no_reset(lab):
    return judge_dead(lab, 12, pending(None))


@row("2b", "as 2, response still waiting on the origin", "<= 2 s", start=SHORT, limit=DEAD_LIMIT + 20)
def honoured_reset_waiting(lab):
    return judge_dead(lab, 2, {"RST": (waits_for_origin, HONOURED)}, "misses")


@row("2bx", "as 2x and as 2n, response still waiting on the origin", "<= 10 s (and 1d holds)",
     start=SHORT, limit=DEAD_LIMIT + 20)
def ignored_reset_waiting(lab):
    return judge_dead(lab, 10, {"RST": (waits_for_origin, IGNORED), "no RST": (waits_for_origin, None)},
                      "misses")
