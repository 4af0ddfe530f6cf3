"""The lock of a sync: one at a time, at once or with patience."""

import time
from pathlib import Path

import pytest

from indexer.catalog import dialects
from indexer.catalog.sqlite import sync_lock
from indexer.errors import InterruptedRunError, LockedError


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "c.db"


def test_without_patience_a_lock_that_is_held_is_an_error_at_once(catalog: Path) -> None:
    with sync_lock(catalog, "a"):
        with pytest.raises(LockedError, match="another sync of 'a' is running"), sync_lock(catalog, "a"):
            pass
        with sync_lock(catalog, "b"):
            pass
    with sync_lock(catalog, "a"):
        pass


def test_with_patience_a_lock_is_taken_when_it_is_free(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "POLL_S", 0.01)
    holder = sync_lock(catalog, "a")
    holder.__enter__()
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            holder.__exit__(None, None, None)

    with (
        sync_lock(catalog, "a", wait=look),
        pytest.raises(LockedError),
        sync_lock(catalog, "a"),
    ):
        pass
    assert looks == 3


def test_what_is_free_is_taken_without_a_word(catalog: Path) -> None:
    def never() -> None:
        pytest.fail("there is nothing to wait for")

    with sync_lock(catalog, "a", wait=never):
        pass


def test_waiting_can_be_given_up(catalog: Path) -> None:
    def stop() -> None:
        raise InterruptedRunError("enough")

    with sync_lock(catalog, "a"):
        began = time.monotonic()
        with (
            pytest.raises(InterruptedRunError, match="enough"),
            sync_lock(catalog, "a", wait=stop),
        ):
            pass
        assert time.monotonic() - began < 5
        with pytest.raises(LockedError), sync_lock(catalog, "a"):
            pass
