"""A digest of listed objects that adds up: of a page, a stream, a unit or any stretch of keys.

It is a sum modulo 2^64, so the digest of two disjoint sets is the sum of theirs, in whatever order they were listed.
It tells an accident (a lost, late, changed or archived object) with a chance of 2^-64 to miss it.  It does not stop
a forger who knows the seed.
"""

from collections.abc import Iterable
from typing import Final

from xxhash import xxh3_64_intdigest

_MODULUS: Final = 1 << 64
_SIGN: Final = 1 << 63


def digest(objects: Iterable[tuple[str, int, str, int, str | None]], *, seed: int) -> int:
    """Sum of a 64-bit hash of each object's key, size, ETag, LastModified and tier; signed, as databases store it.

    The objects are `ListedObject`s, or plain tuples of the same fields.

    `seed` is the catalog's own random number: digests of two catalogs cannot be compared.
    """
    # Only the ETag needs its length in front: the numbers and the tier hold no space, the key is all that remains.
    return _signed(
        sum(
            xxh3_64_intdigest(f"{size} {modified_s} {tier or ''} {len(etag)} {etag}{key}".encode(), seed)
            for key, size, etag, modified_s, tier in objects
        )
    )


def add(one: int, other: int) -> int:
    """Digest of the union of two disjoint sets."""
    return _signed(one + other)


def subtract(whole: int, part: int) -> int:
    """Digest of `whole` without a `part` of it."""
    return _signed(whole - part)


def _signed(number: int) -> int:
    number %= _MODULUS
    return number - _MODULUS if number & _SIGN else number
