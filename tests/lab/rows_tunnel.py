"""Tunnels (WebSocket): the dead are let go of at both ends, the living never, however silent."""

import time

from lab import MB, in_parallel
from proxies import Unsupported
from rows import Failed, judge, row
from rows_halfclose import DEAD_LIMIT

SILENT = 150  # longer than any patience of [delivery], and than the kernel's keepalive


def switch(lab, client, target):
    if not lab.kind.tunnels:
        raise Unsupported(f"{lab.kind.name} was not told of WebSocket")
    client.request(target, fields=("Connection: Upgrade", "Upgrade: websocket"))
    while client.status is None and not client.end:
        client.read(1)
    if client.status != 101:
        raise Failed(f"no tunnel: {client.status} {client.end}")


def let_go_of(lab, origin_had, limit):
    """Seconds until the origin is rid of its side; None: never."""
    start = time.monotonic()
    while time.monotonic() < start + limit:
        if lab.origin("tunnels").counts()["open"] <= origin_had:
            return time.monotonic() - start
        time.sleep(0.2)
    return None


def die(lab, target, before, limit):
    """A client that vanishes once `before(client)` is done."""
    with lab.client("tunnels") as client:
        switch(lab, client, target)
        before(client)
        watch = lab.watch(client)
        return watch.wait(lab.vanish(client), limit)


@row("18", "tunnel: the client vanishes with bytes owed, half-closed without, and idle",
     "60-70 s; <= 10 s; <= 80 s by keepalive; the origin's side with it", limit=DEAD_LIMIT + 40)
def vanish(lab):
    lab.proxy("tunnels")
    owed, half_closed, idle = in_parallel(
        lambda: die(lab, f"/18?upgrade=websocket&size={64 * MB}&n=1", lambda c: c.read_until(2 * MB), DEAD_LIMIT),
        lambda: die(lab, "/18h?upgrade=stop", lambda c: c.half_close(), DEAD_LIMIT),
        lambda: die(lab, "/18i?upgrade=websocket", lambda c: None, DEAD_LIMIT))
    rid = let_go_of(lab, 1, 5)  # who asks has a connection, too
    seen = f"owed: {owed}; half-closed: {half_closed}; idle: {idle}; the origin's side: {'rid' if rid is not None else 'HELD'}"
    return judge(owed.within(55, 70) and half_closed.within(0, 10) and idle.within(50, 80) and rid is not None, seen)


@row("18z", "tunnel: the client is alive and reads nothing", "115-130 s, kernel memory with it", limit=DEAD_LIMIT + 20)
def zero_window(lab):
    with lab.client() as client:
        switch(lab, client, f"/18z?upgrade=websocket&size={64 * MB}&n=1")
        gone = lab.watch(client).wait(time.monotonic(), DEAD_LIMIT)
    return judge(gone.within(110, 130), str(gone))


@row("18s", f"tunnel: silent for {SILENT} s each way, half-closed by the client and not, then it talks on", "never cut",
     limit=SILENT + 30)
def silence(lab):
    def talk(target, half_closes):
        with lab.client() as client:
            switch(lab, client, target)
            client.send(b"a" * 1000)
            if half_closes:
                client.half_close()
                client.read_all(timeout=SILENT + 20)
                return client.end == "ok" and client.received == 4, f"half-closed: {client.end}"
            client.read_until(1000)
            time.sleep(SILENT)
            client.send(b"b" * 1000)
            client.read_until(2000)
            return client.received == 2000, f"open: {client.end or 'not cut'}"

    open_, half = in_parallel(lambda: talk("/18s?upgrade=websocket", False),
                              lambda: talk(f"/18t?upgrade=count&body_delay={SILENT}s", True))
    return judge(open_[0] and half[0], f"{open_[1]}; {half[1]}")
