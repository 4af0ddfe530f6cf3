"""Looks are compared with their neighbours whatever comes first, and go with their shots."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from indexer.catalog.catalog import Catalog
from indexer.catalog.derivatives import Made, Result, Wanted
from indexer.catalog.schema import grey
from indexer.model import ListedObject, Selection, from_ms, to_ms
from indexer.timeline.looks import CELLS, Look, Sight, described
from tests.catalogs import Urls, opened, take_over
from tests.cli.worlds import NOON, series

EVERY_MS = 10_000


def cells(number: int) -> bytes:
    return Random(number).randbytes(CELLS)


def sight(number: int) -> Sight:
    return Sight(described(cells(number), contrast=200, dhash=number), cells(number))


def expected(number: int, before: int | None, after_ms: int = EVERY_MS) -> Look:
    look = sight(number).look
    return look if before is None else look.compared(cells(number), cells(before), after_ms=after_ms)


def fill(catalog: Catalog, shots: int, *, changed: Sequence[int] = (), without: Sequence[int] = ()) -> None:
    listed = [
        ListedObject(key, 1, f"{number + 100 * (number in changed):032x}", int(NOON.timestamp()) + 10 * number, None)
        for number, key in enumerate(series(shots=shots))
        if number not in without
    ]
    take_over(catalog, catalog.add_source("prod", "memory://looks/"), listed)


def wanted(catalog: Catalog, size: str = "32x18") -> list[Wanted]:
    return list(catalog.derivatives.wanted(Selection(), [size], retry_failed=False))


def number(shot: Wanted) -> int:
    return (shot.captured_ms - to_ms(NOON)) // EVERY_MS


def record(catalog: Catalog, shots: Sequence[Wanted], *, other: int = 0) -> None:
    """Pictures show their numbers; `other` ones show something else."""
    catalog.derivatives.record(
        [Result(shot, [Made(shot.specs[0], 9, 32, 18)], None, sight(number(shot) + other)) for shot in shots]
    )


def looks(catalog: Catalog) -> list[Look]:
    return [look for _, look in catalog.looks.of(stream(catalog), page=3)]


def stream(catalog: Catalog) -> int:
    (found,) = catalog.shots.series("7", Selection())
    return found.streams[0].id


def kept(catalog: Catalog) -> Iterator[int]:
    with catalog.reading() as connection:
        for captured_ms in connection.scalars(select(grey.c.captured_ms).order_by(grey.c.captured_ms)):
            yield (captured_ms - to_ms(NOON)) // EVERY_MS


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    fill(catalog, 9)
    return catalog


ALL = [expected(each, each - 1 if each else None) for each in range(9)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(9)), sizes=st.lists(st.integers(1, 4), min_size=9))
def test_order_and_batches_do_not_matter(order: list[int], sizes: list[int], in_sqlite: Urls) -> None:
    with opened(in_sqlite) as catalog:
        fill(catalog, 9)
        shots = wanted(catalog)
        for size in sizes:
            record(catalog, [shots[each] for each in order[:size]])
            order = order[size:]
        assert looks(catalog) == ALL
        assert list(kept(catalog)) == [8], "the last one alone, for what the next night brings"


def test_the_next_night_goes_on_where_the_last_one_ended(filled: Catalog) -> None:
    record(filled, wanted(filled)[:5])
    assert list(kept(filled)) == [4]
    record(filled, wanted(filled))
    assert looks(filled) == ALL
    assert list(kept(filled)) == [8]
    assert wanted(filled) == []


def test_a_second_size_repeats_what_the_first_has_seen(filled: Catalog) -> None:
    record(filled, wanted(filled))
    again = wanted(filled, "16x16")
    assert len(again) == 9
    record(filled, again[3:5], other=50)
    record(filled, again[:3], other=50)
    assert looks(filled) == ALL
    assert list(kept(filled)) == [8]


def test_a_changed_picture_is_looked_at_again_and_neighbours_are_not_compared_with_the_old_one(filled: Catalog) -> None:
    record(filled, wanted(filled))
    fill(filled, 9, changed=[4])
    assert [number(shot) for shot in wanted(filled)] == [4]
    assert looks(filled) == ALL[:4] + ALL[5:], "what was changed is not told as it was"
    record(filled, wanted(filled), other=50)
    assert looks(filled) == [*ALL[:4], expected(54, None), expected(5, None), *ALL[6:]]


def test_a_picture_that_comes_late_is_compared_where_that_is_possible(catalog: Catalog) -> None:
    fill(catalog, 9, without=[8])
    record(catalog, [shot for shot in wanted(catalog) if number(shot) != 4])
    assert list(kept(catalog)) == [3, 5, 7]
    fill(catalog, 9)
    record(catalog, wanted(catalog))
    assert looks(catalog) == ALL
    assert list(kept(catalog)) == [8]


def test_looks_and_cells_go_with_their_shots(filled: Catalog) -> None:
    record(filled, wanted(filled))
    fill(filled, 9, without=[3, 8])
    assert looks(filled) == [*ALL[:3], *ALL[4:8]]
    assert list(kept(filled)) == []
    last = stream(filled)
    fill(filled, 0)
    assert list(filled.looks.of(last)) == []


def test_thumbnails_that_were_made_without_a_look_are_wanted_again(filled: Catalog) -> None:
    shots = wanted(filled)
    filled.derivatives.record([Result(shot, [Made("32x18", 9, 32, 18)]) for shot in shots])
    assert wanted(filled) == shots
    filled.derivatives.record([Result(shot, [], "truncated") for shot in shots])
    assert wanted(filled) == [], "what failed is left alone"


def test_looks_of_a_part_of_a_stream(filled: Catalog) -> None:
    record(filled, wanted(filled))
    ten = timedelta(seconds=10)
    found = list(filled.looks.of(stream(filled), NOON + ten, NOON + 3 * ten))
    assert found == [(from_ms(to_ms(NOON + each * ten)), ALL[each]) for each in (1, 2)]
