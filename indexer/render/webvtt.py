"""WebVTT of storyboards, in the subset that all players read: which rectangle of which picture is shown when.

UTF-8 without a byte order mark, LF, no identifiers, no settings, hours of two digits, cues in order and end to end, the
first from 0 on, one line of payload with whole pixels.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from indexer.errors import LivestillsError

LONGEST_MS: Final = 100 * 3_600_000 - 1
"""99:59:59.999: hours of three digits are valid, but many players look for two."""


class UnshowableError(LivestillsError):
    """Cues that no WebVTT can hold, or not every player can read."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ThumbnailCue:
    """What is shown from `start_ms` up to `end_ms`."""

    start_ms: int
    end_ms: int
    url: str
    """Of the picture; visible ASCII without `#`."""
    box: Box


def write_thumbnails(cues: Iterable[ThumbnailCue]) -> Iterator[str]:
    """Yield the text, a cue at a time.

    Raises `UnshowableError` for cues that do not follow each other from 0 on, that end behind `LONGEST_MS`, and for a
    URL that would be read as something else.
    """
    yield "WEBVTT\n"
    reached = 0
    for cue in cues:
        if cue.start_ms != reached or cue.end_ms <= cue.start_ms:
            raise UnshowableError(f"a cue from {cue.start_ms} to {cue.end_ms} ms does not follow one to {reached} ms")
        if cue.end_ms > LONGEST_MS:
            raise UnshowableError(
                f"it lasts until {timestamp(cue.end_ms)}, and players read no more than {timestamp(LONGEST_MS)}"
            )
        if not fits_in_url(cue.url):
            raise UnshowableError(f"{cue.url!r} cannot stand as an address in WebVTT")
        reached = cue.end_ms
        box = cue.box
        yield (
            f"\n{timestamp(cue.start_ms)} --> {timestamp(cue.end_ms)}\n"
            f"{cue.url}#xywh={box.x},{box.y},{box.width},{box.height}\n"
        )


def timestamp(ms: int) -> str:
    """`HH:MM:SS.mmm`, from 100 hours on with more digits."""
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}"


def fits_in_url(text: str) -> bool:
    """Whether a text may begin the payload of a cue: visible ASCII without fragment, markup, and arrows."""
    # A line with an arrow would be read as times, and players cut the payload at the first "#".
    return _URL.fullmatch(text) is not None and "-->" not in text


_URL: Final = re.compile(r"[!$-%'-;=?-~]+")
"""No `"`, `#`, `&`, `<`, `>`, blank or control."""
