"""Clients that stopped or slowed without a word: the dead end in time, the living are never cut."""

import time

from lab import MB, in_parallel
from rows import judge, row
from rows_halfclose import DEAD_LIMIT, HIT, SHORT, WINDOW_SHUT_FOR, check_staging, in_flight, window_shut

FILM = 100 * MB


@row("3", "silent vanish mid-download (no FIN, all dropped)", "60-70 s, kernel memory with it",
     limit=DEAD_LIMIT + 20)
def vanish(lab):
    def die(before):
        with lab.client() as client:
            before(lab, client)
            watch = lab.watch(client)
            fault_at = lab.vanish(client)
            check_staging(lab, before, client, watch)
            return watch.wait(fault_at, DEAD_LIMIT)

    gone = in_parallel(lambda: die(in_flight), lambda: die(window_shut))
    detail = f"in flight: {gone[0]}; window shut: {gone[1]}"
    # The standstill of a shut window began before the silence.
    return judge(gone[0].within(59, 70) and gone[1].within(59 - WINDOW_SHUT_FOR, 70), detail)


@row("4", "zero window, alive (never reads again)", "115-130 s, kernel memory with it",
     limit=DEAD_LIMIT + 20)
def zero_window(lab):
    with lab.client() as client:
        client.request(lab.object(HIT))
        client.read_until(MB)
        gone = lab.watch(client).wait(time.monotonic(), DEAD_LIMIT)
    return judge(gone.within(115, 130), str(gone))


@row("4p", "pauses 75 s at zero window, then reads on, 64 MB", "complete", limit=130)
def pause(lab):
    with lab.client() as client:
        client.request(lab.object(HIT))
        client.read_until(3 * MB)
        time.sleep(75)
        client.read_all()
    return judge(client.end == "ok", client.end)


def trickle(lab, rcvbuf, limit):
    with lab.client(rcvbuf=rcvbuf) as client:
        client.request(lab.object(HIT))
        watch = lab.watch(client)
        start = time.monotonic()
        client.read_paced(100, seconds=limit, timeout=limit, stop=watch.over.is_set)
        return watch.wait(start, limit)


@row("5", "trickle, 100 B/s for ever", "<= 150 s, kernel memory with it", limit=190)
def trickle_default(lab):
    gone = trickle(lab, None, 170)
    return judge(gone.within(0, 150), str(gone))


@row("5b", "as 5 with a tiny receive buffer: something is acknowledged every few seconds",
     "<= 150 s, kernel memory with it", limit=190)
def trickle_small(lab):
    gone = trickle(lab, 4096, 170)
    return judge(gone.within(0, 150), str(gone))


LEAST = 0.9  # of what a reader's own pace would have brought him


def not_cut(lab, target, rate, seconds, first=0, rcvbuf=None):
    """Reads at `rate` for so long, behind `first` bytes at full speed. Returns what became of it."""
    with lab.client(rcvbuf=rcvbuf) as client:
        client.request(target)
        watch = lab.watch(client)
        start = time.monotonic()
        client.read_until(first)
        client.read_paced(rate, seconds, timeout=seconds, stop=lambda: not watch.is_held)
        passed = time.monotonic() - start
        held = watch.is_held and client.end is None
    if not held:
        return False, f"CUT after {passed:.1f} s ({client.end or 'let go of'})"
    fed = client.received >= first + LEAST * rate * seconds
    got = f"{(client.received - first) / seconds / 1e3:.1f} KB/s"
    return fed, f"not cut, {got}" if fed else f"STARVED: {got}"


def judge_reader(lab, rate, seconds, size=HIT):
    target = lab.object(size)
    default, small = in_parallel(lambda: not_cut(lab, target, rate, seconds),
                                 lambda: not_cut(lab, target, rate, seconds, rcvbuf=8192))
    return judge(default[0] and small[0], f"{default[1]}; small buffer: {small[1]}")


@row("6", "slow but honest, 64 KB/s for 60 s", "never cut, never starved", limit=90)
def reader_64(lab):
    return judge_reader(lab, 64e3, 60)


@row("6b", "slower but honest, 12 KB/s for 150 s", "never cut, never starved", limit=180)
def reader_12(lab):
    return judge_reader(lab, 12e3, 150)


@row("6c", "player: 30 MB at full speed, then 16 KB/s for 150 s; four clients", "never cut, never starved", limit=200)
def player(lab):
    target = lab.object(FILM)
    ends = in_parallel(*[lambda: not_cut(lab, target, 16e3, 150, first=30 * MB)] * 4)
    kept = sum(good for good, _ in ends)
    return judge(kept == 4, "; ".join([f"{kept} of 4 not cut", *(text for _, text in ends)]))


@row("6d", "slowest honest, 4 KB/s for 170 s", "never cut, never starved", limit=200)
def reader_4(lab):
    return judge_reader(lab, 4e3, 170)


def blackout(lab, count, seconds, most):
    """All clients lose their link in mid-download for so long."""
    target = lab.object(HIT)

    def download(delay):
        time.sleep(delay)
        with lab.client() as client:
            client.request(target)
            client.read_until(16 * MB)
            dark_at = lab.vanish(client)
            client.drain()  # what was under way still arrives
            time.sleep(dark_at + seconds - time.monotonic())
            back_at = lab.faults.restore(client.port)
            client.read(timeout=120)
            waited = (client.last_byte_at or back_at) - back_at
            client.read_all(timeout=120)
            return client.end, waited

    ends = in_parallel(*[lambda delay=delay: download(delay) for delay in range(count)])
    whole = [waited for end, waited in ends if end == "ok"]
    cuts = [end for end, _ in ends if end != "ok"]
    back = f" (+{min(whole):.1f}..{max(whole):.1f} s)" if whole else ""
    detail = "; ".join([f"{len(whole)} of {count} whole{back}", *cuts])
    return judge(not cuts and max(whole) <= most, detail)


@row("7", "25 s blackout mid-download, then back; three clients", "all whole, flowing <= 10 s after",
     limit=190)
def blackout_25(lab):
    return blackout(lab, 3, 25, 10)


@row("7b", "45 s blackout mid-download, then back; five clients", "all whole, flowing <= 10 s after",
     limit=220)
def blackout_45(lab):
    return blackout(lab, 5, 45, 10)


@row("8", "client close()s mid-download (normal RST)", "<= 0.5 s", start=SHORT, limit=60)
def abort(lab):
    def leave(before):
        with lab.client() as client:
            before(lab, client)
            watch = lab.watch(client)
            start = time.monotonic()
            client.abort()
            return watch.wait(start, 30)

    gone = in_parallel(lambda: leave(in_flight), lambda: leave(window_shut))
    return judge(all(one.within(0, 0.5) for one in gone), f"in flight: {gone[0]}; window shut: {gone[1]}")
