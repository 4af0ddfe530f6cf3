"""Runs, gaps and the capture interval."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexer.timeline import SAMPLE, capture_interval, longest_pause, runs

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Taken:
    captured_at: datetime
    bak: int | None = None


def after(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


baks = st.none() | st.integers(0, 3)
distances_ms = st.integers(0, 30_000)
pauses = st.integers(0, 30_000).map(lambda ms: timedelta(milliseconds=ms))


@st.composite
def a_series(draw: st.DrawFn) -> list[Taken]:
    """In time order; shots of several recorders may be of one millisecond."""
    moment = 0
    taken = []
    for distance in draw(st.lists(distances_ms, max_size=40)):
        moment += distance
        taken.append(Taken(after(moment), draw(baks)))
    return taken


@given(a_series(), pauses)
def test_runs_tile_the_series(series: list[Taken], pause: timedelta) -> None:
    left = iter(series)
    for run in runs(series, pause=pause):
        shots = [next(left) for _ in range(run.shots)]
        assert (run.first_at, run.last_at) == (shots[0].captured_at, shots[-1].captured_at)
        assert run.baks == tuple(dict.fromkeys(shot.bak for shot in shots))
        assert run.length == run.last_at - run.first_at
        assert all(later.captured_at - earlier.captured_at <= pause for earlier, later in pairwise(shots))
    assert list(left) == []


@given(a_series(), pauses)
def test_gaps_are_longer_than_the_pause_and_lie_between_the_runs(series: list[Taken], pause: timedelta) -> None:
    found = list(runs(series, pause=pause))
    assert [run.gap_before for run in found[:1]] == [None] * bool(series)
    for before, behind in pairwise(found):
        assert behind.gap_before == behind.first_at - before.last_at
        assert behind.gap_before > pause


@given(a_series(), pauses, pauses)
def test_a_longer_pause_makes_no_more_runs(series: list[Taken], one: timedelta, other: timedelta) -> None:
    counts = [sum(1 for _ in runs(series, pause=pause)) for pause in sorted([one, other])]
    assert counts == sorted(counts, reverse=True)


def test_runs_come_as_soon_as_they_end() -> None:
    endless = (Taken(after(number * 1000 + number // 5 * 60_000)) for number in count())
    found = runs(endless, pause=timedelta(seconds=2))
    assert [next(found).shots for _ in range(3)] == [5, 5, 5]


def test_a_failover_without_a_gap_stays_one_run_of_two_recorders() -> None:
    taken = [
        Taken(after(0)),
        Taken(after(10_000)),
        Taken(after(15_000), 0),
        Taken(after(20_000)),
        Taken(after(25_000), 0),
    ]
    (run,) = runs(taken, pause=timedelta(seconds=15))
    assert (run.shots, run.baks) == (5, (None, 0))


@given(st.integers(1_000, 3_600_000), st.integers(2, 50), st.integers(0, 10**12))
def test_the_interval_of_a_regular_series_is_exact(interval_ms: int, shots: int, start_ms: int) -> None:
    moments = [after(start_ms + number * interval_ms) for number in range(shots)]
    assert capture_interval(moments) == timedelta(milliseconds=interval_ms)


@given(
    st.integers(1_000, 60_000),
    st.integers(6, 60),
    st.lists(st.integers(1, 100), max_size=2),
    st.lists(st.integers(-80, 80), min_size=60, max_size=60),
)
def test_gaps_and_jitter_hardly_move_the_interval(
    interval_ms: int, shots: int, gaps: list[int], jitter: list[int]
) -> None:
    moments, moment = [], 1000
    for number in range(shots):
        moments.append(after(moment + jitter[number]))
        moment += interval_ms * (1 + (gaps[number] if number < len(gaps) else 0))
    found = capture_interval(moments)
    assert found is not None
    assert abs(found - timedelta(milliseconds=interval_ms)) <= timedelta(milliseconds=160)


@given(a_series())
def test_the_interval_is_one_that_agora_can_be_told(series: list[Taken]) -> None:
    found = capture_interval(taken.captured_at for taken in series)
    if len({taken.captured_at for taken in series}) < 2:
        assert found is None
    else:
        assert found is not None
        assert timedelta(seconds=1) <= found <= timedelta(hours=1)


def test_no_more_than_a_sample_is_read_for_the_interval() -> None:
    moments = (after(number * 5_000) for number in count())
    assert capture_interval(moments) == timedelta(seconds=5)
    assert next(moments) == after(SAMPLE * 5_000)


@given(st.integers(1_000, 3_600_000))
def test_one_missing_shot_is_a_gap_and_jitter_is_none(interval_ms: int) -> None:
    interval = timedelta(milliseconds=interval_ms)
    pause = longest_pause(interval)
    assert pause >= interval + timedelta(milliseconds=500)
    if interval_ms > 2_000:
        assert pause < 2 * interval
