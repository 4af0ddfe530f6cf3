"""What callbacks tell, and what becomes of it when the source is listed, whichever database keeps it."""

import itertools
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import select

from indexer.agora.facts import Fact, FactKind
from indexer.catalog import streams
from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import Changes
from indexer.catalog.difference import Difference, additions
from indexer.catalog.listed import Stretch
from indexer.catalog.rows import ShotRow
from indexer.catalog.schema import announced, fact, removed, unit
from indexer.catalog.snapshot import Snapshot
from indexer.catalog.verification import problems
from indexer.jobs.given import sync_keys
from indexer.jobs.key_lists import KeysRead
from indexer.jobs.plan import HORIZON, LARGE_UNIT, Mode, Wishes
from indexer.jobs.runs import Terms
from indexer.jobs.stretches import Seen, stretches
from indexer.jobs.sync import STRAYS, Access, SyncReport, Watch, sync
from indexer.model import ANNOUNCED, Interval, ListedObject, Selection, TimeRange, from_ms, to_ms
from indexer.storage.memory import MemoryStore
from tests.catalogs import MADE_AT, Urls, dump, shots_in, take_over

SID = "1cd3d60b784382f12ce30fa615421852"
OTHER = "ba" * 16
AT_MS = to_ms(MADE_AT)
AT_S = AT_MS // 1000


def key(second: int, *, uid: str = "7", sid: str = SID, cname: str = "room") -> str:
    return f"d/{sid}_{cname}__uid_s_{uid}__uid_e_video_202611041400{second:02}000.jpg"


def told(picture: str, at_s: int = AT_S) -> ListedObject:
    return ListedObject(picture, 0, "", at_s, ANNOUNCED)


def listed(picture: str, *, size: int = 5, etag: str = "a" * 32, tier: str | None = None) -> ListedObject:
    return ListedObject(picture, size, etag, AT_S - 1, tier)


def announce(catalog: Catalog, *pictures: str, at_ms: int = AT_MS) -> tuple[int, int]:
    """How many were new, and how many known."""
    done = catalog.announce(catalog.add_source("prod", "memory://here/"), [(picture, at_ms) for picture in pictures])
    assert list(problems(catalog)) == []
    return done.new, done.known


def is_open(catalog: Catalog) -> bool:
    """Whether some unit does not equal what was listed."""
    with catalog.reading() as connection:
        return connection.scalar(select(unit.c.id).where(unit.c.digest.is_(None)).limit(1)) is not None


@dataclass
class World:
    """A bucket and its syncs."""

    catalog: Catalog
    store: MemoryStore = field(default_factory=MemoryStore)
    hours: float = 0

    def put(self, *pictures: str) -> None:
        for picture in pictures:
            self.store.put(picture, b"jpeg", content_type="image/jpeg", modified=MADE_AT)

    def sync(self, *, mode: Mode | None = None, dry_run: bool = False, large_unit: int = LARGE_UNIT) -> SyncReport:
        now = MADE_AT + timedelta(hours=self.hours)
        wishes = Wishes(mode, verify=0, large_unit=large_unit)
        watch = Watch(lambda: now)
        report = sync(Access(self.store, ""), self.catalog, "prod", watch=watch, wishes=wishes, dry_run=dry_run)
        assert list(problems(self.catalog)) == []
        return report

    def keys(self, *pictures: str) -> None:
        lines = BytesIO("".join(f"{picture}\n" for picture in pictures).encode())
        watch = Watch(lambda: MADE_AT)
        sync_keys(Access(self.store, ""), self.catalog, "prod", lines, KeysRead(), watch=watch, terms=Terms())
        assert list(problems(self.catalog)) == []


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)


def counts(report: SyncReport) -> tuple[int, ...]:
    names = ("added", "confirmed", "changed", "gone", "announced_missing", "announced_dropped", "unannounced")
    return tuple(report.counts()[name] for name in names)


# --- announcing


def test_a_picture_is_known_as_soon_as_it_is_announced(catalog: Catalog) -> None:
    assert announce(catalog, key(1), key(2), key(1, uid="8"), key(1, sid=OTHER)) == (4, 0)
    assert shots_in(catalog) == sorted(map(told, (key(1), key(2), key(1, uid="8"), key(1, sid=OTHER))))
    (first, _) = catalog.sessions.every(Selection())
    assert (first.shots, first.bytes) == (3, 0)
    (stats,) = catalog.overview.stats()
    assert (stats.shots, stats.announced, stats.bytes) == (4, 4, 0)
    assert is_open(catalog)


def test_of_several_announcements_the_first_counts_in_any_order(catalog: Catalog) -> None:
    source = catalog.add_source("prod", "memory://here/")
    for number, order in enumerate(itertools.permutations([0, 5_000, 9_000])):
        for late_ms in order:
            announce(catalog, key(number), at_ms=AT_MS + late_ms)
        catalog.announce(source, [(key(number, uid="8"), AT_MS + late_ms) for late_ms in order])
    assert shots_in(catalog) == sorted(told(key(number, uid=uid)) for number in range(6) for uid in "78")


def test_what_is_announced_again_writes_nothing(catalog: Catalog) -> None:
    announce(catalog, key(1), key(2))
    before = dump(catalog)
    assert announce(catalog, key(2), key(1), key(1)) == (0, 2)
    assert dump(catalog) == before


def test_what_is_listed_is_not_announced_any_more(world: World) -> None:
    world.put(key(1))
    world.sync()
    before = dump(world.catalog)
    assert announce(world.catalog, key(1)) == (0, 1)
    assert dump(world.catalog) == before
    assert not is_open(world.catalog)


def test_of_a_long_stream_only_the_shots_that_are_announced_are_read(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = catalog.add_source("prod", "memory://here/")
    take_over(catalog, source, [listed(f"{key(second)[:-7]}{ms:03}.jpg") for second in (2, 3) for ms in range(300)])
    read: list[int] = []

    def counting(shots: Sequence[ShotRow], known: Iterable[ShotRow]) -> Difference:
        rows = list(known)
        read.append(len(rows))
        return additions(shots, rows)

    monkeypatch.setattr(streams, "additions", counting)
    assert announce(catalog, key(1), key(2), key(3), key(4)) == (2, 2)
    assert announce(catalog, *(key(second) for second in range(1, 60))) == (55, 4)
    assert announce(catalog, *(f"{key(2)[:-7]}{ms:03}.jpg" for ms in range(250, 350))) == (50, 50)
    assert read == [2, 4, 50]


def test_keys_of_nothing_that_can_be_a_screenshot_are_passed_over(catalog: Catalog) -> None:
    source = catalog.add_source("prod", "memory://here/")
    others = ["", "README", key(1).replace(".jpg", ".ts"), key(1, cname="half \ud800"), f".livestills/{key(1)}"]
    done = catalog.announce(source, [(other, AT_MS) for other in others])
    assert (done.new, done.known, done.unrecognised) == (0, 0, 5)
    assert shots_in(catalog) == []


# --- what a listing says of them


def test_a_listing_confirms_what_was_announced(world: World) -> None:
    announce(world.catalog, key(1), key(2))
    world.put(key(1), key(2), key(3))
    report = world.sync()
    assert counts(report) == (1, 2, 0, 0, 0, 0, 0)
    assert {shot.tier for shot in shots_in(world.catalog)} == {None}
    assert not is_open(world.catalog)


def test_what_is_not_listed_yet_stays_and_is_looked_for_again(world: World) -> None:
    announce(world.catalog, key(1), key(2))
    world.put(key(1))
    for mode in (Mode.FULL, Mode.DISCOVERY, Mode.HOP):
        assert counts(world.sync(mode=mode))[3:] == (0, 1, 0, 0)
        assert is_open(world.catalog)
        (known,) = world.catalog.planning.units(world.catalog.add_source("prod", "memory://here/").id)
        assert known.awaited_ms == to_ms(datetime(2026, 11, 4, 14, 0, 2, tzinfo=UTC))
    world.put(key(2))
    assert counts(world.sync(mode=Mode.DISCOVERY)) == (0, 1, 0, 0, 0, 0, 0)
    assert not is_open(world.catalog)


def test_of_a_large_unit_only_what_can_be_new_is_listed(world: World) -> None:
    world.put(*(f"{key(second)[:-7]}{ms:03}.jpg" for second in range(1, 5) for ms in range(900)))
    world.hours = 24 * 10
    world.sync()
    picture = key(3).replace("20261104", "20261110")
    announce(world.catalog, picture, at_ms=AT_MS + 24 * 7 * 3_600_000)
    assert world.catalog.overview.stats()[0].unfinished_units == 0
    for hours in (1, 22):
        report = world.sync(mode=Mode.DISCOVERY, large_unit=1_000)
        assert counts(report) == (0, 0, 0, 0, 1, 0, 0)
        assert report.list_requests["active"] == 2, "as long as it is missing"
        world.hours += hours
    announce(world.catalog, key(0), at_ms=AT_MS + 24 * 7 * 3_600_000)
    world.put(picture, key(0))
    report = world.sync(mode=Mode.DISCOVERY, large_unit=1_000)
    assert counts(report) == (0, 2, 0, 0, 0, 0, 0), "also what is older than everything that can be new"
    assert report.list_requests["active"] > 2, "which takes the unit from there on"
    assert not is_open(world.catalog)


def test_what_is_never_uploaded_goes_behind_the_horizon_and_was_never_there(world: World) -> None:
    announce(world.catalog, key(1), key(2), key(3))
    world.put(key(1), key(3))
    world.sync()
    world.hours = HORIZON / timedelta(hours=1)
    assert counts(world.sync())[4:] == (1, 0, 0), "it may have been announced later in this very second"
    world.hours += 0.1
    assert counts(world.sync(dry_run=True))[3:] == (0, 0, 1, 0)
    report = world.sync()
    assert (counts(report)[3:], report.changes.removed) == ((0, 0, 1, 0), 0)
    assert [shot.key for shot in shots_in(world.catalog)] == [key(1), key(3)]
    assert not is_open(world.catalog)
    with world.catalog.reading() as connection:
        assert connection.execute(select(removed)).all() == []


def test_a_session_that_is_only_announced_goes_with_all_that_was_told_of_it(world: World) -> None:
    world.put(key(1, sid=OTHER))
    announce(world.catalog, key(1), key(2))
    world.catalog.facts.record([Fact(SID, "room", "7", 5, FactKind.CAMERA_ON)])
    world.hours = 97
    assert counts(world.sync())[3:] == (0, 0, 2, 0)
    assert [session.sid for session in world.catalog.sessions.every(Selection())] == [OTHER]
    with world.catalog.reading() as connection:
        assert connection.execute(select(announced)).all() == []
        assert connection.execute(select(fact)).all() == []


def test_a_mass_of_missing_announcements_is_no_mass_removal(world: World) -> None:
    pictures = [f"d/{SID}_room__uid_s_7__uid_e_video_202611041400{n // 1000:02}{n % 1000:03}.jpg" for n in range(1_500)]
    announce(world.catalog, *pictures)
    world.put(key(1, sid=OTHER))
    report = world.sync()
    assert (report.outcome, counts(report)[3:5]) == ("done", (0, 1_500))
    world.hours = 97
    report = world.sync()
    assert (report.outcome, counts(report)[3:6]) == ("done", (0, 0, 1_500))
    assert len(shots_in(world.catalog)) == 1


def test_shots_beside_what_is_waited_for_are_removed(world: World) -> None:
    world.put(key(1), key(2), key(4), key(5))
    world.sync()
    announce(world.catalog, key(3))
    for second in (1, 2, 4, 5):
        world.store.delete(key(second))
    report = world.sync()
    assert (counts(report)[3:], report.changes.removed) == ((4, 1, 0, 0), 4)
    assert shots_in(world.catalog) == [told(key(3))]
    assert is_open(world.catalog)


def test_what_a_listing_adds_among_announced_pictures_was_never_announced(world: World) -> None:
    announce(world.catalog, key(2), key(4, uid="8"))
    world.put(*(key(second) for second in range(1, 6)), key(3, uid="9"), key(3, sid=OTHER), key(3, cname="b"))
    assert counts(world.sync(dry_run=True))[-1] == 3
    report = world.sync()
    assert counts(report) == (7, 1, 0, 0, 1, 0, 3)  # 3 and 4 of user 7, and 3 of user 9
    assert counts(world.sync())[-1] == 0, "each is told of once"


def test_a_copy_of_a_session_in_another_source_was_never_to_be_announced(world: World) -> None:
    announce(world.catalog, key(1), key(5))
    world.put(key(3))
    copy = MemoryStore("copy")
    for second in range(1, 6):
        copy.put(key(second), b"jpeg", content_type="image/jpeg", modified=MADE_AT)
    watch = Watch(lambda: MADE_AT)
    assert counts(sync(Access(copy, ""), world.catalog, "copy", watch=watch)) == (5, 0, 0, 0, 0, 0, 0)
    assert counts(world.sync()) == (1, 0, 0, 0, 2, 0, 1)
    world.catalog.announce(world.catalog.add_source("copy", "memory://copy/"), [(key(6), AT_MS), (key(9), AT_MS)])
    for picture in (key(0), key(2), key(7)):
        copy.put(picture, b"jpeg", content_type="image/jpeg", modified=MADE_AT)
        world.put(picture)
    assert counts(sync(Access(copy, ""), world.catalog, "copy", watch=watch))[-1] == 1, "the one from 7"
    assert counts(world.sync())[-1] == 1, "the one from 2"


def test_a_dry_run_tells_the_same_and_writes_nothing(world: World) -> None:
    announce(world.catalog, key(1), key(2))
    world.put(key(1))
    before = dump(world.catalog)
    assert counts(world.sync(dry_run=True)) == (0, 1, 0, 0, 1, 0, 0)
    assert dump(world.catalog) == before


# --- while a sync runs


def writing(catalog: Catalog, objects: Iterable[ListedObject], *, then: Iterable[str], before_end: bool) -> Changes:
    """A full sync of these objects; what is announced meanwhile comes before or behind the end of its unit."""
    source = catalog.add_source("prod", "memory://here/")
    pages = [sorted(objects)]
    with catalog.writer(source) as writer:
        cut = [Interval("", key(3)), Interval(key(3))]
        for number, interval in enumerate(cut):
            page = [each for each in pages[0] if (each.key >= key(3)) == bool(number)]
            (stretch,) = stretches([page], Seen(), seed=writer.seed, start=interval.start)
            writer.apply(Stretch(interval.start, interval.stop, stretch.streams))
            if number == 0 and before_end:
                announce(catalog, *then)
        if not before_end:
            announce(catalog, *then)
        for _ in writer.remove_gone():
            pass
        writer.listed(Interval(), started_ms=AT_MS)
        writer.conclude(whole=True, horizon_ms=0)
        return writer.changes


@pytest.mark.parametrize("before_end", [True, False])
def test_what_is_announced_while_a_sync_runs_leaves_its_unit_open(catalog: Catalog, before_end: bool) -> None:
    objects = [listed(key(second)) for second in (1, 4)]
    writing(catalog, objects, then=[key(2)], before_end=before_end)
    assert shots_in(catalog) == sorted([*objects, told(key(2))])
    assert is_open(catalog)
    assert list(problems(catalog)) == []
    source = catalog.add_source("prod", "memory://here/")
    assert not any(known.settled for known in catalog.planning.units(source.id))


def test_a_unit_in_which_a_sync_is_cut_off_lacks_more_than_what_was_announced(catalog: Catalog) -> None:
    source = catalog.add_source("prod", "memory://here/")
    take_over(catalog, source, [listed(key(second)) for second in (1, 4)])
    announce(catalog, key(5))
    assert [known.listed_ms for known in catalog.planning.units(source.id)] == [0]
    with catalog.writer(source) as writer:
        (stretch,) = stretches([[listed(key(second)) for second in (1, 2)]], Seen(), seed=writer.seed)
        writer.apply(Stretch("", key(3), stretch.streams))
    assert [known.listed_ms for known in catalog.planning.units(source.id)] == [None]
    assert list(problems(catalog)) == []


@pytest.mark.parametrize("before_end", [True, False])
def test_what_is_announced_among_shots_that_are_gone_stays(catalog: Catalog, before_end: bool) -> None:
    source = catalog.add_source("prod", "memory://here/")
    take_over(catalog, source, [listed(key(second)) for second in (0, 1, 3, 4, 6, 7)])
    changes = writing(catalog, [listed(key(7))], then=[key(2), key(5)], before_end=before_end)
    assert shots_in(catalog) == [told(key(2)), told(key(5)), listed(key(7))]
    assert (changes.gone, changes.removed) == (5, 5)
    assert is_open(catalog)
    assert list(problems(catalog)) == []


def test_two_who_write_lose_nothing_of_each_other(catalog_urls: Urls) -> None:
    url = catalog_urls()
    objects = [listed(key(second, uid=uid)) for uid in "1234" for second in range(10)]

    def hear() -> None:
        with Catalog.open_to_write(url, now=MADE_AT) as catalog:
            source = catalog.add_source("prod", "memory://here/")
            for uid, second in itertools.product("4567", range(9)):
                catalog.announce(source, [(key(second, uid=uid), AT_MS), (key(second + 1, uid=uid), AT_MS)])

    def look() -> None:
        with Catalog.open_to_write(url, now=MADE_AT) as catalog:
            for _ in range(3):
                take_over(catalog, catalog.add_source("prod", "memory://here/"), objects, page=5, rows=5)

    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        catalog.add_source("prod", "memory://here/")
        threads = [threading.Thread(target=each) for each in (hear, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(problems(catalog)) == []
        assert len(shots_in(catalog)) == 70
        assert is_open(catalog)
        take_over(catalog, catalog.add_source("prod", "memory://here/"), objects)
        assert [shot for shot in shots_in(catalog) if shot.tier is None] == sorted(objects)


# --- lists that others have made


def test_a_list_of_keys_does_not_make_it_listed(world: World) -> None:
    announce(world.catalog, key(1))
    world.keys(key(1))
    assert shots_in(world.catalog) == [told(key(1))]
    world.keys(f'{{"key": "{key(1)}", "size": 9, "tier": "{ANNOUNCED}"}}')
    assert [(shot.size, shot.tier) for shot in shots_in(world.catalog)] == [(9, None)]


def test_what_is_exported_as_announced_is_announced_where_it_is_taken_over(world: World) -> None:
    told_s = "2026-11-05T00:00:00.000Z"
    line = f'{{"key": "{key(1)}", "size": null, "etag": null, "last_modified": "{told_s}", "stored": "{ANNOUNCED}"}}'
    world.keys(line)
    assert shots_in(world.catalog) == [told(key(1))]
    world.put(key(1))
    assert counts(world.sync())[:3] == (0, 1, 0)
    world.keys(line)
    assert [shot.tier for shot in shots_in(world.catalog)] == [None]


@pytest.mark.parametrize("has_etags", [True, False])
def test_an_inventory_confirms_and_drops_nothing(catalog: Catalog, has_etags: bool) -> None:
    announce(catalog, key(1), key(2))
    announce(catalog, key(3), at_ms=AT_MS + 99_000)
    source = catalog.add_source("prod", "memory://here/")
    changes = take_over_snapshot(catalog, source, [listed(key(1), etag="a" * 32 if has_etags else "")], has_etags)
    assert [(shot.tier, shot.size) for shot in shots_in(catalog)] == [(None, 5), (ANNOUNCED, 0), (ANNOUNCED, 0)]
    assert (changes.confirmed, changes.gone, changes.announced_missing) == (1, 0, 1)
    assert is_open(catalog)
    assert list(problems(catalog)) == []


def take_over_snapshot(catalog: Catalog, source: Source, objects: list[ListedObject], has_etags: bool) -> Changes:
    snapshot = Snapshot(AT_MS + 50_000, has_etags=has_etags, has_tiers=False)
    with catalog.writer(source, snapshot=snapshot) as writer:
        for stretch in stretches([objects], Seen(), seed=writer.seed):
            writer.apply(stretch)
        for _ in writer.remove_gone():
            pass
        writer.conclude_snapshot()
        return writer.changes


# --- facts

FACTS = [
    Fact(SID, "room", "7", 10, FactKind.CAMERA_ON),
    Fact(SID, "room", "7", 20, FactKind.CAMERA_OFF),
    Fact(SID, "room", "7", 30, FactKind.CAMERA_ON),
    Fact(SID, "room", "8", 15, FactKind.CAMERA_ON),
    Fact(SID, "room", "", 5, FactKind.RECORDER_STARTED),
    Fact(SID, "room", "", 25, FactKind.FAILOVER),
    Fact(SID, "b", "7", 21, FactKind.CAMERA_ON),
    Fact(OTHER, "room", "7", 21, FactKind.CAMERA_ON),
]


def test_facts_are_kept_once_however_they_come(catalog: Catalog) -> None:
    assert catalog.facts.record(FACTS[::-1]) == len(FACTS)
    assert catalog.facts.record([*FACTS, FACTS[0]._replace(at_ms=11)]) == 1
    assert catalog.facts.record([]) == 0
    assert catalog.facts.of(SID, "b", ["7"]) == [FACTS[6]]


def test_facts_are_told_of_a_period_and_what_was_true_before_it(catalog: Catalog) -> None:
    catalog.facts.record(FACTS)
    of = catalog.facts.of(SID, "room", ["7"], TimeRange(from_ms(25), from_ms(30)))
    assert [(each.uid, each.at_ms) for each in of] == [("", 5), ("7", 20), ("", 25)]
    of = catalog.facts.of(SID, "room", ["7", "8"], TimeRange(from_ms(16), None))
    assert [each.at_ms for each in of] == [5, 10, 15, 20, 25, 30]
    assert [each.at_ms for each in catalog.facts.of(SID, "room", [], TimeRange(None, from_ms(25)))] == [5]


def test_facts_of_sessions_without_pictures_are_forgotten_after_a_while(world: World) -> None:
    world.put(key(1))
    world.catalog.facts.record([each._replace(at_ms=AT_MS + each.at_ms) for each in FACTS])
    world.sync()
    world.hours = STRAYS / timedelta(hours=1) + 1
    world.sync(mode=Mode.FULL)
    with world.catalog.reading() as connection:
        assert set(connection.scalars(select(fact.c.sid + fact.c.cname))) == {f"{SID}room"}
