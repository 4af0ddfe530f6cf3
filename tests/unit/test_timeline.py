"""Series: folding, the capture interval, runs and the holes between them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from indexer.model import ANNOUNCED
from indexer.timeline.series import (
    SAMPLE,
    STILL,
    Frozen,
    Hole,
    Origin,
    Run,
    capture_interval,
    fold,
    longest_pause,
    missing_between,
    pieces,
    usual_lag,
)
from tests.captured import Taken

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
TEN_SECONDS = timedelta(seconds=10)


def after(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


def at(*seconds: float, bak: int | None = None) -> list[Taken]:
    return [Taken(after(round(second * 1000)), bak) for second in seconds]


def cut(shots: Sequence[Taken], interval: timedelta | None = TEN_SECONDS) -> list[Run | Hole]:
    return list(pieces(shots, since=shots[0].captured_at, until=shots[-1].captured_at, interval=interval))


def runs(shots: Sequence[Taken], interval: timedelta | None = TEN_SECONDS) -> list[Run]:
    return [piece for piece in cut(shots, interval) if isinstance(piece, Run)]


baks = st.none() | st.integers(0, 3)
distances_ms = st.integers(0, 30_000)
intervals = st.integers(1_000, 20_000).map(lambda ms: timedelta(milliseconds=ms))


@st.composite
def a_series(draw: st.DrawFn, min_size: int = 0) -> list[Taken]:
    """Folded; shots of several recorders may be of one millisecond."""
    moment = 0
    taken = set()
    for distance in draw(st.lists(distances_ms, min_size=min_size, max_size=40)):
        moment += distance
        taken.add(Taken(after(moment), draw(baks), directory=draw(st.sampled_from(["", "copy/"]))))
    return list(fold([taken_one] for taken_one in taken))


# Folding.


@given(a_series(), st.randoms())
def test_the_order_of_parts_changes_nothing(series: list[Taken], chance: object) -> None:
    parts: dict[tuple[int | None, str], list[Taken]] = {}
    for shot in series:
        parts.setdefault((shot.bak, shot.directory), []).append(shot)
    shuffled = list(parts.values())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(fold(shuffled)) == series
    assert [shot.captured_at for shot in series] == sorted(shot.captured_at for shot in series)


def test_shots_of_one_millisecond_have_one_order() -> None:
    parts = [at(0, 10), at(0, 10, bak=0), at(0, bak=1)]
    assert len({tuple(fold(order)) for order in permutations(parts)}) == 1


# Runs and holes.


@given(a_series(min_size=1), intervals)
def test_runs_and_holes_tile_the_series(series: list[Taken], interval: timedelta) -> None:
    left = iter(series)
    found = cut(series, interval)
    pause = longest_pause(interval)
    for piece in found:
        if isinstance(piece, Run):
            shots = [next(left) for _ in range(piece.shots)]
            assert (piece.first_at, piece.last_at) == (shots[0].captured_at, shots[-1].captured_at)
            assert piece.baks == tuple(dict.fromkeys(shot.bak for shot in shots))
            assert piece.length == piece.last_at - piece.first_at
            assert all(later.captured_at - earlier.captured_at <= pause for earlier, later in pairwise(shots))
            assert 1 <= piece.moments <= piece.shots
    assert list(left) == []
    for one, other in pairwise(found):
        if isinstance(one, Run):
            assert isinstance(other, Hole)
            assert other.since == one.last_at
        else:
            assert isinstance(other, Run)
            assert one.until == other.first_at
            assert one.until - one.since > pause


@given(a_series(min_size=1), st.integers(0, 60_000), st.integers(0, 60_000), intervals)
def test_holes_reach_to_the_span_only_where_something_is_missing(
    series: list[Taken], early_ms: int, late_ms: int, interval: timedelta
) -> None:
    first, last = series[0].captured_at, series[-1].captured_at
    since, until = first - timedelta(milliseconds=early_ms), last + timedelta(milliseconds=late_ms)
    found = list(pieces(series, since=since, until=until, interval=interval))
    pause = longest_pause(interval)
    assert (found[0] == Hole(since, first, None, series[0])) == (first - since > pause)
    assert (found[-1] == Hole(last, until, series[-1], None)) == (until - last > pause)


def test_of_a_part_of_a_series_holes_reach_to_the_neighbours() -> None:
    before, inside, behind = at(0), at(60, 70), at(75)
    found = list(
        pieces(inside, since=after(-9_000), until=after(99_000), interval=TEN_SECONDS, before=before, after=behind)
    )
    assert found == [
        Hole(before[0].captured_at, inside[0].captured_at, before[0], inside[0]),
        Run(inside[0].captured_at, inside[1].captured_at, 2, (None,)),
    ]


@given(a_series(min_size=1), intervals, intervals)
def test_a_longer_interval_makes_no_more_runs(series: list[Taken], one: timedelta, other: timedelta) -> None:
    counts = [len(runs(series, interval)) for interval in sorted([one, other])]
    assert counts == sorted(counts, reverse=True)


def test_pieces_come_as_soon_as_they_end() -> None:
    endless = (Taken(after(number * 1000 + number // 5 * 60_000)) for number in count())
    found = pieces(endless, since=NOON, until=NOON + timedelta(days=9), interval=timedelta(seconds=1))
    runs_found = (piece for piece in found if isinstance(piece, Run))
    assert [next(runs_found).shots for _ in range(3)] == [5, 5, 5]


def test_a_failover_without_a_gap_stays_one_run_and_no_moment_counts_twice() -> None:
    taken = list(fold([at(0, 10, 20), at(13, 23, 33, bak=0)]))
    (run,) = runs(taken)
    assert (run.shots, run.baks, run.overlapping, run.moments) == (6, (None, 0), 2, 4)


@given(st.integers(0, 9_999), st.integers(2, 30))
def test_two_recorders_side_by_side_make_as_many_moments_as_one(offset_ms: int, shots: int) -> None:
    first = [Taken(after(number * 10_000)) for number in range(shots)]
    second = [Taken(after(number * 10_000 + offset_ms), 0) for number in range(shots)]
    (run,) = runs(list(fold([first, second])))
    assert run.shots == 2 * shots
    assert shots <= run.moments <= shots + 1


def test_a_copy_in_another_directory_is_no_second_moment() -> None:
    copies = [Taken(shot.captured_at, directory="copy/") for shot in at(0, 10, 20)]
    (run,) = runs(list(fold([at(0, 10, 20), copies])))
    assert (run.shots, run.overlapping) == (6, 3)


# Frozen pictures.


def test_equal_pictures_in_a_row_are_frozen_where_etags_tell() -> None:
    etags = ["a", "b", "b", "b", "c", "c", "d"]
    shots = [Taken(after(10_000 * number), etag=etag) for number, etag in enumerate(etags)]
    (known,) = pieces(shots, since=NOON, until=after(60_000), interval=TEN_SECONDS, md5_sources={"prod"})
    (not_known,) = pieces(shots, since=NOON, until=after(60_000), interval=TEN_SECONDS, md5_sources={"test"})
    assert isinstance(known, Run)
    assert isinstance(not_known, Run)
    assert known.frozen == (Frozen(after(10_000), after(30_000), STILL),)
    assert not_known.frozen is None


def test_pictures_of_another_size_are_not_equal() -> None:
    shots = [Taken(after(10_000 * number), etag="a", size=number) for number in range(5)]
    (run,) = pieces(shots, since=NOON, until=NOON, interval=TEN_SECONDS, md5_sources={"prod"})
    assert isinstance(run, Run)
    assert run.frozen == ()


def test_pictures_that_only_callbacks_told_of_are_never_frozen_nor_late() -> None:
    shots = [Taken(after(10_000 * n), etag="", size=0, tier=ANNOUNCED, lag=timedelta(hours=2)) for n in range(5)]
    (run,) = pieces(
        shots, since=shots[0].captured_at, until=shots[-1].captured_at, interval=TEN_SECONDS, md5_sources={"prod"}
    )
    assert isinstance(run, Run)
    assert (run.shots, run.frozen) == (5, ())
    assert usual_lag(shots) == timedelta(0)
    assert usual_lag([*shots, Taken(after(50_000))]) == timedelta(seconds=2)


def test_what_two_recorders_saw_of_one_moment_is_not_frozen() -> None:
    shots = list(fold([[Taken(shot.captured_at, bak, etag="a") for shot in at(0, 10)] for bak in (None, 0, 1)]))
    (run,) = pieces(shots, since=NOON, until=after(10_000), interval=TEN_SECONDS, md5_sources={"prod"})
    assert isinstance(run, Run)
    assert run.frozen == ()


# The interval.


@given(st.integers(1_000, 3_600_000), st.integers(2, 50), st.integers(0, 10**12))
def test_the_interval_of_a_regular_series_is_exact(interval_ms: int, shots: int, start_ms: int) -> None:
    found = capture_interval(Taken(after(start_ms + number * interval_ms)) for number in range(shots))
    assert found is not None
    assert found.length == timedelta(milliseconds=interval_ms)
    assert (found.origin, found.confidence, found.jitter) == (Origin.SERIES, 1.0, timedelta(0))


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
        moments.append(Taken(after(moment + jitter[number])))
        moment += interval_ms * (1 + (gaps[number] if number < len(gaps) else 0))
    found = capture_interval(moments)
    assert found is not None
    assert abs(found.length - timedelta(milliseconds=interval_ms)) <= timedelta(milliseconds=160)


@given(st.integers(1_000, 60_000), st.integers(10, 60), st.data())
def test_up_to_just_under_half_of_the_distances_may_be_gaps(interval_ms: int, shots: int, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, shots - 2), max_size=(shots - 2) // 2))
    moments, moment = [], 0
    for number in range(shots):
        moments.append(Taken(after(moment)))
        moment += interval_ms * (2 + number % 5 if number in lost else 1)
    found = capture_interval(moments)
    assert found is not None
    assert found.length == timedelta(milliseconds=interval_ms)
    assert found.confidence == (shots - 1 - len(lost)) / (shots - 1)


@given(st.integers(1_000, 60_000), st.integers(0, 60_000), st.integers(5, 50))
def test_a_second_recorder_all_along_does_not_halve_the_interval(interval_ms: int, offset_ms: int, shots: int) -> None:
    parts = [[Taken(after(number * interval_ms + offset), bak) for number in range(shots)]
             for bak, offset in ((None, 0), (0, offset_ms))]  # fmt: skip
    found = capture_interval(fold(parts))
    assert found is not None
    assert found.length == timedelta(milliseconds=interval_ms)


@given(a_series())
def test_the_interval_is_one_that_agora_can_be_told(series: list[Taken]) -> None:
    found = capture_interval(series)
    if found is not None:
        assert timedelta(seconds=1) <= found.length <= timedelta(hours=1)
        assert 0 <= found.confidence <= 1
    elif series:
        assert len({(shot.bak, shot.directory) for shot in series}) == len(series)


def test_a_configured_interval_is_taken_as_it_is() -> None:
    found = capture_interval(at(0, 10, 20), configured=timedelta(seconds=5))
    assert found is not None
    assert (found.length, found.origin) == (timedelta(seconds=5), Origin.CONFIGURATION)


def test_of_a_configured_interval_it_is_told_how_many_distances_agree() -> None:
    for configured, share in ((5, 0.0), (10, 0.75), (20, 0.25)):
        found = capture_interval(at(0, 10, 20, 40, 50), configured=timedelta(seconds=configured))
        assert found is not None
        assert found.confidence == share
    nothing = capture_interval(at(0), configured=timedelta(seconds=5))
    assert nothing is not None
    assert nothing.confidence == 1.0


def test_no_more_than_a_sample_is_read_for_the_interval() -> None:
    shots = (Taken(after(number * 5_000)) for number in count())
    found = capture_interval(shots)
    assert found is not None
    assert found.length == timedelta(seconds=5)
    assert next(shots).captured_at == after(SAMPLE * 5_000)


@given(st.integers(1_000, 3_600_000))
def test_one_missing_shot_is_a_gap_and_jitter_is_none(interval_ms: int) -> None:
    interval = timedelta(milliseconds=interval_ms)
    pause = longest_pause(interval)
    assert pause >= interval + timedelta(milliseconds=500)
    if interval_ms > 4_000:
        assert pause < 2 * interval - timedelta(milliseconds=500)


@given(intervals, st.integers(0, 500))
def test_as_many_are_missing_as_there_is_room_for(interval: timedelta, lost: int) -> None:
    assert missing_between(NOON, NOON + interval * (lost + 1), interval) == lost
