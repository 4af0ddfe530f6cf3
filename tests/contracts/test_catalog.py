"""What every catalog promises, whichever database keeps it."""

import functools
import itertools
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, func, select

from indexer.agora.names import ScreenshotName, parse
from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import metadata
from indexer.catalog.verification import problems
from indexer.errors import LockedError
from indexer.jobs.stretches import Seen, stretches
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Interval, ListedObject, Selection
from indexer.storage.memory import MemoryStore
from tests.catalogs import MADE_AT, Urls, dump, shots_in, shots_of, take_over

SID = "1cd3d60b784382f12ce30fa615421852"

# Byte order is none that people would choose: capitals first, then "_", then small letters, and "é" behind all of them.
CHANNELS = (
    "A",
    "Z",
    "_",
    "a",
    "a\x00b",
    "a\x01b",
    "a\x02b",
    "a b",
    "a-b",
    "aa",
    "z",
    "Ä",
    "é",
    "ß",
    "﹒",
    "\uffee",
    "𝄞",
)


def head(cname: str, uid: str = "7", sid: str = SID) -> str:
    return f"d/{sid}_{cname}__uid_s_{uid}__uid_e_video_"


def shot(key_head: str, second: int, *, size: int = 1, etag: str = "a" * 32, tier: str | None = None) -> ListedObject:
    return ListedObject(f"{key_head}202611051400{second:02}000.jpg", size, etag, 1_793_000_000, tier)


def listing(objects: Sequence[ListedObject]) -> list[ListedObject]:
    return sorted(objects, key=lambda found: found.key.encode())


def test_adversarial_names_are_kept_byte_for_byte_and_in_byte_order(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    objects = listing([shot(head(cname), second) for cname in CHANNELS for second in (1, 2)])
    assert sum(isinstance(parse(found.key), ScreenshotName) for found in objects) == len(objects)
    for _ in range(2):  # the second time all of it is found again
        take_over(catalog, source, objects, page=3, rows=2)
        assert shots_in(catalog) == shots_of(objects)
        assert list(problems(catalog)) == []
    assert {found.cname for found in catalog.sessions.every(Selection())} == set(CHANNELS)
    cuts = catalog.planning.cuts(source.id, Interval(), every=1)
    assert list(cuts) == sorted(cuts, key=str.encode)
    assert len(cuts) == len(CHANNELS) - 1


@pytest.mark.parametrize("uid", ["\x00", "7\x00", "\x01", "ä", "𝄞"])
def test_a_user_is_found_by_any_uid(catalog: Catalog, uid: str) -> None:
    take_over(catalog, catalog.add_source("s", "memory://s/"), [shot(head("room", uid), 1)])
    assert [user.uid for user in catalog.users.every(Selection())] == [uid]
    (series,) = catalog.shots.series(uid, Selection())
    assert [found.key for found, _ in catalog.shots.of(series, Selection().period)] == [shot(head("room", uid), 1).key]


def test_any_storage_class_is_told_as_it_was(catalog: Catalog) -> None:
    tiers = ("\x00", "\x01", "a\x00b\x01", "GLACIER", None)
    objects = [shot(head("a"), second)._replace(tier=tier) for second, tier in enumerate(tiers)]
    take_over(catalog, catalog.add_source("s", "memory://s/"), objects)
    assert shots_in(catalog) == objects


def test_what_changed_is_changed_and_what_is_gone_is_removed(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    first = [shot(head("a"), second) for second in range(60)]
    take_over(catalog, source, first)
    second = [each._replace(etag="b" * 32, tier="GLACIER") for each in first[10:40]] + [shot(head("b"), 0, etag="x-2")]
    take_over(catalog, source, second)
    assert shots_in(catalog) == second
    assert list(problems(catalog)) == []
    take_over(catalog, source, [])
    assert {name for name, rows in dump(catalog).items() if rows} == set()


def test_many_changes_at_once_are_all_made(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    heads = [head("room", str(uid)) for uid in range(10, 20)]
    first = [shot(each, second) for each in heads for second in range(60)]
    take_over(catalog, source, first)
    second = [each._replace(size=7, etag="q-3", tier="GLACIER") for each in first]
    take_over(catalog, source, second)
    assert shots_in(catalog) == second
    assert list(problems(catalog)) == []


@pytest.mark.parametrize(
    "key_time", ["00010101000000000", "19700101000000000", "20261105140000000", "99991231235959999"]
)
def test_any_time_of_upload_and_any_size_is_kept(catalog: Catalog, key_time: str) -> None:
    source = catalog.add_source("s", "memory://s/")
    sizes = (0, 1, 2**31, 2**45)
    moments = (-62_135_596_800, -1, 0, 1, 9_999, 10_000, 1_793_000_000, 253_402_300_799)
    found = [
        ListedObject(f"{head('room', str(uid))}{key_time}.jpg", size, "a" * 32, moment, None)
        for uid, (size, moment) in enumerate(itertools.product(sizes, moments), start=10)
    ]
    take_over(catalog, source, found)
    assert shots_in(catalog) == found
    assert list(problems(catalog)) == []


def test_sums_are_whole_numbers(catalog: Catalog) -> None:
    """One database adds up to decimals, which JSON and arithmetic take for something else."""
    take_over(catalog, catalog.add_source("s", "memory://s/"), [shot(head("a"), 1, size=2**40)])
    (stats,) = catalog.overview.stats()
    (user,) = catalog.users.every(Selection())
    assert (type(stats.bytes), stats.bytes) == (int, 2**40)
    assert (type(user.bytes), user.bytes, type(user.shots)) == (int, 2**40, int)


def test_names_of_recordings_and_foreign_keys_are_kept(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    keys = (f"d/{SID}_a\x00__uid_s_7__uid_e_video_20261105140000000.ts", "d/no\x00thing", "d/é")
    take_over(catalog, source, listing([ListedObject(key, 1, "a" * 32, 0, None) for key in keys]))
    assert keys[0].rpartition("/")[2] in dump(catalog)["recording"][0]
    (rejection,) = catalog.overview.rejections()
    assert rejection.samples == ("d/no\x00thing", "d/é")


def test_a_reader_sees_one_state_while_a_sync_writes(catalog_urls: Urls) -> None:
    url = catalog_urls()
    objects = listing([shot(head("room", str(uid)), 1) for uid in range(10, 30)])
    with Catalog.open_to_write(url, now=MADE_AT) as catalog, Catalog.open_to_read(url) as reader:
        source = catalog.add_source("s", "memory://s/")
        seen = Seen()
        with reader.reading() as connection, catalog.writer(source) as writer:
            counts = [_shots(connection)]
            for stretch in stretches([objects], seen, seed=writer.seed, rows=5):
                writer.apply(stretch)
                counts.append(_shots(connection))
                assert list(problems(reader)) == []  # on a connection of its own: what is there by now
        assert set(counts) == {0}
        with reader.reading() as connection:
            assert _shots(connection) == 20


def _shots(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(metadata.tables["shot"])).scalar_one())


def test_a_run_that_is_cut_off_leaves_a_catalog_that_adds_up_and_the_next_one_completes_it(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    objects = listing([shot(head("room", str(uid)), second) for uid in range(10, 30) for second in range(5)])
    with catalog.writer(source) as writer:
        for stretch, _ in zip(stretches([objects], Seen(), seed=writer.seed, rows=20), range(2), strict=False):
            writer.apply(stretch)
    assert 0 < len(shots_in(catalog)) < len(objects)
    assert list(problems(catalog)) == []
    take_over(catalog, source, objects)
    assert shots_in(catalog) == objects


def test_a_removal_of_too_much_waits_until_it_is_allowed(catalog: Catalog) -> None:
    store = MemoryStore()
    keys = [f"{head('a')}202611051400{second:02}{ms:03}.jpg" for second in range(60) for ms in range(20)]
    for key in keys:
        store.put(key, b"x", content_type="image/jpeg")
    run = functools.partial(sync, Access(store, ""), catalog, "prod", watch=Watch(lambda: MADE_AT))
    assert run().outcome == "done"
    for key in keys[:-1]:
        store.delete(key)
    assert (run().outcome, len(shots_in(catalog))) == ("refused", 1_200)
    assert list(problems(catalog)) == []
    assert (run(allow_removal=True).outcome, len(shots_in(catalog))) == ("done", 1)
    assert list(problems(catalog)) == []


def test_a_dry_run_writes_nothing(catalog: Catalog) -> None:
    source = catalog.add_source("s", "memory://s/")
    take_over(catalog, source, [shot(head("a"), 1)])
    before = dump(catalog)
    with catalog.writer(source, dry_run=True) as writer:
        for stretch in stretches([[shot(head("b"), 1)]], Seen(), seed=writer.seed):
            writer.apply(stretch)
        assert (writer.changes.added, writer.changes.gone) == (1, 1)
    assert dump(catalog) == before


def test_a_lock_dies_with_its_owner(catalog_urls: Urls) -> None:
    url = catalog_urls()
    holder = (
        "import sys; from indexer.catalog.catalog import Catalog\n"
        "with Catalog.open_to_read(sys.argv[1]) as catalog, catalog.sync_lock('a'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with (
        subprocess.Popen([sys.executable, "-c", holder, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        Catalog.open_to_read(url) as catalog,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError), catalog.sync_lock("a"):
            pass
        process.kill()
        process.wait()
        with catalog.sync_lock("a", wait=lambda: None):
            pass


def test_two_writers_take_turns(catalog_urls: Urls) -> None:
    """Sources may share sessions, whose sums are of both."""
    url = catalog_urls()
    listings = {name: [shot(head("room", uid), second) for uid in "1234" for second in range(20)] for name in "ab"}

    def work(name: str) -> None:
        with Catalog.open_to_write(url, now=MADE_AT) as catalog:
            take_over(catalog, catalog.add_source(name, f"memory://{name}/"), listings[name], page=10, rows=10)

    threads = [threading.Thread(target=work, args=[name]) for name in listings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Catalog.open_to_read(url) as catalog:
        (session,) = catalog.sessions.every(Selection())
        assert (session.shots, session.sources) == (160, ("a", "b"))
        assert list(problems(catalog)) == []


def test_the_size_of_a_catalog_grows_with_it(catalog: Catalog) -> None:
    before = catalog.size_bytes()
    take_over(
        catalog,
        catalog.add_source("s", "memory://s/"),
        listing([shot(head("room", str(uid)), second) for uid in range(100) for second in range(60)]),
    )
    catalog.end_run(
        catalog.begin_run(catalog.add_source("s", "memory://s/"), mode="auto", now=MADE_AT),
        mode="full",
        outcome="done",
        message="a\x00b",
        requests={},
        counts={},
        now=MADE_AT,
    )
    assert catalog.size_bytes() > before + 6_000 * 30
    assert [run.message for run in catalog.overview.runs()] == ["a\x00b"]
