"""The words in which conformance rows are written, and the judge of what happened.

    row("max-age makes a response fresh", "9111 5.2.2.1", OPTIONAL,
        ask(cc="max-age=3600").pause(), ask().hit())

Each step is a request of the client together with the answer that the origin has ready for it; what is
expected stands behind. A step that says nothing expects the origin's answer for this very step.

Kinds. REQUIRED: the RFC says so with a word that binds (MUST; also where SHOULD or the sense of a MUST
leave a careful cache no choice). OPTIONAL: what a good cache does. BEHAVIOUR: neither; told, not judged.
"""

import calendar
import re
import time
from dataclasses import dataclass, field, replace

import wire

REQUIRED, OPTIONAL, BEHAVIOUR = "required", "optional", "behaviour"
PAUSE = 2.2  # seconds: a lifetime of one second is over, whatever part of a second it began in

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class At:
    """A date so many seconds from the moment of the answer."""
    seconds: int


NOW = At(0)


def http_date(seconds):
    t = time.gmtime(seconds)
    return (f"{DAYS[t.tm_wday]}, {t.tm_mday:02} {MONTHS[t.tm_mon - 1]} {t.tm_year} "
            f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT")


def seconds_of(date):
    return calendar.timegm(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT"))


@dataclass(frozen=True)
class Answer:
    status: int = 200
    fields: tuple = ()
    body: bytes | None = None  # None: the row's
    delay: float = 0
    cut: bool = False  # the connection ends in place of an answer
    may_validate: bool = False  # a conditional request is answered 304
    interim: tuple = ()  # (status, fields) before the answer
    keeps_connection: bool = True


@dataclass(frozen=True)
class Stored:
    """The value that a field had in the origin's answer to an earlier step, moved by `seconds` (dates)."""
    step: int
    name: str
    seconds: int = 0


@dataclass(frozen=True)
class Step:
    method: str = "GET"
    path: str = ""
    query: str = ""
    fields: tuple = ()  # a value may be Stored
    body: bytes = b""
    answer: Answer = Answer()
    source: str = "origin"  # origin, cache, cache_meanwhile, validated, not_cache, anything
    checks: tuple = ()
    status: int | None = None  # None: the answer's
    text: bytes | None | bool = None  # None: the row's body; False: not looked at
    wait: float = 0  # seconds, when it is over

    # What the client asks

    def with_fields(self, *fields):
        return replace(self, fields=self.fields + fields)

    def pause(self, seconds=PAUSE):
        return replace(self, wait=seconds)

    # What is expected

    def hit(self, status=None):
        """From the cache, and the origin hears nothing of it."""
        return replace(self, source="cache", status=status or self.status)

    def hit_meanwhile(self):
        """From the cache; the origin may be asked in the background."""
        return replace(self, source="cache_meanwhile")

    def validated(self, by="ETag", status=None):
        """The origin is asked with the stored validator of that name, and says 304."""
        answer = replace(self.answer, may_validate=True)
        return replace(self, source="validated", status=status or self.status, answer=answer,
                       checks=self.checks + (sent_validator(by),))

    def not_from_cache(self):
        """An answer of the origin or an error; nothing that was stored."""
        return replace(self, source="not_cache", status=0, text=False)

    def any_source(self):
        return replace(self, source="anything")

    def gives(self, status=None, text=None):
        return replace(self, status=status or self.status,
                       text=self.text if text is None else text)

    def any_body(self):
        return replace(self, text=False)

    def has(self, *pairs):
        return replace(self, checks=self.checks + tuple(has_field(*pair) for pair in pairs))

    def lacks(self, *names):
        return replace(self, checks=self.checks + tuple(lacks_field(name) for name in names))

    def sent(self, name, value):
        """The origin was sent this field; None: it was not."""
        return replace(self, checks=self.checks + (sent_field(name, value),))

    def check(self, what):
        """what(Happened) returns a complaint or None."""
        return replace(self, checks=self.checks + (what,))


def ask(cc=None, *fields, method="GET", path="", query="", send=(), body=b"", status=200, content=None,
        delay=0, cut=False, interim=(), keeps_connection=True):
    """A request with the fields `send`; the origin's answer has Cache-Control `cc` and `fields`."""
    lines = tuple(("Cache-Control", line) for line in ([cc] if isinstance(cc, str) else cc or ()))
    return Step(method=method, path=path, query=query, fields=tuple(send), body=body,
                answer=Answer(status=status, fields=lines + fields, body=content, delay=delay, cut=cut,
                              interim=tuple(interim), keeps_connection=keeps_connection))


def stale_soon(*fields, **how):
    """What is fresh for a second, and a pause that is longer."""
    return ask("max-age=1", *fields, **how).pause()


def fresh(*fields, **how):
    return ask("max-age=3600", *fields, **how)


@dataclass
class Row:
    number: int
    name: str
    rfc: str
    kind: str
    steps: tuple
    body: bytes


ROWS = []


def row(name, rfc, kind, *steps):
    number = len(ROWS) + 1
    ROWS.append(Row(number, name, rfc, kind, steps, f"the body of row {number}".encode()))


# ---- judging


@dataclass
class Response:
    status: int
    fields: list
    body: bytes
    interim: list = field(default_factory=list)  # (status, fields)


@dataclass
class Happened:
    row: Row
    index: int  # from 1
    response: Response | None  # None: the connection ended without
    seen: list  # of origin.Seen, for this step
    earlier: dict  # step number -> fields of the origin's first answer

    @property
    def step(self):
        return self.row.steps[self.index - 1]

    def value_of(self, expected):
        if not isinstance(expected, Stored):
            return expected
        value = wire.joined(self.earlier.get(expected.step, []), expected.name)
        return http_date(seconds_of(value) + expected.seconds) if expected.seconds else value


def has_field(name, expected=None):
    """`expected`: a text, Stored, a number (at least so much), or None (anything)."""
    def judge(happened):
        if not wire.has(happened.response.fields, name):
            return f"no {name}"
        value = wire.joined(happened.response.fields, name)
        if isinstance(expected, int):
            fits = re.fullmatch(r"\d+", value) and int(value) >= expected
        else:
            fits = expected is None or value == happened.value_of(expected)
        return None if fits else f"{name} is {value!r}, not {happened.value_of(expected)!r}"
    return judge


def lacks_field(name):
    def judge(happened):
        found = wire.values(happened.response.fields, name)
        return f"{name} is there: {found}" if found else None
    return judge


def sent_field(name, expected):
    def judge(happened):
        if not happened.seen:
            return "the origin was not asked"
        found = wire.joined(happened.seen[0].fields, name) if wire.has(
            happened.seen[0].fields, name) else None
        wanted = happened.value_of(expected)
        return None if found == wanted else f"the origin was sent {name} {found!r}, not {wanted!r}"
    return judge


def sent_validator(name):
    asked_by = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[name]

    def judge(happened):
        sent = [value for one in happened.seen for value in wire.values(one.fields, asked_by)]
        known = [wire.joined(fields, name) for fields in happened.earlier.values()]
        return None if any(value in known for value in sent) else f"no {asked_by} with what is stored: {sent}"
    return judge


def judge_source(happened):
    stamp = wire.joined(happened.response.fields, "Origin-Step")
    own = stamp == str(happened.index)
    source = happened.step.source
    if source == "cache" and happened.seen:
        return "the origin was asked"
    if source.startswith("cache") and own:
        return "the answer is new"
    if source in ("origin", "validated") and not happened.seen:
        return f"the origin was not asked (status {happened.response.status})"
    if source == "origin" and not own or source == "not_cache" and stamp and not own:
        return f"the answer is that of step {stamp or '?'}"
    return None


def judge_step(happened):
    """A complaint, or None."""
    step, response = happened.step, happened.response
    if response is None:
        return None if step.source == "not_cache" else "no answer"
    if complaint := judge_source(happened):
        return complaint
    status = step.status if step.status is not None else step.answer.status
    if step.status != 0 and response.status != status:
        return f"status {response.status}, not {status}"
    for check in step.checks:
        if complaint := check(happened):
            return complaint
    if step.text is False or step.method == "HEAD" or response.status in (204, 304):
        return None
    own = step.answer.body if step.answer.body is not None else happened.row.body
    text = own if step.text is None else step.text
    return None if response.body == text else f"body {response.body[:60]!r}, not {text[:60]!r}"
