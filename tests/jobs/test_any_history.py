"""Whatever happens to a bucket and to the syncs of it: the catalog equals the listing once verification has passed."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Lock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from indexer.agora.names import RecordingName, ScreenshotName, Unrecognised, parse
from indexer.catalog.catalog import Catalog
from indexer.catalog.verification import problems
from indexer.errors import InterruptedRunError, StorageUnavailableError
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, SyncReport, Watch, sync
from indexer.model import ListedObject, to_ms
from indexer.storage.base import Page
from indexer.storage.memory import MemoryStore
from tests.catalogs import shots_in, shots_of

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
HORIZON = timedelta(hours=96)
LATEST_UPLOAD = timedelta(hours=72)
SIDS = ["00" * 16, "1cd3d60b784382f12ce30fa615421852", "ba" * 16, "bb" * 16, "f0" * 16, "ABCDEF" + "0" * 26, "sid7"]
DIRECTORIES = ["", "d/", "d/e_f/", "x_y/", "x_y_z/"]
BAKS = ["", "bak0_", "bak1_"]
CNAMES = ["room", "a_b", f"{'cd' * 16}_x"]
UIDS = ["7", "70", "8"]
FRONTS = st.one_of(
    # Most happens in few places, or hardly anything would happen twice in one.
    st.tuples(*map(st.sampled_from, (["", "x_y/"], ["", "bak0_"], SIDS[:2], ["room"], ["7", "8"]))),
    st.tuples(*map(st.sampled_from, (DIRECTORIES, BAKS, SIDS, CNAMES, UIDS))),
)
FOREIGN = ["README", "d/notes.txt", "x_y/log_1.txt", "zz_top/a_b", "d/", f"d/{'1c' * 16}_x.txt", "IMG_1_2.jpg"]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a history takes longer than reading it
numbers = itertools.count()


class Hurt(MemoryStore):
    """Small pages; fails at one request of a run, and interrupts it at another."""

    def __init__(self) -> None:
        super().__init__()
        self.page_size = 3
        self.fails_at = 0
        self._asked = 0
        self._counting = Lock()

    def begin(self, *, page_size: int, fails_at: int) -> None:
        self.page_size, self.fails_at, self._asked = page_size, fails_at, 0

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        with self._counting:
            self._asked += 1
            fails = self._asked == self.fails_at
        if fails:
            raise StorageUnavailableError("memory://here: gone for a while")
        return super().list_page(
            prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, self.page_size)
        )


@dataclass
class World:
    """The bucket, and what has happened in it that only verification can find."""

    store: Hurt = field(default_factory=Hurt)
    now: datetime = START
    unseen: set[str] = field(default_factory=set)
    """Keys whose state the catalog need not know before they are verified."""
    resumed: set[str] = field(default_factory=set)
    """Sessions that came back after a long silence, which only verification finds."""

    def verified(self) -> None:
        """Everything was listed since the last change."""
        self.unseen.clear()
        self.resumed.clear()


class AnyHistory(RuleBasedStateMachine):
    empty: Path
    keys = Bundle("keys")

    @initialize()
    def begin(self) -> None:
        path = shutil.copy(self.empty, self.empty.with_name(f"{next(numbers)}.db"))
        self.catalog = Catalog.open_to_write(f"sqlite:///{path}", now=START)
        self.world = World()
        self.ever: set[str] = set()
        self.in_a_row = 0.0
        """Shares that were verified since anything changed."""
        self.is_cut_off = False
        """Whether the next sync may go on where one was cut off: then it takes over what that one found."""

    def teardown(self) -> None:
        if hasattr(self, "catalog"):
            self.catalog.close()

    # What happens to the bucket.

    @rule(hours=st.sampled_from([0, 1, 24, 60, 200]))
    def time_passes(self, hours: int) -> None:
        self.world.now += timedelta(hours=hours, seconds=7)

    @rule(
        fronts=st.lists(FRONTS, min_size=1, max_size=3),
        hours=st.sampled_from([1, 24]),
        lateness=st.sampled_from([0, 20, 71]),
        mode=st.sampled_from([Mode.DISCOVERY, Mode.HOP]),
        large_unit=st.sampled_from([2, 10_000]),
    )
    def an_ordinary_night(
        self, fronts: list[tuple[str, str, str, str, str]], hours: int, lateness: int, mode: Mode, large_unit: int
    ) -> None:
        """Shots come, some of them late, and a sync that verifies nothing must find them all."""
        for front in fronts:
            self._arrive(front, lateness, 2, "jpg")
        self.world.now += timedelta(hours=hours)
        self.world.store.begin(page_size=3, fails_at=0)
        self._sync(Wishes(mode, verify=0, horizon=HORIZON, large_unit=large_unit, bridge=0), 2)
        self._compare(whole=False)

    @rule(
        target=keys,
        front=FRONTS,
        lateness=st.sampled_from([0, 0, 0, 1, 50, 71, 500]),
        count=st.integers(1, 5),
        extension=st.sampled_from(["jpg", "jpg", "jpg", "ts"]),
    )
    def shots_arrive(
        self, front: tuple[str, str, str, str, str], lateness: int, count: int, extension: str
    ) -> tuple[str, ...]:
        return self._arrive(front, lateness, count, extension)

    def _arrive(
        self, front: tuple[str, str, str, str, str], lateness: int, count: int, extension: str
    ) -> tuple[str, ...]:
        directory, bak, sid, cname, uid = front
        moment = self.world.now - timedelta(hours=lateness)
        keys = []
        if self._is_quiet(sid):
            self.world.resumed.add(sid)
        for number in range(count):
            stamp = f"{moment - timedelta(seconds=10 * number):%Y%m%d%H%M%S}000"
            keys.append(f"{directory}{bak}{sid}_{cname}__uid_s_{uid}__uid_e_video_{stamp}.{extension}")
        for key in keys:
            self._put(key)
            if sid in self.world.resumed or lateness * timedelta(hours=1) >= LATEST_UPLOAD or extension != "jpg":
                self.world.unseen.add(key)
        return tuple(keys)

    @rule(target=keys, key=st.sampled_from(FOREIGN))
    def something_foreign_arrives(self, key: str) -> tuple[str, ...]:
        self._put(key)
        return (key,)

    @rule(gone=consumes(keys))
    def objects_are_deleted(self, gone: tuple[str, ...]) -> None:
        for key in gone:
            self._delete(key)

    @rule(sid=st.sampled_from(SIDS))
    def a_session_is_deleted(self, sid: str) -> None:
        for key in self._listing():
            if f"{sid}_" in key:
                self._delete(key)

    @rule(replaced=keys)
    def an_object_is_replaced(self, replaced: tuple[str, ...]) -> None:
        if replaced[0] in self._listing():
            self._put(replaced[0])
            self.world.unseen.add(replaced[0])

    # What happens to the syncs.

    @rule(
        mode=st.sampled_from([None, Mode.DISCOVERY, Mode.HOP, Mode.FULL]),
        share=st.sampled_from([0, 0.1, 1 / 3, 1.0]),
        page_size=st.integers(2, 9),
        large_unit=st.sampled_from([2, 10_000]),
        bridge=st.sampled_from([0, 3]),
        in_flight=st.integers(1, 4),
    )
    def a_sync_runs(
        self, mode: Mode | None, share: float, page_size: int, large_unit: int, bridge: int, in_flight: int
    ) -> None:
        wishes = Wishes(mode, verify=share, horizon=HORIZON, large_unit=large_unit, bridge=bridge)
        self.world.store.begin(page_size=page_size, fails_at=0)
        report = self._sync(wishes, in_flight)
        goes_on = self.is_cut_off and report.mode == "full" and mode is not Mode.FULL and share < 1
        self.is_cut_off = False
        if goes_on:
            self.in_a_row = 0.0
            return
        self.in_a_row = 1.0 if report.mode == "full" else self.in_a_row + share
        if self.in_a_row > 1 - 1e-6 + share / 2:
            self.world.verified()
        self._compare(whole=report.mode == "full")

    @rule(
        share=st.sampled_from([0, 1 / 3, 1.0]),
        mode=st.sampled_from([None, Mode.DISCOVERY, Mode.HOP]),
        fails_at=st.integers(1, 12),
        interrupted=st.booleans(),
    )
    def a_sync_is_cut_off(self, share: float, mode: Mode | None, fails_at: int, interrupted: bool) -> None:
        checks = itertools.count(1)

        def check() -> None:
            if interrupted and next(checks) == fails_at:
                raise InterruptedRunError("stopped by SIGINT")

        self.world.store.begin(page_size=2, fails_at=0 if interrupted else fails_at)
        try:
            self._sync(Wishes(mode, verify=share, horizon=HORIZON, large_unit=2), 2, watch=Watch(self._clock(), check))
        except (InterruptedRunError, StorageUnavailableError):
            self.in_a_row = 0.0
            self.is_cut_off = True

    @rule()
    def verification_has_its_round(self) -> None:
        self.world.store.begin(page_size=5, fails_at=0)
        for _ in range(4):
            self._sync(Wishes(Mode.DISCOVERY, verify=1 / 3, horizon=HORIZON), 2)
        self.world.verified()
        self._compare(whole=True)

    # What must hold.

    @invariant()
    def the_catalog_agrees_with_itself(self) -> None:
        if hasattr(self, "catalog"):
            assert list(problems(self.catalog)) == []
            assert {shot.key for shot in shots_in(self.catalog)} <= self.ever

    def _compare(self, *, whole: bool) -> None:
        found = {shot.key: shot for shot in shots_in(self.catalog)}
        expected = {shot.key: shot for shot in shots_of(self._objects())}
        unseen = set() if whole else self.world.unseen
        assert {key: shot for key, shot in found.items() if key not in unseen} == {
            key: shot for key, shot in expected.items() if key not in unseen
        }
        if whole:
            keys = self._listing()
            stats = self.catalog.overview.stats()
            recordings = sum(isinstance(parse(key), RecordingName) for key in keys)
            rejected = sum(isinstance(parse(key), Unrecognised) and not key.endswith("/") for key in keys)
            assert (stats[0].recordings, stats[0].unrecognised) == (recordings, rejected)

    def _sync(self, wishes: Wishes, in_flight: int, *, watch: Watch | None = None) -> SyncReport:
        return sync(
            Access(self.world.store, "", in_flight=in_flight),
            self.catalog,
            "prod",
            watch=watch or Watch(self._clock()),
            wishes=wishes,
            allow_removal=True,
        )

    def _clock(self) -> Callable[[], datetime]:
        return lambda: self.world.now

    def _put(self, key: str) -> None:
        size = Random(f"{key} {self.world.now}").randrange(1, 9)
        body = b"" if key.endswith("/") else b"x" * size
        self.world.store.put(key, body, content_type="image/jpeg", modified=self.world.now)
        self.ever.add(key)
        self.in_a_row = 0.0

    def _delete(self, key: str) -> None:
        self.world.store.delete(key)
        self.world.unseen.add(key)
        self.in_a_row = 0.0

    def _listing(self) -> list[str]:
        return [listed.key for listed in self._objects()]

    def _objects(self) -> list[ListedObject]:
        return list(MemoryStore.list_page(self.world.store, limit=10**6).objects)

    def _is_quiet(self, sid: str) -> bool:
        """Whether nothing has come of a session for so long that it may be settled."""
        if not any(f"{sid}_" in key for key in self.ever):
            return False
        newest = 0
        for listed in self._objects():
            name = parse(listed.key)
            if (
                isinstance(name, ScreenshotName | RecordingName)
                and (name.head.sid if isinstance(name, ScreenshotName) else name.sid) == sid
            ):
                newest = max(newest, listed.modified_s * 1000)
        return to_ms(self.world.now) - newest > HORIZON // timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogs") / "empty.db"
    Catalog.open_to_write(f"sqlite:///{path}", now=START).close()
    return path


def test_the_catalog_equals_the_listing_once_verification_has_passed(empty: Path) -> None:
    AnyHistory.empty = empty
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,  # each run is long: the same histories every time, others by another max_examples
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
