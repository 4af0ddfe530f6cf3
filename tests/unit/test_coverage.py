from random import Random

from hypothesis import given
from hypothesis import strategies as st

from indexer.catalog.coverage import Coverage
from indexer.model import Interval, all_of, successor

points = st.lists(st.text("ab_", max_size=3), min_size=2, max_size=12, unique=True).map(sorted)


@given(points, st.randoms(use_true_random=False), st.sets(st.integers(0, 11)))
def test_it_holds_what_its_pieces_hold_together_in_any_order(
    points: list[str], random: Random, missing: set[int]
) -> None:
    pieces = [Interval(*pair) for pair in zip(points, [*points[1:], None], strict=True)]
    put_in = [piece for number, piece in enumerate(pieces) if number not in missing]
    random.shuffle(put_in)
    coverage = Coverage()
    for piece in put_in:
        coverage.add(piece)
    for first in range(len(pieces)):
        for last in range(first, len(pieces)):
            whole = Interval(pieces[first].start, pieces[last].stop)
            assert coverage.holds(whole) == (not missing & set(range(first, last + 1)))


@given(st.text(max_size=4), st.text(max_size=4))
def test_the_successor_is_the_first_text_behind_all_with_the_prefix(prefix: str, other: str) -> None:
    behind = successor(prefix)
    assert behind is None or not behind.startswith(prefix)
    assert behind is None or prefix < behind
    if other.startswith(prefix):
        assert behind is None or other < behind
    elif other > prefix:
        assert behind is not None
        assert other >= behind


def test_a_unit_is_held_by_the_interval_of_its_prefix() -> None:
    assert all_of("d/ab_") == Interval("d/ab_", "d/ab`")
    assert all_of("d/ab_").holds("d/ab_")
    assert not Interval("d/ab_", "d/ab_x").holds("d/ab_")
