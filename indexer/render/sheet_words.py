"""The words of contact sheets: times, lengths, facts, captions, marks and the legend, the same in every format."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from string import Formatter
from typing import Final, NamedTuple

from indexer.errors import ConfigError
from indexer.render.sheet_model import Gap, Marks, SheetHead, Tile

MADE_BY: Final = "made by livestills"


# --- Time -----------------------------------------------------------------------------------------------------------


class Clock:
    """Says of each cell what the one before did not: the date when it changes, the offset when that does.

    One for the part of a block that is on a page, so that each begins with a date.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._date: date | None = None
        self._offset: timedelta | None = None

    def read(self, moment: datetime) -> tuple[str, str, str]:
        """Date, time to the second, and offset from UTC; the first and last empty where nothing changed."""
        local = moment.astimezone(self._zone)
        day = "" if local.date() == self._date else f"{local:%Y-%m-%d}"
        offset = "" if self._offset in {None, local.utcoffset()} else _offset(local)
        self._date, self._offset = local.date(), local.utcoffset()
        return day, f"{local:%H:%M:%S}", offset

    def peek(self, moment: datetime) -> tuple[str, str, str]:
        """The same without remembering it: the next cell says it again."""
        before = self._date, self._offset
        told = self.read(moment)
        self._date, self._offset = before
        return told


def length(span: timedelta) -> str:
    """A length of time in its largest unit and the next, as in "2m 10s"."""
    minutes, seconds = divmod(max(0, round(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    largest = next((index for index, (count, _) in enumerate(units) if count), 3)
    return " ".join(f"{count}{unit}" for count, unit in units[largest : largest + 2] if count) or "0s"


def period(since: datetime | None, until: datetime | None, zone: tzinfo) -> str:
    """From when to when, to the second, the date said once where it is one; nothing if neither is known."""
    first = since and since.astimezone(zone)
    last = until and until.astimezone(zone)
    if first and last and first != last:
        end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
        return f"{first:%Y-%m-%d %H:%M:%S} to {end}"
    if first:
        return f"{'' if last else 'from '}{first:%Y-%m-%d %H:%M:%S}"
    return f"until {last:%Y-%m-%d %H:%M:%S}" if last else ""


def _zone_name(zone: tzinfo, *moments: datetime | None) -> str:
    """The name of a zone, with the offsets that it has at these moments."""
    name = str(zone)
    offsets = dict.fromkeys(_offset(moment.astimezone(zone)) for moment in moments if moment)
    return f"{name} ({', '.join(offsets)})" if offsets and [*offsets] != [name] else name


def _offset(local: datetime) -> str:
    minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


# --- Head and cells -------------------------------------------------------------------------------------------------


def facts(head: SheetHead, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What stands under the title."""
    yield from head.facts
    if shown := period(head.since, head.until, zone):
        yield "Period", shown
    yield "Time zone", _zone_name(zone, head.since, head.until)
    shots = head.tiles if head.shots is None else head.shots
    yield "Shots", f"{shots:,}"
    if head.tiles != shots:
        yield "Shown", f"{head.tiles:,}"
    if head.gaps:
        yield "Gaps", f"{head.gaps:,}"


class Badge(NamedTuple):
    """A mark that a cell carries."""

    text: str
    ink: str
    ground: str
    """Colours, as `#rrggbb`."""


FRAME: Final = "#d0d5dd"
_RECORDERS: Final = (
    # Letters, ground and frame for failover recorder 0, 1, 2, 3; then again.
    ("#93370d", "#fef0c7", "#f79009"),
    ("#5925dc", "#ebe9fe", "#7a5af8"),
    ("#026aa2", "#e0f2fe", "#0ba5ec"),
    ("#c11574", "#fce7f6", "#ee46bc"),
)
_FROZEN: Final = Badge("frozen", "#175cd3", "#d1e9ff")
_SHADES: Final = "#344054", "#eaecf0"


def recorder_badge(bak: int) -> Badge:
    """Of a failover recorder."""
    return Badge(f"bak{bak}", *_RECORDERS[bak % len(_RECORDERS)][:2])


def frame_of(bak: int | None) -> str:
    """The colour around a picture."""
    return FRAME if bak is None else _RECORDERS[bak % len(_RECORDERS)][2]


@dataclass(frozen=True, slots=True)
class Caption:
    """The words under a cell."""

    time: str
    brief: str = ""
    """What stands for `time` where that does not fit."""
    date: str = ""
    offset: str = ""
    badges: tuple[Badge, ...] = ()
    text: str | None = None
    """What is written in place of all times."""


def tile_caption(tile: Tile, clock: Clock) -> Caption:
    """What is written under a tile."""
    badges = [] if tile.shots == 1 else [Badge(f"×{tile.shots:,}", *_SHADES)]
    badges += [_FROZEN] if tile.frozen else []
    badges += [] if tile.look is None else [Badge(tile.look, *_SHADES)]
    badges += [] if tile.bak is None else [recorder_badge(tile.bak)]
    day, time, offset = clock.read(tile.captured_at)
    brief = ""
    if tile.until is not None:
        time, brief = _from_to(time, offset, tile.until, clock)
        offset = ""
    return Caption(time, brief, day, offset, tuple(badges), tile.caption)


def gap_caption(gap: Gap, clock: Clock) -> Caption:
    """What is written under a gap."""
    day, since, offset = clock.read(gap.since)
    return Caption(*_from_to(since, offset, gap.until, clock), day)


def _from_to(since: str, offset: str, until: datetime, clock: Clock) -> tuple[str, str]:
    """In full, and without what may be left out."""
    end_day, end, end_offset = clock.peek(until)
    brief = f"{since} to {end}"
    full = " ".join(filter(None, (since, offset, "to", end_day, end, end_offset)))
    return full, "" if full == brief else brief


def gap_title(gap: Gap) -> str:
    """What stands in a gap: how long it is."""
    return f"gap {length(gap.until - gap.since)}"


def gap_note(gap: Gap) -> str:
    """What stands below that: its cause, and what that is known by."""
    return ": ".join(filter(None, (gap.cause, gap.note)))


# --- Legend ---------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """What a mark means."""

    badges: tuple[Badge, ...]
    swatch: str | None
    """"gap" or "missing", where cells are explained that look like that."""
    text: str


def legend(marks: Marks) -> Iterator[Entry]:
    """What occurs, each with its meaning."""
    if marks.baks:
        badges = tuple(map(recorder_badge, sorted(marks.baks)[: len(_RECORDERS)]))
        yield Entry(badges, None, "taken by a failover recorder")
    if marks.frozen:
        yield Entry((_FROZEN,), None, "the same picture, byte for byte, three times or more")
    if marks.looks:
        yield Entry(tuple(Badge(look, *_SHADES) for look in sorted(marks.looks)), None, "nobody is to be seen")
    if marks.folded:
        yield Entry((Badge("×2", *_SHADES),), None, "so many equal or like pictures in a row")
    if marks.gap:
        yield Entry((), "gap", "no shots, and why" if marks.causes else "no shots")
    if marks.missing:
        yield Entry((), "missing", "shot without a picture")


# --- Captions of one's own ------------------------------------------------------------------------------------------

FIELDS: Final = ("time", "date", "uid", "name", "channel", "recorder", "size")
"""What a caption template may name."""

_LONGEST: Final = 200


class Template:
    """A caption with places for what a shot tells, such as `{time} {name}`; `{{` is a brace.

    Only the names of `FIELDS`: nothing that Python's format strings could reach besides.
    """

    def __init__(self, text: str) -> None:
        """Raises `ConfigError` that names the valid fields."""
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        if not text.strip() or len(text) > _LONGEST:
            raise ConfigError(f"a caption has 1 to {_LONGEST} characters; fields are {known}")
        try:
            parts = list(Formatter().parse(text))
        except ValueError as exc:
            raise ConfigError(f"the caption {text!r} is not whole ({exc}); fields are {known}") from exc
        for _, field, spec, conversion in parts:
            if field is not None and (field not in FIELDS or spec or conversion):
                said = "{" + field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
                raise ConfigError(f"the caption has no field {said}; fields are {known}")
        self.text = text
        self._parts = [(literal, field) for literal, field, _, _ in parts]

    def fill(self, values: Mapping[str, str]) -> str:
        """The caption of what has these values, blanks in a row made one."""
        text = "".join(literal + (values[field] if field else "") for literal, field in self._parts)
        return re.sub(r"\s+", " ", text).strip()
