"""What a storyboard shows when: on the clock of the wall, and in the media time of a recording.  Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from indexer.agora.playlists import MediaClock, Stretch
from indexer.timeline.gaps import Cause, Gap


class Taken(Protocol):
    """A picture."""

    @property
    def captured_at(self) -> datetime:
        """Aware."""
        ...


_Shot = TypeVar("_Shot", bound=Taken)


@dataclass(frozen=True, slots=True)
class Cell(Generic[_Shot]):
    """A stretch of time, and the shot that stands for it or the gap that it is in."""

    since: datetime
    until: datetime
    shot: _Shot | None
    gap: Gap | None


def inner_gaps(gaps: Sequence[Gap]) -> Sequence[Gap]:
    """Gaps without those in which the user had not come yet, or was gone."""
    first, end = 0, len(gaps)
    while first < end and gaps[first].cause is Cause.NOT_JOINED:
        first += 1
    while end > first and gaps[end - 1].cause is Cause.LEFT:
        end -= 1
    return gaps[first:end]


def cells(
    shots: Iterable[_Shot],
    gaps: Iterable[Gap],
    *,
    begin: datetime,
    hold: timedelta,
    every: timedelta | None = None,
    end: datetime | None = None,
) -> Iterator[Cell[_Shot]]:
    """Tile the time from `begin` on, without a hole, each cell at least a millisecond long.

    Shots and gaps come in time order.  A shot stands for the time up to the next one, but before a gap only for `hold`.
    With `every`, at most one shot in so much time is shown, and the first one behind each gap.  Of shots of the same
    millisecond the first is shown.  The last shot stands for `hold`, though not beyond `end`.
    """
    current: tuple[datetime, _Shot | None, Gap | None] | None = None
    last_end = begin
    for moment, until, shot, gap in _events(shots, gaps, hold, every):
        last_end = max(last_end, until)
        if current is None:
            current = begin, shot, gap
        elif moment > current[0] and (shot is not None or gap is not None):
            yield Cell(current[0], moment, current[1], current[2])
            current = moment, shot, gap
    if current is not None:
        last_end = last_end if end is None else min(last_end, end)
        yield Cell(current[0], max(last_end, current[0] + _LEAST), current[1], current[2])


_LEAST: Final = timedelta(milliseconds=1)


def _events(
    shots: Iterable[_Shot], gaps: Iterable[Gap], hold: timedelta, every: timedelta | None
) -> Iterator[tuple[datetime, datetime, _Shot | None, Gap | None]]:
    """When what begins to be shown, and how far it reaches by itself; neither shot nor gap if nothing changes."""
    coming = iter(gaps)
    gap = next(coming, None)
    last: datetime | None = None
    shown: datetime | None = None
    for shot in shots:
        while gap is not None and gap.since < shot.captured_at:
            yield _begin(gap, last, hold), gap.until, None, gap
            gap, shown = next(coming, None), None
        last = shot.captured_at
        # Shots come a little early or late: one that is due but for a tenth is meant.
        if every is None or shown is None or last - shown >= every * 0.9:
            shown = last
            yield last, last + hold, shot, None
        else:
            yield last, last + hold, None, None
    while gap is not None:
        yield _begin(gap, last, hold), gap.until, None, gap
        gap = next(coming, None)


def _begin(gap: Gap, last: datetime | None, hold: timedelta) -> datetime:
    """A gap begins with a shot, which is still to be seen; only where one was removed meanwhile does it not."""
    return gap.since if last is None or gap.since > last else min(gap.since + hold, gap.until - _LEAST)


# --- Media time -----------------------------------------------------------------------------------------------------


class Placed(NamedTuple):
    """A cell as it matters to another clock."""

    since: datetime
    until: datetime
    left_out: bool
    """A shot that was taken while nothing was recorded."""


class Cue(NamedTuple):
    """A stretch of media time in ms, and the number of the cell that is shown; None if none is."""

    start_ms: int
    end_ms: int
    cell: int | None


def left_out(cell: Cell[_Shot], clock: MediaClock) -> bool:
    """Whether the cell's shot is in no recording."""
    return cell.shot is not None and clock.media_at(cell.shot.captured_at) is None


def media_cues(placed: Sequence[Placed], clock: MediaClock, *, pause: timedelta) -> list[Cue]:
    """Tile media time from 0 to its end with cells, which tile a stretch of the wall in time order.

    Where no cell is, none is shown; but up to a `pause` at an end of a stretch the neighbouring cell is.  Two recorders
    at work at the same time show the same cells, each in its place.
    """
    found: list[Cue] = []
    for stretch in clock.stretches:
        for cue in _within(stretch, placed, pause):
            last = found[-1] if found else None
            if last is not None and last.cell == cue.cell:
                found[-1] = Cue(last.start_ms, cue.end_ms, cue.cell)
            elif cue.end_ms > cue.start_ms:
                found.append(cue)
    return found


def _within(stretch: Stretch, placed: Sequence[Placed], pause: timedelta) -> list[Cue]:
    pieces: list[tuple[timedelta, int | None]] = []
    since, until = stretch.since, stretch.until
    if since is None or until is None:
        pieces.append((timedelta(), None))
    else:
        index = max(0, bisect_right(placed, since, key=lambda each: each.since) - 1)
        reached = since
        while index < len(placed) and placed[index].since < until:
            cell = placed[index]
            if cell.until > reached:
                if cell.since > reached:
                    pieces.append((reached - since, None))
                    reached = cell.since
                pieces.append((reached - since, None if cell.left_out else index))
                reached = cell.until
            index += 1
        if reached < until:
            pieces.append((reached - since, None))
    ends = [*(start for start, _ in pieces[1:]), stretch.length]
    if len(pieces) > 1 and pieces[0][1] is None and ends[0] <= pause:
        pieces[:2], ends[:2] = [(pieces[0][0], pieces[1][1])], [ends[1]]
    if len(pieces) > 1 and pieces[-1][1] is None and ends[-1] - pieces[-1][0] <= pause:
        pieces.pop()
        ends[-2:] = [stretch.length]
    return [
        Cue(_ms(stretch.at + start), _ms(stretch.at + end), cell)
        for (start, cell), end in zip(pieces, ends, strict=True)
    ]


def _ms(place: timedelta) -> int:
    return place // timedelta(milliseconds=1)
