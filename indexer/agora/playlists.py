"""The playlists that recordings leave beside the screenshots, and the clock that they are played by.  Pure.

Agora writes a media playlist (HLS, RFC 8216) for each user and recorder; its page "Manage recorded files" shows them.
There is no comma behind `#EXTINF:<seconds>`, the name of each slice says when it starts, and a video that is
interrupted, or changes its size, goes on behind `#EXT-X-DISCONTINUITY`:

    #EXT-X-DISCONTINUITY
    #EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE=VIDEO,TIME=20190920125142485
    #EXTINF:6.332000
    <sid>_<cname>__uid_s_<uid>__uid_e_video_20190920125142485.ts

Media time is how far a player has got: slices lie in it end to end, whatever lay between them.  One offset for a whole
recording is wrong from the first interruption on, so each slice has a place of its own on both clocks.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from indexer.agora.grammar import is_digits
from indexer.agora.recordings import parse_recording
from indexer.agora.stamps import MAX_MS, MIN_MS, parse_moment
from indexer.errors import LivestillsError
from indexer.model import from_ms

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of a playlist.  A slice takes 150 bytes and 15 s, so this is two weeks; it is read into memory."""

PRECISION: Final = timedelta(seconds=0.5)
"""What may be promised of a place on the other clock: slices begin at key frames, their stamps tell when they were
begun, and players add the delays of decoders.  So far a moment may lie beside a slice and still count as at its end."""

_LONGEST_SLICE: Final = timedelta(hours=24)
"""Agora cuts after 5.5 minutes, and whole files after 3 h: what is longer is no slice, but made to overflow."""

_UNIX_MS_DIGITS: Final = 13
_SECONDS: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,12}))?")
_SHOWN: Final = 60


class BadPlaylistError(LivestillsError):
    """A playlist cannot be used; the text says what is wrong with it, and goes behind its name."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A media segment of a playlist."""

    name: str
    """The object name: without folder, query and fragment."""
    length: timedelta
    starts_at: datetime | None
    """By the playlist or by the name; None if neither tells."""
    anew: bool
    """Nothing is known of how far behind the slice before it starts."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """What is played one after the other."""

    slices: tuple[Slice, ...]
    ended: bool
    """Its last line says that it is complete.  One without that is still being written, or was cut off."""

    @property
    def length(self) -> timedelta:
        """Of all slices."""
        return sum((each.length for each in self.slices), timedelta())


def parse_playlist(data: bytes) -> Playlist:
    """Read a media playlist.  Raises `BadPlaylistError` for what is none, and for one that contradicts itself.

    When a slice starts is told by `#EXT-X-PROGRAM-DATE-TIME`, else by the stamp in its name, else by the START of
    Agora's track event.  Tags that say nothing about time are passed over.
    """
    return _Reader().read(_lines(data))


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_BYTES:
        raise BadPlaylistError(f"has more than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise BadPlaylistError("is not UTF-8") from exc
    lines = text.split("\n")
    # What stands behind the last line end may be half a line.
    if lines[-1] not in {"", "#EXT-X-ENDLIST"}:
        lines.pop()
    lines = [line.strip() for line in lines]
    if not lines or lines[0] != "#EXTM3U":
        raise BadPlaylistError("does not begin with #EXTM3U, so it is no playlist")
    return lines


class _Reader:
    """What the lines before a slice have said of it."""

    def __init__(self) -> None:
        self._length: timedelta | None = None
        self._said: datetime | None = None
        self._event: datetime | None = None
        self._anew = True

    def read(self, lines: Sequence[str]) -> Playlist:
        slices: list[Slice] = []
        for number, line in enumerate(lines, start=1):
            if line == "#EXT-X-ENDLIST":
                return Playlist(tuple(slices), True)
            if line.startswith("#"):
                self._tag(line, number)
            elif line:
                slices.append(self._slice(line, number))
        return Playlist(tuple(slices), False)

    def _tag(self, line: str, number: int) -> None:
        name, _, value = line.partition(":")
        match name:
            case "#EXTINF":
                self._length = _length(value.partition(",")[0].strip(), number)
            case "#EXT-X-DISCONTINUITY":
                self._anew = True
            case "#EXT-X-PROGRAM-DATE-TIME":
                self._said = _rfc3339(value.strip(), number)
            case "#EXT-X-AGORA-TRACK-EVENT":
                self._event = _event(value)
            case "#EXT-X-STREAM-INF" | "#EXT-X-I-FRAME-STREAM-INF":
                raise BadPlaylistError(f"lists other playlists, not slices (line {number:,})")

    def _slice(self, line: str, number: int) -> Slice:
        if self._length is None:
            raise BadPlaylistError(f"has a slice without #EXTINF before it (line {number:,})")
        name = _object_name(line)
        found = Slice(name, self._length, self._said or _stamp(name) or self._event, self._anew)
        self._length = self._said = self._event = None
        self._anew = False
        return found


def _length(text: str, number: int) -> timedelta:
    found = _SECONDS.fullmatch(text)
    if found is None:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise BadPlaylistError(f"has a slice of {shown!r} seconds (line {number:,})")
    length = timedelta(seconds=int(found[1]), microseconds=int((found[2] or "0").ljust(6, "0")[:6]))
    if length > _LONGEST_SLICE:
        raise BadPlaylistError(f"has a slice of {int(found[1]):,} seconds (line {number:,})")
    return length


def _rfc3339(text: str, number: int) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        # RFC 8216 asks for a zone; those who leave it out mean UTC.
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise BadPlaylistError(f"has the time {shown!r}, which is none (line {number:,})") from exc


def _object_name(line: str) -> str:
    """The last path component of an address.  Channels may hold the signs that begin a query or a fragment."""
    whole = line.rpartition("/")[2]
    if parse_recording(whole) is not None:
        return whole
    return re.split(r"[?#]", line, maxsplit=1)[0].rpartition("/")[2]


def _stamp(name: str) -> datetime | None:
    found = parse_recording(name)
    return None if found is None else found.started_at


def _event(value: str) -> datetime | None:
    """The time of a START, in either form that Agora's pages show."""
    fields = dict(pair.partition("=")[::2] for pair in value.strip().split(","))
    text = fields.get("TIME", "")
    if fields.get("EVENT") != "START":
        return None
    if len(text) == _UNIX_MS_DIGITS and is_digits(text):
        return from_ms(int(text))
    return parse_moment(text)


# --- The two clocks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where both clocks run side by side: a slice, or several that follow each other without a jump."""

    at: timedelta
    """Its beginning in media time."""
    length: timedelta
    since: datetime | None
    """Its beginning on the wall; None if that is not known."""

    @property
    def end(self) -> timedelta:
        """Its end in media time."""
        return self.at + self.length

    @property
    def until(self) -> datetime | None:
        """Its end on the wall."""
        return None if self.since is None else self.since + self.length


class MediaClock:
    """Wall clock and media time of recordings that are played one behind the other.

    `stretches` tile media time from 0 on.  On the wall they may leave holes, where nothing was recorded, and lie over
    each other, where two recorders were at work.
    """

    def __init__(self, stretches: Iterable[Stretch]) -> None:
        self.stretches = tuple(stretches)
        self._known = sorted(
            ((each.since, index) for index, each in enumerate(self.stretches) if each.since is not None),
        )
        self._starts = [since for since, _ in self._known]
        self._longest = max((each.length for each in self.stretches), default=timedelta())

    @property
    def length(self) -> timedelta:
        """Of the media."""
        return self.stretches[-1].end if self.stretches else timedelta()

    def media_at(self, moment: datetime) -> timedelta | None:
        """Where a moment (aware) is in the media: the first place, if two recorders took it; None if none did.

        A moment that lies no further than `PRECISION` beside a stretch is at its end.
        """
        inside: list[timedelta] = []
        beside: list[tuple[timedelta, timedelta]] = []
        for each in self._around(moment):
            assert each.since is not None  # noqa: S101 - these are the known ones
            into = moment - each.since
            if timedelta() <= into < each.length:
                inside.append(each.at + into)
            else:
                nearest = min(max(into, timedelta()), each.length)
                beside.append((abs(into - nearest), each.at + nearest))
        if inside:
            return min(inside)
        distance, place = min(beside, default=(PRECISION * 2, timedelta()))
        return place if distance <= PRECISION else None

    def wall_at(self, place: timedelta) -> datetime | None:
        """When what is shown at a place of the media was recorded; None outside of it, and where no stamp tells.

        Inverse of `media_at` for moments inside stretches that do not lie over each other.
        """
        index = bisect_right(self.stretches, place, key=lambda each: each.at) - 1
        if index < 0 or place >= self.stretches[index].end:
            return None
        found = self.stretches[index]
        return None if found.since is None else found.since + (place - found.at)

    def _around(self, moment: datetime) -> Iterator[Stretch]:
        """Stretches of known times in which a moment may lie, or beside which."""
        for index in range(self._first_behind(moment) - 1, -1, -1):
            since, number = self._known[index]
            if moment - since > self._longest + PRECISION:
                return
            yield self.stretches[number]

    def _first_behind(self, moment: datetime) -> int:
        index = bisect_right(self._starts, moment)
        while index < len(self._starts) and self._starts[index] - moment <= PRECISION:
            index += 1
        return index


def clock_of(playlists: Iterable[Playlist]) -> MediaClock:
    """The clock of playlists in the order in which they are played: that of the recorders, the original one first.

    A slice without a time of its own goes on where the one before it ended, unless a discontinuity lies between them.
    """
    stretches: list[Stretch] = []
    at = timedelta()
    for playlist in playlists:
        runs_on: datetime | None = None
        for each in playlist.slices:
            if not each.length:
                continue
            since = _sane(each.starts_at, each.length)
            if since is None and not each.anew:
                since = _sane(runs_on, each.length)
            last = stretches[-1] if stretches and runs_on is not None and not each.anew else None
            if last is not None and last.until == since:
                stretches[-1] = Stretch(last.at, last.length + each.length, last.since)
            else:
                stretches.append(Stretch(at, each.length, since))
            at += each.length
            runs_on = None if since is None else since + each.length
    return MediaClock(stretches)


def _sane(moment: datetime | None, length: timedelta) -> datetime | None:
    """A moment from which on so much time is left in the calendar."""
    if moment is None or not _FIRST <= moment <= _LAST - length - 2 * PRECISION:
        return None
    return moment


_FIRST: Final = from_ms(MIN_MS) + 2 * PRECISION
_LAST: Final = from_ms(MAX_MS)
