"""Vary: which stored response fits a request."""

from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, ask, row

LIFE = (("Last-Modified", At(-3000)), ("Date", NOW))


def varied(vary, *send, content=None, fields=()):
    """What varies by `vary` (a text, or several lines), for a request with the fields `send`."""
    lines = [vary] if isinstance(vary, str) else vary
    return ask("max-age=5000", *LIFE, *(("Vary", line) for line in lines), *fields, send=send,
               content=content)


FOO1, FOO2 = ("Foo", "1"), ("Foo", "2")
BAR, BAZ = ("Bar", "abc"), ("Baz", "789")

row("the same field: reused", "9111 4.1", OPTIONAL, varied("Foo", FOO1), ask(send=[FOO1]).hit())
row("another value: not reused", "9111 4.1", REQUIRED, varied("Foo", FOO1), ask(send=[FOO2]))
row("the stored request lacked the field: not reused", "9111 4.1", REQUIRED, varied("Foo"), ask(send=[FOO1]))
row("the new request lacks the field: not reused", "9111 4.1", REQUIRED, varied("Foo", FOO1), ask())
row("two variants live side by side", "9111 4.1", OPTIONAL,
    varied("Foo", FOO1, content=b"one"), varied("Foo", FOO2, content=b"two"),
    ask(send=[FOO1]).hit().gives(text=b"one"), ask(send=[FOO2]).hit().gives(text=b"two"))
row("other fields do not matter", "9111 4.1", OPTIONAL,
    varied("Foo", FOO1, ("Other", "2")), ask(send=[FOO1, ("Other", "3")]).hit())
row("names are known in any case", "9110 5.1", REQUIRED, varied("fOO", FOO1), ask(send=[FOO2]))
row("two fields, both the same", "9111 4.1", OPTIONAL,
    varied("Foo, Bar", FOO1, BAR), ask(send=[FOO1, BAR]).hit())
row("two fields, one differs", "9111 4.1", REQUIRED, varied("Foo, Bar", FOO1, BAR), ask(send=[FOO2, BAR]))
row("two fields, none given", "9111 4.1", REQUIRED, varied("Foo, Bar", FOO1, BAR), ask())
row("two fields on two lines, one differs", "9110 5.3; 9111 4.1", REQUIRED,
    varied(["Foo", "Bar"], FOO1, BAR), ask(send=[FOO1, ("Bar", "x")]))
row("three fields, all the same", "9111 4.1", OPTIONAL,
    varied("Foo, Bar, Baz", FOO1, BAR, BAZ), ask(send=[FOO1, BAR, BAZ]).hit())
row("three fields, the first differs", "9111 4.1", REQUIRED,
    varied("Foo, Bar, Baz", FOO1, BAR, BAZ), ask(send=[FOO2, BAR, BAZ]))
row("three fields in another order, one differs", "9111 4.1", REQUIRED,
    varied("Foo, Bar, Baz", FOO1, BAR, BAZ), ask(send=[FOO1, BAZ, ("Bar", "abcde")]))
row("a field that both lack is the same", "9111 4.1", OPTIONAL,
    varied("Foo, Bar, Baz", FOO1, BAZ), ask(send=[FOO1, BAZ]).hit())

for vary, what in (("*", "*"), ("*, *", "*, *"), (["*", "*"], "* on two lines"), (", *", "an empty member and *"),
                   (["", "*"], "an empty line and *"), ("*, Foo", "* and a name"), ("Foo, *", "a name and *"),
                   (["Foo", "*"], "* on the second line")):
    row(f"Vary with {what} is never reused", "9111 4.1", REQUIRED,
        varied(vary, FOO1, BAZ), ask(send=[FOO1, BAZ]))
row("a Vary without members changes nothing", "9110 5.6.1.2; 9111 4.1", OPTIONAL,
    varied(", ,", FOO1), ask(send=[FOO2]).hit())

row("lines of a field are one list", "9110 5.3; 9111 4.1", OPTIONAL,
    varied("Foo", ("Foo", "1, 2")), ask(send=[FOO1, FOO2]).hit())
row("blanks around members do not matter", "9110 5.6.1; 9111 4.1", OPTIONAL,
    varied("Foo", ("Foo", "1,2")), ask(send=[("Foo", " 1, 2 ")]).hit())


def languages(first, second, kind, name, *fields):
    row(name, "9111 4.1; 9110 12.5.4", kind,
        varied("Accept-Language", ("Accept-Language", first), fields=fields),
        ask(send=[("Accept-Language", second)]).hit())


languages("en, de", "de, en", OPTIONAL, "languages of the same weight in another order")
languages("en, de", "eN, De", OPTIONAL, "languages in another case")
languages("en, de", " en ,   de", OPTIONAL, "languages with other blanks")
languages("en, de;q=0.5", "de;q=0.50,en;q=1", OPTIONAL, "languages with weights spelled otherwise")
# More than RFC 9111 4.1 allows, which wants requests that mean the same: what the origin would choose
# for this one is only likely. Public suites count it among what a good cache does.
languages("en, de", "fr;q=0.5, de;q=1.0", OPTIONAL, "the stored Content-Language is what is wanted most",
          ("Content-Language", "de"))
row("languages of other weights: not reused", "9111 4.1; 9110 12.5.4", REQUIRED,
    varied("Accept-Language", ("Accept-Language", "en, de;q=0.5")),
    ask(send=[("Accept-Language", "en;q=0.5, de")]))
row("codings in another order and case", "9111 4.1; 9110 12.5.3", OPTIONAL,
    varied("Accept-Encoding", ("Accept-Encoding", "gzip, br")),
    ask(send=[("Accept-Encoding", "BR,GZIP")]).hit())
row("a coding that is refused: not reused", "9111 4.1; 9110 12.5.3", REQUIRED,
    varied("Accept-Encoding", ("Accept-Encoding", "gzip, br")),
    ask(send=[("Accept-Encoding", "br, gzip;q=0")]))
