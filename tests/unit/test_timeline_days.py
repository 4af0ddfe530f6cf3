"""Days of a time zone, and what sessions at the same time come to."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.model import TimeRange
from indexer.timeline.days import folded, part_of, union, usable
from indexer.timeline.figures import Timeline, capture, presence
from indexer.timeline.gaps import Cause, Gap
from indexer.timeline.series import CaptureInterval, Run

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def _at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def _timeline(*pieces: tuple[float, float, bool]) -> Timeline:
    """Of stretches in minutes, with shots or without; there is a shot a minute."""
    runs = [Run(_at(since), _at(until), int(until - since) + 1, (None,)) for since, until, on in pieces if on]
    gaps = [
        Gap(_at(since), _at(until), int(until - since) - 1, Cause.CAMERA_OFF, "", on=False)
        for since, until, on in pieces
        if not on
    ]
    since, until = _at(pieces[0][0]), _at(pieces[-1][1])
    return Timeline(
        uid="7",
        cname="room",
        sid="0",
        sources=("a",),
        since=since,
        until=until,
        interval=None,
        shots=sum(run.shots for run in runs),
        runs=tuple(runs),
        gaps=tuple(gaps),
        presence=presence(runs, gaps, span=until - since),
        capture=capture(runs, gaps),
        concurrent=(),
    )


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([[(0, 10, True)]], 1.0),
        ([[(0, 5, True), (5, 10, False)]], 0.5),
        # One behind the other: the longer one counts for more, and the break between them is nobody's.
        ([[(0, 30, True)], [(60, 70, False)]], 0.75),
        # At the same time: off in one and on in the other is on.
        ([[(0, 10, False)], [(0, 10, True)]], 1.0),
        ([[(0, 5, True), (5, 10, False)], [(5, 10, False), (10, 20, True)]], 0.75),
        ([[(0, 0, True)], [(0, 0, True)]], 1.0),
    ],
)
def test_the_presence_of_a_day_counts_no_time_twice(
    sessions: list[list[tuple[float, float, bool]]], expected: float
) -> None:
    day = folded(NOON.date(), [_timeline(*pieces) for pieces in sessions])
    assert day.presence == pytest.approx(expected)
    assert day.shots == sum(series.shots for series in day.timelines)


def test_what_has_expired_counts_on_a_day_as_in_a_session() -> None:
    series = _timeline((0, 10, True), (10, 50, False), (50, 60, True))
    # Seven of forty minutes' pictures were removed: eight minutes are accounted for.
    expired = tuple(replace(gap, cause=Cause.EXPIRED, missing=7, on=True) for gap in series.gaps)
    minute = timedelta(minutes=1)
    share = presence(series.runs, expired, span=series.until - series.since, interval=minute)
    series = replace(series, gaps=expired, presence=share, interval=CaptureInterval(minute, 1.0))
    assert share == pytest.approx(28 / 60)
    beside = replace(_timeline((0, 1, True)), sid="1")
    assert folded(NOON.date(), [series]).presence == pytest.approx(share)
    assert folded(NOON.date(), [series, beside]).presence == pytest.approx(share)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 20)), max_size=12))
def test_a_union_covers_the_same_minutes_in_order_and_apart(found: list[tuple[int, int]]) -> None:
    stretches = [(_at(since), _at(since + length)) for since, length in found]
    merged = list(union(stretches))
    assert all(one[1] < other[0] for one, other in pairwise(merged))
    for minute in range(125):
        moment = _at(minute)
        assert any(since <= moment <= until for since, until in merged) == any(
            since <= moment <= until for since, until in stretches
        )


@pytest.mark.parametrize(
    ("day", "since", "hours"),
    [
        (date(2026, 10, 24), datetime(2026, 10, 23, 22, tzinfo=UTC), 24),
        (date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        (date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
    ],
)
def test_a_day_on_which_the_clock_is_turned_is_longer_or_shorter(day: date, since: datetime, hours: int) -> None:
    assert part_of(TimeRange(), day, BERLIN) == TimeRange(since, since + timedelta(hours=hours))
    middle = since + timedelta(hours=5)
    assert part_of(TimeRange(middle, None), day, BERLIN).since == middle
    assert part_of(TimeRange(None, middle), day, BERLIN) == TimeRange(since, middle)


def test_the_last_day_of_all_calendars_has_no_end() -> None:
    assert part_of(TimeRange(), date.max, UTC).until is None
    ends = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    assert usable(BERLIN, (ends[0], ends[0])) is UTC
    assert usable(BERLIN, (ends[1], ends[1])) is UTC
    assert usable(BERLIN, (NOON, NOON)) is BERLIN
