from hypothesis import given
from hypothesis import strategies as st

from indexer.digest import add, digest, subtract
from indexer.model import ListedObject

objects = st.builds(
    ListedObject,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(0, 100),
    st.sampled_from(["a" * 32, "b-1", ""]),
    st.integers(0, 100),
    st.sampled_from([None, "GLACIER"]),
)


@given(st.lists(objects), st.lists(objects), st.integers(0, 2**63 - 1))
def test_digests_of_parts_add_up_in_any_order(one: list[ListedObject], other: list[ListedObject], seed: int) -> None:
    whole = digest([*one, *other], seed=seed)
    assert whole == digest([*reversed(other), *reversed(one)], seed=seed)
    assert whole == add(digest(one, seed=seed), digest(other, seed=seed))
    assert digest(one, seed=seed) == subtract(whole, digest(other, seed=seed))


@given(st.lists(objects))
def test_a_digest_fits_a_signed_column(listed: list[ListedObject]) -> None:
    assert -(2**63) <= digest(listed, seed=1) < 2**63


@given(objects, objects)
def test_objects_that_differ_in_anything_have_other_digests(one: ListedObject, other: ListedObject) -> None:
    assert (digest([one], seed=1) == digest([other], seed=1)) == (one == other)


def test_another_seed_gives_other_digests() -> None:
    listed = [ListedObject("a", 1, "b", 2, None)]
    assert digest(listed, seed=1) != digest(listed, seed=2)
