"""How long a response is fresh: Cache-Control, Expires, Age, Date, heuristics."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, Stored, ask, fresh, row, stale_soon

DAY = 24 * 3600

row("nothing said, nothing to validate with: not reused", "9111 4.2.2", BEHAVIOUR, ask().pause(), ask())

# ---- max-age and s-maxage

for age in ("3600", "2147483647", "2147483648", "2147483649", "99999999999", "99999999999999999999999"):
    row(f"max-age={age} makes fresh", "9111 5.2.2.1, 1.2.2", OPTIONAL,
        ask(f"max-age={age}").pause(), ask().hit())
row("max-age is over in time", "9111 4.2.1", REQUIRED, stale_soon(), ask())
row("max-age=0 is stale", "9111 5.2.2.1", REQUIRED, ask("max-age=0"), ask())
row("a negative max-age is stale", "9111 4.2.1", REQUIRED, ask("max-age=-3600"), ask())
row("Age counts against max-age", "9111 4.2.3", REQUIRED,
    ask("max-age=3600", ("Date", NOW), ("Age", "7200")), ask())
row("an old Date counts against max-age", "9111 4.2.3", BEHAVIOUR,
    ask("max-age=3600", ("Date", At(-7200))), ask())
row("max-age beats a past Expires", "9111 5.3", OPTIONAL,
    ask("max-age=3600", ("Expires", At(-7200)), ("Date", NOW)), ask().hit())
row("max-age beats an invalid Expires", "9111 5.3", OPTIONAL,
    ask("max-age=3600", ("Expires", "0"), ("Date", NOW)), ask().hit())
row("max-age=0 beats a future Expires", "9111 5.3", REQUIRED,
    ask("max-age=0", ("Expires", At(3600)), ("Date", NOW)), ask())
row("an unknown directive changes nothing", "9111 5.2.3", OPTIONAL,
    ask("frobnicate, max-age=3600"), ask().hit())
row("an unknown directive with an argument changes nothing", "9111 5.2.3", OPTIONAL,
    ask('frob="no-store, private", max-age=3600'), ask().hit())
row("directives are known in any case", "9111 5.2", OPTIONAL, ask("mAx-AgE=3600"), ask().hit())
row("s-maxage makes fresh", "9111 5.2.2.10", OPTIONAL, ask("s-maxage=3600"), ask().hit())
for lines, how in (("max-age=3600, s-maxage=1", ""), ("s-maxage=1, max-age=3600", ", the other order"),
                   (("max-age=3600", "s-maxage=1"), ", on two lines")):
    row(f"a short s-maxage beats a long max-age{how}", "9111 5.2.2.10", REQUIRED,
        ask(lines).pause(), ask())
row("a long s-maxage beats a short max-age", "9111 5.2.2.10", OPTIONAL,
    ask("max-age=1, s-maxage=3600").pause(), ask().hit())
row("a long s-maxage beats max-age=0 and a past Expires", "9111 5.2.2.10, 5.3", OPTIONAL,
    ask("max-age=0, s-maxage=3600", ("Expires", At(-10))).pause(), ask().hit())

# ---- how Cache-Control is read

row("max-age within a quoted string before the real one is none", "9111 5.2", REQUIRED,
    ask('extension="max-age=3600", max-age=1').pause(), ask())
row("max-age within a quoted string behind the real one is none", "9111 5.2", REQUIRED,
    ask('max-age=1, extension="max-age=3600"').pause(), ask())
row("max-age in single quotes is no number", "9111 5.2.2.1", REQUIRED, ask("max-age='3600'"), ask())
row("max-age=003600 is 3600", "9111 1.2.2", REQUIRED, ask("max-age=003600"), ask().hit())
row("max-age in double quotes is read", "9111 5.2", BEHAVIOUR, ask('max-age="3600"'), ask().hit())
for text in ("max-age =3600", "max-age= 3600"):
    row(f"{text!r} is no max-age", "9111 5.2", BEHAVIOUR, ask(text), ask())
for text in ("3600.0", "3600.5", "a3600", "3600a"):
    row(f"max-age={text} is stale", "9111 4.2.1", BEHAVIOUR, ask(f"max-age={text}"), ask())
for lines, how in (("max-age=3600, max-age=1", "one line"), (("max-age=3600", "max-age=1"), "two lines"),
                   ("max-age=1, max-age=3600", "one line, the short one first"),
                   (("max-age=1", "max-age=3600"), "two lines, the short one first")):
    row(f"of two max-age the shorter counts ({how})", "9111 4.2.1", BEHAVIOUR, ask(lines).pause(), ask())

# ---- Age

for text in ("abc", "-7200", "7200.0"):
    row(f"Age: {text} is ignored", "9111 5.1", REQUIRED,
        ask("max-age=3600", ("Date", NOW), ("Age", text)), ask().hit())
for text in ("2147483647", "2147483648", "2147483649", "99999999999999999999"):
    row(f"Age: {text} makes stale", "9111 5.1, 1.2.2", REQUIRED,
        ask("max-age=3600", ("Date", NOW), ("Age", text)), ask())
for ages, cached in ((("7200, 0",), False), (("0, 7200",), True), (("7200", "0"), False),
                     (("0", "7200"), True), (("0, 0",), True), (("0", "0"), True),
                     (("1800", "1800"), True)):
    row(f"the first of several Age counts: {' / '.join(ages)}", "9111 5.1", REQUIRED,
        ask("max-age=3600", ("Date", NOW), *(("Age", age) for age in ages)),
        ask().hit() if cached else ask())
for text in ("7200;foo=bar", "7200;foo=111"):
    row(f"Age: {text} counts", "9111 5.1", BEHAVIOUR,
        ask("max-age=3600", ("Date", NOW), ("Age", text)), ask())
row("Age is made for a stored response", "9111 4, 5.1", REQUIRED,
    fresh(("Date", NOW)).pause(), ask().hit().has(("Age", 2)))
row("Age grows from the origin's, Expires deciding", "9111 4, 5.1", REQUIRED,
    ask(None, ("Expires", At(30 * DAY)), ("Date", NOW), ("Age", "30")).pause(),
    ask().hit().has(("Age", 32)))
row("Age grows from the origin's, max-age deciding", "9111 4, 5.1", REQUIRED,
    fresh(("Date", NOW), ("Age", "30")).pause(), ask().hit().has(("Age", 32)))
row("Age tells of a slow origin", "9111 4.2.3", BEHAVIOUR,
    fresh(("Date", NOW), delay=2).has(("Age", 1)))
row("Date is left as it is", "9110 6.6.1", REQUIRED,
    fresh(("Date", NOW)).pause(), ask().hit().has(("Date", Stored(1, "Date"))))
row("Date is left as it is beside Expires", "9110 6.6.1", REQUIRED,
    ask(None, ("Expires", At(DAY)), ("Date", NOW)).pause(),
    ask().hit().has(("Date", Stored(1, "Date"))))
row("Expires is left as it is", "9111 5.3", BEHAVIOUR,
    ask(None, ("Expires", At(DAY)), ("Date", NOW)).pause(),
    ask().hit().has(("Expires", Stored(1, "Expires"))))

# ---- Expires

row("a future Expires makes fresh", "9111 5.3", OPTIONAL,
    ask(None, ("Expires", At(30 * DAY)), ("Date", NOW)), ask().hit())
row("a past Expires is stale", "9111 5.3", REQUIRED,
    ask(None, ("Expires", At(-30 * DAY)), ("Date", NOW)), ask())
row("Expires now is stale", "9111 4.2.1", REQUIRED,
    ask(None, ("Expires", NOW), ("Date", NOW)), ask())
row("Expires before Date is stale, both of a fast clock", "9111 4.2.1", REQUIRED,
    ask(None, ("Expires", At(300)), ("Date", At(400))), ask())
row("Expires: 0 is stale", "9111 5.3", REQUIRED, ask(None, ("Expires", "0"), ("Date", NOW)), ask())
row("Expires counts from now where Date is invalid", "9110 6.6.1", OPTIONAL,
    ask(None, ("Date", "foo"), ("Expires", At(30))), ask().hit())
row("Expires counts from now without Date", "9110 6.6.1", OPTIONAL,
    ask(None, ("Expires", At(30))), ask().hit())
row("Age counts against Expires minus Date, Date being slow", "9111 4.2.1", REQUIRED,
    ask(None, ("Date", At(-10)), ("Expires", At(10)), ("Age", "25")), ask())
row("Age counts against Expires minus Date, Date being fast", "9111 4.2.1", REQUIRED,
    ask(None, ("Date", At(10)), ("Expires", At(20)), ("Age", "15")), ask())
for text, what in (("Tue, 19 Jan 2038 14:14:08 GMT", "past 32 bits"),
                   ("Sun, 21 Nov 2286 04:46:39 GMT", "far in the future"),
                   ("Thursday, 18-Aug-50 02:01:18 GMT", "of RFC 850"),
                   ("Thu Aug  8 02:01:18 2050", "of asctime"),
                   ("THU, 18 Aug 2050 02:01:18 GMT", "with its day in another case"),
                   ("Thu, 18 AUG 2050 02:01:18 GMT", "with its month in another case"),
                   ("Thu, 18 Aug 2050 02:01:18 gMT", "with its zone in another case")):
    row(f"an Expires {what} makes fresh", "9111 4.2, 5.3; 9110 5.6.7", OPTIONAL,
        ask(None, ("Expires", text), ("Date", NOW)), ask().hit())
for text, what in (("Thu, 18 Aug 2050 02:01:18 UTC", "UTC"), ("Thu, 18 Aug 2050 02:01:18 AEST", "a zone"),
                   ("Thu, 18 Aug 50 02:01:18 GMT", "two digits of a year"),
                   ("Thu 18 Aug 2050 02:01:18 GMT", "no comma"),
                   ("Thu, 18  Aug  2050 02:01:18 GMT", "many spaces"),
                   ("Thu, 18-Aug-2050 02:01:18 GMT", "dashes"),
                   ("Thu, 18 Aug 2050 02.01.18 GMT", "full stops"),
                   ("Thu, 18 Aug 2050 2:01:18 GMT", "one digit of an hour")):
    row(f"an Expires with {what} is stale", "9111 5.3; 9110 5.6.7", REQUIRED,
        ask(None, ("Expires", text), ("Date", NOW)), ask())
row("two invalid Expires are stale", "9111 5.3", REQUIRED,
    ask(None, ("Expires", "Thu, 18 Aug 2050 2:01:18 GMT"), ("Expires", "Thu, 18 Aug 2050 2:01:19 GMT"),
        ("Date", NOW)), ask())
row("two different Expires: the earlier, or stale", "9111 4.2.1", REQUIRED,
    ask(None, ("Expires", At(-60)), ("Expires", At(3600)), ("Date", NOW)), ask())

# ---- heuristics

LONG_AGO = ("Last-Modified", At(-DAY))
for status in (200, 203, 204, 404, 405, 410, 414, 501):
    row(f"{status} may be fresh by heuristics", "9111 4.2.2; 9110 15.1", OPTIONAL,
        ask(None, LONG_AGO, ("Date", NOW), status=status), ask().hit(status))
for status in (201, 202, 403, 502, 503, 504, 599):
    row(f"{status} is not fresh by heuristics", "9111 4.2.2; 9110 15.1", REQUIRED,
        ask(None, LONG_AGO, ("Date", NOW), status=status), ask())
row("599 with public may be", "9111 5.2.2.9", OPTIONAL,
    ask("public", LONG_AGO, ("Date", NOW), status=599), ask().hit(599))
for age in (5, 10, 30, 60, 300, 600, 1200, 1800, 3600, DAY // 2, DAY):
    row(f"heuristically fresh for 2 s when last modified {age} s before", "9111 4.2.2", BEHAVIOUR,
        ask(None, ("Last-Modified", At(-age)), ("Date", NOW)).pause(), ask().hit())
row("Content-Disposition is no reason against heuristics", "9111 4.2.2", BEHAVIOUR,
    ask(None, LONG_AGO, ("Date", NOW), ("Content-Disposition", "attachment; filename=a.txt")),
    ask().hit())
row("nor against what was said", "9111 3", BEHAVIOUR,
    fresh(("Content-Disposition", "attachment; filename=a.txt")), ask().hit())

# ---- the key

row("another query is another resource", "9111 2", REQUIRED, fresh(query="a=1"), ask(query="a=2"))
row("a query is no reason not to keep", "9111 2", OPTIONAL, fresh(query="a=1"), ask(query="a=1").hit())
