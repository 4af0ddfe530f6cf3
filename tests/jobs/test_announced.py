"""Callbacks come twice, late, in any order, too early or never: the listing stays the truth."""

import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from indexer.catalog.announcing import Announced
from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import unit
from indexer.catalog.verification import problems
from indexer.errors import InterruptedRunError
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, SyncReport, Watch, sync
from indexer.model import ANNOUNCED, ListedObject, to_ms
from indexer.storage.base import Page
from indexer.storage.memory import MemoryStore
from tests.catalogs import shots_in, shots_of

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
HORIZON = timedelta(hours=96)
SIDS = ["00" * 16, "1cd3d60b784382f12ce30fa615421852", "ba" * 16]
BAKS = ["", "bak0_"]
UIDS = ["7", "70"]
numbers = itertools.count()
streams = st.tuples(st.sampled_from(BAKS), st.sampled_from(SIDS), st.sampled_from(UIDS))
Some = tuple[tuple[str, str, str], int, bool]


class Meanwhile(MemoryStore):
    """Small pages; something happens when one of them is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None
        self.at = 0
        self._asked = 0
        self._counting = Lock()

    def begin(self, at: int = 0, happens: Callable[[], object] | None = None) -> None:
        self.at, self.happens, self._asked = at, happens, 0

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        with self._counting:
            self._asked += 1
            if self._asked == self.at and self.happens is not None:
                self.happens()
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, 3))


class Callbacks(RuleBasedStateMachine):
    empty: Path
    taken = Bundle("taken")

    @initialize(
        target=taken,
        first=st.tuples(streams, st.integers(1, 4), st.booleans()),
        second=st.tuples(streams, st.integers(1, 4), st.booleans()),
    )
    def begin(self, first: Some, second: Some) -> MultipleResults[tuple[str, ...]]:
        """Some pictures are there and some announced: an empty history tells little."""
        path = shutil.copy(self.empty, self.empty.with_name(f"{next(numbers)}.db"))
        self.catalog = Catalog.open_to_write(f"sqlite:///{path}", now=START)
        self.source = self.catalog.add_source("prod", "memory://here/")
        self.store = Meanwhile()
        self.now = START
        self.told: dict[str, int] = {}
        """When each picture that no listing has shown was announced for the first time."""
        self.is_news = False
        """Whether something happened since the horizon passed."""
        return multiple(
            self._take(first[0], first[1], uploaded=True, announced=first[2]),
            self._take(second[0], second[1], uploaded=second[2], announced=True),
        )

    def teardown(self) -> None:
        if hasattr(self, "catalog"):
            self.the_horizon_passes()
            self.catalog.close()

    # What happens.

    @rule(hours=st.sampled_from([0, 1, 50, 97, 300]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours, seconds=7)

    @rule(
        target=taken,
        where=streams,
        count=st.integers(1, 4),
        uploaded=st.booleans(),
        announced=st.booleans(),
    )
    def pictures_are_taken(
        self, where: tuple[str, str, str], count: int, uploaded: bool, announced: bool
    ) -> tuple[str, ...]:
        return self._take(where, count, uploaded=uploaded, announced=announced)

    def _take(self, where: tuple[str, str, str], count: int, *, uploaded: bool, announced: bool) -> tuple[str, ...]:
        bak, sid, uid = where
        moments = [self.now - timedelta(seconds=10 * number) for number in range(count)]
        head = f"d/{bak}{sid}_room__uid_s_{uid}__uid_e_video_"
        keys = tuple(f"{head}{moment:%Y%m%d%H%M%S}000.jpg" for moment in moments)
        if uploaded:
            self.they_are_uploaded(keys)
        if announced:
            self.they_are_announced(keys)
        return keys

    @rule(keys=taken)
    def they_are_uploaded(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self.is_news = True
            self.store.put(key, b"x" * (1 + len(key) % 7), content_type="image/jpeg", modified=self.now)

    @rule(keys=taken, hours=st.sampled_from([0, 0, 60, 200]))
    def they_are_announced(self, keys: tuple[str, ...], hours: int = 0) -> None:
        before = {shot.key for shot in shots_in(self.catalog)}
        done = self._announce(keys, hours)
        assert (done.new, done.known) == (len(set(keys) - before), len(set(keys) & before))

    @rule(keys=taken)
    def they_are_deleted(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self.is_news = True
            self.store.delete(key)

    # The syncs.

    @rule(mode=st.sampled_from([None, Mode.DISCOVERY, Mode.HOP, Mode.FULL]), large_unit=st.sampled_from([2, 10_000]))
    def a_sync_runs(self, mode: Mode | None, large_unit: int) -> None:
        before = self._shots()
        report = self._sync(mode, large_unit)
        after, there = self._shots(), self._there()
        waiting = {key for key, shot in after.items() if shot.tier == ANNOUNCED}
        assert not waiting & there.keys(), "what was announced and is there is listed by any sync"
        was_waiting = {key for key, shot in before.items() if shot.tier == ANNOUNCED}
        assert waiting == {key for key in was_waiting - there.keys() if not self._is_given_up(key)}
        counts = report.counts()
        assert counts["confirmed"] == len(was_waiting & there.keys())
        assert counts["announced_missing"] == len(waiting)
        assert counts["announced_dropped"] == len(was_waiting - there.keys() - waiting)
        if report.mode == "full":
            assert {key: shot for key, shot in after.items() if key not in waiting} == there

    @rule(keys=taken, at=st.integers(1, 6), mode=st.sampled_from([None, Mode.FULL, Mode.DISCOVERY]))
    def they_are_announced_while_a_sync_runs(self, keys: tuple[str, ...], at: int, mode: Mode | None) -> None:
        self.store.begin(at, lambda: self._announce(keys))
        self._sync(mode)
        self.store.begin()

    @rule(at=st.integers(1, 8), mode=st.sampled_from([None, Mode.FULL]))
    def a_sync_is_cut_off(self, at: int, mode: Mode | None) -> None:
        checks = itertools.count(1)

        def check() -> None:
            if next(checks) == at:
                raise InterruptedRunError("stopped by SIGINT")

        with suppress(InterruptedRunError):
            self._sync(mode, watch=Watch(lambda: self.now, check))

    @precondition(lambda self: self.is_news)
    @rule()
    def the_horizon_passes(self) -> None:
        self.is_news = False
        self.now += HORIZON + timedelta(seconds=2)
        self._sync(Mode.FULL, anew=True)
        assert self._shots() == self._there()
        with self.catalog.reading() as connection:
            assert connection.scalars(select(unit.c.prefix).where(unit.c.digest.is_(None))).all() == []

    @invariant()
    def the_catalog_agrees_with_itself(self) -> None:
        if hasattr(self, "catalog"):
            assert list(problems(self.catalog)) == []

    def _announce(self, keys: tuple[str, ...], hours: int = 0) -> Announced:
        """Of now, or delivered so many hours late."""
        self.is_news = True
        announced_ms = to_ms(self.now - timedelta(hours=hours))
        waiting = {key for key, shot in self._shots().items() if shot.tier == ANNOUNCED}
        for key in keys:
            self.told[key] = min(announced_ms, self.told[key]) if key in waiting else announced_ms
        return self.catalog.announce(self.source, [(key, announced_ms) for key in keys])

    def _is_given_up(self, key: str) -> bool:
        return (self.told[key] // 1000 + 1) * 1000 <= to_ms(self.now - HORIZON)

    def _sync(
        self, mode: Mode | None, large_unit: int = 10_000, *, anew: bool = False, watch: Watch | None = None
    ) -> SyncReport:
        wishes = Wishes(mode, verify=0, horizon=HORIZON, large_unit=large_unit, bridge=0, anew=anew)
        access = Access(self.store, "", in_flight=2)
        watch = watch or Watch(lambda: self.now)
        return sync(access, self.catalog, "prod", watch=watch, wishes=wishes, allow_removal=True)

    def _shots(self) -> dict[str, ListedObject]:
        return {shot.key: shot for shot in shots_in(self.catalog)}

    def _there(self) -> dict[str, ListedObject]:
        return {shot.key: shot for shot in shots_of(MemoryStore.list_page(self.store, limit=10**6).objects)}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogs") / "empty.db"
    Catalog.open_to_write(f"sqlite:///{path}", now=START).close()
    return path


def test_the_catalog_equals_the_listing_once_the_horizon_has_passed(empty: Path) -> None:
    Callbacks.empty = empty
    run_state_machine_as_test(
        Callbacks,
        settings=settings(
            max_examples=5,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
