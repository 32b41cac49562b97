"""What unsafe methods change, and what a POST may leave behind."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, ask, fresh, row

BODY = b"12345"
METHODS = ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH")

for method in METHODS:
    row(f"{method} that goes well invalidates", "9111 4.4", REQUIRED,
        fresh(), ask(method=method, body=BODY), ask())
    row(f"{method} that fails does not", "9111 4.4", OPTIONAL,
        fresh(), ask(method=method, body=BODY, status=500), ask().hit())
    for name in ("Location", "Content-Location"):
        row(f"{method} invalidates {name}", "9111 4.4", BEHAVIOUR,
            fresh(path="target"), ask(None, (name, "target"), method=method, body=BODY), ask(path="target"))
row("POST does not invalidate a Location of another origin", "9111 4.4", REQUIRED,
    fresh(path="target"), ask(None, ("Location", "http://other.test/target"), method="POST", body=BODY),
    ask(path="target").hit())
row("a redirect of a POST invalidates", "9111 4.4", REQUIRED,
    fresh(), ask(None, ("Location", "elsewhere"), method="POST", body=BODY, status=303), ask())
for method in ("HEAD", "OPTIONS"):
    row(f"{method} does not invalidate", "9111 4.4", OPTIONAL,
        fresh(), ask(method=method).any_source(), ask().hit())

row("a POST's response with its own Content-Location and a lifetime answers a GET", "9110 9.3.3; 9111 4", OPTIONAL,
    ask(None, ("Expires", At(30 * 24 * 3600)), ("Content-Location", "{self}"), ("Date", NOW), method="POST",
        body=BODY), ask().hit())
row("without Content-Location it does not", "9110 9.3.3", REQUIRED, fresh(method="POST", body=BODY), ask())
row("nor with another's", "9110 9.3.3", REQUIRED,
    fresh(("Content-Location", "other"), method="POST", body=BODY), ask())
row("nor without a lifetime", "9110 9.3.3", REQUIRED,
    ask(None, ("Last-Modified", At(-24 * 3600)), ("Content-Location", "{self}"), method="POST", body=BODY), ask())
row("it does not answer a POST", "9111 4", REQUIRED,
    fresh(("Content-Location", "{self}"), method="POST", body=BODY), ask(method="POST", body=BODY))
