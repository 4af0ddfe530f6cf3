"""What causes are worth: a simulated history, its truth, and what timelines say of it."""

from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog
from indexer.jobs.elsewhere import with_concurrent
from indexer.timeline.figures import Timeline
from tests.histories import (
    NOW,
    SEED,
    SESSIONS,
    Answer,
    Clock,
    History,
    Seat,
    Truth,
    Verdict,
    answers,
    history,
    in_catalog,
    share,
    survey,
    table,
    told,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def past() -> History:
    return history(SEED, sessions=SESSIONS)


Told = list[tuple[Seat, Timeline]]


@pytest.fixture(scope="module")
def both(past: History, tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Told]:
    """From names alone, and with callbacks."""
    path = tmp_path_factory.mktemp("histories") / "catalog.db"
    with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
        in_catalog(past, catalog)
        seats, timelines = zip(*told(past, catalog), strict=True)
        from_names = list(zip(seats, with_concurrent(catalog, timelines), strict=True))
        catalog.facts.record(past.told)
        return from_names, list(told(past, catalog))


@pytest.fixture(scope="module")
def found(both: tuple[Told, Told]) -> Told:
    return both[0]


@pytest.fixture(scope="module")
def judged(found: Told) -> list[Answer]:
    return [answer for seat, timeline in found for answer in answers(seat, timeline)]


@pytest.fixture(scope="module")
def judged_with_callbacks(both: tuple[Told, Told]) -> list[Answer]:
    return [answer for seat, timeline in both[1] for answer in answers(seat, timeline, callbacks=True)]


def test_where_evidence_exists_it_tells_the_truth(judged: list[Answer]) -> None:
    assert share(judged, Verdict.RIGHT) >= 0.95


def test_a_cause_that_is_named_is_seldom_wrong(judged: list[Answer]) -> None:
    named = [answer for answer in judged if answer.truth is not None and answer.verdict is not Verdict.OPEN]
    assert sum(answer.verdict is Verdict.WRONG for answer in named) <= 0.01 * len(named)


def test_should_clocks_go_on_while_cameras_are_off_more_stays_open_and_no_more_is_wrong() -> None:
    found, with_callbacks = survey(SEED, sessions=12, clock=Clock.GOES_ON)
    assert share(found, Verdict.WRONG) <= 0.01
    # And that is where callbacks tell most.
    assert share(with_callbacks, Verdict.WRONG) <= 0.01
    assert share(with_callbacks, Verdict.RIGHT) >= max(0.95, share(found, Verdict.RIGHT))


def test_with_callbacks_more_is_evident_and_more_of_it_right(
    judged: list[Answer], judged_with_callbacks: list[Answer]
) -> None:
    assert share(judged_with_callbacks, Verdict.RIGHT) >= share(judged, Verdict.RIGHT)
    assert sum(each.evident for each in judged_with_callbacks) > sum(each.evident for each in judged)
    wrong = [each for each in judged_with_callbacks if each.truth is not None and each.verdict is Verdict.WRONG]
    assert len(wrong) <= 0.005 * len(judged_with_callbacks)


@pytest.mark.parametrize("truth", Truth)
def test_no_cause_is_told_worse_with_callbacks(
    judged: list[Answer], judged_with_callbacks: list[Answer], truth: Truth
) -> None:
    before, after = (
        [answer.verdict is Verdict.RIGHT for answer in answers if answer.truth is truth]
        for answers in (judged, judged_with_callbacks)
    )
    assert sum(after) / len(after) >= sum(before) / len(before)


def test_where_no_callback_came_names_tell_as_before(both: tuple[Told, Told]) -> None:
    silent = [[timeline for seat, timeline in found if not seat.told] for found in both]
    assert len(silent[0]) >= 10
    assert [replace(each, concurrent=None) for each in silent[0]] == silent[1]


@pytest.mark.parametrize("truth", Truth)
def test_every_truth_occurs_and_is_told(judged: list[Answer], truth: Truth) -> None:
    evident = [answer for answer in judged if answer.truth is truth and answer.evident]
    assert len(evident) >= 10
    assert share(evident, Verdict.RIGHT) >= 0.85


def test_the_documentation_has_these_tables(judged: list[Answer], judged_with_callbacks: list[Answer]) -> None:
    text = (ROOT / "docs/timelines.md").read_text(encoding="utf-8")
    for each in (judged, judged_with_callbacks):
        assert table(each) in text, "write what `python -m tests.histories` prints into docs/timelines.md"


def test_runs_and_gaps_tile_every_timeline(both: tuple[Told, Told]) -> None:
    for _, each in chain.from_iterable(both):
        pieces = [*((run.first_at, run.last_at) for run in each.runs), *((gap.since, gap.until) for gap in each.gaps)]
        pieces.sort()
        assert (pieces[0][0], pieces[-1][1]) == (each.since, each.until)
        assert all(one[1] == other[0] for one, other in pairwise(pieces))


def test_every_figure_is_a_share(found: Told) -> None:
    for _, each in found:
        assert 0 <= each.presence <= 1
        assert each.capture is not None
        assert 0 <= each.capture <= 1
        assert each.interval is not None
        assert 0 <= each.interval.confidence <= 1


def test_the_interval_is_the_true_one(found: Told) -> None:
    for seat, each in found:
        assert each.interval is not None
        assert abs(each.interval.length.total_seconds() * 1000 - seat.interval_ms) < 60


def test_all_shots_are_told(past: History, found: Told) -> None:
    there = sum(picture.uploaded_ms <= NOW.timestamp() * 1000 and not picture.expired for picture in past.pictures)
    assert sum(each.shots for _, each in found) == there


def test_other_channels_are_those_with_shots_at_the_same_time(found: Told) -> None:
    for _, each in found:
        others = [other for _, other in found if other.uid == each.uid and other.cname != each.cname]
        near = {other.cname for other in others if _meet(each, other)}
        assert each.concurrent is not None
        assert set(each.concurrent) <= near


def _meet(one: Timeline, other: Timeline) -> bool:
    return any(
        mine.first_at <= theirs.last_at and theirs.first_at <= mine.last_at
        for mine in one.runs
        for theirs in other.runs
    )
