"""Directives beside freshness, of responses and of requests; Pragma; credentials and cookies; status codes."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, ask, fresh, row, stale_soon

DAY = 24 * 3600
ETAG = ("ETag", '"abcd"')
IN_FUTURE = (("Expires", At(10000)), ("Date", NOW))

# ---- responses

row("private is not stored", "9111 5.2.2.7", REQUIRED, ask("private, max-age=3600"), ask())
row("no-store is not stored", "9111 5.2.2.5", REQUIRED, ask("no-store"), ask())
row("nO-sToRe is not stored", "9111 5.2.2.5", REQUIRED, ask("nO-sToRe, max-age=3600"), ask())
row("no-store beats max-age and Expires", "9111 4.2.1", REQUIRED,
    ask("max-age=10000, no-store", *IN_FUTURE), ask())
for later in ("no-store", "no-store, max-age=0"):
    row(f"what was stored still stands after {later!r}", "9111 5.2.2.5", BEHAVIOUR,
        ask("max-age=10000", ("Date", NOW), ("Tag", "1")),
        ask(later, ("Tag", "2"), send=[("Cache-Control", "no-cache")]).any_source(),
        ask().hit().has(("Tag", "1")))
row("no-cache is not reused as it is", "9111 5.2.2.4", REQUIRED,
    ask("max-age=10000, no-cache", *IN_FUTURE), ask())
row("No-CaChE is not reused as it is", "9111 5.2.2.4", REQUIRED,
    ask("max-age=10000, No-CaChE", *IN_FUTURE), ask())
row("no-cache is stored and validated", "9111 5.2.2.4", OPTIONAL,
    ask("no-cache", ETAG), ask().validated())
row("no-cache is stored and validated, fresh or not", "9111 5.2.2.4", OPTIONAL,
    ask("max-age=10000, no-cache", ETAG, *IN_FUTURE), ask().validated())
for names, missing in (("a", ["a"]), ("a, b", ["a", "b"])):
    row(f'no-cache="{names}" keeps these fields from being reused', "9111 5.2.2.4", BEHAVIOUR,
        ask([f'no-cache="{names}"', "max-age=3600"], ("a", "1"), ("b", "2"), ("c", "3"), ("Date", NOW)),
        ask().hit().has(("c", "3")).lacks(*missing))
row("must-revalidate is reused while fresh", "9111 5.2.2.2", OPTIONAL,
    ask("max-age=10000, must-revalidate", ETAG), ask().hit())
row("must-revalidate is validated when stale", "9111 5.2.2.2", REQUIRED,
    ask("max-age=1, must-revalidate", ETAG).pause(), ask("max-age=1", ETAG).validated())

# ---- requests

row("request max-age=0", "9111 5.2.1.1", BEHAVIOUR,
    fresh().pause(), ask(send=[("Cache-Control", "max-age=0")]))
row("request max-age=1", "9111 5.2.1.1", BEHAVIOUR,
    fresh().pause(), ask(send=[("Cache-Control", "max-age=1")]))
row("request max-age below Age", "9111 5.2.1.1", BEHAVIOUR,
    fresh(("Age", "1800")), ask(send=[("Cache-Control", "max-age=600")]))
row("request max-stale", "9111 5.2.1.2", BEHAVIOUR,
    stale_soon(), ask(send=[("Cache-Control", "max-stale=1000")]).hit_meanwhile())
row("request max-stale, stale from the start", "9111 5.2.1.2", BEHAVIOUR,
    ask("max-age=1500", ("Age", "2000")), ask(send=[("Cache-Control", "max-stale=1000")]).hit_meanwhile())
row("request min-fresh", "9111 5.2.1.3", BEHAVIOUR,
    ask("max-age=1500"), ask(send=[("Cache-Control", "min-fresh=2000")]))
row("request min-fresh and Age", "9111 5.2.1.3", BEHAVIOUR,
    ask("max-age=1500", ("Age", "1000")), ask(send=[("Cache-Control", "min-fresh=1000")]))
row("request no-cache", "9111 5.2.1.4", BEHAVIOUR,
    fresh(), ask(send=[("Cache-Control", "no-cache")]))
row("request no-cache validates by date", "9111 5.2.1.4", BEHAVIOUR,
    fresh(("Last-Modified", At(-10000)), ("Date", NOW)),
    ask(send=[("Cache-Control", "no-cache")]).validated("Last-Modified"))
row("request no-cache validates by tag", "9111 5.2.1.4", BEHAVIOUR,
    fresh(ETAG), ask(send=[("Cache-Control", "no-cache")]).validated())
row("request no-store", "9111 5.2.1.5", BEHAVIOUR, fresh(), ask(send=[("Cache-Control", "no-store")]))
row("what a no-store request brought is not stored", "9111 5.2.1.5", REQUIRED,
    fresh(send=[("Cache-Control", "no-store")]), ask())
row("request only-if-cached without a response", "9111 5.2.1.7", BEHAVIOUR,
    ask(send=[("Cache-Control", "only-if-cached")]).not_from_cache().gives(504))
row("request only-if-cached with a fresh one", "9111 5.2.1.7", BEHAVIOUR,
    fresh(), ask(send=[("Cache-Control", "only-if-cached")]).hit())

# ---- Pragma

row("request Pragma: no-cache", "9111 5.4", BEHAVIOUR, fresh(), ask(send=[("Pragma", "no-cache")]))
row("request Pragma: no-cache beside Cache-Control means nothing", "9111 5.4", BEHAVIOUR,
    fresh(), ask(send=[("Pragma", "no-cache"), ("Cache-Control", "x")]).hit())
row("another request Pragma means nothing", "9111 5.4", BEHAVIOUR, fresh(), ask(send=[("Pragma", "x")]).hit())
row("response Pragma: no-cache means nothing", "9111 5.4", BEHAVIOUR,
    fresh(("Pragma", "no-cache")), ask().hit())
row("response Pragma: no-cache means nothing to heuristics", "9111 5.4", BEHAVIOUR,
    ask(None, ("Last-Modified", At(-DAY)), ("Date", NOW), ("Pragma", "no-cache")), ask().hit())
row("another response Pragma means nothing", "9111 5.4", BEHAVIOUR, fresh(("Pragma", "x")), ask().hit())

# ---- credentials and cookies

SECRET = [("Authorization", "Basic Zm9vOmJhcg==")]
row("the answer to a credential is not for others", "9111 3.5", REQUIRED,
    ask(None, ("Expires", At(30 * DAY)), ("Date", NOW), send=SECRET).sent(*SECRET[0]), ask())
for cc in ("max-age=3600, public", "max-age=3600, must-revalidate", "s-maxage=3600"):
    row(f"but with {cc}", "9111 3.5", OPTIONAL, ask(cc, send=SECRET).sent(*SECRET[0]), ask().hit())
row("proxy-revalidate does not allow it", "9111 3.5", REQUIRED,
    ask("max-age=3600, proxy-revalidate", send=SECRET), ask())
row("Set-Cookie is no reason not to reuse", "9111 7.3", OPTIONAL, fresh(("Set-Cookie", "a=b")), ask().hit())
row("a request's Cookie is no reason not to reuse", "9111 4", OPTIONAL, fresh(), ask(send=[("Cookie", "a=b")]).hit())

# ---- status codes with an explicit lifetime

for status in (200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599):
    row(f"{status} with a lifetime is reused", "9111 3", OPTIONAL,
        ask(None, ("Expires", At(100000)), ("Last-Modified", NOW), ("Date", NOW), status=status),
        ask().hit(status))
    row(f"{status} that is stale is not", "9111 4.2", REQUIRED,
        ask(None, ("Expires", At(-5000)), ("Last-Modified", At(-100000)), ("Date", NOW), status=status),
        ask())
row("599 with must-understand and no-store is not stored", "9111 5.2.2.3", REQUIRED,
    ask("max-age=3600, no-store, must-understand", status=599), ask())
row("200 with must-understand and no-store is", "9111 5.2.2.3", OPTIONAL,
    ask("max-age=3600, no-store, must-understand"), ask().hit())

# ---- RFC 9213: fields for caches such as this one

CDN = "CDN-Cache-Control"
for value, what in (("max-age=3600", ""), ("max-age=2147483648", " (2^31)"),
                    ("max-age=99999999999", " (more than fits)"), ("foobar, max-age=3600", " (an extension)")):
    row(f"CDN-Cache-Control makes fresh{what}", "9213 2.2", OPTIONAL, ask(None, (CDN, value)).pause(), ask().hit())
row("Age counts against it", "9213 2.2", REQUIRED,
    ask(None, (CDN, "max-age=3600"), ("Date", NOW), ("Age", "7200")), ask())
for value in ("max-age =100", "max-age= 100"):
    row(f"{value!r} there is no Structured Field", "9213 2.1", BEHAVIOUR,
        ask("max-age=1", (CDN, value)).pause(), ask())
row("max-age=0 there is stale", "9213 2.2", REQUIRED, ask(None, (CDN, "max-age=0")), ask())
row("keys of Structured Fields are in lower case", "9213 2.1; 9651 3.1.2", BEHAVIOUR,
    ask(None, (CDN, "MaX-aGe=3600")), ask())
row("it beats a past Expires", "9213 2.2", OPTIONAL,
    ask(None, (CDN, "max-age=3600"), ("Expires", At(-10000)), ("Date", NOW)), ask().hit())
row("it beats an invalid Expires", "9213 2.2", OPTIONAL,
    ask(None, (CDN, "max-age=3600"), ("Expires", "0"), ("Date", NOW)), ask().hit())
row("its max-age=0 beats a future Expires", "9213 2.2", REQUIRED,
    ask(None, (CDN, "max-age=0"), *IN_FUTURE), ask())
row("its long max-age beats a short one of Cache-Control", "9213 2.2", OPTIONAL,
    ask("max-age=1", (CDN, "max-age=3600")).pause(), ask().hit())
row("its short max-age beats a long one of Cache-Control", "9213 2.2", REQUIRED,
    ask("max-age=3600", (CDN, "max-age=1")).pause(), ask())
for directive in ("private", "no-cache", "no-store"):
    row(f"its {directive} beats max-age and Expires", "9213 2.2", REQUIRED,
        ask("max-age=10000", (CDN, directive), *IN_FUTURE), ask())
row("its max-age beats no-store of Cache-Control", "9213 2.2", REQUIRED,
    ask("no-store", (CDN, "max-age=10000")), ask().hit())
for value, what in (("max-age=10000, &&&&&", "a member that is none"), ('max-age="10000"', "a value of another type")):
    row(f"it is ignored with {what}", "9213 2.1", REQUIRED, ask("no-store", (CDN, value)), ask())
row("CDN-Cache-Control is passed on", "9213 2.3", BEHAVIOUR,
    ask("max-age=10000", (CDN, "foo"), *IN_FUTURE).has((CDN, "foo")))
LONGER_HERE = ("max-age=1", (CDN, "max-age=10000"), ("Date", NOW))
row("Age is told where it says more than Cache-Control", "9213 2.2", BEHAVIOUR,
    ask(*LONGER_HERE).pause(), ask().hit().has(("Age", 2)))
row("Date is left as it is then", "9213 2.2", BEHAVIOUR,
    ask(*LONGER_HERE).pause(), ask().hit().has(("Date", None)))
row("Expires is left as it is then", "9213 2.2", BEHAVIOUR,
    ask(*LONGER_HERE, ("Expires", At(1))).pause(), ask().hit().has(("Expires", None)))
