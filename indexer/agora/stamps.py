"""Agora's time stamps: 17 digits `yyyyMMddHHmmssSSS`, UTC, milliseconds.

Both directions go by the minute and remember it: the shots of a stream share one, and the calendar is the dear part.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import add
from typing import Final

from indexer.model import from_ms

UTC_DIGITS: Final = 17
_MINUTE_MS: Final = 60_000

MIN_MS: Final = -62_135_596_800_000
"""0001-01-01 00:00:00.000, the first time that a name can say."""

MAX_MS: Final = 253_402_300_799_999
"""9999-12-31 23:59:59.999, the last."""

# About 300 bytes an entry.  Streams are listed one after the other, so three days of minutes are plenty.
_REMEMBERED: Final = 4096


def parse_utc(text: str) -> int | None:
    """Milliseconds from 1970 of 17 ASCII digits that are a real time (years 1 to 9999, no leap second), else None."""
    # int() alone would take signs, blanks, underscores and digits of other scripts.
    if len(text) != UTC_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    minute = _minute(text[:12])
    within = int(text[12:])
    return None if minute is None or within >= _MINUTE_MS else minute[0] + within


def parse_utcs(texts: Sequence[str], *, ending: str) -> list[int] | None:
    """`parse_utc` of many texts of 17 digits and this ending; None unless all of them are that and real times."""
    count, width = len(texts), UTC_DIGITS + len(ending)
    joined = "".join(texts)
    if len(joined) != count * width or any(
        joined[UTC_DIGITS + at :: width] != char * count for at, char in enumerate(ending)
    ):
        return None
    digits = joined.replace(ending, "")
    if len(digits) != count * UTC_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    # Columns and C functions: this is done for every key of a bucket.
    minutes = [text[:12] for text in texts]
    starts = {text: _minute(text) for text in set(minutes)}
    if None in starts.values():
        return None
    starts_ms = {text: minute[0] for text, minute in starts.items() if minute is not None}
    within = list(map(int, [text[12:17] for text in texts]))
    if within and max(within) >= _MINUTE_MS:
        return None
    return list(map(add, map(starts_ms.__getitem__, minutes), within))


def parse_moment(text: str) -> datetime | None:
    """`parse_utc` as an aware UTC time; None for the same texts."""
    if len(text) != UTC_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    minute = _minute(text[:12])
    within = int(text[12:])
    return None if minute is None or within >= _MINUTE_MS else minute[1] + timedelta(0, 0, within * 1000)


def format_utc(epoch_ms: int) -> str:
    """Inverse of `parse_utc`; raises ValueError outside the years 1 to 9999."""
    minute, within = divmod(epoch_ms, _MINUTE_MS)
    return f"{_minute_text(minute)}{within:05d}"


@lru_cache(maxsize=_REMEMBERED)
def _minute(digits: str) -> tuple[int, datetime] | None:
    """The minute `yyyyMMddHHmm`, as milliseconds from 1970 and as a time; None if no calendar has it."""
    # Python from 3.14 on takes hour 24 for the next midnight.
    if digits[8:10] > "23":
        return None
    try:
        start = datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}Z")
    except ValueError:
        return None
    return int(start.timestamp()) * 1000, start  # exact: a double holds the whole seconds of every year to 9999


@lru_cache(maxsize=_REMEMBERED)
def _minute_text(minute: int) -> str:
    """`yyyyMMddHHmm` of a minute counted from 1970."""
    try:
        start = from_ms(minute * _MINUTE_MS)
    except OverflowError as exc:
        raise ValueError(f"no year from 1 to 9999 has the minute {minute} after 1970") from exc
    return f"{start.year:04d}{start:%m%d%H%M}"
