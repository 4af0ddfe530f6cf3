"""Storyboards of series: sprites, WebVTT on the clock of the wall and in media time, and JSON that says what is what.

The coordinator plans, workers fetch and draw a sprite each, and the texts of a series are written when its last sprite
is there.  Sprites are called by what they show: an older WebVTT stays right until the new one has replaced it.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.compute.processes import Done, Lost, carry_out
from indexer.derived import thumbnail_key
from indexer.jobs.lookup import Terms
from indexer.jobs.media import Media, media_of
from indexer.jobs.storyboard_drawing import Drawn, Task, Tile, draw
from indexer.jobs.storyboard_files import VERSION, Files, Result, Wanted, Writing, earlier_sprites
from indexer.jobs.storyboard_plan import (
    Places,
    Plan,
    Wishes,
    plans,
    sheets,
    thumbnails_of,
    unreadable,
)
from indexer.jobs.written import remove_forgotten
from indexer.model import Selection, Shot, TimeRange
from indexer.render.thumbnail import ThumbSpec
from indexer.render.webvtt import LONGEST_MS, timestamp
from indexer.storage.base import ObjectStore
from indexer.storage.urls import open_store

TIME_LIMIT_S: Final = 600.0
"""For a sprite with its transfers: hundreds of pictures at most, each a hundredth of a second and two round trips."""

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Follow:
    """How a run is followed and stopped."""

    check: Callable[[], None] = lambda: None
    """Called between two sprites; raises `InterruptedRunError` to end the run there."""
    progress: Callable[[int, int | None], None] = lambda _done, _total: None
    """Called after every sprite with the tiles that are drawn, and how many there are in all if that is known."""


def make(
    catalog: Catalog,
    selection: Selection,
    wishes: Wishes,
    places: Places,
    *,
    terms: Terms,
    workers: int,
    follow: Follow,
    again: bool = False,
    time_limit_s: float = TIME_LIMIT_S,
) -> Iterator[Result]:
    """Make the storyboards of a selection's series, yielding each when its files are written, in no certain order.

    A series of which an earlier run has written the same is left alone, unless it is to be made `again`.  What cannot
    be shown is a failed result; raised is what storages and the file system raise.  Nothing is left half-written.
    """
    run = _Run(catalog, wishes, places, terms, again=again)
    total = None
    done = 0
    if wishes.every is None and selection.period == TimeRange():
        found = catalog.shots
        every = found.all_series(selection) if selection.uid is None else found.series(selection.uid, selection)
        total = sum(series.most_shots for series in every)
    try:
        # Series that need nothing are told when others are: the plan is read as far as workers get.
        for task, result in _carried_out(run.tasks(selection), workers=workers, time_limit_s=time_limit_s):
            done += sum(tile.cause is None for tile in task.tiles)
            yield from run.take(task, result)
            follow.progress(done, total)
            follow.check()
        yield from run.rest()
    finally:
        run.close()


def _carried_out(tasks: Iterator[Task], *, workers: int, time_limit_s: float) -> Iterator[Done[Task, Drawn]]:
    """The tasks with their results, by workers; a single one is done here, because to start a worker takes longer."""
    first = list(islice(tasks, 2))
    if len(first) == 1:
        yield Done(first[0], draw(first[0]))
    elif first:
        yield from carry_out(draw, chain(first, tasks), workers=workers, timeout_s=time_limit_s)


class _Run:
    """The series that are at work."""

    def __init__(self, catalog: Catalog, wishes: Wishes, places: Places, terms: Terms, *, again: bool) -> None:
        self._catalog = catalog
        self._again = again
        self._wishes = wishes
        self._places = places
        self._terms = terms
        self._writing: dict[int, Writing] = {}
        self._told: list[Result] = []
        self._stores: dict[str, ObjectStore] = {}
        self._earlier: dict[str, frozenset[str]] = {}

    def tasks(self, selection: Selection) -> Iterator[Task]:
        """All sprites of all series that are to be drawn."""
        remove_forgotten(self._places.folder, now=self._terms.now)
        self._earlier = earlier_sprites(self._places.folder)
        if self._wishes.media:
            self._stores = {
                name: open_store(address.location, address.options) for name, address in self._places.origins.items()
            }
        for number, plan in enumerate(plans(self._catalog, selection, self._wishes, self._terms)):
            media = media_of(self._catalog, plan.series, self._stores) if self._wishes.media else Media()
            result, stem = _result(plan, media), plan.stem
            files = Files(self._places.folder, stem, self._earlier.get(stem, frozenset()))
            wanted = _wanted(plan, media, result, files)
            held = None if self._again else files.hold(wanted)
            if result.wall > timedelta(milliseconds=LONGEST_MS):
                result.state = "failed"
                result.failure = (
                    f"it lasts {timestamp(result.wall // _MILLISECOND)}, and players read no more than "
                    f"{timestamp(LONGEST_MS)}: narrow it by --since and --until"
                )
                self._told.append(result)
            elif held is not None:
                result.state = "there"
                result.vtt, result.json = files.vtt, files.json
                result.media_vtt = files.media_vtt if wanted.media else None
                result.flawed = held
                self._told.append(result)
            else:
                self._writing[number] = Writing(plan, media, result, wanted.inputs, files)
                yield from self._tasks_of(number, plan)

    def _tasks_of(self, number: int, plan: Plan) -> Iterator[Task]:
        writing = self._writing[number]
        every = sheets(plan.cells(), self._wishes.board)
        ahead = next(every, None)
        while ahead is not None:
            sheet, ahead = ahead, next(every, None)
            file = writing.expect(sheet, is_last=ahead is None)
            thumbnails = thumbnails_of(plan, sheet, self._places)
            yield Task(
                number,
                sheet.number,
                self._wishes.board,
                tuple(self._tile(tile, thumbnails) for tile in sheet.tiles),
                self._places.origins,
                self._places.thumbnails,
                str(self._places.folder / file),
            )

    def _tile(self, tile: Shot | str, thumbnails: dict[tuple[str, str], ThumbSpec]) -> Tile:
        if isinstance(tile, str):
            return Tile(cause=tile)
        spec = thumbnails.get((tile.source, tile.key))
        thumbnail = None if spec is None else thumbnail_key(tile.source, tile.key, str(spec))
        return Tile(tile.source, tile.key, tile.size, thumbnail, unreadable=unreadable(tile, self._places))

    def take(self, task: Task, drawn: Drawn | Lost) -> Iterator[Result]:
        """A sprite is done; tells the series that are done with it."""
        writing = self._writing[task.series]
        writing.take(task.number, None if isinstance(drawn, Lost) else drawn)
        if writing.is_done:
            del self._writing[task.series]
            yield writing.end()
        yield from self.rest()

    def rest(self) -> Iterator[Result]:
        """Series that needed no sprite."""
        while self._told:
            yield self._told.pop(0)

    def close(self) -> None:
        """Leave nothing of what is unfinished."""
        for writing in self._writing.values():
            writing.close()


def _result(plan: Plan, media: Media) -> Result:
    each = plan.series
    result = Result(each.cname, each.sid, each.uid)
    result.notes += media.notes
    result.media_failure = media.failure
    if media.clock is not None:
        result.media = media.clock.length
        if media.clock.length > timedelta(milliseconds=LONGEST_MS):
            result.media_failure = f"its recording lasts longer than {timestamp(LONGEST_MS)}, and players read no more"
    return result


def _wanted(plan: Plan, media: Media, result: Result, files: Files) -> Wanted:
    """What the files of a series are made from, and which they are; counts it into the result."""
    whole = hashlib.sha256()
    sprites: set[str] = set()
    about = (VERSION, str(plan.wishes.board), plan.wishes.base_url, plan.begin, media.playlists, media.failure)
    stretches = () if media.clock is None else media.clock.stretches
    whole.update(repr((about, stretches)).encode("utf-8", "surrogatepass"))
    end = plan.begin
    for sheet in sheets(plan.cells(), plan.wishes.board):
        times = [(cell.since, cell.until, cell.gap and (cell.gap.cause, cell.gap.evidence)) for cell in sheet.cells]
        whole.update(repr((times, sheet.slots, sheet.digest())).encode("utf-8", "surrogatepass"))
        result.sprites += 1
        sprites.add(files.sprite(sheet))
        result.gaps += sum(cell.gap is not None for cell in sheet.cells)
        result.tiles += sum(cell.shot is not None for cell in sheet.cells)
        end = sheet.cells[-1].until
    result.wall = end - plan.begin
    shows_media = media.clock is not None and result.media_failure is None
    return Wanted(whole.hexdigest(), frozenset(sprites), plan.wishes.board.tile, shows_media)
