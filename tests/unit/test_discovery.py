"""Discovery names every unit and passes over nothing that is in none."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.agora.names import unit_of
from indexer.errors import BrokenListingError, ConfigError, StorageUnavailableError
from indexer.model import Interval
from indexer.storage.base import ObjectStore, Page
from indexer.storage.discovery import Foreign, Found, Loose, Unit, discover, groups_by_delimiter, hop
from indexer.storage.memory import MemoryStore

SIDS = ["0" * 32, "1cd3d60b784382f12ce30fa615421852", "ABCDEF" + "0" * 26, "ba" * 16]
STAMP = "20261105140000000"


class Small(MemoryStore):
    """Gives pages of a few objects and groups."""

    def __init__(self, keys: list[str], page_size: int) -> None:
        super().__init__()
        self._page_size = page_size
        for key in keys:
            self.put(key, b"x", content_type="image/jpeg")

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        limit = min(limit, self._page_size)
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=limit)


shots = st.builds(
    lambda directory, bak, sid, cname, second: (
        f"{directory}{bak}{sid}_{cname}__uid_s_7__uid_e_video_{STAMP[:12]}{second:02d}000.jpg"
    ),
    st.sampled_from(["", "d/", "d_e/", "d_e/f_g/", "d_/", f"{'cd' * 16}_x/"]),
    st.sampled_from(["", "bak0_", "bak1_", "bak0_bak1_", "bakery_"]),
    st.sampled_from([*SIDS, "sid7"]),
    st.sampled_from(["room", "a_b", f"{'ef' * 16}_c"]),
    st.integers(0, 59),
)
foreign = st.one_of(
    st.sampled_from(
        ["README", "d/", "d/notes.txt", "IMG_1.jpg", "IMG_2.jpg", "IMG_10_x.jpg", f"{SIDS[1]}`", "_", "zz_"]
    ),
    st.text("ab_/", min_size=1, max_size=5),
)
buckets = st.sets(st.one_of(shots, foreign), max_size=40).map(sorted)
Way = Callable[[ObjectStore, str, Callable[[], None]], Iterator[Found]]


@pytest.mark.parametrize("way", [discover, hop], ids=["delimiter", "hop"])
@settings(max_examples=200, deadline=None)
@given(keys=buckets, page_size=st.integers(1, 7), prefix=st.sampled_from(["", "d/", "d_e/"]))
@example(keys=[f"d/{SIDS[1]}_room__uid_s_7__uid_e_video_{STAMP}.jpg"], page_size=1, prefix="d/")
def test_what_is_found_is_everything(way: Way, keys: list[str], page_size: int, prefix: str) -> None:
    # A name that is a session id and the successor of "_" is passed over: no group and no unit, and a listing that
    # goes on behind a group begins there.  A dense listing sees it.
    keys = [key for key in keys if not any(key == f"{unit_of(other)[:-1]}`" for other in keys if unit_of(other))]
    keys = [key for key in keys if key.startswith(prefix)]
    requests: list[None] = []
    found = list(way(Small(keys, page_size), prefix, lambda: requests.append(None)))
    intervals = [_interval(each) for each in found]
    assert all(one.stop is not None and one.stop <= other.start for one, other in pairwise(intervals))
    for key in keys:
        (place,) = [each for each in found if _holds(_interval(each), key)]
        if isinstance(place, Loose):
            assert key in [listed.key for listed in place.objects]
    for each in found:
        if isinstance(each, Unit):
            assert unit_of(each.prefix) == each.prefix
        if isinstance(each, Loose):
            inside = [key for key in keys if _holds(each.interval, key)]
            assert [listed.key for listed in each.objects] == inside
    assert len(requests) <= 3 * len(keys) + 2


def test_a_thousand_units_take_one_request() -> None:
    keys = [f"{number:032x}_room__uid_s_7__uid_e_video_{STAMP}.jpg" for number in range(1000)]
    requests: list[None] = []
    found = list(discover(Small(keys, 1000), "", lambda: requests.append(None)))
    assert [each for each in found if isinstance(each, Unit)] == [Unit(key[:33]) for key in keys]
    assert len(requests) == 1


def test_a_large_unit_with_another_kind_of_session_id_is_listed_whole() -> None:
    keys = [f"d/sid7_room__uid_s_7__uid_e_video_{STAMP[:12]}{second:02d}000.jpg" for second in range(60)]
    assert list(discover(Small(keys, 7), "", lambda: None)) == [Foreign(Interval("d/sid7_", "d/sid7`"))]


class Deaf(MemoryStore):
    """Takes no notice of delimiters."""

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        del delimiter
        return super().list_page(prefix, after=after, token=token, limit=limit)


class Refusing(MemoryStore):
    """Knows no delimiter but a slash, or is not there."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def list_page(self, *_asked: Any, **_how: Any) -> Page:
        raise self._error


def test_a_storage_that_groups_is_told_from_one_that_does_not() -> None:
    key = f"{SIDS[1]}_room__uid_s_7__uid_e_video_{STAMP}.jpg"
    deaf = Deaf()
    deaf.put(key, b"x", content_type="image/jpeg")
    assert groups_by_delimiter(Small([key], 5), "", lambda: None)
    assert not groups_by_delimiter(deaf, "", lambda: None)
    assert not groups_by_delimiter(Refusing(ConfigError("only / is a delimiter here")), "", lambda: None)
    with pytest.raises(StorageUnavailableError):
        groups_by_delimiter(Refusing(StorageUnavailableError("gone for a while")), "", lambda: None)


class SortedWithoutDelimiter(Small):
    """Within a page, groups stand in the order of their names without the delimiter, as SeaweedFS has them."""

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        page = super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=limit)
        return replace(page, prefixes=sorted(page.prefixes, key=lambda group: group.removesuffix("_")))


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_groups_in_another_order_within_a_page_are_all_found(page_size: int) -> None:
    keys = sorted(f"{front}{SIDS[1]}_x" for front in ("bak1_", "bak12_", "rooms_", "rooms2_", "a/"))
    found = list(discover(SortedWithoutDelimiter(keys, page_size), "", lambda: None))
    held = {listed.key for each in found if isinstance(each, Loose) for listed in each.objects}
    units = {each.prefix for each in found if isinstance(each, Unit)}
    assert all(key in held or unit_of(key) in units for key in keys)


class Repeating(MemoryStore):
    """Gives the same page of groups again and again."""

    def list_page(self, *_asked: Any, **_how: Any) -> Page:
        return Page([], [f"{SIDS[0]}_", f"{SIDS[1]}_"], next_token="again")


def test_groups_that_repeat_are_an_error() -> None:
    with pytest.raises(BrokenListingError, match="nothing was concluded"):
        list(discover(Repeating(), "", lambda: None))


def _interval(found: Found) -> Interval:
    if isinstance(found, Unit):
        return Interval(found.prefix, found.prefix[:-1] + "`")
    return found.interval


def _holds(interval: Interval, key: str) -> bool:
    return interval.start <= key and (interval.stop is None or key < interval.stop)
