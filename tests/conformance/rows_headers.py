"""Fields that are stored and those that are not; interim responses; what is added."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, Stored, ask, fresh, row, stale_soon

STORED = (("Test-Header", "value"), ("X-Test-Header", "value"), ("Content-Foo", "value"),
          ("X-Content-Foo", "value"), ("Content-Encoding", "value"), ("Content-Location", "/bar"),
          ("Content-MD5", "N7UdGUp1E+RbVvZSTy1R8g=="), ("Content-Range", "value"),
          ("Content-Security-Policy", "default-src 'self' cdn.example.com"),
          ("Content-Type", "text/plain;charset=utf-8"), ("Clear-Site-Data", "cookies"), ("ETag", '"ghijkl"'),
          ("Expires", "Mon, 11 Jan 2038 11:11:11 GMT"), ("Public-Key-Pins", "value"), ("Set-Cookie", "a=c"),
          ("Set-Cookie2", "a=c"), ("X-Frame-Options", "sameorigin"), ("X-XSS-Protection", "1; mode=block"))
NOT_STORED = (("Connection", "value"), ("Keep-Alive", "timeout=7"), ("Proxy-Authenticate", "value"),
              ("Proxy-Authentication-Info", "value"), ("Proxy-Authorization", "value"),
              ("Proxy-Connection", "value"), ("TE", "value"), ("Upgrade", "value"))

for name, value in STORED:
    row(f"{name} is stored", "9111 3.1", REQUIRED,
        fresh((name, value), ("Date", NOW)), ask().hit().has((name, value)))
row("Cache-Control is stored", "9111 3.1", REQUIRED,
    fresh(("Date", NOW)), ask().hit().has(("Cache-Control", "max-age=3600")))
row("Content-Length is stored", "9111 3.1; 9110 8.6", REQUIRED,
    fresh(("Content-Length", "10"), content=b"0123456789and more", keeps_connection=False).gives(text=b"0123456789"),
    ask().hit().has(("Content-Length", "10")).gives(text=b"0123456789"))
for name, value in NOT_STORED:
    def absent(happened, name=name, value=value):
        found = [v for n, v in happened.response.fields if n.lower() == name.lower() and v == value]
        return f"{name} is there" if found else None
    row(f"{name} is not stored", "9111 3.1; 9110 7.6.1", REQUIRED,
        fresh((name, value), ("Date", NOW), keeps_connection=name != "Connection"), ask().hit().check(absent))
row("fields that Connection names are not stored", "9111 3.1; 9110 7.6.1", REQUIRED,
    fresh(("Connection", "a, b"), ("a", "1"), ("b", "2"), ("c", "3")),
    ask().hit().has(("c", "3")).lacks("a", "b"))
row("a transfer coding that is not known is refused", "9112 6.1", REQUIRED,
    fresh(("Transfer-Encoding", "rot13"), keeps_connection=False).gives(502).any_source().any_body(), ask())
row("lines of a field stay lines, in order", "9110 5.3", REQUIRED,
    fresh(("Link", "</a>"), ("Other", "x"), ("Link", "</b>")), ask().hit().has(("Link", "</a>, </b>")))

LINK = ("Link", "</style.css>; rel=preload; as=style")
HINTS = (103, (LINK, ("X-Hint", "test")))


def heard(*expected):
    def judge(happened):
        found = [(status, [f for f in fields if f[0] not in ("Via", "Date")]) for status, fields in happened.response.interim]
        wanted = [(status, list(fields)) for status, fields in expected]
        return None if found == wanted else f"interim responses {found}"
    return judge


row("102 is passed on, and the answer behind it kept", "9110 15.2", OPTIONAL,
    fresh(interim=[(102, ())]).check(heard((102, ()))), ask().hit())
row("103 is passed on with its fields, and the answer behind it kept", "8297 2", OPTIONAL,
    fresh(interim=[HINTS]).check(heard(HINTS)), ask().hit())
row("an interim response is not stored", "9111 3", REQUIRED,
    fresh(interim=[HINTS]).check(heard(HINTS)), ask().hit().check(heard()))
row("its fields are not stored", "9111 3", OPTIONAL,
    fresh(interim=[HINTS]).lacks("X-Hint"), ask().hit().lacks("X-Hint"))


# ---- RFC 9211

def cache_status(*words):
    """Each of them stands in our member, which is the last."""
    def judge(happened):
        values = [v for n, v in happened.response.fields if n.lower() == "cache-status"]
        ours = ", ".join(values).rpartition(", ")[2]
        missing = [word for word in words if word not in [part.strip() for part in ours.split(";")]]
        return f"Cache-Status is {values}" if missing else None
    return judge


row("Cache-Status of a hit", "9211 2.1", BEHAVIOUR, fresh(), ask().hit().check(cache_status("hit")))
row("Cache-Status of a miss that is stored", "9211 2.2, 2.4", BEHAVIOUR,
    fresh().check(cache_status("fwd=uri-miss", "fwd-status=200", "stored")))
row("Cache-Status of a variant that is missing", "9211 2.2", BEHAVIOUR,
    fresh(("Vary", "Foo"), send=[("Foo", "1")]), ask(send=[("Foo", "2")]).check(cache_status("fwd=vary-miss")))
row("Cache-Status of a validation", "9211 2.2, 2.3", BEHAVIOUR,
    stale_soon(("ETag", '"a"')),
    ask("max-age=9", ("ETag", '"a"')).validated().check(cache_status("fwd=stale", "fwd-status=304")))
row("Cache-Status of a request that wants a new one", "9211 2.2", BEHAVIOUR,
    fresh(), ask(send=[("Cache-Control", "no-cache")]).check(cache_status("fwd=request")))
row("Cache-Status of a method that is not for caches", "9211 2.2", BEHAVIOUR,
    ask(method="POST", body=b"x").check(cache_status("fwd=method")))
row("Cache-Status stands behind what others said", "9211 2", BEHAVIOUR,
    fresh(("Cache-Status", "other; hit")).check(
        lambda h: None if [v for n, v in h.response.fields if n.lower() == "cache-status"][0].startswith(
            "other; hit") else "the member of the cache before is not first"),
    ask().hit().check(cache_status("hit")))
