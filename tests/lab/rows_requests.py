"""Requests that come slowly, come with too much, or are answered before they have come."""

import time

from lab import MB, in_parallel
from rows import judge, row
from rows_halfclose import LATER


def head_of(size, target="/small?size=1KiB&n=1&cc=max-age=3600"):
    head = f"GET {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nX-Pad: \r\n\r\n"
    return head.replace("X-Pad: ", "X-Pad: " + "p" * max(0, size - len(head))).encode()


@row("12", "300-byte request head byte by byte (20 ms each), and a short one split at every point",
     "all answered", start=LATER)
def slow_honest_head(lab):
    def bytewise():
        with lab.client() as client:
            for at, byte in enumerate(head_of(300)):
                try:
                    client.send(bytes([byte]))
                except OSError as error:
                    return f"cut at byte {at} ({error.strerror})"
                time.sleep(0.02)
            return client.read_response()

    def split():
        head = head_of(0)
        for at in range(1, len(head)):
            with lab.client() as client:
                client.send(head[:at])
                time.sleep(0.01)
                client.try_send(head[at:])
                if (status := client.read_response()) != 200:
                    return f"{status} when split at {at}"
        return 200

    whole, parts = in_parallel(bytewise, split)
    return judge(whole == parts == 200, f"bytewise: {whole}; splits: {parts}")


@row("12b", "a head that never ends, a byte every 3 s; 20 clients", "all gone <= 65 s", limit=120)
def slowloris(lab):
    def crawl():
        with lab.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: lab\r\nX: ")
            watch = lab.watch(client)
            start = time.monotonic()
            while watch.is_held and time.monotonic() - start < 90:
                client.try_send(b"x")
                watch.over.wait(3)
            return watch.wait(start, 90)

    gone = in_parallel(*[crawl] * 20)
    held = sum(one.fd is None for one in gone)
    longest = max((one.fd for one in gone if one.fd is not None), default=0)
    return judge(all(one.fd is not None and one.fd <= 65 for one in gone),
                 f"{20 - held} of 20 gone, the last after {longest:.1f} s")


def post_paced(lab, size, piece, pause, limit):
    """A request body in pieces. Returns what the client was told and when the connection was let go of."""
    with lab.client("misses") as client:
        client.send("POST /form?size=10&n=1 HTTP/1.1\r\nHost: lab\r\n"
                    f"Content-Length: {size}\r\n\r\n".encode())
        watch = lab.watch(client)
        start, sent = time.monotonic(), 0
        while sent < size and watch.is_held and time.monotonic() - start < limit:
            client.try_send(b"f" * min(piece, size - sent))
            sent += piece
            watch.over.wait(pause)
        if sent < size:
            return watch.wait(start, limit).fd
        return client.read_response()


@row("12c", "request body at 8 KB/s for 60 s; and at a byte every 5 s for ever",
     "the first answered, the second gone <= 150 s", limit=200)
def slow_body(lab):
    honest, endless = in_parallel(lambda: post_paced(lab, 480_000, 4000, 0.5, 90),
                                  lambda: post_paced(lab, 1_000_000, 1, 5, 155))
    seen = "held on" if endless is None else f"gone after {endless:.1f} s"
    return judge(honest not in (408, None) and isinstance(honest, int) and endless is not None
                 and endless <= 150, f"8 KB/s: {honest}; trickle: {seen}")


def post_early(lab, place, target, head_padding=0):
    """A client that sends its whole 5 MB before it looks for the answer."""
    with lab.client(place) as client:
        padding = [f"X-Pad: {'p' * head_padding}"] if head_padding else []
        lines = [f"POST {target} HTTP/1.1", "Host: lab", *padding, f"Content-Length: {5 * MB}"]
        client.try_send("\r\n".join(lines).encode() + b"\r\n\r\n")
        for _ in range(5 * 16):
            client.try_send(b"b" * (MB // 16))
        return client.read_response()


def judge_early(lab, accepts, place, target, head_padding=0, rounds=5):
    """`accepts`: which answers will do, provided that they arrive whole."""
    answers = [post_early(lab, place, target, head_padding) for _ in range(rounds)]
    whole = sum(isinstance(one, int) and accepts(one) for one in answers)
    seen = ", ".join(sorted({str(one) for one in answers}))
    return judge(whole == rounds, f"{whole} of {rounds} ({seen})")


@row("13", "POST 5 MB, early 413 with 100 KB body, then lingering origin; five times", "5 of 5",
     start=LATER)
def early_answer(lab):
    return judge_early(lab, lambda status: status == 413, "rude", "/reply?status=413&size=100000")


@row("13b", "as 13 with 404, the origin closes hard (its kernel resets)", "5 of 5", start=LATER)
def early_answer_reset(lab):
    return judge_early(lab, lambda status: status == 404 or status >= 500, "rude",
                       "/slam?status=404&size=100000", rounds=20)


@row("13c", "the proxy's own 4xx (200 KB header), client still sends 5 MB; five times", "5 of 5",
     start=LATER)
def own_refusal(lab):
    return judge_early(lab, lambda status: 400 <= status < 500, "misses", "/form?size=10", 200_000)


@row("13d", "GET with Connection: close, 64 KB of stray bytes behind it, 5 MB read at 1 MB/s", "complete",
     start=LATER)
def stray_bytes(lab):
    with lab.client() as client:
        target = lab.object(5 * MB)
        client.send(f"GET {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode()
                    + b"\r\nstray" * (65536 // 7))
        client.read_paced(1e6)
    return judge(client.end == "ok", client.end)
