"""What a sync from an inventory and from a list of keys promise, on the memory store."""

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.catalog.catalog import Catalog
from indexer.catalog.verification import problems
from indexer.errors import BrokenListingError, InterruptedRunError
from indexer.jobs.given import sync_inventory, sync_keys
from indexer.jobs.key_lists import KeysRead
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.runs import Access, SyncReport, Terms, Watch
from indexer.jobs.sync import sync
from indexer.model import ListedObject
from indexer.storage.inventory import read_inventory
from indexer.storage.memory import MemoryStore
from tests.catalogs import dump, shots_in, shots_of
from tests.inventories import MANIFEST, inventory_of

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SNAPSHOT = START + timedelta(days=1)
AFTER = SNAPSHOT + timedelta(hours=2)
numbers = count()


def key(number: int, *, uid: str = "7", sid: str = "1cd3d60b784382f12ce30fa615421852") -> str:
    moment = START + timedelta(seconds=10 * number)
    return f"d/{sid}_room__uid_s_{uid}__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=START) as opened:
        yield opened


def put(store: MemoryStore, *keys: str, body: bytes = b"jpeg", at: datetime = START) -> None:
    for each in keys:
        store.put(each, body, content_type="image/jpeg", modified=at)


def objects_in(store: MemoryStore) -> list[ListedObject]:
    return list(store.list_page(limit=10**6).objects)


def watch(now: datetime = AFTER) -> Watch:
    return Watch(lambda: now)


def list_it(
    store: MemoryStore, catalog: Catalog, *, now: datetime = AFTER, mode: Mode | None = None, verify: float = 0
) -> SyncReport:
    return sync(Access(store, ""), catalog, "prod", watch=watch(now), wishes=Wishes(mode, verify=verify))


def take_inventory(
    store: MemoryStore,
    catalog: Catalog,
    objects: list[ListedObject] | None = None,
    *,
    etags: bool = True,
    terms: Terms | None = None,
    seen: Watch | None = None,
) -> SyncReport:
    """Take over an inventory of the store as it is, or of what it was."""
    listed = objects_in(store) if objects is None else objects
    reports = inventory_of(listed, bucket="here", snapshot=SNAPSHOT, etags=etags)
    inventory = read_inventory(reports, MANIFEST, bucket="here")
    access = Access(store, "")
    return sync_inventory(access, catalog, "prod", reports, inventory, watch=seen or watch(), terms=terms or Terms())


def add_keys(
    store: MemoryStore, catalog: Catalog, *lines: str, prefix: str = "", terms: Terms | None = None
) -> tuple[SyncReport, KeysRead]:
    read = KeysRead()
    file = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    report = sync_keys(Access(store, prefix), catalog, "prod", file, read, watch=watch(), terms=terms or Terms())
    return report, read


def line(listed: ListedObject, *names: str) -> str:
    """An object as an ndjson line that says these things beside its key."""
    record: dict[str, object] = {
        "key": listed.key,
        "size": listed.size,
        "etag": listed.etag,
        "last_modified": datetime.fromtimestamp(listed.modified_s, UTC).isoformat(),
    }
    return json.dumps({name: record[name] for name in ("key", *names)})


ALL = ("size", "etag", "last_modified")


def open_units(catalog: Catalog) -> list[str]:
    with catalog.reading() as connection:
        return list(connection.exec_driver_sql("SELECT prefix FROM unit WHERE digest IS NULL ORDER BY 1").scalars())


def marks(catalog: Catalog) -> list[tuple[object, ...]]:
    with catalog.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT listed_ms, verified_ms, settled FROM unit")]


def is_of_now(catalog: Catalog, store: MemoryStore) -> bool:
    return not list(problems(catalog)) and shots_in(catalog) == shots_of(objects_in(store))


# --- inventories


def test_an_inventory_fills_an_empty_catalog_as_a_listing_does(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(5)), key(0, uid="8"), "notes.txt", key(0).replace(".jpg", ".ts"))
    report = take_inventory(store, catalog)
    assert (report.mode, report.changes.added, dict(report.list_requests)) == ("inventory", 6, {})
    assert report.requests == {"get": 1}
    by_inventory = dump(catalog)
    assert is_of_now(catalog, store)
    changes = list_it(store, catalog, mode=Mode.FULL).changes
    assert (changes.added, changes.changed, changes.removed, changes.unchanged) == (0, 0, 0, 6)
    assert {**dump(catalog), "unit": []} == {**by_inventory, "unit": []}
    (run, first) = catalog.overview.runs()
    assert (run.mode, first.mode, first.outcome) == ("full", "inventory", "done")


def test_an_inventory_counts_as_a_listing_that_began_at_its_snapshot(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0))
    take_inventory(store, catalog)
    assert marks(catalog) == [(int(SNAPSHOT.timestamp()) * 1000, None, 0)]
    list_it(store, catalog)
    assert marks(catalog)[0][0] == int(AFTER.timestamp()) * 1000
    take_inventory(store, catalog)
    assert marks(catalog)[0][0] == int(AFTER.timestamp()) * 1000, "it was listed later"


def test_behind_an_inventory_a_sync_lists_only_what_may_have_changed(store: MemoryStore, catalog: Catalog) -> None:
    for number in range(30):
        put(store, *(key(shot, sid=f"{number << 120:032x}") for shot in range(100)), at=START - timedelta(days=9))
    put(store, key(0, sid="ff" * 16), at=SNAPSHOT)
    take_inventory(store, catalog)
    assert {settled for _, _, settled in marks(catalog)} == {0}
    report = sync(Access(store, ""), catalog, "prod", watch=watch(), wishes=Wishes(horizon=timedelta(hours=12)))
    assert report.mode == "discovery"
    assert report.units.settled >= 28, "but for what is verified"
    assert report.units.settled + report.units.listed == 31
    assert is_of_now(catalog, store)


def test_what_is_in_no_inventory_is_gone_if_it_was_uploaded_before(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1), key(0, uid="8"))
    put(store, key(2), key(0, uid="9"), at=SNAPSHOT)
    put(store, key(3), at=AFTER)
    list_it(store, catalog)
    store.delete(key(1))
    store.delete(key(0, uid="8"))
    past = [listed for listed in objects_in(store) if listed.key == key(0)]
    report = take_inventory(store, catalog, past)
    assert (report.changes.gone, report.changes.removed, report.changes.unchanged) == (2, 2, 4)
    assert is_of_now(catalog, store)


def test_what_was_replaced_behind_the_snapshot_is_not_changed_back(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1))
    past = objects_in(store)
    put(store, key(0), body=b"another picture", at=AFTER)
    list_it(store, catalog)
    report = take_inventory(store, catalog, past)
    assert (report.changes.changed, report.changes.unchanged) == (0, 2)
    assert is_of_now(catalog, store)


def test_what_came_back_from_the_past_is_listed_again(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1), "x_notes.txt")
    past = objects_in(store)
    store.delete(key(1))
    store.delete("x_notes.txt")
    list_it(store, catalog)
    assert take_inventory(store, catalog, past).changes.added == 1
    assert open_units(catalog) == [key(0)[:35]]
    assert catalog.overview.rejections("prod") == [], "sums are those of the later listing"
    list_it(store, catalog, mode=Mode.DISCOVERY)
    assert is_of_now(catalog, store)


def test_without_etags_only_size_and_time_tell_and_what_changed_is_left_open(
    store: MemoryStore, catalog: Catalog
) -> None:
    other = "00" * 16
    put(store, key(0), key(1), key(0, sid=other), key(0, sid=other).replace(".jpg", ".ts"))
    list_it(store, catalog)
    put(store, key(1), body=b"another picture", at=START + timedelta(hours=1))
    put(store, key(2))
    report = take_inventory(store, catalog, etags=False)
    assert (report.changes.added, report.changes.changed, report.changes.unchanged) == (1, 1, 2)
    assert open_units(catalog) == [key(0)[:35]]
    etags = {shot.key: shot.etag for shot in shots_in(catalog)}
    assert (etags[key(1)], etags[key(2)], len(etags[key(0)])) == ("", "", 32)
    take_inventory(store, catalog, etags=False)
    assert open_units(catalog) == [key(0)[:35]], "a second one closes nothing"
    assert list_it(store, catalog, mode=Mode.DISCOVERY).units.listed == 2
    assert is_of_now(catalog, store)
    assert open_units(catalog) == []


def test_an_inventory_without_etags_fills_an_empty_catalog_and_lets_all_be_listed(
    store: MemoryStore, catalog: Catalog
) -> None:
    put(store, key(0), key(1))
    take_inventory(store, catalog, etags=False)
    assert marks(catalog) == [(None, None, 0)]
    assert not list(problems(catalog))
    list_it(store, catalog, mode=Mode.DISCOVERY)
    assert is_of_now(catalog, store)


def test_an_inventory_of_too_little_removes_nothing_unless_it_may(store: MemoryStore, catalog: Catalog) -> None:
    put(store, *map(key, range(1_200)), key(0, uid="8"))
    list_it(store, catalog)
    past = [listed for listed in objects_in(store) if "uid_s_8" in listed.key]
    refused = take_inventory(store, catalog, past)
    assert (refused.outcome, refused.changes.gone, refused.changes.removed) == ("refused", 1_200, 0)
    assert len(shots_in(catalog)) == 1_201
    allowed = take_inventory(store, catalog, past, terms=Terms(allow_removal=True))
    assert (allowed.outcome, allowed.changes.removed) == ("done", 1_200)


def test_a_broken_inventory_and_one_that_is_stopped_change_nothing(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1))
    list_it(store, catalog)
    before = dump(catalog)
    reports = inventory_of([], bucket="here", snapshot=SNAPSHOT)
    inventory = read_inventory(reports, MANIFEST, bucket="here")
    reports.put(inventory.files[0].key, b"cut", content_type="application/gzip")
    with pytest.raises(BrokenListingError):
        sync_inventory(Access(store, ""), catalog, "prod", reports, inventory, watch=watch())

    def stop() -> None:
        raise InterruptedRunError("stopped by SIGINT")

    with pytest.raises(InterruptedRunError):
        take_inventory(store, catalog, [], seen=Watch(lambda: AFTER, check=stop))
    assert dump(catalog) == before
    assert [run.outcome for run in catalog.overview.runs()] == ["interrupted", "failed", "done"]


def test_a_dry_run_of_an_inventory_only_counts(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1))
    list_it(store, catalog)
    before = dump(catalog)
    report = take_inventory(store, catalog, [], terms=Terms(dry_run=True))
    assert (report.changes.gone, report.changes.removed) == (2, 0)
    assert dump(catalog) == before


# --- lists of keys


def test_a_list_of_keys_adds_and_removes_nothing(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1), key(0, uid="8"))
    list_it(store, catalog)
    put(store, key(2), key(5), key(0, uid="9"), at=SNAPSHOT)
    new = [line(listed, *ALL) for listed in objects_in(store) if listed.key in {key(2), key(0, uid="9")}]
    report, _ = add_keys(store, catalog, *new, line(objects_in(store)[0], *ALL))
    assert (report.mode, report.outcome, dict(report.requests)) == ("keys", "done", {})
    changes = report.changes
    assert (changes.added, changes.changed, changes.gone, changes.removed, changes.unchanged) == (2, 0, 0, 0, 1)
    assert len(shots_in(catalog)) == 5
    assert not list(problems(catalog))
    assert open_units(catalog) == [key(0)[:35]]
    list_it(store, catalog, mode=Mode.DISCOVERY)
    assert is_of_now(catalog, store)


def test_a_line_changes_what_it_tells_and_nothing_else(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0), key(1), key(2), key(3))
    list_it(store, catalog)
    known = {shot.key: shot for shot in shots_in(catalog)}
    put(store, key(1), body=b"another", at=SNAPSHOT)
    put(store, key(2), body=b"another", at=SNAPSHOT)
    now = {listed.key: listed for listed in objects_in(store)}
    old = now[key(3)]._replace(size=9, etag="f" * 32, modified_s=now[key(3)].modified_s - 60)
    lines = [key(0), line(now[key(1)], "size"), line(now[key(2)], *ALL), line(old, *ALL)]
    assert add_keys(store, catalog, *lines)[0].changes.changed == 2
    after = {shot.key: shot for shot in shots_in(catalog)}
    assert after[key(0)] == known[key(0)]
    assert after[key(1)] == known[key(1)]._replace(size=7)
    assert after[key(2)] == now[key(2)]
    assert after[key(3)] == known[key(3)]
    assert not list(problems(catalog))


def test_a_settled_session_in_which_something_new_is_named_is_listed_again(
    store: MemoryStore, catalog: Catalog
) -> None:
    other = "00" * 16
    put(store, key(0), key(0, sid=other))
    later = START + timedelta(days=30)
    list_it(store, catalog, now=later)
    assert list_it(store, catalog, now=later, mode=Mode.DISCOVERY).units.settled == 2
    put(store, key(9, uid="late"), at=SNAPSHOT)
    add_keys(store, catalog, key(9, uid="late"), key(0, sid=other))
    report = list_it(store, catalog, now=later, mode=Mode.DISCOVERY)
    assert (report.units.listed, report.units.settled) == (1, 1)
    assert is_of_now(catalog, store)


def test_keys_that_are_no_shots_let_their_units_be_listed(store: MemoryStore, catalog: Catalog) -> None:
    recording, foreign = key(0, sid="00" * 16).replace(".jpg", ".ts"), key(0)[:35] + "x.txt"
    put(store, recording, foreign)
    report, _ = add_keys(store, catalog, recording, foreign, "README", key(0, sid="ff" * 16).replace(".jpg", ".ts"))
    assert (report.seen.recordings, report.seen.unrecognised, report.changes.added) == (2, 2, 0)
    assert len(open_units(catalog)) == 3
    list_it(store, catalog, mode=Mode.DISCOVERY)
    assert open_units(catalog) == []
    assert (catalog.overview.stats()[0].recordings, catalog.overview.stats()[0].unrecognised) == (1, 1)


def test_other_keys_and_other_lines_are_counted_and_told(store: MemoryStore, catalog: Catalog) -> None:
    report, read = add_keys(store, catalog, key(0), "e/" + key(0), "{}", key(1), prefix="d/")
    assert (report.changes.added, read.outside_samples) == (2, ["e/" + key(0)])
    assert [(bad.number, bad.reason) for bad in read.samples] == [(3, "a JSON object without a key")]
    assert (report.counts()["outside_keys"], report.counts()["unreadable_lines"]) == (1, 1)
    assert catalog.overview.runs()[0].counts == report.counts()
    assert catalog.overview.objects_of_last_run("prod") is None


def test_a_dry_run_of_a_list_only_counts(store: MemoryStore, catalog: Catalog) -> None:
    put(store, key(0))
    list_it(store, catalog)
    before = dump(catalog)
    assert add_keys(store, catalog, key(1), key(0), terms=Terms(dry_run=True))[0].changes.added == 1
    assert dump(catalog) == before


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogs") / "empty.db"
    Catalog.open_to_write(f"sqlite:///{path}", now=START).close()
    return path


SHOTS = st.builds(key, st.integers(0, 6), uid=st.sampled_from("78"), sid=st.sampled_from(["00" * 16, "ff" * 16]))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    there=st.sets(SHOTS, max_size=12),
    before=st.sets(SHOTS, max_size=6),
    lists=st.lists(st.lists(st.tuples(SHOTS, st.sampled_from([(), ("size",), ALL])), max_size=6), max_size=3),
    mode=st.sampled_from([Mode.FULL, Mode.DISCOVERY]),
)
def test_any_lists_in_any_order_lose_nothing_and_a_sync_makes_it_the_listing(
    empty: Path,
    there: set[str],
    before: set[str],
    lists: list[list[tuple[str, tuple[str, ...]]]],
    mode: Mode,
) -> None:
    path = shutil.copy(empty, empty.with_name(f"{next(numbers)}.db"))
    with Catalog.open_to_write(f"sqlite:///{path}", now=START) as catalog:
        store = MemoryStore()
        put(store, *before)
        list_it(store, catalog)
        for gone in before - there:
            store.delete(gone)
        put(store, *(there - before), at=SNAPSHOT)
        now = {listed.key: listed for listed in objects_in(store)}
        known = before
        for lines in lists:
            named = [(each, said) for each, said in lines if each in there]
            add_keys(store, catalog, *(line(now[each], *said) for each, said in named))
            known = known | {each for each, _ in named}
            assert {shot.key for shot in shots_in(catalog)} == known
            assert not list(problems(catalog))
        list_it(store, catalog, mode=mode)
        assert is_of_now(catalog, store)
        assert open_units(catalog) == []
    Path(path).unlink()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    past=st.sets(SHOTS, max_size=12),
    before=st.sets(SHOTS, max_size=8),
    later=st.sets(SHOTS, max_size=4),
    etags=st.booleans(),
)
def test_an_inventory_and_then_a_sync_make_it_the_listing(
    empty: Path, past: set[str], before: set[str], later: set[str], *, etags: bool
) -> None:
    path = shutil.copy(empty, empty.with_name(f"{next(numbers)}.db"))
    with Catalog.open_to_write(f"sqlite:///{path}", now=START) as catalog:
        store = MemoryStore()
        put(store, *before)
        list_it(store, catalog, now=START)
        for gone in before - past:
            store.delete(gone)
        put(store, *(past - before), at=START + timedelta(hours=3))
        listed = objects_in(store)
        take_inventory(store, catalog, listed, etags=etags)
        keys = {shot.key for shot in shots_in(catalog)}
        assert keys == past
        if etags:
            assert is_of_now(catalog, store)
        put(store, *later, body=b"replaced or new", at=AFTER)
        list_it(store, catalog, mode=Mode.DISCOVERY)
        assert is_of_now(catalog, store)
        take_inventory(store, catalog, listed, etags=etags)
        assert is_of_now(catalog, store), "what came later stays"
    Path(path).unlink()
