"""Sorting by key in little memory: whatever comes in, in whatever order."""

import errno
import tracemalloc
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import StorageError
from indexer.model import ListedObject
from indexer.storage import sorting
from indexer.storage.sorting import sorted_pages

keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3), st.sampled_from("abcdé𝄞\uffee")
)
objects = st.builds(
    ListedObject,
    keys,
    st.integers(0, 2**63 - 1),
    st.sampled_from(["", "9dd4e461268c8034f5c8564e155c67a6"]),
    st.integers(-(10**12), 10**12),
    st.sampled_from([None, "GLACIER"]),
)


def in_batches(found: list[ListedObject], size: int) -> Iterator[list[ListedObject]]:
    return (found[start : start + size] for start in range(0, len(found), size))


@given(st.lists(objects, max_size=60), st.integers(1, 7), st.integers(1, 100))
def test_all_are_there_in_byte_order_and_of_each_key_the_last(
    found: list[ListedObject], batch: int, chunk_rows: int
) -> None:
    pages = list(sorted_pages(in_batches(found, batch), chunk_rows=chunk_rows))
    last = {listed.key: listed for listed in found}
    assert list(chain.from_iterable(pages)) == [last[key] for key in sorted(last, key=str.encode)]
    assert all(type(listed) is ListedObject for page in pages for listed in page)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=200), st.sampled_from([2, 3]))
def test_the_last_wins_however_often_files_are_merged(found: list[tuple[int, int]], fan_in: int) -> None:
    listing = [ListedObject(f"{key:02}", size, "", 0, None) for key, size in found]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "_FAN_IN", fan_in)
        patch.setattr(sorting, "_BLOCK_ROWS", 2)
        pages = list(sorted_pages(in_batches(listing, 1), chunk_rows=2))
    last = dict(found)
    assert [(int(listed.key), listed.size) for listed in chain.from_iterable(pages)] == sorted(last.items())


def test_pages_have_up_to_a_thousand_rows() -> None:
    listing = [ListedObject(f"{number:04}", 1, "", 0, None) for number in reversed(range(2500))]
    assert [len(page) for page in sorted_pages([listing], chunk_rows=700)] == [1000, 1000, 500]
    assert list(sorted_pages([])) == []
    assert list(sorted_pages([[], []])) == []


def test_an_error_comes_before_any_page() -> None:
    def breaks_late() -> Iterator[list[ListedObject]]:
        for number in range(5000):
            yield [ListedObject(f"{number}", 1, "", 0, None)]
        raise StorageError("the end is missing")

    pages = sorted_pages(breaks_late(), chunk_rows=100)
    with pytest.raises(StorageError, match="the end is missing"):
        next(pages)


def test_no_file_is_left_or_seen(tmp_path: Path) -> None:
    listing = [ListedObject(f"{number:04}", 1, "", 0, None) for number in range(3000)]
    pages = sorted_pages(in_batches(listing, 100), folder=tmp_path, chunk_rows=100)
    assert len(next(pages)) == 1000
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    listing = [ListedObject(f"{number:04}", 1, "", 0, None) for number in range(300)]
    with pytest.raises(StorageError, match=r"could not be written in .*missing: No such file"):
        list(sorted_pages([listing], folder=tmp_path / "missing", chunk_rows=100))


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sorting, "TemporaryFile", full)
    with pytest.raises(StorageError, match="No space left on device; make room there"):
        list(sorted_pages([[ListedObject("a", 1, "", 0, None)]], folder=tmp_path, chunk_rows=1))


def test_memory_holds_a_small_part_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_BLOCK_ROWS", 10)
    rows = 20_000
    listing = (
        [ListedObject(f"{number * 7919 % rows:09}", 1, f"{number:032x}", number, None) for number in batch]
        for batch in (range(start, start + 100) for start in range(0, rows, 100))
    )
    tracemalloc.start()
    assert sum(map(len, sorted_pages(listing, chunk_rows=500))) == rows
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 100 * rows  # all of them take 300 bytes each
