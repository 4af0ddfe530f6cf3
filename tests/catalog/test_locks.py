"""The lock of a sync: one at a time, at once or with patience."""

import time

import pytest

from indexer.catalog import dialects
from indexer.catalog.catalog import Catalog
from indexer.errors import InterruptedRunError, LockedError


def test_without_patience_a_lock_that_is_held_is_an_error_at_once(catalog: Catalog) -> None:
    with catalog.sync_lock("a"):
        with pytest.raises(LockedError, match="another sync of 'a' is running"), catalog.sync_lock("a"):
            pass
        with catalog.sync_lock("b"):
            pass
    with catalog.sync_lock("a"):
        pass


def test_with_patience_a_lock_is_taken_when_it_is_free(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "POLL_S", 0.01)
    holder = catalog.sync_lock("a")
    holder.__enter__()
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            holder.__exit__(None, None, None)

    with (
        catalog.sync_lock("a", wait=look),
        pytest.raises(LockedError),
        catalog.sync_lock("a"),
    ):
        pass
    assert looks == 3


def test_what_is_free_is_taken_without_a_word(catalog: Catalog) -> None:
    def never() -> None:
        pytest.fail("there is nothing to wait for")

    with catalog.sync_lock("a", wait=never):
        pass


def test_waiting_can_be_given_up(catalog: Catalog) -> None:
    def stop() -> None:
        raise InterruptedRunError("enough")

    with catalog.sync_lock("a"):
        began = time.monotonic()
        with (
            pytest.raises(InterruptedRunError, match="enough"),
            catalog.sync_lock("a", wait=stop),
        ):
            pass
        assert time.monotonic() - began < 5
        with pytest.raises(LockedError), catalog.sync_lock("a"):
            pass
