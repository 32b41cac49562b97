"""Clients that are owed the end of their response when Weir has nothing left to write: it lies in the
kernel, and the connection looks idle. The living must get it whole."""

import time

from lab import MB
from proxies import Unsupported
from rows import Failed, judge, row
from rows_halfclose import LATER, SHORT

SMALL = 48 << 10  # what the proxy's kernel takes at once, though the client's takes little
FILM = 20 * MB
PLAYER = 8 << 10  # bytes a second


def owed(lab, client, size):
    """Bytes that lie in the proxy's kernel behind a shut window, once all was written; else 0."""
    timer, queued = lab.kernel_timer(client), lab.kernel_queue(client)
    all_written = client.received + client.waiting() + queued >= size
    return queued if all_written and timer is not None and timer.startswith("04:") else 0


def wait_until_owed(lab, client, size):
    end = time.monotonic() + 5
    while not owed(lab, client, size):
        if time.monotonic() > end:
            raise Failed(f"not staged: {lab.kernel_queue(client)} bytes in the proxy's kernel, "
                         f"its timer at {lab.kernel_timer(client)}")
        time.sleep(0.05)


def late_reader(lab, seconds, half_closes=False):
    """Takes a small hit only after so long."""
    with lab.client(rcvbuf=4096) as client:
        client.request(lab.object(SMALL))
        wait_until_owed(lab, client, SMALL)
        if half_closes:
            client.half_close()
        time.sleep(seconds)
        client.read_all()
    return client.end


@row("4s", "48 KB hit on a kept connection, pauses 110 s, then reads on", "complete", start=SHORT,
     limit=150)
def small_pause(lab):
    end = late_reader(lab, 110)
    return judge(end == "ok", end)


@row("4f", "48 KB hit, FIN behind the request, pauses 45 s, then reads on", "complete", start=SHORT,
     limit=90)
def small_half_close(lab):
    end = late_reader(lab, 45, half_closes=True)
    return judge(end == "ok", end)


@row("6e", "player at its end: 20 MB at full speed until all is written, what is owed then at 8 KB/s",
     "complete", limit=240)
def player_at_end(lab):
    target = lab.object(FILM)
    with lab.client(rcvbuf=64 << 10) as client:
        client.request(target)
        client.read_until(FILM * 88 // 100)
        while not client.end and not owed(lab, client, FILM):
            client.read_until(client.received + (32 << 10))
            time.sleep(0.05)
        left = FILM - client.received
        while not client.end:
            time.sleep(20)
            client.read_until(client.received + 20 * PLAYER)
    if client.end == "ok" and left < 100 * PLAYER:
        raise Failed(f"not staged: {left} bytes were left when all was written")
    return judge(client.end == "ok", f"{client.end}, {left / 1e6:.1f} MB at the end")


@row("17", "the proxy is told to end while clients still read: 40 MB at 2 MB/s, and 48 KB 25 s later",
     "both complete, then it ends", start=LATER, limit=70)
def drain(lab):
    if lab.kind.drain_signal is None:
        raise Unsupported(f"{lab.kind.name} does not drain")
    proxy = lab.proxy("drained")
    small, large = lab.object(SMALL, "drained"), lab.object(2 * FILM, "drained")
    with lab.client("drained", rcvbuf=4096) as late, lab.client("drained", rcvbuf=64 << 10) as reader:
        late.request(small)
        reader.request(large)
        reader.read_until(MB)
        wait_until_owed(lab, late, SMALL)
        told_at = time.monotonic()
        lab.drain("drained")
        reader.read_paced(2 * MB)
        time.sleep(max(0.0, told_at + 25 - time.monotonic()))
        late.read_all()
    ended = proxy.process.wait(told_at + 40 - time.monotonic())
    end = f"it ended after {time.monotonic() - told_at:.0f} s" if ended else "it did NOT END"
    return judge(late.end == reader.end == "ok" and ended, f"late: {late.end}; reader: {reader.end}; {end}")
