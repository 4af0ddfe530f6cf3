"""From shots to runs and gaps.  Pure: times in, values out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from statistics import median
from typing import Final, Protocol

from indexer.model import to_ms

SAMPLE: Final = 1_000
"""Shots from which the capture interval is inferred: hours of a series, read before anything is shown of it."""

_SHORTEST_MS: Final = 1_000
_LONGEST_MS: Final = 3_600_000
# captureInterval goes from 1 s to 3,600 s (Agora's start request).


class Captured(Protocol):
    """What a series is made of."""

    @property
    def captured_at(self) -> datetime:
        """Aware."""
        ...

    @property
    def bak(self) -> int | None:
        """Number of the failover recorder that took it."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a series without a gap."""

    first_at: datetime
    last_at: datetime
    shots: int
    baks: tuple[int | None, ...]
    """The recorders it was taken by, in the order of their first shot; None is the original one."""
    gap_before: timedelta | None
    """Time since the run before; None for the first."""

    @property
    def length(self) -> timedelta:
        """From the first shot to the last."""
        return self.last_at - self.first_at


def capture_interval(times: Iterable[datetime]) -> timedelta | None:
    """The time between two shots, as the median of the distances between neighbours; None with fewer than two.

    Robust as long as fewer than half of the distances are gaps or failover overlaps.  `times` are in order; only the
    first `SAMPLE` are read.  The result lies within what Agora can be told, 1 s to 3,600 s.
    """
    moments = [to_ms(moment) for moment in islice(times, SAMPLE)]
    distances = [later - earlier for earlier, later in pairwise(moments) if later > earlier]
    if not distances:
        return None
    return timedelta(milliseconds=min(max(median(distances), _SHORTEST_MS), _LONGEST_MS))


def longest_pause(interval: timedelta) -> timedelta:
    """The longest distance of two shots that is no gap: with one and a half intervals, one is missing.

    At intervals below four seconds two seconds are allowed on top of one, because jitter would look like a gap there.
    """
    return max(interval * 1.5, interval + timedelta(seconds=2))


def runs(series: Iterable[Captured], *, pause: timedelta) -> Iterator[Run]:
    """Cut a series, in time order, where two neighbours are further apart than `pause`.  Holds nothing but a run."""
    first = last = None
    shots = 0
    baks: list[int | None] = []
    gap_before: timedelta | None = None
    for shot in series:
        if first is not None and last is not None and shot.captured_at - last > pause:
            yield Run(first, last, shots, tuple(baks), gap_before)
            gap_before = shot.captured_at - last
            first, shots, baks = None, 0, []
        first = first or shot.captured_at
        last = shot.captured_at
        shots += 1
        if shot.bak not in baks:
            baks.append(shot.bak)
    if first is not None and last is not None:
        yield Run(first, last, shots, tuple(baks), gap_before)
