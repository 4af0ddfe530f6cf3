"""Where to cut what is left of a listing in two, without knowing what lies there.  Pure.

Keys are not spread evenly, so the middle is looked for where Agora's names differ: in the session id, in the uid, in
the time.  A cut is right wherever it lies; a bad one costs a request that finds nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import commonprefix
from typing import Final

from indexer.agora.grammar import UID_MARK
from indexer.agora.names import format_utc, parse_head, parse_utc, unit_of
from indexer.model import successor

_HEX: Final = "0123456789abcdef"
_DIGITS: Final = _HEX[:10]
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
_SID: Final = re.compile(r"(?<![^/_])[0-9a-f]{32}(?=_)|(?<![^/_])[0-9A-F]{32}(?=_)")
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a listing: behind `low`, the last key that was listed, and before `high` (None: no bound)."""

    low: str
    high: str | None
    began_at: str
    """The first key that this listing gave: how far it has come since is a guess of how far it has to go."""
    prefix: str = ""
    """What all keys begin with."""


def cuts(rest: Rest) -> list[str]:
    """Keys strictly inside the rest to cut it at, the most hopeful for a bucket of many sessions first.

    When the keys behind a cut turn out to be none, the next one is for what that means: the rest of the unit, of the
    stream.  Empty if there is no room.
    """
    found = (cut for cut in _wishes(rest) if rest.low < cut and (rest.high is None or cut < rest.high))
    return list(dict.fromkeys(found))


def session_cuts(key: str) -> tuple[str, ...]:
    """Where to divide a bucket of which only an early key is known: at the first digits that session ids can have."""
    found = _SID.search(key)
    if found is None:
        return ()
    front, first = key[: found.start()], key[found.start()]
    return tuple(front + digit for digit in _digits_at(key, found.start()) if digit > first)


def shared_beginning(one: str, other: str) -> str:
    """What both texts begin with."""
    return commonprefix([one, other])  # noqa: RUF071  # by characters is what is meant: keys are no paths


def _wishes(rest: Rest) -> Iterator[str]:
    shared = len(rest.prefix if rest.high is None else shared_beginning(rest.low, rest.high))
    yield from _middle(rest, shared)
    if unit := unit_of(rest.low):
        yield successor(unit) or ""
        yield from _middle(rest, max(shared, rest.low.rfind(UID_MARK, len(unit) - 1) + len(UID_MARK)))
    elif (directory := rest.low.rfind("/") + 1) > len(rest.prefix):
        yield successor(rest.low[:directory]) or ""
        yield from _middle(rest, max(shared, directory))
    stem, _, tail = rest.low.rpartition("_")
    moment = parse_utc(tail[:17])
    if moment is not None and parse_head(stem + "_"):
        yield stem + "`"
        before = parse_utc(rest.began_at[len(stem) + 1 :][:17]) if rest.began_at.startswith(stem + "_") else None
        ahead = _HOUR_MS if before is None else max(_HOUR_MS, moment - before)
        try:
            yield f"{stem}_{format_utc(moment + ahead)}"
        except ValueError:  # behind the last year
            return


def _middle(rest: Rest, at: int) -> Iterator[str]:
    """A cut half-way between the first character of `low`, from `at` on, that has room above, and its bound."""
    low, high = rest.low, rest.high
    for place in range(at, len(low)):
        bound = high[place] if high is not None and len(high) > place and high.startswith(low[:place]) else None
        # Between the places where names differ there are those where they do not: a cut there would find nothing.
        digits = _digits_at(low, place) or (_PRINTABLE if bound is not None or place == at else "")
        above = [digit for digit in digits if digit > low[place] and (bound is None or digit < bound)]
        if above:
            yield low[:place] + above[len(above) // 2]
            return


def _digits_at(key: str, place: int) -> str:
    for found in _SID.finditer(key):
        if place in range(*found.span()):
            return _HEX if found[0] == found[0].lower() else _HEX.upper()
    return _DIGITS if key[place] in _DIGITS else ""
