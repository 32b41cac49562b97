"""The bytes of the test objects, as tests/support/content.h defines them."""

import random
import struct

_MASK = (1 << 64) - 1


def _seed(n):
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    n = (n ^ (n >> 27)) * 0x94D049BB133111EB & _MASK
    return n ^ (n >> 31)


def words(n, first, count):
    """The bytes from 8 * first on, `count` words of them."""
    seed = _seed(n)
    out = []
    for index in range(first, first + count):
        x = (seed + index * 0x9E3779B97F4A7C15) & _MASK
        x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93 & _MASK
        out.append(x ^ (x >> 29))
    return struct.pack(f"<{count}Q", *out)


def is_object(data, n):
    """Whether `data` is the beginning of object n. Looks at the ends and at places in between: making
    all of it in Python would take minutes."""
    most = len(data) // 8 - 512
    places = [0, most, *(random.randrange(most) for _ in range(200))]
    return all(data[at * 8:at * 8 + 4096] == words(n, at, 512) for at in places)
