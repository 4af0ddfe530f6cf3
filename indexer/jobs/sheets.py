"""Contact sheets of what the catalog knows, from thumbnails where they exist and from the originals elsewhere."""

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.derived import thumbnail_key
from indexer.errors import ConfigError, ObjectNotFoundError
from indexer.jobs.lookup import interval_of
from indexer.model import Selection, Shot, is_archived
from indexer.render.contact_sheet import ContactSheet, Gap, SheetHead, Tile
from indexer.render.fonts import Fonts
from indexer.render.image import MAX_BYTES, BadPictureError, Flaw
from indexer.render.sheet_layout import Layout
from indexer.render.thumbnail import ThumbSpec, thumbnails
from indexer.storage.base import ObjectStore
from indexer.timeline.series import longest_pause

_FETCHED_AT_ONCE: Final = 16
"""Pictures in memory beside the page being drawn, and requests under way."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the pictures of a sheet come from."""

    origins: dict[str, ObjectStore]
    """By source."""
    derived: ObjectStore | None
    """Where thumbnails are, if there are any."""
    prefix: str = ""
    """What their keys start with there."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet shows; its cells are read from the catalog each time they are asked for."""

    catalog: Catalog
    series: tuple[Series, ...]
    selection: Selection
    pauses: tuple[timedelta, ...]
    """Of each series: the longest distance of two shots that is no gap."""
    every: timedelta | None
    """At most one shot in so much time."""

    def cells(self) -> Iterator[Shot | tuple[datetime, datetime]]:
        """Shots, and gaps from the last shot before to the first one after, series by series in time order."""
        for series, pause in zip(self.series, self.pauses, strict=True):
            last: datetime | None = None
            shown: datetime | None = None
            for shot, _ in self.catalog.shots.of(series, self.selection.period):
                if last is not None and shot.captured_at - last > pause:
                    yield last, shot.captured_at
                    shown = None
                # Shots come a little early or late: one that is due but for a tenth is meant.
                if self.every is None or shown is None or shot.captured_at - shown >= self.every * 0.9:
                    yield shot
                    shown = shot.captured_at
                last = shot.captured_at


def plan(
    catalog: Catalog, selection: Selection, *, every: timedelta | None, intervals_s: dict[str, int | None]
) -> Sheet:
    """Find out what a sheet of the selection shows.

    Raises `ConfigError` for a selection of everything: a sheet is of a user, a session or a channel.
    """
    if selection.uid is None and selection.sid is None and selection.cname is None:
        raise ConfigError("a sheet shows a user, a session or a channel: say --user, --session or --channel")
    found = (
        catalog.shots.all_series(selection) if selection.uid is None else catalog.shots.series(selection.uid, selection)
    )
    series: list[Series] = []
    pauses: list[timedelta] = []
    for each in found:
        if next(catalog.shots.of(each, selection.period), None) is not None:
            interval = interval_of(catalog, each, intervals_s=intervals_s)
            series.append(each)
            pauses.append(longest_pause(interval.length) if interval else timedelta(0))
    return Sheet(catalog, tuple(series), selection, tuple(pauses), every)


def write(
    sheet: Sheet, pictures: Pictures, folder: Path, *, layout: Layout, zone: tzinfo, fonts: Fonts
) -> Iterator[Path]:
    """Draw the pages into the folder (mode 0600), yielding each file when it is written."""
    shots = gaps = 0
    first: datetime | None = None
    last: datetime | None = None
    for cell in sheet.cells():
        if isinstance(cell, Shot):
            shots += 1
            first = cell.captured_at if first is None else min(first, cell.captured_at)
            last = cell.captured_at if last is None else max(last, cell.captured_at)
        else:
            gaps += 1
    several = len({(each.sid, each.uid) for each in sheet.series}) > 1
    head = SheetHead(
        _title(sheet),
        tuple(_facts(sheet)),
        sheet.selection.period.since or first,
        sheet.selection.period.until or last,
        shots,
        gaps,
    )
    drawn = ContactSheet(head, zone=zone, fonts=fonts, layout=replace(layout, labels=several))
    digits = len(str(drawn.page_count))
    name = file_name(sheet)
    for number, page in enumerate(drawn.pages(_tiles(sheet, pictures, layout.tile, several=several)), start=1):
        path = folder / f"{name}_{number:0{digits}}of{drawn.page_count}.jpg"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(page)
        yield path


def file_name(sheet: Sheet) -> str:
    """A name that says what is shown, with letters that are safe everywhere, and never twice for different things."""
    wanted = sheet.selection
    parts = [part for part in (wanted.cname, wanted.sid, wanted.uid) if part is not None]
    whole = repr((parts, wanted.source, wanted.period, sheet.every)).encode("utf-8", "surrogatepass")
    readable = [_UNSAFE.sub("-", part).strip(".-")[:40] for part in parts]
    return f"{'_'.join(['sheet', *filter(None, readable)])}_{hashlib.sha256(whole).hexdigest()[:8]}"


def _title(sheet: Sheet) -> str:
    wanted = sheet.selection
    if wanted.uid is not None:
        return f"User {wanted.uid}"
    return f"Session {wanted.sid}" if wanted.sid is not None else f"Channel {wanted.cname}"


def _facts(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for name, values in (
        ("Channel", [each.cname for each in sheet.series]),
        ("Session", [each.sid for each in sheet.series]),
        ("User", [each.uid for each in sheet.series]),
    ):
        distinct = list(dict.fromkeys(values))
        if distinct:
            yield name, distinct[0] if len(distinct) == 1 else f"{len(distinct)} of them"


def _tiles(sheet: Sheet, pictures: Pictures, size: ThumbSpec, *, several: bool) -> Iterator[Tile | Gap]:
    cells = sheet.cells()
    with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
        while batch := list(islice(cells, _FETCHED_AT_ONCE)):
            yield from pool.map(lambda cell: _cell(cell, sheet.catalog, pictures, size, several=several), batch)


def _cell(
    cell: Shot | tuple[datetime, datetime], catalog: Catalog, pictures: Pictures, size: ThumbSpec, *, several: bool
) -> Tile | Gap:
    if not isinstance(cell, Shot):
        return Gap(*cell)
    label = f"{cell.uid} · {cell.cname}" if several else None
    # The catalog knows which thumbnails show the shot as it is now; asking the storage for others may be forbidden.
    tried = list(catalog.derivatives.of_shot(cell, str(size)))
    if tried and tried[0] is not None:
        return Tile(cell.captured_at, None, tried[0], cell.bak, label)
    picture, note = _picture(cell, pictures, size, has_thumbnail=bool(tried))
    return Tile(cell.captured_at, picture, note, cell.bak, label)


def _picture(
    shot: Shot, pictures: Pictures, size: ThumbSpec, *, has_thumbnail: bool
) -> tuple[bytes | None, str | None]:
    """A picture for a tile, or why there is none.  Raises only what the storage raises."""
    if pictures.derived is not None and has_thumbnail:
        try:
            return pictures.derived.get(pictures.prefix + thumbnail_key(shot.source, shot.key, str(size))), None
        except ObjectNotFoundError:
            pass  # somebody removed it: the original will do
    if is_archived(shot.tier):
        return None, "archived"
    if shot.source not in pictures.origins:
        return None, "source not configured"
    if shot.size > MAX_BYTES:
        return None, str(Flaw.TOO_LARGE)
    try:
        data = pictures.origins[shot.source].get(shot.key)
        return thumbnails(data, [size], listed_size=shot.size).made[0].jpeg, None
    except ObjectNotFoundError:
        return None, "gone"
    except BadPictureError as exc:
        return None, str(exc.reason)
