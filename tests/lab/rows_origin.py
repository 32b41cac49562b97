"""Origins that cut, reset and forget, and origins that a slow client must not hold back."""

import time
from dataclasses import dataclass

from lab import MB, in_parallel
from rows import Failed, judge, row
from rows_halfclose import LATER

REFUSALS = (500, 502, 503, 504)


def wait_for_transfer(origin, target, limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if (seconds := origin.transfer_seconds(target)) is not None:
            return seconds
        time.sleep(0.2)
    return None


@row("9", "miss of 100 MB, kept and no-store, client at 1 MB/s: time until the origin is rid of all",
     "origin rid of all at its full speed; 0 zero-window segments where it is kept", alone=True, limit=80)
def origin_speed(lab):
    """A slow client shuts the window each time, a busy machine, on which the proxy waits for its turn, does not.
    What is not kept may meet a spool on disk that is slower than the origin for a moment."""
    for n in (1, 2, 3):
        kept = rid_of(lab, f"/9-{n}?size={100 * MB}&n=1&cc=max-age=3600")
        if kept.whole and kept.shut == 0:
            break
    not_kept = rid_of(lab, f"/9?size={100 * MB}&n=1&cc=no-store")
    holds = kept.whole and kept.shut == 0 and not_kept.whole
    return judge(holds, f"kept: {kept.detail}; no-store: {not_kept.detail}")


@dataclass
class Rid:
    whole: bool  # in time
    shut: int
    detail: str


def rid_of(lab, target):
    origin = lab.origin("window")
    most = max(2.0, 4 * lab.direct_seconds)
    before = lab.zero_windows.count(origin.address[1])
    with lab.client("window") as client:
        client.request(target)
        client.read_paced(1e6, seconds=3)
        seconds = wait_for_transfer(origin, target, 12)
        client.read_paced(1e6, seconds=1)
    shut = lab.zero_windows.count(origin.address[1]) - before
    spent = ">15 s" if seconds is None else f"{seconds:.2f} s"
    detail = f"origin {spent} (at most {most:.1f}), {shut} zero-window segments"
    whole = client.end is None and seconds is not None and seconds <= most
    return Rid(whole, shut, "; ".join(filter(None, [detail, client.end])))


@row("9b", "100 MB miss at 1 MB/s, origin resets when its send is blocked > 5 s", "complete", limit=150)
def impatient_origin(lab):
    with lab.client("misses") as client:
        client.request(f"/9b?size={100 * MB}&n=1&send_block_reset=5s&cc=max-age=3600")
        client.read_paced(1e6)
    return judge(client.end == "ok", client.end)


@row("9c", "as 9b, client reads 10 MB, then pauses 9 s, and so on (60 MB)", "complete", limit=100)
def impatient_origin_pauses(lab):
    with lab.client("misses") as client:
        client.request(f"/9c?size={60 * MB}&n=1&send_block_reset=5s&cc=max-age=3600")
        for _ in range(5):
            client.read_until(client.received + 10 * MB)
            time.sleep(9)
        client.read_all()
    return judge(client.end == "ok", client.end)


def truncated(lab, framing, validators):
    """The origin cuts its first answer in the middle. Twice asked for."""
    can_resume = not validators
    target = (f"/cut?size=10MiB&n=1&cc=max-age=3600&cut_at=5MiB&fail_first=1&fail_with=cut"
              f"{framing}{validators}")
    first, _ = lab.get("misses", target)
    second, _ = lab.get("misses", target)
    fetches = lab.origin("misses").requests(target)
    detail = f"1st: {first}; 2nd: {second}; {fetches} fetches"
    visible = first != 200 and first.startswith(("short-eof", "Connection reset"))
    first_ok = first == 200 if can_resume and lab.kind.resumes else first == 200 or visible
    if not can_resume:
        first_ok = visible  # nothing proves that a second half belongs to the first
    return first_ok and second == 200, detail


def judge_truncated(lab, framing):
    strong = truncated(lab, framing, "")
    none = truncated(lab, framing, "&etag=none&lm=none")
    return judge(strong[0] and none[0], f"strong validator: {strong[1]} / no validator: {none[1]}")


@row("10", "truncated origin, Content-Length 10 MB, closes at 5 MB",
     "1st whole by resume (strong validator), else an error; never kept as whole", start=LATER)
def truncated_length(lab):
    return judge_truncated(lab, "")


@row("10b", "truncated origin, chunked without the last chunk", "as 10", start=LATER)
def truncated_chunked(lab):
    return judge_truncated(lab, "&chunked=1")


def after_reuse(lab, method, second):
    """Two requests on one client connection; the origin drops the second if it reuses its own."""
    origin = lab.origin("rude")
    with lab.client("rude") as client:
        client.request("/drop?first")
        client.read_response()
        client.request(second, method, body=b"form" if method == "POST" else b"")
        status = client.read_response()
    return status, origin.requests(method, second), origin.dropped(method, second)


@row("11", "origin closes a reused connection without a byte: GET, and POST",
     "GET retried; POST on a fresh connection or answered 502, never sent twice", start=LATER)
def stale_connection(lab):
    # As often as it takes until the proxy really did reuse its connection: which worker gets a client,
    # and so whose connections there are to reuse, is chance.
    seen = {}
    for method in ("GET", "POST"):
        for attempt in range(12):
            seen[method] = status, sent, dropped = after_reuse(lab, method, f"/drop?{method}{attempt}")
            if dropped or (method == "POST" and (sent != 1 or status != 200)):
                break
    detail = "; ".join(f"{method} {status} (sent {sent} times, {dropped} of them dropped)"
                       for method, (status, sent, dropped) in seen.items())
    (status, _, dropped), (post_status, post_sent, post_dropped) = seen["GET"], seen["POST"]
    if not dropped:
        raise Failed(f"not staged, no connection was reused for a GET: {detail}")
    # A POST that never met a reused connection, where GETs did, was sent on a fresh one each time.
    post_good = post_sent == 1 and (post_status in REFUSALS if post_dropped else post_status == 200)
    return judge(status == 200 and post_good, detail)


@row("14", "two clients, the same uncached 50 MB (origin 5 MB/s), 1 s apart",
     "1 fetch, 2nd streams at once", start=LATER, limit=60)
def shared_fetch(lab):
    target = f"/14?size={50 * MB}&n=1&rate={5 * MB}&cc=max-age=3600"

    def download(delay):
        time.sleep(delay)
        with lab.client("misses") as client:
            start = time.monotonic()
            client.request(target)
            client.read(1, timeout=40)
            client.read_until(1, timeout=40)
            first_byte = time.monotonic() - start
            client.read_all()
            return client.end, first_byte, time.monotonic() - start

    (end1, _, _), (end2, first_byte, whole) = in_parallel(lambda: download(0), lambda: download(1))
    fetches = lab.origin("misses").requests(target)
    detail = f"{fetches} fetch; 2nd's first byte {first_byte:.2f} s, done {whole:.2f} s; {end1}, {end2}"
    return judge(fetches == 1 and first_byte < 1 and end1 == end2 == "ok" and whole < 12, detail)
