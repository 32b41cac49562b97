"""Validators: answering with 304, asking for 304, and what a 304 or a HEAD brings."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, Stored, ask, fresh, row, stale_soon

ETAG = ("ETag", '"abcdef"')
WEAK = ("ETag", 'W/"abcdef"')


def inm(tags):
    return [("If-None-Match", tags)]


# ---- If-None-Match

row("a strong tag that matches: 304", "9110 13.1.2; 9111 4.3.2", OPTIONAL,
    fresh(ETAG), ask(send=inm('"abcdef"')).hit(304))
row("a 304 has the ETag", "9110 15.4.5", REQUIRED,
    fresh(ETAG), ask(send=inm('"abcdef"')).hit(304).has(ETAG))
row("If-None-Match beats If-Modified-Since", "9110 13.1.3", REQUIRED,
    fresh(ETAG, ("Last-Modified", At(-5000)), ("Date", NOW)),
    ask(send=[*inm('"abcdef"'), ("If-Modified-Since", Stored(1, "Last-Modified", -1))]).hit(304))
row("If-None-Match beats If-Modified-Since that matches", "9110 13.1.3", REQUIRED,
    fresh(ETAG, ("Last-Modified", At(-5000)), ("Date", NOW)),
    ask(send=[*inm('"other"'), ("If-Modified-Since", Stored(1, "Last-Modified"))]).hit())
row("a weak tag that matches: 304", "9110 13.1.2", OPTIONAL,
    fresh(WEAK), ask(send=inm('W/"abcdef"')).hit(304))
row("the comparison is weak", "9110 13.1.2", OPTIONAL,
    fresh(ETAG), ask(send=inm('W/"abcdef"')).hit(304))
for tags, which in (('"abcdef", "1234", "5678"', "first"), ('"1234", "abcdef", "5678"', "second"),
                    ('"1234", "5678", "abcdef"', "last")):
    row(f"the {which} of several tags matches: 304", "9110 13.1.2", OPTIONAL,
        fresh(ETAG), ask(send=inm(tags)).hit(304))
row("a tag on a second line matches: 304", "9110 5.3, 13.1.2", OPTIONAL,
    fresh(ETAG), ask(send=[*inm('"1234"'), *inm('"abcdef"')]).hit(304))
row("* matches: 304", "9110 13.1.2", OPTIONAL, fresh(ETAG), ask(send=inm("*")).hit(304))
row("no tag matches: 200", "9110 13.1.2", REQUIRED, fresh(ETAG), ask(send=inm('"1234", "abc"')).hit())
row("a tag with obs-text matches: 304", "9110 8.8.3", BEHAVIOUR,
    fresh(("ETag", '"abcdef\xfc"')), ask(send=inm('"abcdef\xfc"')).hit(304))
for stored, asked in (('"abcdef"', "abcdef"), ("abcdef", "abcdef"), ("abcdef", '"abcdef"'),
                      ('w/"abcdef"', 'w/"abcdef"'), ('W\\"abcdef"', 'W\\"abcdef"'), ('W"abcdef"', 'W"abcdef"')):
    row(f"ETag {stored} and If-None-Match {asked}: 200", "9110 8.8.3", BEHAVIOUR,
        fresh(("ETag", stored)), ask(send=inm(asked)).hit())
row("the request fields of Vary go along with a validation", "9111 4.3.1", REQUIRED,
    stale_soon(ETAG, ("Vary", "Abc"), send=[("Abc", "123")]),
    ask("max-age=1", ETAG, send=[("Abc", "123")]).validated().sent("Abc", "123"))
row("the tag of another variant validates", "9111 4.1", BEHAVIOUR,
    fresh(ETAG, ("Vary", "Abc"), send=[("Abc", "123")]),
    ask(send=[("Abc", "456")]).sent("If-None-Match", '"abcdef"'))
row("a strong tag validates what is stale", "9111 4.3.1", OPTIONAL,
    stale_soon(ETAG), ask("max-age=1", ETAG).validated().sent("If-None-Match", '"abcdef"'))
row("a weak tag validates what is stale", "9111 4.3.1", OPTIONAL,
    stale_soon(WEAK), ask("max-age=1", WEAK).validated().sent("If-None-Match", 'W/"abcdef"'))
row("a tag without quotes validates with quotes", "9110 8.8.3", BEHAVIOUR,
    stale_soon(("ETag", "abcdef")), ask().sent("If-None-Match", '"abcdef"').any_source())
row("If-None-Match is passed on where nothing is stored", "9111 4.3.2", BEHAVIOUR,
    ask(send=inm('"abcdef"')).sent("If-None-Match", '"abcdef"'))
row("and gets quotes", "9110 8.8.3", BEHAVIOUR, ask(send=inm("abcdef")).sent("If-None-Match", '"abcdef"'))

# ---- If-Modified-Since

OLD = ("Last-Modified", At(-3000))
row("the very date: 304", "9110 13.1.3; 9111 4.3.2", OPTIONAL,
    fresh(OLD, ("Date", NOW)), ask(send=[("If-Modified-Since", Stored(1, "Last-Modified"))]).hit(304))
row("a later date: 304", "9110 13.1.3; 9111 4.3.2", OPTIONAL,
    fresh(OLD, ("Date", NOW)), ask(send=[("If-Modified-Since", Stored(1, "Last-Modified", 1000))]).hit(304))
row("an earlier date: 200", "9110 13.1.3", REQUIRED,
    fresh(OLD, ("Date", NOW)), ask(send=[("If-Modified-Since", Stored(1, "Last-Modified", -1000))]).hit())
row("no date at all: 200", "9110 13.1.3", REQUIRED,
    fresh(OLD, ("Date", NOW)), ask(send=[("If-Modified-Since", "yesterday")]).hit())
row("Date stands in for Last-Modified", "9111 4.3.2", OPTIONAL,
    fresh(("Date", NOW)), ask(send=[("If-Modified-Since", Stored(1, "Date"))]).hit(304))
row("what is stale: 304 after a validation", "9111 4.3.2", OPTIONAL,
    stale_soon(OLD, ("Date", NOW)),
    ask("max-age=1", send=[("If-Modified-Since", Stored(1, "Last-Modified"))])
    .validated("Last-Modified", status=304))

# ---- what a 304 brings

LAST = "Wed, 01 Jan 2020 00:00:00 GMT"
row("a field that a 304 leaves out is kept", "9111 3.2", REQUIRED,
    stale_soon(("Last-Modified", LAST), ("Date", NOW), ("Test-Header", "A")),
    ask("max-age=1", ("Last-Modified", LAST), ("Date", NOW)).validated("Last-Modified")
    .has(("Test-Header", "A")))


def update(name, before, after, expected, kind):
    """A 304 brings `after`; that answer and the next, stored one show `expected`."""
    def answer(value):
        lines = [(name, value)] if name != "ETag" else []
        lines += [("Cache-Control", "max-age=1")] if name != "Cache-Control" else []
        return (None, *lines, ("ETag", '"one"'), ("Date", NOW))
    what = "updates" if expected == after else "does not update"
    later = ask(*answer(after)).validated().has((name, expected))
    row(f"a 304 {what} {name}", "9111 3.2", kind,
        ask(*answer(before)).pause().any_body(), later.any_body(),
        ask().hit().any_body().has((name, expected)))


update("Cache-Control", "max-age=1", "max-age=3600", "max-age=3600", REQUIRED)
for name in ("Test-Header", "X-Test-Header", "Content-Foo", "X-Content-Foo"):
    update(name, "A", "B", "B", REQUIRED)
update("Content-Length", "5", "10", "5", REQUIRED)
for name, before, after in (
        ("Content-Encoding", "A", "B"), ("Content-Location", "/foo", "/bar"), ("Content-Range", "A", "B"),
        ("Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A==", "N7UdGUp1E+RbVvZSTy1R8g=="),
        ("Content-Security-Policy", "default-src 'self'", "default-src 'self' cdn.example.com"),
        ("Content-Type", "text/plain", "text/plain;charset=utf-8"), ("Clear-Site-Data", "cache", "cookies"),
        ("Expires", "Fri, 01 Jan 2038 01:01:01 GMT", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("Public-Key-Pins", "A", "B"), ("Set-Cookie", "a=b", "a=c"), ("Set-Cookie2", "a=b", "a=c"),
        ("X-Frame-Options", "deny", "sameorigin"), ("X-XSS-Protection", "1", "1; mode=block")):
    update(name, before, after, after, BEHAVIOUR)

# ---- what a HEAD brings

NAMED = ("Template-A", "1")
row("HEAD of what is stale goes to the origin as HEAD", "9111 4.3.5", BEHAVIOUR,
    stale_soon(NAMED),
    ask(method="HEAD").check(lambda h: None if h.seen and h.seen[0].method == "HEAD" else "no HEAD"))
row("fields that the answer to it lacks are kept", "9111 4.3.5", BEHAVIOUR,
    stale_soon(NAMED), ask(method="HEAD").has(NAMED))
row("its lifetime is taken over", "9111 4.3.5", BEHAVIOUR,
    stale_soon(NAMED, ETAG), ask("max-age=1000", ETAG, method="HEAD"), ask().hit())
row("its fields are taken over", "9111 4.3.5", BEHAVIOUR,
    stale_soon(NAMED, ETAG), ask("max-age=1000", ETAG, ("Template-A", "2"), method="HEAD"),
    ask().hit().has(("Template-A", "2")))
row("another tag in it makes what is stored stale", "9111 4.3.5", OPTIONAL,
    ask("max-age=2", ETAG, ("Date", NOW)),
    ask("max-age=1000", ("ETag", '"other"'), method="HEAD", send=[("Cache-Control", "no-cache")]), ask())
row("another length in it makes what is stored stale", "9111 4.3.5", OPTIONAL,
    fresh(ETAG, ("Date", NOW)),
    ask("max-age=1000", ETAG, ("Content-Length", "7"), method="HEAD", send=[("Cache-Control", "no-cache")]),
    ask())
row("a 410 to it is no news of what is stored", "9111 4.3.5", BEHAVIOUR,
    stale_soon(NAMED), ask("max-age=1000", ("Template-A", "2"), method="HEAD", status=410), ask())
row("a HEAD is answered from a stored GET", "9110 9.3.2; 9111 4", OPTIONAL,
    fresh(NAMED), ask(method="HEAD").hit().has(NAMED))
row("the answer to a HEAD is not one to a GET", "9111 4", REQUIRED, fresh(method="HEAD"), ask())
