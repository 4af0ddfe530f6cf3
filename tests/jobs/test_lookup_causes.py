"""What causes are worth: a simulated history, its truth, and what timelines say of it."""

from collections.abc import Iterator
from itertools import pairwise
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


@pytest.fixture(scope="module")
def found(past: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Seat, Timeline]]]:
    path = tmp_path_factory.mktemp("histories") / "catalog.db"
    with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
        in_catalog(past, catalog)
        seats, timelines = zip(*told(past, catalog), strict=True)
        yield list(zip(seats, with_concurrent(catalog, timelines), strict=True))


@pytest.fixture(scope="module")
def judged(found: list[tuple[Seat, Timeline]]) -> list[Answer]:
    return [answer for seat, timeline in found for answer in answers(seat, timeline)]


def test_where_evidence_exists_it_tells_the_truth(judged: list[Answer]) -> None:
    assert share(judged, Verdict.RIGHT) >= 0.95


def test_a_cause_that_is_named_is_seldom_wrong(judged: list[Answer]) -> None:
    named = [answer for answer in judged if answer.truth is not None and answer.verdict is not Verdict.OPEN]
    assert sum(answer.verdict is Verdict.WRONG for answer in named) <= 0.01 * len(named)


def test_should_clocks_go_on_while_cameras_are_off_more_stays_open_and_no_more_is_wrong() -> None:
    found = survey(SEED, sessions=12, clock=Clock.GOES_ON)
    assert share(found, Verdict.WRONG) <= 0.01


@pytest.mark.parametrize("truth", Truth)
def test_every_truth_occurs_and_is_told(judged: list[Answer], truth: Truth) -> None:
    evident = [answer for answer in judged if answer.truth is truth and answer.evident]
    assert len(evident) >= 10
    assert share(evident, Verdict.RIGHT) >= 0.85


def test_the_documentation_has_this_table(judged: list[Answer]) -> None:
    text = (ROOT / "docs/timelines.md").read_text(encoding="utf-8")
    assert table(judged) in text, "write what `python -m tests.histories` prints into docs/timelines.md"


def test_runs_and_gaps_tile_every_timeline(found: list[tuple[Seat, Timeline]]) -> None:
    for _, each in found:
        pieces = [*((run.first_at, run.last_at) for run in each.runs), *((gap.since, gap.until) for gap in each.gaps)]
        pieces.sort()
        assert (pieces[0][0], pieces[-1][1]) == (each.since, each.until)
        assert all(one[1] == other[0] for one, other in pairwise(pieces))


def test_every_figure_is_a_share(found: list[tuple[Seat, Timeline]]) -> None:
    for _, each in found:
        assert 0 <= each.presence <= 1
        assert each.capture is not None
        assert 0 <= each.capture <= 1
        assert each.interval is not None
        assert 0 <= each.interval.confidence <= 1


def test_the_interval_is_the_true_one(found: list[tuple[Seat, Timeline]]) -> None:
    for seat, each in found:
        assert each.interval is not None
        assert abs(each.interval.length.total_seconds() * 1000 - seat.interval_ms) < 60


def test_all_shots_are_told(past: History, found: list[tuple[Seat, Timeline]]) -> None:
    there = sum(picture.uploaded_ms <= NOW.timestamp() * 1000 and not picture.expired for picture in past.pictures)
    assert sum(each.shots for _, each in found) == there


def test_other_channels_are_those_with_shots_at_the_same_time(found: list[tuple[Seat, Timeline]]) -> None:
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
