"""What a sync promises, on the memory store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from indexer.catalog.catalog import Catalog
from indexer.errors import InterruptedRunError, LockedError, StorageUnavailableError
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, SyncReport, Watch, sync
from indexer.model import DERIVATIVES_DIR, to_ms
from indexer.storage.base import Page
from indexer.storage.memory import MemoryStore
from tests.catalogs import dump, shots_in

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
HEAD = "d/1cd3d60b784382f12ce30fa615421852_room__uid_s_{}__uid_e_video_"


def key(number: int, uid: str = "7") -> str:
    moment = START + timedelta(seconds=10 * number)
    return f"{HEAD.format(uid)}{moment:%Y%m%d%H%M%S}000.jpg"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=START) as opened:
        yield opened


def put(store: MemoryStore, *keys: str, body: bytes = b"jpeg") -> None:
    for each in keys:
        store.put(each, body, content_type="image/jpeg")


def clock() -> Callable[[], datetime]:
    ticks = count()
    return lambda: START + timedelta(days=1, seconds=next(ticks))


def run(store: MemoryStore, catalog: Catalog, *, dry_run: bool = False, allow_removal: bool = False) -> SyncReport:
    return sync(Access(store, ""), catalog, "prod", watch=Watch(clock()), dry_run=dry_run, allow_removal=allow_removal)


def test_a_second_sync_finds_nothing_to_do(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(5)))
    assert run(store, catalog).changes.added == 5
    before = dump(catalog)
    changes = run(store, catalog).changes
    assert (changes.added, changes.changed, changes.removed, changes.unchanged) == (0, 0, 0, 5)
    assert {**dump(catalog), "unit": []} == {**before, "unit": []}


def test_a_removed_object_leaves_the_catalog(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1))
    run(store, catalog)
    store.delete(key(0))
    assert run(store, catalog).changes.removed == 1
    assert [shot.key for shot in shots_in(catalog)] == [key(1)]


def test_an_emptied_bucket_empties_the_catalog_when_it_is_small(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1, uid="8"))
    run(store, catalog)
    store.delete(key(0))
    store.delete(key(1, uid="8"))
    assert run(store, catalog).changes.removed == 2
    tables = dump(catalog)
    assert not any(tables.values())


def removals(catalog: Catalog) -> list[tuple[object, ...]]:
    with catalog.reading() as connection:
        rows = connection.exec_driver_sql("SELECT uid, first_ms, last_ms, shots FROM removed ORDER BY uid, first_ms")
        return [tuple(row) for row in rows]


def test_it_is_remembered_when_removed_shots_were_captured(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(6)), key(0, uid="8"), key(1, uid="8"))
    run(store, catalog)
    for gone in (key(0), key(1), key(4), key(0, uid="8"), key(1, uid="8")):
        store.delete(gone)
    run(store, catalog)
    ms = [to_ms(START + timedelta(seconds=10 * number)) for number in range(6)]
    assert removals(catalog) == [("7", ms[0], ms[1], 2), ("7", ms[4], ms[4], 1), ("8", ms[0], ms[1], 2)]


def test_what_came_back_and_went_again_is_remembered_once(store: MemoryStore, catalog: Catalog) -> None:
    for _ in range(2):
        put(store, key(0), key(1))
        run(store, catalog)
        store.delete(key(0))
        run(store, catalog)
    assert removals(catalog) == [("7", to_ms(START), to_ms(START), 1)]


def test_nothing_is_remembered_of_a_session_that_is_gone(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1, uid="8"))
    run(store, catalog)
    for gone in (key(0), key(1, uid="8")):
        store.delete(gone)
        run(store, catalog)
    assert removals(catalog) == []


def test_a_replaced_object_is_changed(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1))
    run(store, catalog)
    put(store, key(0), body=b"longer than before")
    report = run(store, catalog)
    assert (report.changes.changed, report.changes.added, report.changes.removed) == (1, 0, 0)
    assert [shot.size for shot in shots_in(catalog)] == [18, 4]


def test_another_prefix_is_not_looked_at(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(0).replace("d/", "e/"))
    report = sync(Access(store, "d/"), catalog, "prod", watch=Watch(clock()))
    assert report.seen.objects == 1


def test_what_is_ours_or_a_marker_is_ignored(store: MemoryStore, catalog: Catalog) -> None:
    put(store, f"{DERIVATIVES_DIR}/thumb/320x180/{key(0)}")
    report = run(store, catalog)
    assert (report.seen.shots, report.seen.ignored, report.seen.unrecognised) == (0, 1, 0)


def test_unrecognised_keys_are_kept_with_their_reason_until_they_are_gone(store: MemoryStore, catalog: Catalog) -> None:
    put(store, "notes.txt", key(0).replace("20261105", "20261305"))
    run(store, catalog)
    found = {rejection.reason: rejection.samples for rejection in catalog.overview.rejections("prod")}
    assert found == {"not-agora": ("notes.txt",), "impossible-time": (key(0).replace("20261105", "20261305"),)}
    store.delete("notes.txt")
    run(store, catalog)
    assert [rejection.reason for rejection in catalog.overview.rejections("prod")] == ["impossible-time"]


MANY = 1200


def test_a_mass_removal_is_refused_and_done_when_allowed(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(MANY)), key(0, uid="8"))
    run(store, catalog)
    for number in range(MANY):
        store.delete(key(number))
    put(store, key(1, uid="8"))

    refused = run(store, catalog)
    assert (refused.outcome, refused.changes.gone, refused.changes.removed) == ("refused", MANY, 0)
    assert refused.changes.added == 1, "what is new is taken over all the same"
    assert len(shots_in(catalog)) == MANY + 2
    assert catalog.overview.stats()[0].unfinished_units == 1, "the unit is not what was listed"

    allowed = run(store, catalog, allow_removal=True)
    assert (allowed.outcome, allowed.changes.removed) == ("done", MANY)
    assert [shot.key for shot in shots_in(catalog)] == [key(0, uid="8"), key(1, uid="8")]
    assert catalog.overview.stats()[0].unfinished_units == 0


def test_many_removals_among_many_more_shots_are_normal(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *(key(number, uid=uid) for uid in "abcdefghijk" for number in range(MANY)))
    run(store, catalog)
    for number in range(MANY):
        store.delete(key(number, uid="c"))
    assert run(store, catalog).changes.removed == MANY


class Failing(MemoryStore):
    """Gives pages of two objects, and fails where the third would be."""

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 2
    ) -> Page:
        if token is not None and self.requests["list"] >= 2:
            raise StorageUnavailableError("memory://here: gone for a while")
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, 2))


def test_an_error_in_mid_listing_removes_nothing(catalog: Catalog) -> None:
    whole, failing = MemoryStore(), Failing()
    put(whole, *map(key, range(9)))
    run(whole, catalog)
    put(failing, *map(key, range(2, 9)))
    with pytest.raises(StorageUnavailableError):
        run(failing, catalog)
    assert len(shots_in(catalog)) == 9
    (last, _) = catalog.overview.runs()
    assert (last.outcome, last.message) == ("failed", "memory://here: gone for a while")


def test_an_interrupted_run_removes_nothing_and_says_so(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(3)))
    run(store, catalog)
    store.delete(key(0))

    def stop() -> None:
        raise InterruptedRunError("stopped by SIGINT")

    with pytest.raises(InterruptedRunError):
        sync(Access(store, ""), catalog, "prod", watch=Watch(clock(), check=stop))
    assert len(shots_in(catalog)) == 3
    assert catalog.overview.runs()[0].outcome == "interrupted"
    assert run(store, catalog).changes.removed == 1


def test_a_dry_run_writes_nothing_and_counts_everything(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(3)))
    run(store, catalog)
    before = dump(catalog)
    runs = catalog.overview.runs()
    store.delete(key(0))
    put(store, key(5), "foreign.txt")
    put(store, key(1), body=b"other")
    changes = run(store, catalog, dry_run=True).changes
    assert (changes.added, changes.changed, changes.gone, changes.removed, changes.unchanged) == (1, 1, 1, 0, 1)
    assert dump(catalog) == before
    assert catalog.overview.runs() == runs


def test_one_sync_of_a_source_at_a_time(store: MemoryStore, catalog: Catalog) -> None:
    with catalog.sync_lock("prod"):
        with pytest.raises(LockedError, match="'prod'"):
            run(store, catalog)
        sync(Access(store, ""), catalog, "other", watch=Watch(clock()))
    assert run(store, catalog).outcome == "done"


def test_a_run_is_recorded_with_its_requests_and_counts(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(3)), "foreign.txt")
    report = run(store, catalog)
    (recorded,) = catalog.overview.runs()
    assert (recorded.source, recorded.mode, recorded.outcome) == ("prod", "full", "done")
    assert recorded.requests == {"list": 1, "list_full": 1}
    assert recorded.counts == report.counts()
    assert recorded.counts["objects"] == 4
    assert recorded.finished_at is not None
    assert recorded.finished_at > recorded.started_at


def test_a_run_that_never_ended_has_died(store: MemoryStore, catalog: Catalog) -> None:
    catalog.begin_run(catalog.add_source("prod", "memory://here/"), mode="full", now=START)
    run(store, catalog)
    assert [past.outcome for past in catalog.overview.runs()] == ["done", "died"]


def test_two_sources_keep_their_own_shots_of_one_session(catalog: Catalog) -> None:
    one, other = MemoryStore("one"), MemoryStore("other")
    put(one, key(0))
    put(other, key(1))
    sync(Access(one, ""), catalog, "one", watch=Watch(clock()))
    sync(Access(other, ""), catalog, "other", watch=Watch(clock()))
    assert [shot.key for shot in shots_in(catalog)] == [key(0), key(1)]
    other.delete(key(1))
    sync(Access(other, ""), catalog, "other", watch=Watch(clock()))
    assert [shot.key for shot in shots_in(catalog)] == [key(0)]


class FailingLater(MemoryStore):
    """Small pages, and from some moment on no more of them."""

    def __init__(self) -> None:
        super().__init__()
        self.has_failed: Callable[[], bool] = lambda: False

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 2
    ) -> Page:
        if self.has_failed():
            raise StorageUnavailableError("memory://here: gone for a while")
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, 2))


def cut_off(catalog: Catalog) -> tuple[FailingLater, list[str]]:
    """A store whose first full listing was cut off when some of it was written, and the keys in it."""
    store = FailingLater()
    keys = [
        key(number).replace("1cd3d60b", f"{session:02x}d3d60b") for session in range(0, 256, 4) for number in range(9)
    ]
    put(store, *keys)
    store.has_failed = lambda: len(shots_in(catalog)) >= 100  # some units whole, and far from all
    with pytest.raises(StorageUnavailableError):
        sync(Access(store, "", in_flight=2), catalog, "prod", watch=Watch(clock()))
    store.has_failed = lambda: False
    return store, keys


def test_a_listing_that_was_cut_off_is_not_begun_anew(catalog: Catalog) -> None:
    store, keys = cut_off(catalog)
    assert 0 < len(shots_in(catalog)) < len(keys)
    report = sync(Access(store, "", in_flight=4), catalog, "prod", watch=Watch(clock()))
    assert (report.mode, report.outcome) == ("full", "done")
    assert report.seen.objects < len(keys)
    assert [shot.key for shot in shots_in(catalog)] == keys


def test_a_full_listing_that_was_asked_for_lists_everything_as_it_is_now(catalog: Catalog) -> None:
    store, keys = cut_off(catalog)
    written = [shot.key for shot in shots_in(catalog)]
    store.delete(written[0])
    new = written[1].replace("room", "room2")
    put(store, new)
    report = sync(Access(store, "", in_flight=4), catalog, "prod", watch=Watch(clock()), wishes=Wishes(anew=True))
    assert report.seen.objects == len(keys)
    assert {shot.key for shot in shots_in(catalog)} == {*keys, new} - {written[0]}


class Asked(MemoryStore):
    """Small pages; remembers where each listing began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[str, str]] = []

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 20
    ) -> Page:
        if token is None:
            self.begun.append((prefix, after))
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, 20))


@pytest.mark.parametrize("told", [0, 1, 40])
def test_a_first_listing_begins_in_many_places_whatever_was_announced(catalog: Catalog, told: int) -> None:
    store = Asked()
    keys = [key(number).replace("1cd3d60b", f"{session:02x}d3d60b") for session in range(64) for number in range(3)]
    put(store, *keys)
    catalog.announce(catalog.add_source("prod", "memory://here/"), [(each, to_ms(START)) for each in keys[:told]])
    report = sync(Access(store, "", in_flight=1), catalog, "prod", watch=Watch(clock()))
    assert report.changes.added == len(keys) - told
    assert len(store.begun) == 1 + len("0123456789abcdef")
    assert [shot.key for shot in shots_in(catalog)] == keys


def test_unchanged_settled_sessions_cost_no_request_of_their_own(catalog: Catalog) -> None:
    store = MemoryStore()
    old = datetime(2026, 10, 1, tzinfo=UTC)
    for session in range(50):
        name = key(0).replace("1cd3d60b", f"{session:08x}").replace("20261105", "20261001")
        store.put(name, b"jpeg", content_type="image/jpeg", modified=old)
    sync(Access(store, ""), catalog, "prod", watch=Watch(clock()))
    new = key(1).replace("1cd3d60b", f"{25:08x}")
    wishes = Wishes(Mode.DISCOVERY, verify=0)
    assert sync(Access(store, ""), catalog, "prod", watch=Watch(clock()), wishes=wishes).list_requests == {
        "discovery": 2
    }
    put(store, new)
    report = sync(Access(store, ""), catalog, "prod", watch=Watch(clock()), wishes=wishes)
    assert report.changes.added == 0, "a settled session that goes on is found by verification"
    for _ in range(30):
        report = sync(Access(store, ""), catalog, "prod", watch=Watch(clock()), wishes=Wishes(Mode.DISCOVERY))
        assert report.list_requests["verification"] <= 3
    assert new in [shot.key for shot in shots_in(catalog)]


LATER = START + timedelta(days=1)


def unit_of_shots(store: MemoryStore, front: str, number: int = 10, *, uploaded: datetime = START) -> list[str]:
    keys = [key(each).replace("d/1cd3d60b784382f12ce30fa615421852", front) for each in range(number)]
    for each in keys:
        store.put(each, b"jpeg", content_type="image/jpeg", modified=uploaded)
    return keys


def nightly(store: MemoryStore, catalog: Catalog, mode: Mode = Mode.DISCOVERY, **wishes: Any) -> SyncReport:
    return sync(
        Access(store, ""),
        catalog,
        "prod",
        watch=Watch(lambda: LATER),
        wishes=Wishes(mode, **wishes),
        allow_removal=True,
    )


def test_another_url_is_another_place_of_which_nothing_is_known(catalog: Catalog) -> None:
    old, new = MemoryStore("old"), MemoryStore("new")
    past = START - timedelta(days=90)
    unit_of_shots(old, "a" * 32, uploaded=past)
    kept = unit_of_shots(new, "b" * 32, uploaded=past)
    sync(Access(old, ""), catalog, "prod", watch=Watch(clock()))
    report = sync(Access(new, ""), catalog, "prod", watch=Watch(clock()), allow_removal=True)
    assert report.mode == "full"
    assert [shot.key for shot in shots_in(catalog)] == kept


def test_a_first_listing_of_another_url_does_not_go_on_where_the_old_one_was_cut_off(catalog: Catalog) -> None:
    cut_off(catalog)
    new = MemoryStore("new")
    kept = unit_of_shots(new, "00" + "a" * 30)
    sync(Access(new, ""), catalog, "prod", watch=Watch(clock()), allow_removal=True)
    assert [shot.key for shot in shots_in(catalog)] == kept


def test_a_session_that_vanishes_in_what_is_verified_does_not_disturb_its_neighbours(catalog: Catalog) -> None:
    store = MemoryStore()
    for front, days in (("a" * 32, 0), ("b" * 32, 30), ("c" * 32, 0)):
        unit_of_shots(store, front, uploaded=START - timedelta(days=days))
    nightly(store, catalog, Mode.FULL)
    nightly(store, catalog, verify=1 / 3)
    for listed in store.list_page().objects:
        if listed.key.startswith("b"):
            store.delete(listed.key)
    for _ in range(2):
        report = nightly(store, catalog, verify=1 / 3)
        assert report.outcome == "done"
    assert len(shots_in(catalog)) == 20


def test_names_with_other_session_ids_are_listed_once_from_unit_to_unit(catalog: Catalog) -> None:
    store = MemoryStore()
    keys = unit_of_shots(store, "abc") + unit_of_shots(store, "abd")
    nightly(store, catalog, Mode.FULL)
    assert nightly(store, catalog, Mode.HOP, verify=0).seen.objects == len(keys)
    store.delete(keys[3])
    report = nightly(store, catalog, Mode.HOP, verify=0)
    assert (report.changes.gone, report.changes.removed) == (1, 1)


def test_what_is_rejected_in_a_large_unit_is_counted_when_its_turn_comes(catalog: Catalog) -> None:
    store = MemoryStore()
    keys = [
        key(number, uid=str(uid)).replace("d/1cd3d60b784382f12ce30fa615421852", "a" * 32)
        for uid in range(100, 110)
        for number in range(20)
    ]
    for each in keys:
        store.put(each, b"jpeg", content_type="image/jpeg", modified=START - timedelta(days=90))
    nightly(store, catalog, Mode.FULL)
    put(store, keys[0].replace("20261105", "20261305"))
    for _ in range(15):
        nightly(store, catalog, verify=0.1, large_unit=50)
    assert [rejection.objects for rejection in catalog.overview.rejections()] == [1]


def test_recordings_of_a_large_unit_are_counted_at_once(catalog: Catalog) -> None:
    store = MemoryStore()
    keys = unit_of_shots(store, "a" * 32, 60)
    put(store, keys[0].replace(".jpg", ".ts"))
    nightly(store, catalog, Mode.FULL)
    put(store, keys[50].replace(".jpg", ".ts"), keys[20].replace(".jpg", ".ts"))
    nightly(store, catalog, verify=0, large_unit=10)
    assert catalog.overview.stats()[0].recordings == 3
