"""Cuts lie strictly inside what is left, and where Agora's names differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.storage.listing import just_before
from indexer.storage.splitting import Rest, cuts

SID = "1cd3d60b784382f12ce30fa615421852"
SHOT = f"d/{SID}_room__uid_s_1003__uid_e_video_20261105140000000.jpg"
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.one_of(texts, st.just(SHOT)), st.one_of(st.none(), texts, st.just(f"d/{SID}`")), texts)
def test_every_cut_lies_strictly_inside(low: str, high: str | None, began_at: str) -> None:
    for cut in cuts(Rest(low, high, began_at)):
        assert low < cut
        assert high is None or cut < high
        assert cut.encode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5))
def test_just_before_is_before_and_leaves_nothing_likely_out(key: str) -> None:
    assert just_before(key) < key


@pytest.mark.parametrize(
    ("misses", "cut"),
    [
        (0, "d/9"),  # half of the session ids that are left
        (1, f"d/{SID}`"),  # the end of the unit
        (2, f"d/{SID}_room__uid_s_6"),  # other users
        (3, f"d/{SID}_room__uid_s_1003__uid_e_video`"),  # the end of the stream
        (4, f"d/{SID}_room__uid_s_1003__uid_e_video_20261105160000000"),  # as long again as it was up to here
    ],
)
def test_cuts_go_from_sessions_to_users_to_times(misses: int, cut: str) -> None:
    began_at = SHOT.replace("20261105140", "20261105120")
    assert cuts(Rest(SHOT, None, began_at, "d/"))[misses] == cut


def test_a_cut_inside_one_unit_does_not_try_other_sessions() -> None:
    found = cuts(Rest(SHOT, f"d/{SID}`", SHOT, "d/"))
    assert all(cut.startswith(f"d/{SID}") for cut in found)


def test_there_is_no_cut_between_neighbours() -> None:
    assert cuts(Rest("a", "a\0", "a")) == []
