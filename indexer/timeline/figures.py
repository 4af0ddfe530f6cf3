"""A user's timeline, and the two figures that sum it up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from indexer.timeline.gaps import Cause, Gap
from indexer.timeline.series import CaptureInterval, Run


@dataclass(frozen=True, slots=True)
class Timeline:
    """One user in one session, within the asked period."""

    uid: str
    cname: str
    sid: str
    sources: tuple[str, ...]
    since: datetime
    """The session's beginning, or the asked period's; the first shot, where nothing is missing before it."""
    until: datetime
    """The session's end, or the asked period's; the last shot, where nothing is missing behind it."""
    interval: CaptureInterval | None
    """None with too few shots to tell."""
    shots: int
    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...]
    """Runs and gaps tile [since, until]."""
    presence: float
    """0 to 1: share of the time in which the camera was on; at least so much, where gaps are undecided."""
    capture: float | None
    """0 to 1: share of the moments that one expects while the camera was on; None if one expects none."""
    concurrent: tuple[str, ...] | None = None
    """Other channels in which the same uid has shots at the same time; None where nobody asked for them."""


def on(
    runs: Sequence[Run], gaps: Sequence[Gap], *, interval: timedelta | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches in which the camera was on, as far as that is known.

    Gaps of which it is not known count as off, and of what has expired no more than the removed pictures account for.
    """
    for run in runs:
        yield run.first_at, run.last_at
    for gap in gaps:
        if gap.cause is Cause.EXPIRED and interval is not None:
            yield gap.since, gap.since + min(gap.length, interval * (gap.missing + 1))
        elif gap.on:
            yield gap.since, gap.until


def presence(runs: Sequence[Run], gaps: Sequence[Gap], *, span: timedelta, interval: timedelta | None = None) -> float:
    """The share of the span in which the camera was on; at least so much."""
    if not span:
        return 1.0 if runs else 0.0
    return min(1.0, sum((until - since for since, until in on(runs, gaps, interval=interval)), timedelta()) / span)


def capture(runs: Sequence[Run], gaps: Sequence[Gap]) -> float | None:
    """The share of the expected moments that were captured, where the camera is known to have been on.

    What has been removed was captured.  Moments that two recorders took count once.
    """
    expired = sum(gap.missing for gap in gaps if gap.cause is Cause.EXPIRED)
    captured = sum(run.moments for run in runs) + expired
    lost = sum(run.missing for run in runs)
    lost += sum(gap.missing for gap in gaps if gap.on and gap.cause is not Cause.EXPIRED)
    return captured / (captured + lost) if captured + lost else None
