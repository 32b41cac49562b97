"""Serving what is stale: when it may be, and when it must not."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, ask, row, stale_soon

ETAG = ("ETag", '"abc"')

row("stale, and the origin ends the connection", "9111 4.2.4", BEHAVIOUR, stale_soon(), ask(cut=True).hit_meanwhile())
row("stale, and the origin says 503", "9111 4.2.4", BEHAVIOUR, stale_soon(), ask(status=503).hit_meanwhile().gives(200))
row("stale-while-revalidate is served at once", "5861 3", OPTIONAL,
    ask("max-age=1, stale-while-revalidate=3600", ETAG).pause(),
    ask("max-age=1", ETAG).hit_meanwhile())
row("and brought up to date behind the client's back", "5861 3", OPTIONAL,
    ask("max-age=1, stale-while-revalidate=3600").pause(), ask("max-age=3600").hit_meanwhile().pause(0.5),
    ask().any_source().has(("Origin-Step", "2")))
row("but not for longer than it says", "5861 3", REQUIRED,
    ask("max-age=1, stale-while-revalidate=2", ETAG).pause(4.2), ask())
for how, later in (("the origin ends the connection", ask(cut=True)), ("the origin says 500", ask(status=500)),
                   ("the origin says 502", ask(status=502)), ("the origin says 503", ask(status=503)),
                   ("the origin says 504", ask(status=504))):
    row(f"stale-if-error is served when {how}", "5861 4", OPTIONAL,
        ask("max-age=1, stale-if-error=60").pause(), later.hit_meanwhile().gives(200))
row("stale-if-error of the request counts, too", "5861 4", OPTIONAL,
    stale_soon(), ask(status=503, send=[("Cache-Control", "stale-if-error=60")]).hit_meanwhile().gives(200))
row("stale-if-error is not for a 404", "5861 4", REQUIRED,
    ask("max-age=1, stale-if-error=60").pause(), ask(status=404))
row("stale-if-error is not for ever", "5861 4", REQUIRED,
    ask("max-age=1, stale-if-error=1").pause(3.2), ask(status=503))
for cc in ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"):
    row(f"{cc} is never served stale", "9111 4.2.4, 5.2.2", REQUIRED,
        ask(f"max-age=1, {cc}").pause(), ask(cut=True).not_from_cache())
    row(f"{cc} is not, even with stale-if-error", "9111 4.2.4; 5861 4", REQUIRED,
        ask(f"max-age=1, {cc}, stale-if-error=60").pause(), ask(cut=True).not_from_cache())
row("no Warning for what came stale", "9111 5.5", BEHAVIOUR,
    ask("stale-if-error=99999", ("Expires", At(-5000)), ("Last-Modified", At(-100000)), ("Date", NOW)),
    ask(cut=True).hit_meanwhile().lacks("Warning"))
row("no Warning for what became stale", "9111 5.5", BEHAVIOUR,
    ask("max-age=1, stale-if-error=60").pause(), ask(cut=True).hit_meanwhile().lacks("Warning"))
