"""Which shot a storyboard shows when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from indexer.agora.playlists import MediaClock, Playlist, Slice, clock_of
from indexer.timeline.cues import Cell, Placed, cells, inner_gaps, left_out, media_cues
from indexer.timeline.gaps import Cause, Gap

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
TEN = timedelta(seconds=10)


@dataclass(frozen=True)
class Taken:
    captured_at: datetime


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def gap(since: float, until: float, cause: Cause = Cause.CAMERA_OFF) -> Gap:
    return Gap(after(since), after(until), 0, cause, "")


def told(found: list[Cell[Taken]]) -> list[tuple[float, float, str]]:
    return [
        (
            (cell.since - NOON).total_seconds(),
            (cell.until - NOON).total_seconds(),
            str(cell.gap.cause) if cell.gap else "shot",
        )
        for cell in found
    ]


def cut(
    shots: list[float], gaps: list[Gap], *, begin: float = 0, every: float | None = None, end: float | None = None
) -> list[tuple[float, float, str]]:
    taken = [Taken(after(moment)) for moment in shots]
    return told(
        list(
            cells(
                taken,
                gaps,
                begin=after(begin),
                hold=TEN,
                every=None if every is None else timedelta(seconds=every),
                end=None if end is None else after(end),
            )
        )
    )


def test_a_shot_stands_for_the_time_to_the_next_and_the_last_one_for_an_interval() -> None:
    assert cut([0, 10, 19.5], []) == [(0, 10, "shot"), (10, 19.5, "shot"), (19.5, 29.5, "shot")]
    assert cut([0, 10], [], end=12) == [(0, 10, "shot"), (10, 12, "shot")]


def test_the_first_shot_is_shown_from_the_beginning_of_a_period() -> None:
    assert cut([4, 14], [], begin=0) == [(0, 14, "shot"), (14, 24, "shot")]


def test_a_gap_begins_an_interval_behind_the_shot_before_it() -> None:
    assert cut([0, 60], [gap(0, 60)]) == [(0, 10, "shot"), (10, 60, "camera-off"), (60, 70, "shot")]


def test_a_gap_at_the_beginning_of_a_period_begins_with_it_and_one_at_its_end_ends_with_it() -> None:
    cells = cut([60], [gap(0, 60), gap(60, 100)], end=100)
    assert cells == [(0, 60, "camera-off"), (60, 70, "shot"), (70, 100, "camera-off")]


def test_two_gaps_in_a_row_are_two_cells() -> None:
    cells = cut([0, 90], [gap(0, 40, Cause.EXPIRED), gap(40, 90)])
    assert cells == [(0, 10, "shot"), (10, 40, "expired"), (40, 90, "camera-off"), (90, 100, "shot")]


def test_sampling_shows_one_shot_in_each_length_and_the_first_behind_a_gap() -> None:
    cells = cut([0, 10, 20, 29.9, 40, 200, 210], [gap(40, 200)], every=30)
    assert cells == [
        *[(0, 29.9, "shot"), (29.9, 50, "shot"), (50, 200, "camera-off"), (200, 220, "shot")],
    ]


def test_of_shots_of_one_millisecond_one_is_shown() -> None:
    assert cut([0, 10, 10, 20], []) == [(0, 10, "shot"), (10, 20, "shot"), (20, 30, "shot")]


def test_before_somebody_came_and_behind_their_leaving_nothing_is_shown() -> None:
    gaps = [gap(0, 5, Cause.NOT_JOINED), gap(10, 50), gap(70, 90, Cause.LEFT)]
    assert list(inner_gaps(gaps)) == gaps[1:2]
    assert list(inner_gaps(gaps[:1])) == []


@example_settings(max_examples=100)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=40),
    st.lists(st.booleans(), min_size=41, max_size=41),
    st.one_of(st.none(), st.integers(1, 120)),
)
def test_cells_tile_their_time(steps: list[int], are_gaps: list[bool], every: int | None) -> None:
    moments = [float(sum(steps[: index + 1])) for index in range(len(steps))]
    gaps = [gap(a, b) for (a, b), is_gap in zip(pairwise(moments), are_gaps, strict=False) if is_gap and b - a > 15]
    found = cut(moments, gaps, begin=0, every=every)
    assert found[0][0] == 0
    assert found[-1][1] >= moments[-1]
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(start < end for start, end, _ in found)
    assert sum(kind != "shot" for _, _, kind in found) == len(gaps)


# --- Media time


def clock(*places: tuple[float, float]) -> MediaClock:
    """Slices at so many seconds behind noon, each so long, each behind a discontinuity."""
    slices = [Slice("a.ts", timedelta(seconds=length), after(at), True) for at, length in places]
    return clock_of([Playlist(tuple(slices), True)])


def shown(shots: list[float], gaps: list[Gap], media: MediaClock) -> list[tuple[float, float, int | None]]:
    found = list(cells([Taken(after(each)) for each in shots], gaps, begin=after(shots[0]), hold=TEN))
    placed = [Placed(cell.since, cell.until, left_out(cell, media)) for cell in found]
    cues = media_cues(placed, media, pause=timedelta(seconds=15))
    return [(cue.start_ms / 1000, cue.end_ms / 1000, cue.cell) for cue in cues]


def test_shots_are_where_the_recording_shows_them() -> None:
    assert shown([3, 13, 23], [], clock((0, 30))) == [(0, 13, 0), (13, 23, 1), (23, 30, 2)]


def test_an_interruption_of_the_recording_takes_no_media_time() -> None:
    media = clock((0, 30), (60, 20))
    assert shown([0, 10, 20, 60, 70], [gap(20, 60)], media) == [
        *[(0, 10, 0), (10, 20, 1), (20, 30, 2), (30, 40, 4), (40, 50, 5)],
    ]


def test_a_gap_is_shown_as_far_as_it_was_recorded() -> None:
    cues = shown([0, 10, 60], [gap(10, 60)], clock((0, 30), (50, 30)))
    assert cues == [(0, 10, 0), (10, 20, 1), (20, 40, 2), (40, 60, 3)]


def test_what_was_recorded_long_before_and_behind_all_shots_shows_nothing() -> None:
    cues = shown([100, 110], [], clock((0, 200)))
    assert cues == [(0, 100, None), (100, 110, 0), (110, 120, 1), (120, 200, None)]


def test_a_shot_outside_of_the_recording_is_left_out_and_the_next_one_stands_for_its_time() -> None:
    assert shown([0, 10, 20], [], clock((5, 30))) == [(0, 15, 1), (15, 30, 2)]


def test_two_recorders_at_work_show_the_same_shots_each_in_its_place() -> None:
    media = clock((0, 20), (10, 20))
    assert shown([0, 10, 20], [], media) == [(0, 10, 0), (10, 30, 1), (30, 40, 2)]


@example_settings(max_examples=100)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(-20_000, 200_000), st.integers(1, 90_000)), min_size=1, max_size=6),
)
def test_cues_tile_media_time_and_show_what_was_recorded_there(steps: list[int], places: list[tuple[int, int]]) -> None:
    moments = [float(sum(steps[: index + 1])) for index in range(len(steps))]
    at = 0
    slices: list[tuple[float, float]] = []
    for distance, length in places:
        slices.append(((at + distance) / 1000, length / 1000))
        at += distance + length
    media = clock(*slices)
    found = list(cells([Taken(after(each)) for each in moments], [], begin=after(moments[0]), hold=TEN))
    placed = [Placed(cell.since, cell.until, left_out(cell, media)) for cell in found]
    pause = timedelta(seconds=15)
    cues = media_cues(placed, media, pause=pause)
    assert cues[0].start_ms == 0
    assert cues[-1].end_ms == media.length // timedelta(milliseconds=1)
    assert all(one.end_ms == other.start_ms and one.cell != other.cell for one, other in pairwise(cues))
    for cue in cues:
        middle = timedelta(milliseconds=cue.start_ms + cue.end_ms) / 2
        moment = media.wall_at(middle)
        if cue.cell is not None and moment is not None:
            assert placed[cue.cell].since - pause <= moment <= placed[cue.cell].until + pause
            assert not placed[cue.cell].left_out
