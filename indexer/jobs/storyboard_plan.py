"""What storyboards show: the cells of a series, and how they fill sprites.  Read from the catalog, a page at a time."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.derived import storyboard_name
from indexer.errors import ConfigError
from indexer.jobs.lookup import Terms, timelines
from indexer.model import Selection, Shot, TimeRange, is_archived
from indexer.render.image import MAX_BYTES, Flaw
from indexer.render.storyboard import Board
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.urls import Address
from indexer.timeline.cues import Cell, cells, inner_gaps
from indexer.timeline.gaps import Gap
from indexer.timeline.series import longest_pause

USUAL_THUMBNAIL: Final = ThumbSpec(320, 180)
"""What `livestills thumbs` makes if not told otherwise."""

_LEAST_HOLD: Final = timedelta(seconds=1)
"""How long a single shot is shown of which no interval is known: the shortest that Agora can be told."""

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What storyboards are to be like."""

    board: Board
    every: timedelta | None = None
    """At most one shot in so much time."""
    media: bool = True
    """Whether to look for recordings."""
    base_url: str = ""
    """What stands before the names of sprites in WebVTT."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where pictures come from, and where storyboards go."""

    origins: dict[str, Address]
    """By source."""
    thumbnails: Address | None
    folder: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """One series, its cells not yet read."""

    catalog: Catalog
    series: Series
    selection: Selection
    wishes: Wishes
    gaps: Sequence[Gap]
    begin: datetime
    end: datetime | None
    hold: timedelta
    pause: timedelta

    def cells(self) -> Iterator[Cell[Shot]]:
        """Read from the catalog each time they are asked for."""
        shots = (shot for shot, _ in self.catalog.shots.of(self.series, self.selection.period))
        return cells(shots, self.gaps, begin=self.begin, hold=self.hold, every=self.wishes.every, end=self.end)

    @property
    def stem(self) -> str:
        """What the names of all its files begin with."""
        period = self.selection.period
        spec = f"{self.wishes.board} {self.wishes.every} {period.since_ms} {period.until_ms}"
        each = self.series
        return storyboard_name(self.selection.source, each.cname, each.sid, each.uid, spec)


def plans(catalog: Catalog, selection: Selection, wishes: Wishes, terms: Terms) -> Iterator[Plan]:
    """One for each series that has a shot in the selection.

    Raises `ConfigError` for a selection of everything: a storyboard is of a user or a session.
    """
    if selection.uid is None and selection.sid is None:
        raise ConfigError("a storyboard shows a user or a session: say --user or --session")
    found = catalog.shots
    every = found.all_series(selection) if selection.uid is None else found.series(selection.uid, selection)
    for series in every:
        first = next(found.of(series, selection.period), None)
        if first is not None:
            yield _plan(catalog, series, selection, wishes, terms, first[0])


def _plan(catalog: Catalog, series: Series, selection: Selection, wishes: Wishes, terms: Terms, first: Shot) -> Plan:
    only = replace(selection, cname=series.cname, sid=series.sid, uid=series.uid)
    told = (each for each in timelines(catalog, series.uid, only, terms=terms) if each.cname == series.cname)
    timeline = next(told, None)
    length = timeline.interval.length if timeline is not None and timeline.interval is not None else None
    gaps = () if timeline is None else inner_gaps(timeline.gaps)
    period = selection.period
    began = min(part.first_at for part in series.streams)
    begin = first.captured_at
    if period.since is not None and began < period.since:
        begin = period.since
    elif gaps and gaps[0].since < begin:
        begin = gaps[0].since
    return Plan(
        catalog,
        series,
        selection,
        wishes,
        gaps,
        begin,
        period.until,
        length or _LEAST_HOLD,
        longest_pause(length) if length else _LEAST_HOLD,
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of one sprite, and what is drawn in it: gaps of one cause share a tile."""

    number: int
    first: int
    """The number of its first cell."""
    cells: tuple[Cell[Shot], ...]
    slots: tuple[int, ...]
    """Of each cell."""
    tiles: tuple[Shot | str, ...]
    """A shot, or the cause of a gap."""

    def digest(self) -> str:
        """Of everything that is seen in it."""
        whole = hashlib.sha256()
        for tile in self.tiles:
            seen = tile if isinstance(tile, str) else (tile.source, tile.key, tile.etag, tile.size, tile.tier)
            whole.update(repr(seen).encode("utf-8", "surrogatepass"))
        return whole.hexdigest()[:12]


def sheets(found: Iterable[Cell[Shot]], board: Board) -> Iterator[Sheet]:
    """Fill sprites in the order of time."""
    number = first = 0
    taken: list[Cell[Shot]] = []
    slots: list[int] = []
    tiles: list[Shot | str] = []
    shared: dict[str, int] = {}
    for cell in found:
        cause = None if cell.gap is None else str(cell.gap.cause)
        slot = None if cause is None else shared.get(cause)
        if slot is None:
            if len(tiles) == board.capacity:
                yield Sheet(number, first, tuple(taken), tuple(slots), tuple(tiles))
                number, first = number + 1, first + len(taken)
                taken, slots, tiles, shared = [], [], [], {}
            slot = len(tiles)
            if cell.shot is not None:
                tiles.append(cell.shot)
            elif cause is not None:
                tiles.append(cause)
                shared[cause] = slot
        taken.append(cell)
        slots.append(slot)
    if taken:
        yield Sheet(number, first, tuple(taken), tuple(slots), tuple(tiles))


def thumbnails_of(plan: Plan, sheet: Sheet, places: Places) -> dict[tuple[str, str], ThumbSpec]:
    """Which thumbnail there is, of the shots that have one: as large as the tile, else the usual one."""
    if places.thumbnails is None:
        return {}
    tile = plan.wishes.board.tile
    specs = [tile]
    if tile.width <= USUAL_THUMBNAIL.width and tile.height <= USUAL_THUMBNAIL.height and tile != USUAL_THUMBNAIL:
        specs.append(USUAL_THUMBNAIL)
    shots = [tile for tile in sheet.tiles if isinstance(tile, Shot)]
    if not shots:
        return {}
    period = TimeRange(shots[0].captured_at, shots[-1].captured_at + _MILLISECOND)
    only = replace(plan.selection, cname=plan.series.cname, sid=plan.series.sid, uid=plan.series.uid, period=period)
    names = [str(spec) for spec in specs]
    lacking = {
        (each.source, each.key): each.specs for each in plan.catalog.derivatives.wanted(only, names, retry_failed=True)
    }
    found: dict[tuple[str, str], ThumbSpec] = {}
    for shot in shots:
        missing = lacking.get((shot.source, shot.key), ())
        spec = next((spec for spec, name in zip(specs, names, strict=True) if name not in missing), None)
        if spec is not None:
            found[shot.source, shot.key] = spec
    return found


def unreadable(shot: Shot, places: Places) -> str | None:
    """Why the original of a shot is not worth a request."""
    if is_archived(shot.tier):
        return "archived"
    if shot.source not in places.origins:
        return "source not configured"
    return str(Flaw.TOO_LARGE) if shot.size > MAX_BYTES else None
