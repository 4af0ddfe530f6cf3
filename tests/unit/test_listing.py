"""Listing with many requests at once gives every key once, whatever the keys are and whoever is first."""

import random
import time
from collections.abc import Sequence
from itertools import pairwise
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import parse_utc
from indexer.errors import StorageUnavailableError
from indexer.model import Interval, ListedObject, all_of
from indexer.storage.base import Page
from indexer.storage.listing import Done, Part, Work, list_intervals
from indexer.storage.memory import MemoryStore

SIDS = ["0" * 32, "1cd3d60b784382f12ce30fa615421852", "ba" * 16, "f" * 32, "sid7"]
STAMPS = [f"2026110514{minute:02d}{second:02d}000" for minute in (0, 1, 59) for second in (0, 10, 59)]


class Jittery(MemoryStore):
    """Small pages, in an order of answers that no two runs share."""

    def __init__(self, keys: list[str], *, page_size: int, seed: int, fails_at: int = 0) -> None:
        super().__init__()
        for key in keys:
            self.put(key, b"x", content_type="image/jpeg")
        self._page_size = page_size
        self._random = random.Random(seed)
        self._asking = Lock()
        self._asked = 0
        self._fails_at = fails_at

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        with self._asking:
            self._asked += 1
            fails = self._asked == self._fails_at
            pause_s = self._random.choice([0, 0, 0.0005, 0.002])
        page = super().list_page(
            prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, self._page_size)
        )
        time.sleep(pause_s)
        if fails:
            raise StorageUnavailableError("memory://here: gone for a while")
        return page


class Keys:
    """A sink that gives up what it has after every few pages, as the real one does."""

    def __init__(self, start: str) -> None:
        self._start = start
        self._keys: list[str] = []

    def take(self, page: Sequence[ListedObject]) -> list[tuple[Interval, list[str]]]:
        cuts = []
        if len(self._keys) > 5 and page:
            cuts.append(self.cut(page[0].key))
        self._keys += [listed.key for listed in page]
        return cuts

    def cut(self, stop: str | None) -> tuple[Interval, list[str]]:
        done = Interval(self._start, stop), self._keys
        self._start, self._keys = stop or "", []
        return done


shot_keys = st.builds(
    lambda front, sid, cname, uid, stamp: f"{front}{sid}_{cname}__uid_s_{uid}__uid_e_video_{stamp}.jpg",
    st.sampled_from(["", "bak0_", "d/", "d/2026-11-05/"]),
    st.sampled_from(SIDS),
    st.sampled_from(["room", "a_1"]),
    st.sampled_from(["7", "70", "1000"]),
    st.sampled_from(STAMPS),
)
any_keys = st.one_of(shot_keys, st.text("ab_/0~`\u00e9\uffee\U0001d11e", min_size=1, max_size=4))


@settings(max_examples=150, deadline=None)
@given(
    keys=st.sets(any_keys, max_size=60).map(sorted),
    page_size=st.integers(1, 9),
    in_flight=st.integers(1, 6),
    cuts=st.sets(any_keys, max_size=3).map(sorted),
    seed=st.integers(0, 9),
)
def test_all_ranges_together_are_the_whole_listing(
    keys: list[str], page_size: int, in_flight: int, cuts: list[str], seed: int
) -> None:
    store = Jittery(keys, page_size=page_size, seed=seed)
    work = Work(Interval(), "full", tuple(cuts))
    events = list(list_intervals(store, "", [work], Keys, in_flight=in_flight))
    assert events[-1] == Done(work)
    parts = sorted((event.item for event in events if isinstance(event, Part)), key=lambda part: part[0].start)
    assert parts[0][0].start == ""
    assert parts[-1][0].stop is None
    assert all(one.stop == other.start for (one, _), (other, _) in pairwise(parts))
    assert [key for _, found in parts for key in found] == keys
    for interval, found in parts:
        assert all(interval.start <= key and (interval.stop is None or key < interval.stop) for key in found)


@settings(max_examples=100, deadline=None)
@given(
    keys=st.sets(shot_keys, max_size=60).map(sorted),
    bounds=st.sets(any_keys, min_size=2, max_size=6).map(sorted),
    page_size=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_only_the_wanted_intervals_are_listed_each_to_its_end(
    keys: list[str], bounds: list[str], page_size: int, seed: int
) -> None:
    works = [Work(Interval(*pair), "active") for pair in zip(bounds[::2], bounds[1::2], strict=False)]
    store = Jittery(keys, page_size=page_size, seed=seed)
    found: dict[Work, list[str]] = {work: [] for work in works}
    for event in list_intervals(store, "", works, Keys, in_flight=4):
        if isinstance(event, Part):
            found[event.work] += event.item[1]
    for work, listed in found.items():
        stop = work.interval.stop
        assert stop is not None
        assert sorted(listed) == [key for key in keys if work.interval.start <= key < stop]


@settings(max_examples=100, deadline=None)
@given(
    keys=st.sets(shot_keys, max_size=60).map(sorted),
    page_size=st.integers(1, 5),
    since=st.sampled_from(STAMPS),
    seed=st.integers(0, 9),
)
def test_the_open_ends_of_a_unit_hold_everything_recent(keys: list[str], page_size: int, since: str, seed: int) -> None:
    unit = f"{SIDS[1]}_"
    store = Jittery(keys, page_size=page_size, seed=seed)
    work = Work(all_of(unit), "active", since_ms=parse_utc(since))
    found = []
    for event in list_intervals(store, "", [work], Keys, in_flight=2):
        if isinstance(event, Part):
            interval, listed = event.item
            assert (event.within.start, event.within.stop) <= (interval.start, interval.stop or "")
            whole = [key for key in keys if interval.start <= key and (interval.stop is None or key < interval.stop)]
            assert listed == whole, "what is listed is listed whole"
            found += listed
    recent = [key for key in keys if key.startswith(unit) and key[-21:-4] >= since]
    assert set(recent) <= set(found) <= {key for key in keys if key.startswith(unit)}


@pytest.mark.parametrize("fails_at", [1, 2, 5, 9])
def test_an_error_ends_all_threads_and_is_raised(fails_at: int) -> None:
    keys = [f"{number:04d}" for number in range(200)]
    store = Jittery(keys, page_size=3, seed=1, fails_at=fails_at)
    with pytest.raises(StorageUnavailableError):
        list(list_intervals(store, "", [Work(Interval(), "full")], Keys, in_flight=4))
