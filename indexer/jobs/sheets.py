"""Contact sheets of what the catalog knows, from thumbnails where they exist and from the originals elsewhere."""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.derived import thumbnail_key
from indexer.errors import CatalogError, ConfigError, ObjectNotFoundError
from indexer.jobs.exporting import replacing
from indexer.jobs.lookup import Terms, timelines
from indexer.jobs.scenes import Scenery, scenery, was_looked_at
from indexer.model import Selection, Shot, TimeRange, is_announced, is_archived
from indexer.people import Names
from indexer.render.image import MAX_BYTES, BadPictureError, Flaw
from indexer.render.sheet_model import Block, BrokenPromiseError, Cell, Document, Gap, Marks, SheetHead, Tile
from indexer.render.sheet_words import Template, period
from indexer.render.thumbnail import ThumbSpec, thumbnails
from indexer.storage.base import ObjectStore
from indexer.timeline import gaps as told
from indexer.timeline.figures import Timeline
from indexer.timeline.looks import USELESS, Kind, Thresholds

_FETCHED_AT_ONCE: Final = 16
"""Pictures in memory beside the page being drawn, and requests under way."""

_MILLISECOND: Final = timedelta(milliseconds=1)
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


class Likeness(Protocol):
    """Whether pictures look alike."""

    def alike(self, one: Shot, other: Shot) -> bool:
        """Whether two neighbours do; False where it cannot be told."""
        ...

    def can_tell(self, source: str) -> bool:
        """Whether it can be told of pictures of this source."""
        ...


class EqualBytes:
    """Pictures look alike that are one, byte for byte: where ETags are MD5s, the listing tells."""

    def __init__(self, md5_sources: Collection[str]) -> None:
        self._md5_sources = md5_sources

    def alike(self, one: Shot, other: Shot) -> bool:
        """Whether ETag and size are equal, and mean something."""
        if (one.etag, one.size) != (other.etag, other.size) or not one.etag:
            return False
        return self.can_tell(one.source) and self.can_tell(other.source)

    def can_tell(self, source: str) -> bool:
        """Whether the source's ETags are MD5s."""
        return source in self._md5_sources


class Shown(NamedTuple):
    """A shot that gets a tile, and those behind it that look like it."""

    shot: Shot
    until: datetime
    """When the last of them was taken."""
    shots: int
    frozen: bool
    scene: int | None = None
    """Number of the scene in which all pictures look alike, if it is in one."""
    look: str | None = None
    """Why nobody is to be seen in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One user in one session."""

    series: Series
    timeline: Timeline
    scenery: Scenery | None = None
    """How its pictures look; None where nobody has looked."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet shows; its cells are read from the catalog each time they are asked for."""

    catalog: Catalog
    parts: tuple[Part, ...]
    selection: Selection
    every: timedelta | None
    """At most one shot in so much time."""
    likeness: Likeness | None
    """What neighbours are folded by, if they are."""

    @property
    def untold_sources(self) -> list[str]:
        """Sources in it of which it cannot be told whether pictures look alike, where that was asked."""
        unseen = (part for part in self.parts if part.scenery is None or part.scenery.unseen)
        sources = sorted({source for part in unseen for source in part.timeline.sources})
        return [source for source in sources if self.likeness is not None and not self.likeness.can_tell(source)]

    @property
    def shots(self) -> int:
        """How many there are, shown or not."""
        return sum(part.timeline.shots for part in self.parts)

    def cells(self, part: Part) -> Iterator[Shown | told.Gap]:
        """What is shown of a part, in time order; gaps stand where the timeline has them."""
        shown: Shown | None = None
        for each in self._chosen(part):
            if shown is not None:
                if isinstance(each, Shown) and self._alike(shown, each):
                    frozen = shown.frozen or each.frozen
                    shown = shown._replace(until=each.until, shots=shown.shots + 1, frozen=frozen)
                    continue
                yield shown
            shown = each if isinstance(each, Shown) else None
            if not isinstance(each, Shown):
                yield each
        if shown is not None:
            yield shown

    def _alike(self, one: Shown, other: Shown) -> bool:
        """Whether two neighbours are to be folded."""
        if self.likeness is None:
            return False
        return (one.scene is not None and one.scene == other.scene) or self.likeness.alike(one.shot, other.shot)

    def _chosen(self, part: Part) -> Iterator[Shown | told.Gap]:
        """Gaps, and the shots that `every` leaves; it begins anew behind each gap."""
        gaps = deque(part.timeline.gaps)
        frozen = deque(each for run in part.timeline.runs for each in run.frozen or ())
        scenes = () if part.scenery is None else part.scenery.scenes
        scene = -1
        last: datetime | None = None
        for shot in self._shots(part):
            captured_at = shot.captured_at
            while gaps and gaps[0].until <= captured_at:
                yield gaps.popleft()
                last = None
            while frozen and frozen[0].last_at < captured_at:
                frozen.popleft()
            # Shots come a little early or late: one that is due but for a tenth is meant.
            if self.every is None or last is None or captured_at - last >= self.every * 0.9:
                is_frozen = bool(frozen) and frozen[0].first_at <= captured_at
                while scene + 1 < len(scenes) and scenes[scene + 1].since <= captured_at:
                    scene += 1
                kind = scenes[scene].kind if scene >= 0 else Kind.UNKNOWN
                folds = kind not in {Kind.MOVING, Kind.UNKNOWN}
                look = str(kind) if kind in USELESS else None
                yield Shown(shot, captured_at, 1, is_frozen, scene if folds else None, look)
                last = captured_at
        yield from gaps

    def _shots(self, part: Part) -> Iterator[Shot]:
        """Up to the end of the timeline, so that what a sync adds meanwhile to a session under way does not matter."""
        behind = part.timeline.until + _MILLISECOND
        until = self.selection.period.until
        times = TimeRange(self.selection.period.since, behind if until is None else min(until, behind))
        return (shot for shot, _ in self.catalog.shots.of(part.series, times))


def plan(
    catalog: Catalog,
    selection: Selection,
    *,
    terms: Terms,
    every: timedelta | None = None,
    likeness: Likeness | None = None,
    thresholds: Thresholds | None = None,
) -> Sheet:
    """Find out what a sheet of the selection shows: the timeline of each user in each session, by its beginning.

    With `thresholds`, pictures that were looked at are marked by how they look, and folded by that where `likeness` is
    wanted.  Raises `ConfigError` for a selection of everything: a sheet is of a user, a session or a channel.
    """
    if selection.uid is None and selection.sid is None and selection.cname is None:
        raise ConfigError("a sheet shows a user, a session or a channel: say --user, --session or --channel")
    found = (
        catalog.shots.all_series(selection) if selection.uid is None else catalog.shots.series(selection.uid, selection)
    )
    parts = [Part(series, timeline) for series in found for timeline in _timeline(catalog, series, selection, terms)]
    if thresholds is not None:
        parts = [
            replace(part, scenery=scenery(catalog, part.series, part.timeline, terms=terms, thresholds=thresholds))
            if was_looked_at(catalog, part.series)
            else part
            for part in parts
        ]
    return Sheet(catalog, tuple(parts), selection, every, likeness)


def _timeline(catalog: Catalog, series: Series, selection: Selection, terms: Terms) -> Iterator[Timeline]:
    one = Selection(selection.source, series.cname, series.sid, None, selection.period)
    for timeline in timelines(catalog, series.uid, one, terms=terms):
        if timeline.cname == series.cname:  # and not another spelling of it
            yield timeline


# --- Writing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """How a sheet tells what it shows."""

    zone: tzinfo
    tile: ThumbSpec
    names: Names = field(default_factory=lambda: Names({}))
    caption: Template | None = None
    """What is under each tile in place of its time."""


def write(
    sheet: Sheet,
    pictures: Pictures,
    folder: Path,
    *,
    style: Style,
    suffix: str,
    document: Callable[[SheetHead], Document],
) -> Iterator[Path]:
    """Write the files of a sheet into the folder (mode 0600, each whole or not there), yielding each when it is.

    Raises `CatalogError` if the catalog changed meanwhile so that what was counted is not there any more.
    """
    made = document(_head(sheet, style))
    digits = len(str(made.file_count))
    name = file_name(sheet, style.caption)
    try:
        for number, pieces in enumerate(made.files(_stream(sheet, pictures, style)), start=1):
            # Pages of pictures always say of how many; other files only where one is not enough.
            part = f"_{number:0{digits}}of{made.file_count}" if made.file_count > 1 or suffix in _PAGES else ""
            path = folder / f"{name}{part}.{suffix}"
            with replacing(path, force=True) as file:
                file.writelines(pieces)
            yield path
    except BrokenPromiseError as exc:
        raise CatalogError("the catalog changed while the sheet was being drawn; draw it again") from exc


_PAGES: Final = frozenset({"jpg", "png"})


def file_name(sheet: Sheet, caption: Template | None = None) -> str:
    """A name that says what is shown, with letters that are safe everywhere, and never twice for different things."""
    wanted = sheet.selection
    parts = [part for part in (wanted.cname, wanted.sid, wanted.uid) if part is not None]
    told_by: list[object] = [parts, wanted.source, wanted.period, sheet.every]
    if sheet.likeness is not None:
        told_by.append("changed")
    if caption is not None:
        told_by.append(caption.text)
    whole = repr(tuple(told_by)).encode("utf-8", "surrogatepass")
    readable = [_UNSAFE.sub("-", part).strip(".-")[:40] for part in parts]
    return f"{'_'.join(['sheet', *filter(None, readable)])}_{hashlib.sha256(whole).hexdigest()[:8]}"


def _head(sheet: Sheet, style: Style) -> SheetHead:
    """Reads all cells, and no picture."""
    blocks: list[int] = []
    tiles = gaps = 0
    marks = Marks()
    for part in sheet.parts:
        before = tiles + gaps
        for cell in sheet.cells(part):
            if isinstance(cell, Shown):
                tiles += 1
                marks.add(_tile(cell))
            else:
                gaps += 1
                marks.add(_gap(cell))
        blocks.append(tiles + gaps - before)
    wanted = sheet.selection.period
    since = wanted.since or min((part.timeline.since for part in sheet.parts), default=None)
    until = wanted.until or max((part.timeline.until for part in sheet.parts), default=None)
    facts = _facts(sheet, style.names)
    if len(sheet.parts) == 1:
        facts = chain(facts, _figures(sheet.parts[0].timeline))
    return SheetHead(
        _title(sheet, style.names),
        tuple(facts),
        since,
        until,
        tiles,
        gaps,
        sheet.shots,
        tuple(blocks) if len(blocks) > 1 else (),
        marks,
    )


def _stream(sheet: Sheet, pictures: Pictures, style: Style) -> Iterator[Block | Cell]:
    """Blocks and cells in order, with their pictures: a few are fetched ahead, whosever they are."""
    pool = ThreadPoolExecutor(_FETCHED_AT_ONCE)
    coming: deque[Future[Block | Cell]] = deque()
    try:
        for each in _planned(sheet, style):
            if len(coming) == _FETCHED_AT_ONCE:
                yield coming.popleft().result()
            coming.append(pool.submit(_cell, each, sheet.catalog, pictures, style))
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _planned(sheet: Sheet, style: Style) -> Iterator[Block | Shown | told.Gap]:
    # What the head of the sheet says of all blocks is not said again by each.
    several_channels = len({part.series.cname for part in sheet.parts}) > 1
    several_sessions = len({part.series.session_id for part in sheet.parts}) > 1
    for part in sheet.parts:
        if len(sheet.parts) > 1:
            place = [("Channel", part.series.cname)] if several_channels else []
            place += [("Session", part.series.sid)] if several_sessions else []
            yield _block(part.timeline, place, style)
        yield from sheet.cells(part)


def _title(sheet: Sheet, names: Names) -> str:
    wanted = sheet.selection
    if wanted.uid is not None:
        known = {names.name_of(part.series.cname, wanted.uid) for part in sheet.parts}
        name = known.pop() if len(known) == 1 else None
        return f"User {wanted.uid}" if name is None else f"{name} · user {wanted.uid}"
    return f"Session {wanted.sid}" if wanted.sid is not None else f"Channel {wanted.cname}"


def _facts(sheet: Sheet, names: Names) -> Iterator[tuple[str, str]]:
    for name, values in (
        ("Channel", [part.series.cname for part in sheet.parts]),
        ("Session", [part.series.sid for part in sheet.parts]),
        ("User", [_person(part.timeline, names) for part in sheet.parts]),
    ):
        distinct = list(dict.fromkeys(values))
        if distinct:
            yield name, distinct[0] if len(distinct) == 1 else f"{len(distinct)} of them"


def _figures(timeline: Timeline) -> Iterator[tuple[str, str]]:
    yield "Presence", _percent(timeline.presence)
    if timeline.capture is not None:
        yield "Capture", _percent(timeline.capture)


def _percent(share: float) -> str:
    """Cut off rather than rounded: 99.96 % is not all."""
    return f"{int(share * 1000 + 1e-9) / 10:g} %"


def _block(timeline: Timeline, place: list[tuple[str, str]], style: Style) -> Block:
    facts = [
        *place,
        ("Period", period(timeline.since, timeline.until, style.zone)),
        ("Shots", f"{timeline.shots:,}"),
        *([("Gaps", f"{len(timeline.gaps):,}")] if timeline.gaps else []),
        *_figures(timeline),
    ]
    name = style.names.name_of(timeline.cname, timeline.uid)
    title = f"User {timeline.uid}" if name is None else f"{name} · user {timeline.uid}"
    return Block(title, tuple(facts), f"{timeline.cname} · {timeline.sid}")


def _person(timeline: Timeline, names: Names) -> str:
    name = names.name_of(timeline.cname, timeline.uid)
    return timeline.uid if name is None else f"{name} · {timeline.uid}"


def _gap(gap: told.Gap) -> Gap:
    return Gap(gap.since, gap.until, gap.evidence, str(gap.cause))


def _tile(shown: Shown) -> Tile:
    """Without its picture."""
    until = shown.until if shown.shots > 1 else None
    return Tile(shown.shot.captured_at, None, None, shown.shot.bak, until, shown.shots, shown.frozen, look=shown.look)


def _caption(shot: Shot, style: Style) -> str | None:
    if style.caption is None:
        return None
    local = shot.captured_at.astimezone(style.zone)
    return style.caption.fill(
        {
            "time": f"{local:%H:%M:%S}",
            "date": f"{local:%Y-%m-%d}",
            "uid": shot.uid,
            "name": style.names.name_of(shot.cname, shot.uid) or shot.uid,
            "channel": shot.cname,
            "recorder": "original" if shot.bak is None else f"bak{shot.bak}",
            "size": "" if is_announced(shot.tier) else f"{shot.size:,} B",
        }
    )


# --- Pictures -------------------------------------------------------------------------------------------------------


def _cell(cell: Block | Shown | told.Gap, catalog: Catalog, pictures: Pictures, style: Style) -> Block | Cell:
    if isinstance(cell, Block):
        return cell
    if isinstance(cell, told.Gap):
        return _gap(cell)
    tile = replace(_tile(cell), caption=_caption(cell.shot, style))
    # The catalog knows which thumbnails show the shot as it is now; asking the storage for others may be forbidden.
    tried = list(catalog.derivatives.of_shot(cell.shot, str(style.tile)))
    if tried and tried[0] is not None:
        return replace(tile, note=tried[0])
    picture, note = _picture(cell.shot, pictures, style.tile, has_thumbnail=bool(tried))
    return replace(tile, picture=picture, note=note)


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
        return thumbnails(data, [size], listed_size=shot.size or None).made[0].jpeg, None
    except ObjectNotFoundError:
        return None, "gone"
    except BadPictureError as exc:
        return None, str(exc.reason)
