"""What contact sheets and downloads of a catalog hold."""

import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.derivatives import Made
from indexer.derived import thumbnail_key
from indexer.errors import ConfigError
from indexer.jobs.originals import GetReport, get, shots_of
from indexer.jobs.sheets import Pictures, Sheet, _tiles, file_name, plan, write
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, Shot
from indexer.render.contact_sheet import Tile
from indexer.render.fonts import Fonts
from indexer.render.sheet_layout import Layout
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SID = "a" * 32
LAYOUT = Layout(ThumbSpec(160, 90))


def name(step: int, *, uid: str = "7", cname: str = "room", bak: str = "") -> str:
    return key_of(ScreenshotName(ShotHead("d/", bak, SID, cname, uid), START + timedelta(seconds=10 * step)))


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (40, 80, 120)).save(stream, "JPEG")
    return stream.getvalue()


class World:
    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        self.catalog = Catalog.open_to_write(f"sqlite:///{folder}/c.db", now=START)

    def fill(self, *keys: str) -> None:
        for key in keys:
            self.store.put(key, jpeg(), content_type="image/jpeg")
        sync(Access(self.store, ""), self.catalog, "prod", watch=Watch(lambda: START))

    def sheet(self, selection: Selection, *, every: timedelta | None = None) -> Sheet:
        return plan(self.catalog, selection, every=every, intervals_s={})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def steps(sheet: Sheet) -> list[int | str]:
    """The cells of a sheet: the step of each shot, and the length of each gap."""
    return [
        (cell.captured_at - START) // timedelta(seconds=10)
        if isinstance(cell, Shot)
        else f"gap {(cell[1] - cell[0]).total_seconds():.0f}s"
        for cell in sheet.cells()
    ]


def test_a_sheet_of_a_user_is_in_time_order_with_its_gaps(world: World) -> None:
    world.fill(*map(name, (0, 1, 2, 3, 9, 10)), name(4, bak="bak0_"), name(0, uid="8"))
    assert steps(world.sheet(Selection(uid="7"))) == [0, 1, 2, 3, 4, "gap 50s", 9, 10]


def test_a_sheet_of_a_channel_is_in_time_order_for_each_user(world: World) -> None:
    world.fill(name(0), name(1), name(0, uid="8"), name(1, uid="8"), name(0, uid="9", cname="hall"))
    sheet = world.sheet(Selection(cname="room"))
    assert [cell.uid for cell in sheet.cells() if isinstance(cell, Shot)] == ["7", "7", "8", "8"]


def test_sampling_keeps_one_shot_in_each_length_and_every_gap(world: World) -> None:
    world.fill(*map(name, [*range(7), *range(20, 27)]))
    sheet = world.sheet(Selection(uid="7"), every=timedelta(seconds=30))
    assert steps(sheet) == [0, 3, 6, "gap 140s", 20, 23, 26]


def test_sampling_does_not_skip_a_shot_that_came_a_little_early(world: World) -> None:
    early = name(3).replace("090030000", "090029950")
    world.fill(name(0), name(1), name(2), early, name(4))
    sheet = world.sheet(Selection(uid="7"), every=timedelta(seconds=30))
    assert [cell.key for cell in sheet.cells() if isinstance(cell, Shot)] == [name(0), early]


def test_a_sheet_of_everything_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="--user, --session or --channel"):
        world.sheet(Selection())


def test_pages_are_private_files_of_safe_names(world: World, tmp_path: Path) -> None:
    hostile = "..%2F<b>&名 前"
    world.fill(*(name(step, cname=hostile) for step in range(60)))
    sheet = world.sheet(Selection(cname=hostile))
    folder = tmp_path / "out"
    folder.mkdir()
    pictures = Pictures({"prod": world.store}, None)
    written = list(write(sheet, pictures, folder, layout=LAYOUT, zone=UTC, fonts=Fonts()))
    assert sorted(folder.iterdir()) == written
    for path in written:
        assert path.name.isascii()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Image.open(path) as page:
            assert page.format == "JPEG"


def test_different_sheets_have_different_names(world: World) -> None:
    world.fill(name(0, cname="a b"), name(0, cname="a.b"), name(0, cname="a-b"))
    sheets = [world.sheet(Selection(cname=cname)) for cname in ("a b", "a-b")]
    assert len({file_name(sheet) for sheet in sheets}) == 2


def test_thumbnails_are_used_where_they_exist(world: World, tmp_path: Path) -> None:
    world.fill(name(0), name(1), name(2))
    (tmp_path / "derived").mkdir()
    derived = LocalStore(tmp_path / "derived")
    shot, changed, failed = world.catalog.derivatives.wanted(Selection(), ["160x90"], retry_failed=False)
    made = Made("160x90", 1, 160, 90)
    world.catalog.derivatives.record([(shot, [made], None), (changed, [made], None), (failed, [], "truncated")])
    derived.put("team/" + thumbnail_key("prod", shot.key, "160x90"), jpeg(), content_type="image/jpeg")
    world.store.put(changed.key, jpeg()[:-2] + b"\xff\xfe\x00\x03x\xff\xd9", content_type="image/jpeg")
    world.fill()
    before = world.store.requests["get"]
    pictures = Pictures({"prod": world.store}, derived, "team/")
    tiles = list(_tiles(world.sheet(Selection(uid="7")), pictures, LAYOUT.tile, several=False))
    assert world.store.requests["get"] - before == 1, "only the shot that is not what its thumbnail shows is fetched"
    assert [tile.note for tile in tiles if isinstance(tile, Tile)] == [None, None, "truncated"]


def test_what_cannot_be_shown_is_a_tile_that_says_why(world: World, tmp_path: Path) -> None:
    world.store.put(name(0), jpeg()[:-50], content_type="image/jpeg")
    world.store.put(name(1), jpeg(), content_type="image/jpeg", tier="GLACIER")
    world.fill(name(2), name(3))
    world.store.delete(name(2))
    sheet = world.sheet(Selection(uid="7"))
    pictures = Pictures({"prod": world.store}, None)
    tiles = [tile for tile in _tiles(sheet, pictures, LAYOUT.tile, several=False) if isinstance(tile, Tile)]
    assert [tile.note for tile in tiles] == ["truncated", "archived", "gone", None]
    assert list(write(sheet, pictures, tmp_path, layout=LAYOUT, zone=UTC, fonts=Fonts()))


def fetched(world: World, target: LocalStore) -> GetReport:
    *_, report = get(shots_of(world.catalog, Selection(uid="7")), {"prod": world.store}, target, check=lambda: None)
    return report


def test_originals_are_fetched_once_under_safe_names(world: World, tmp_path: Path) -> None:
    world.fill(*map(name, range(20)), name(0, cname="..%2f..%2fetc"), name(0, uid="8"))
    (tmp_path / "got").mkdir()
    target = LocalStore(tmp_path / "got")
    report = fetched(world, target)
    assert (report.got, report.there, report.bytes) == (21, 0, 21 * len(jpeg()))
    files = [path for path in (tmp_path / "got").rglob("*") if path.is_file()]
    assert len(files) == 21
    assert all(path.read_bytes() == jpeg() for path in files)
    again = fetched(world, target)
    assert (again.got, again.there) == (0, 21)


def test_what_is_gone_or_archived_is_counted(world: World, tmp_path: Path) -> None:
    world.store.put(name(1), jpeg(), content_type="image/jpeg", tier="DEEP_ARCHIVE")
    world.fill(name(0), name(2))
    world.store.delete(name(2))
    report = fetched(world, LocalStore(tmp_path))
    assert (report.got, report.archived, dict(report.failed)) == (1, 1, {"gone": 1})
