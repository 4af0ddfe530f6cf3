"""What thumbnail runs promise, with real worker processes, on folders."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

from indexer.catalog.catalog import Catalog
from indexer.compute.base import Done
from indexer.compute.processes import Processes
from indexer.derived import thumbnail_key
from indexer.errors import InterruptedRunError, StorageError
from indexer.jobs.sync import Access, Watch, sync
from indexer.jobs.thumbnails import DAMAGED, Follow, Places, ThumbReport, make_thumbnails
from indexer.model import DERIVATIVES_DIR, Selection, to_ms
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.local import LocalStore
from indexer.storage.memory import shared_memory
from indexer.storage.urls import Address, Location

NOW = datetime(2026, 11, 5, 9, tzinfo=UTC)
SMALL = ThumbSpec(160, 90)

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def jpeg(colour: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (colour % 256, 80, 120)).save(stream, "JPEG")
    return stream.getvalue()


def key(number: int, uid: str = "7") -> str:
    moment = NOW + timedelta(seconds=10 * number)
    return f"d/{'a' * 32}_room__uid_s_{uid}__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"


class World:
    """A bucket, a catalog of it, and a folder for what is made."""

    def __init__(self, folder: Path) -> None:
        (folder / "bucket").mkdir()
        (folder / "derived").mkdir()
        self.bucket = LocalStore(folder / "bucket")
        self.derived = LocalStore(folder / "derived")
        self.catalog = Catalog.open_to_write(f"sqlite:///{folder}/c.db", now=NOW)
        self.places = Places(
            {"prod": Address(Location("file", str(folder / "bucket")))},
            Address(Location("file", str(folder / "derived"))),
        )

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.bucket.put(key(number), jpeg(number), content_type="image/jpeg")

    def sync(self) -> None:
        sync(Access(self.bucket, ""), self.catalog, "prod", watch=Watch(lambda: NOW))

    def thumbs(
        self,
        *specs: ThumbSpec,
        follow: Follow | None = None,
        retry: bool = False,
        dry: bool = False,
        keep_orphans: bool = False,
    ) -> ThumbReport:
        return make_thumbnails(
            self.catalog,
            self.places,
            Selection(),
            specs or (SMALL,),
            executor=Processes(2),
            follow=follow or Follow(lambda: NOW),
            retry_failed=retry,
            dry_run=dry,
            keep_orphans=keep_orphans,
            time_limit_s=20,
        )

    def made(self) -> list[str]:
        return [listed.key for listed in self.derived.list_page().objects]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def test_every_shot_gets_each_size_once(world: World) -> None:
    world.put(*range(5))
    world.sync()
    tiny = ThumbSpec(32, 32)
    report = world.thumbs(SMALL, tiny)
    assert (report.wanted, report.made, report.failed.total()) == (5, 10, 0)
    assert world.catalog.etags.md5_sources() == frozenset(), "those of a folder are made of size and time"
    assert world.made() == sorted(thumbnail_key("prod", key(n), str(spec)) for n in range(5) for spec in (SMALL, tiny))
    picture = Image.open(io.BytesIO(world.derived.get(thumbnail_key("prod", key(0), "32x32"))))
    assert picture.size == (32, 18)
    again = world.thumbs(SMALL, tiny)
    assert (again.wanted, again.made) == (0, 0)
    more = world.thumbs(SMALL, tiny, ThumbSpec(64, 64))
    assert (more.wanted, more.made) == (5, 5), "only the size that is lacking"


def test_a_picture_that_is_only_announced_waits_for_the_next_sync(world: World) -> None:
    world.put(0, 1)
    source = world.catalog.add_source("prod", "memory://here/")
    world.catalog.announce(source, [(key(1), to_ms(NOW)), (key(2), to_ms(NOW))])
    for dry in (True, False):
        report = world.thumbs(dry=dry)
        assert (report.announced, report.wanted, report.made, report.failed.total()) == (2, 0, 0, 0)
    world.sync()
    report = world.thumbs()
    assert (report.announced, report.wanted, report.made) == (1, 2, 2)


def test_a_dry_run_makes_nothing(world: World) -> None:
    world.put(0, 1)
    world.sync()
    assert world.thumbs(dry=True).wanted == 2
    assert world.made() == []
    assert world.thumbs().made == 2


def test_a_changed_shot_is_made_anew(world: World) -> None:
    world.put(0, 1)
    world.sync()
    world.thumbs()
    before = world.derived.get(world.made()[0])
    world.bucket.put(key(0), jpeg(200), content_type="image/jpeg")
    world.sync()
    assert world.thumbs().made == 1
    assert world.derived.get(world.made()[0]) != before


def test_bad_pictures_are_recorded_with_their_reason_and_left_alone(world: World) -> None:
    world.put(0, 1, 2)
    world.bucket.put(key(3), jpeg(3)[:-200], content_type="image/jpeg")
    world.bucket.put(key(4), b"<svg/>", content_type="image/jpeg")
    world.bucket.put(key(5), b"", content_type="image/jpeg")
    world.sync()
    report = world.thumbs()
    assert (report.made, report.failed.total()) == (3, 3)
    assert {sample for sample, _ in report.samples} == {key(3), key(4), key(5)}
    assert world.thumbs().wanted == 0
    assert world.thumbs(retry=True).failed == report.failed
    world.bucket.put(key(4), jpeg(4), content_type="image/jpeg")
    world.sync()
    assert world.thumbs().made == 1, "a picture that changed is tried by itself"


def test_a_shot_that_vanished_meanwhile_is_an_outcome(world: World) -> None:
    world.put(0, 1)
    world.sync()
    world.bucket.delete(key(0))
    report = world.thumbs()
    assert (report.made, dict(report.failed)) == (1, {"gone": 1})


def test_thumbnails_of_removed_shots_are_pruned(world: World) -> None:
    world.put(*range(4))
    world.sync()
    world.thumbs()
    world.bucket.delete(key(1))
    world.bucket.delete(key(2))
    world.sync()
    assert world.thumbs().pruned == 2
    assert world.made() == [thumbnail_key("prod", key(n), str(SMALL)) for n in (0, 3)]
    assert world.thumbs().pruned == 0


def test_a_thumbnail_of_a_shot_that_came_back_is_not_pruned(world: World) -> None:
    world.put(0, 1)
    world.sync()
    world.thumbs()
    world.bucket.delete(key(1))
    world.sync()
    world.put(1)
    world.sync()
    assert world.thumbs(keep_orphans=True).made == 1
    assert world.thumbs().pruned == 0
    assert world.made() == [thumbnail_key("prod", key(n), str(SMALL)) for n in (0, 1)]


def test_an_interrupted_run_keeps_what_it_made(world: World) -> None:
    world.put(*range(40))
    world.sync()
    seen = 0

    def stop() -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise InterruptedRunError("stopped by SIGINT")

    with pytest.raises(InterruptedRunError):
        world.thumbs(follow=Follow(lambda: NOW, check=stop))
    rest = world.thumbs()
    assert 0 < rest.made <= 35
    assert len(world.made()) == 40


def test_an_error_of_the_storage_ends_the_run_and_loses_nothing(world: World, tmp_path: Path) -> None:
    world.put(*range(6))
    world.sync()
    places = world.places
    world.places = replace(places, target=Address(Location("file", str(tmp_path / "not there"))))
    with pytest.raises(StorageError, match="not there"):
        world.thumbs()
    world.places = places
    assert world.thumbs().made == 6


class MD5s:
    """Pictures in memory, whose ETags are MD5s, made in this process."""

    def __init__(self, folder: Path, *numbers: int) -> None:
        name = f"md5s-{folder.name}"
        self.bucket = shared_memory(name)
        for number in numbers:
            self.bucket.put(key(number), jpeg(number), content_type="image/jpeg")
        self.catalog = Catalog.open_to_write(f"sqlite:///{folder}/c.db", now=NOW)
        self.places = Places({"prod": Address(Location("memory", name))}, Address(Location("memory", f"{name}-made")))
        sync(Access(self.bucket, ""), self.catalog, "prod", watch=Watch(lambda: NOW))

    def spoil(self, number: int) -> None:
        """Put other bytes of the same length in the place of a picture, of which no sync knows."""
        data = self.bucket.get(key(number))
        self.bucket.put(key(number), data[:-40] + bytes(38) + data[-2:], content_type="image/jpeg")

    def thumbs(self) -> ThumbReport:
        md5_sources = self.catalog.etags.md5_sources()
        return make_thumbnails(
            self.catalog,
            self.places,
            Selection(),
            [SMALL],
            executor=Here(),
            follow=Follow(lambda: NOW),
            md5_sources=md5_sources,
        )


class Here:
    """Carries out tasks one after the other."""

    def carry_out(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], *, timeout_s: float
    ) -> Iterator[Done[_Task, _Result]]:
        assert timeout_s
        for task in tasks:
            yield Done(task, function(task))


@pytest.fixture
def md5s(tmp_path: Path) -> Iterator[MD5s]:
    made = MD5s(tmp_path, *range(4))
    yield made
    made.catalog.close()


def test_what_differs_from_its_md5_is_tried_again_and_not_taken_for_broken(md5s: MD5s) -> None:
    md5s.thumbs()
    assert md5s.catalog.etags.md5_sources() == {"prod"}
    for number in range(4, 8):
        md5s.bucket.put(key(number), jpeg(number), content_type="image/jpeg")
    sync(Access(md5s.bucket, ""), md5s.catalog, "prod", watch=Watch(lambda: NOW))
    md5s.spoil(5)
    report = md5s.thumbs()
    assert (report.made, dict(report.failed), report.samples) == (3, {DAMAGED: 1}, [(key(5), DAMAGED)])
    assert md5s.catalog.etags.md5_sources() == {"prod"}, "one picture says nothing of the others"
    md5s.bucket.put(key(5), jpeg(5), content_type="image/jpeg")
    assert md5s.thumbs().made == 1, "it had come damaged, and comes whole now"


def test_a_source_whose_etags_are_no_md5s_any_more_is_believed(md5s: MD5s) -> None:
    md5s.thumbs()
    for number in range(4, 6):
        md5s.bucket.put(key(number), jpeg(number), content_type="image/jpeg")
    sync(Access(md5s.bucket, ""), md5s.catalog, "prod", watch=Watch(lambda: NOW))
    md5s.spoil(4)
    md5s.spoil(5)
    assert dict(md5s.thumbs().failed) == {DAMAGED: 2}
    assert md5s.catalog.etags.md5_sources() == frozenset()
    assert md5s.thumbs().made == 2


def test_archived_shots_are_neither_fetched_nor_failures(tmp_path: Path) -> None:
    from indexer.storage.memory import MemoryStore

    store = MemoryStore()
    store.put(key(0), jpeg(0), content_type="image/jpeg", tier="GLACIER")
    world = World(tmp_path)
    sync(Access(store, ""), world.catalog, "prod", watch=Watch(lambda: NOW))
    report = world.thumbs()
    assert (report.archived, report.wanted, report.failed.total()) == (1, 0, 0)
    world.catalog.close()


@pytest.mark.parametrize("shot", ["/x.jpg", "a//x.jpg", "../x.jpg", "./x.jpg", f"{'é' * 300}.jpg", "a\0b.jpg", "%.jpg"])
def test_every_shot_has_a_place_of_its_own_that_folders_can_hold(shot: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    made = thumbnail_key("prod", shot, "160x90")
    store.put(made, b"x", content_type="image/jpeg")
    assert store.get(made) == b"x"
    assert made.startswith(f"{DERIVATIVES_DIR}/thumb/160x90/prod/")
