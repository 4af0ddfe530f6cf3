"""Object keys of Agora Cloud Recording, and their values: `parse` and its exact inverse `format`.

The name of a screenshot is the last path component of its key, matched whole, with ASCII digits only:

    [bak<n>_]* <sid> _ <cname> __uid_s_ <uid> __uid_e_video_ <utc> .jpg

sid is ASCII letters and digits.  cname and uid are one or more characters of any kind but "/", and cname goes up to
the last `__uid_s_` that leaves a uid, so it may itself contain a whole such name.  utc is 17 digits,
yyyyMMddHHmmssSSS, that are a real time.  n has one to nine digits.  The directory is everything before, as written.

Source: Agora's page "Capture screenshots".  What it does not say was decided so that every key has one reading and
every reading gives back its key; `sample_keys/` shows the hard ones.  Recordings: `indexer.agora.recordings`.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final

from indexer.agora.grammar import SHOT_MARK, UID_MARK, is_derivative, last_bak, split_front, unit_of
from indexer.agora.reasons import Reason, why_unrecognised
from indexer.agora.recordings import RecordingName, parse_recording
from indexer.agora.stamps import UTC_DIGITS, format_utc, parse_moment, parse_utc, parse_utcs
from indexer.model import rfc3339, to_ms

__all__ = [
    "Reason",
    "RecordingName",
    "ScreenshotName",
    "ShotHead",
    "Unrecognised",
    "format",
    "format_utc",
    "parse",
    "parse_head",
    "parse_utc",
    "parse_utcs",
    "to_json",
    "to_record",
    "unit_of",
]

_EXTENSION: Final = len(".jpg")
_ENDING: Final = UTC_DIGITS + _EXTENSION

# S3 keys have at most 1,024 bytes.  Longer texts are decoded but not remembered, which bounds the memory.
_LONGEST_KEY: Final = 1024


@dataclass(frozen=True, slots=True)
class ShotHead:
    """What all shots of one stream share: the key up to the time.  Every field is text as written."""

    directory: str
    """Everything before the object name, with its trailing "/"; empty at the root."""
    bak_prefix: str
    """Failover prefixes: "", "bak0_", "bak0_bak1_", "bak01_"."""
    sid: str
    cname: str
    uid: str
    """Documented as an integer from 1 to 2^32-1; `007` and other texts stay what they are."""

    @property
    def bak(self) -> int | None:
        """Number of the last failover prefix, None for the original recorder."""
        return last_bak(self.bak_prefix)

    @property
    def unit(self) -> str:
        """The key up to and with the "_" behind the sid: what all objects of one recorder in one directory share."""
        return f"{self.directory}{self.bak_prefix}{self.sid}_"

    @property
    def text(self) -> str:
        """The key head.  Inverse of `parse_head` for every value that came from it."""
        return f"{self.directory}{self.bak_prefix}{self.sid}_{self.cname}{UID_MARK}{self.uid}{SHOT_MARK}"


@dataclass(frozen=True, slots=True)
class ScreenshotName:
    """The name of one screenshot."""

    head: ShotHead
    captured_at: datetime
    """Aware UTC, whole milliseconds: when the screenshot was generated, by Agora's clock."""


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A key that is none of Agora's, and why."""

    key: str
    reason: Reason


def parse(key: str) -> ScreenshotName | RecordingName | Unrecognised:
    """Decode any text.  Never raises, and `format` gives back the key of everything but `Unrecognised`."""
    if key.endswith(".jpg"):
        # Neighbours in a listing share their head: remembering it halves the time (benchmarks/names.py).
        read_head = _remembered_head if len(key) <= _LONGEST_KEY else parse_head
        head = read_head(key[:-_ENDING])
        moment = parse_moment(key[-_ENDING:-_EXTENSION])
        if head is not None and moment is not None:
            return ScreenshotName(head, moment)
    else:
        recording = parse_recording(key)
        if recording is not None:
            return recording
    return Unrecognised(key, why_unrecognised(key))


def format(name: ScreenshotName | RecordingName) -> str:  # noqa: A001 - it is `names.format`, the other half of `parse`
    """The key of `name`.  Raises ValueError for a value that no key is parsed to: a text that cannot stand where it
    is, a cname that would be read otherwise, a time that is not UTC or finer than a millisecond.
    """
    key = name.text if isinstance(name, RecordingName) else _screenshot_key(name)
    if parse(key) != name:
        raise ValueError(f"{key!r} would not be read as {name!r}")
    return key


def parse_head(key_head: str) -> ShotHead | None:
    """Decode the key of a screenshot up to its time (`…__uid_e_video_`); None if no screenshot has this head."""
    if not key_head.endswith(SHOT_MARK):
        return None
    name_at = key_head.rfind("/") + 1
    end = len(key_head) - len(SHOT_MARK)
    uid_at = key_head.rfind(UID_MARK, name_at, end - 1)  # at least one character is left for the uid
    front = None if uid_at < 0 else split_front(key_head[name_at:uid_at])
    if front is None or is_derivative(key_head):
        return None
    bak_prefix, sid, cname = front
    return ShotHead(key_head[:name_at], bak_prefix, sid, cname, key_head[uid_at + len(UID_MARK) : end])


_remembered_head = lru_cache(maxsize=256)(parse_head)


def to_record(parsed: ScreenshotName | RecordingName | Unrecognised, key: str) -> dict[str, object]:
    """The machine fields of `parsed`, which is `parse(key)`, in the order of the contract.

    What a name cannot tell (source, size, etag, last_modified) is None.  `captured_at` of a recording is the start of
    its slice.
    """
    if isinstance(parsed, Unrecognised):
        return {"key": key, "kind": "unrecognised", "reason": parsed.reason.value}
    kind, name, captured_at = _described(parsed, key)
    return {
        "key": key,
        "kind": kind,
        "source": None,
        "directory": name.directory,
        "bak": name.bak,
        "sid": name.sid,
        "cname": name.cname,
        "uid": name.uid,
        "captured_at": captured_at,
        "size": None,
        "etag": None,
        "last_modified": None,
    }


def to_json(parsed: ScreenshotName | RecordingName | Unrecognised, key: str) -> str:
    """`json.dumps(to_record(parsed, key))`, character for character and faster (benchmarks/names.py)."""
    if isinstance(parsed, Unrecognised):
        return json.dumps(to_record(parsed, key))
    kind, name, captured_at = _described(parsed, key)
    bak = "null" if not name.bak_prefix else name.bak
    uid = "null" if name.uid is None else _quoted(name.uid)
    return (
        f'{{"key": {_quoted(key)}, "kind": "{kind}", "source": null, "directory": {_quoted(name.directory)}, '
        f'"bak": {bak}, "sid": "{name.sid}", "cname": {_quoted(name.cname)}, "uid": {uid}, '
        f'"captured_at": {"null" if captured_at is None else _quoted(captured_at)}, '
        '"size": null, "etag": null, "last_modified": null}'
    )


def _described(name: ScreenshotName | RecordingName, key: str) -> tuple[str, ShotHead | RecordingName, str | None]:
    """Kind, the value that has directory, bak, sid, cname and uid, and the time in RFC 3339."""
    # Times are cut from the digits in the name: formatting a datetime would cost as much as all the rest.
    if isinstance(name, ScreenshotName):
        return "screenshot", name.head, _rfc3339_of(key[-_ENDING:-_EXTENSION])
    if name.stamp is not None and len(name.stamp) == UTC_DIGITS:
        return "recording", name, _rfc3339_of(name.stamp)
    return "recording", name, None if name.started_at is None else rfc3339(name.started_at)


def _screenshot_key(name: ScreenshotName) -> str:
    if name.captured_at.utcoffset() != timedelta(0):
        raise ValueError(f"the time of {name!r} is not UTC")
    return f"{name.head.text}{format_utc(to_ms(name.captured_at))}.jpg"


def _rfc3339_of(utc: str) -> str:
    return f"{utc[:4]}-{utc[4:6]}-{utc[6:8]}T{utc[8:10]}:{utc[10:12]}:{utc[12:14]}.{utc[14:]}Z"
