"""Ranges from what is complete, from parts, and where they cannot be had."""

import wire
from rows import BEHAVIOUR, NOW, OPTIONAL, REQUIRED, At, Stored, ask, fresh, row

TEXT = b"0123456789A"
ETAG = ("ETag", '"abcdef"')


def range_of(text):
    return [("Range", text)]


def whole(*fields):
    return fresh(*fields, content=TEXT)


# ---- of a complete response

for asked, first, last, text in (("bytes=0-1", 0, 1, b"01"), ("bytes=1-", 1, 10, b"123456789A"),
                                 ("bytes=-1", 10, 10, b"A"), ("bytes=-20", 0, 10, TEXT),
                                 ("bytes=5-500", 5, 10, b"56789A")):
    row(f"{asked} of what is stored", "9110 14.2; 9111 4", OPTIONAL,
        whole(), ask(send=range_of(asked)).hit(206).gives(text=text)
        .has(("Content-Range", f"bytes {first}-{last}/11")))
row("its fields are those of the stored response", "9110 15.3.7", REQUIRED,
    whole(("A", "1")), ask(send=range_of("bytes=0-1")).hit(206).gives(text=b"01").has(("A", "1")))
row("no other fields are used for it", "9111 3.4", REQUIRED,
    whole(("A", "1")), ask(None, ("A", "2"), send=range_of("bytes=0-1")).hit(206).gives(text=b"01")
    .has(("A", "1")))
row("a range past the end: 416 and the length", "9110 15.5.17", OPTIONAL,
    whole(), ask(send=range_of("bytes=20-30")).hit(416).any_body().has(("Content-Range", "bytes */11")))
row("another unit is ignored", "9110 14.2", REQUIRED,
    whole(), ask(content=TEXT, send=range_of("pages=0-1")).hit())
row("a range that is none is ignored", "9110 14.2", REQUIRED,
    whole(), ask(content=TEXT, send=range_of("bytes=5-2")).hit())
row("a range on HEAD is ignored", "9110 14.2", REQUIRED,
    whole(), ask(method="HEAD", send=range_of("bytes=0-1")).hit().lacks("Content-Range"))
row("If-Range with the tag", "9110 13.1.5", OPTIONAL,
    whole(ETAG), ask(send=[*range_of("bytes=0-1"), ("If-Range", '"abcdef"')]).hit(206).gives(text=b"01"))
row("If-Range with another tag: all", "9110 13.1.5", REQUIRED,
    whole(ETAG), ask(content=TEXT, send=[*range_of("bytes=0-1"), ("If-Range", '"other"')]).hit())
row("If-Range with a weak tag: all", "9110 13.1.5", REQUIRED,
    whole(("ETag", 'W/"abcdef"')),
    ask(content=TEXT, send=[*range_of("bytes=0-1"), ("If-Range", 'W/"abcdef"')]).hit())
row("If-Range with the date", "9110 13.1.5", OPTIONAL,
    whole(("Last-Modified", At(-5000)), ("Date", NOW)),
    ask(send=[*range_of("bytes=0-1"), ("If-Range", Stored(1, "Last-Modified"))]).hit(206).gives(text=b"01"))
row("If-Range with a later date: all", "9110 13.1.5", REQUIRED,
    whole(("Last-Modified", At(-5000)), ("Date", NOW)),
    ask(content=TEXT,
        send=[*range_of("bytes=0-1"), ("If-Range", Stored(1, "Last-Modified", 10))]).hit())


row("several ranges: one part each", "9110 14.6, 15.3.7.2", OPTIONAL,
    whole(), ask(send=range_of("bytes=0-1,5-6")).hit(206).any_body().lacks("Content-Range")
    .check(lambda happened: parts_are(happened, [(0, 1, b"01"), (5, 6, b"56")])))
row("ranges that overlap or touch are one", "9110 15.3.7.2", OPTIONAL,
    whole(), ask(send=range_of("bytes=0-4,2-6,7-8")).hit(206).gives(text=b"012345678")
    .has(("Content-Range", "bytes 0-8/11")))
row("of several ranges those past the end are left out", "9110 14.1.2", REQUIRED,
    whole(), ask(send=range_of("bytes=20-30,0-1")).hit(206).gives(text=b"01")
    .has(("Content-Range", "bytes 0-1/11")))
row("a hundred ranges are not sent as a hundred parts", "9110 17.15", OPTIONAL,
    whole(), ask(content=TEXT, send=range_of("bytes=" + ",".join(["0-", "1-"] * 50))).hit(0).any_body()
    .check(lambda happened: None if len(happened.response.body) < 200 else "many parts"))


def parts_are(happened, expected):
    kind = wire.joined(happened.response.fields, "Content-Type")
    start = "multipart/byteranges; boundary="
    if not kind.startswith(start):
        return f"Content-Type is {kind!r}"
    boundary = kind[len(start):].strip('"').encode()
    head, *parts, tail = happened.response.body.split(b"--" + boundary)
    if head.strip() or tail.strip() != b"--" or len(parts) != len(expected):
        return f"body {happened.response.body!r}"
    for part, (first, last, text) in zip(parts, expected):
        fields, _, body = part.partition(b"\r\n\r\n")
        if body != text + b"\r\n" or f"content-range: bytes {first}-{last}/11" not in fields.decode().lower():
            return f"part {part!r}"
        if b"content-type: text/plain" not in fields.lower():
            return f"part without its type: {part!r}"
    return None


# ---- of parts

def part(first, last, *fields, asked=None):
    return fresh(("Content-Range", f"bytes {first}-{last}/10"), *fields, status=206,
                 content=b"0123456789"[first:last + 1], send=range_of(asked or f"bytes={first}-{last}"))


for tags, what in (((), ""), ((ETAG,), ", with a tag")):
    row(f"a part is stored and reused{what}", "9111 3.3, 4", OPTIONAL,
        part(5, 9, *tags, asked="bytes=-5"),
        ask(send=range_of("bytes=-5")).hit(206).gives(text=b"56789").has(("Content-Range", "bytes 5-9/10")))
    for asked, text in (("bytes=6-8", b"678"), ("bytes=6-", b"6789"), ("bytes=-1", b"9")):
        row(f"{asked} of a stored part{what}", "9111 3.3, 4", OPTIONAL,
            part(5, 9, *tags, asked="bytes=-5"), ask(send=range_of(asked)).hit(206).gives(text=text))
row("a part is no answer to a request for all", "9111 3.3", REQUIRED,
    part(0, 4), ask(content=b"0123456789"))
row("a part is no answer to a request for another", "9111 3.3", REQUIRED,
    part(5, 9, asked="bytes=-5"), part(0, 4))
row("a part is completed by the rest", "9111 3.4", OPTIONAL,
    part(0, 4, ETAG),
    fresh(ETAG, ("Content-Range", "bytes 5-9/10"), status=206, content=b"56789")
    .sent("Range", "bytes=5-9").sent("If-Range", '"abcdef"').any_source().gives(200, b"0123456789"),
    ask().hit().gives(text=b"0123456789"))
row("parts without a strong validator are not combined", "9111 3.4", REQUIRED,
    part(0, 4), ask(content=b"0123456789").sent("Range", None))
row("a part of another version is not combined: all of the new one, or a cut", "9111 3.4", REQUIRED,
    part(0, 4, ETAG),
    fresh(("ETag", '"new"'), content=b"abcdefghij").not_from_cache()
    .check(lambda happened: None if happened.response.body == b"abcdefghij" else "mixed"),
    fresh(("ETag", '"new"'), content=b"abcdefghij"))
