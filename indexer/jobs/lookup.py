"""What a user showed, ready to be told: shots as they come, and runs of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Position, Series
from indexer.model import Selection, Shot
from indexer.timeline import SAMPLE, Run, capture_interval, longest_pause, runs


@dataclass(frozen=True, slots=True)
class SeriesRuns:
    """The runs of one user in one session, within the asked period."""

    uid: str
    cname: str
    sid: str
    interval: timedelta | None
    """Time between two shots; None if there are too few shots to tell."""
    interval_is_configured: bool
    runs: tuple[Run, ...]

    @property
    def shots(self) -> int:
        """Shots of all runs."""
        return sum(run.shots for run in self.runs)


def shots_of_user(
    catalog: Catalog, uid: str, selection: Selection, *, after: Position | None = None
) -> Iterator[tuple[Shot, Position]]:
    """A user's shots session by session, in time order within each, with the positions to go on from."""
    for series in catalog.shots.series(uid, selection):
        yield from catalog.shots.of(series, selection.period, after=after)


def runs_of_user(
    catalog: Catalog, uid: str, selection: Selection, *, intervals_s: Mapping[str, int | None]
) -> Iterator[SeriesRuns]:
    """A user's runs session by session; a session without a shot in the period is left out.

    `intervals_s` are the capture intervals that are configured, by source; where a series' source has none, it is
    inferred.
    """
    for series in catalog.shots.series(uid, selection):
        found = runs_of_series(catalog, series, selection, intervals_s=intervals_s)
        if found.runs:
            yield found


def runs_of_series(
    catalog: Catalog, series: Series, selection: Selection, *, intervals_s: Mapping[str, int | None]
) -> SeriesRuns:
    """Cut one series into runs, reading it once."""
    shots = (shot for shot, _ in catalog.shots.of(series, selection.period))
    configured = {intervals_s.get(part.source) for part in series.streams}
    interval_s = configured.pop() if len(configured) == 1 else None
    if interval_s is not None:
        interval: timedelta | None = timedelta(seconds=interval_s)
    else:
        first = list(islice(shots, SAMPLE))
        interval = capture_interval(shot.captured_at for shot in first)
        shots = (shot for part in (first, shots) for shot in part)
    # Without an interval all shots are of one millisecond, or there is one: any pause will do.
    pause = longest_pause(interval) if interval else timedelta(0)
    return SeriesRuns(
        series.uid, series.cname, series.sid, interval, interval_s is not None, tuple(runs(shots, pause=pause))
    )
