"""Notices into the catalog: any order, any repetition, and what belongs nowhere."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora import events, names
from indexer.agora.events import Details, Notice
from indexer.agora.facts import FactKind
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.catalog.catalog import Catalog
from indexer.errors import ConfigError
from indexer.jobs import notice_files
from indexer.jobs.notice_files import LONGEST, NoticesRead, read_notices
from indexer.jobs.notices import BATCH, Batches, Home, Homes, Intake, NoticeReport
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import ANNOUNCED, ListedObject, to_ms
from indexer.storage.urls import Location, open_store
from tests.catalogs import Urls, dump, opened, shots_in

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
SID = "1cd3d60b784382f12ce30fa615421852"
HOME = Home("a", "dir/", "memory://a/dir/")


def key(seconds: int, uid: str = "7", *, directory: str = "dir/", sid: str = SID) -> str:
    head = ShotHead(directory, "", sid, "lobby", uid)
    return names.format(ScreenshotName(head, NOON + timedelta(seconds=seconds)))


def notice(details: Details, seconds: int = 0) -> Notice:
    """One that is sent a second behind what it tells of."""
    at = NOON + timedelta(seconds=seconds + 1)
    return Notice(f"n-{seconds}", at, "lobby", "527841", SID, seconds, at, details)


def picture(seconds: int, uid: str = "7", **where: str) -> Notice:
    return notice(events.SnapshotFile(key(seconds, uid, **where)), seconds)


def again(told: Notice) -> Notice:
    """The same, sent once more."""
    return replace(told, notified_at=told.notified_at + timedelta(seconds=30))


def state(seconds: int, *, receiving: bool) -> Notice:
    at = NOON + timedelta(seconds=seconds)
    return notice(events.StreamState("7", receiving, at), seconds)


HISTORY = [
    notice(events.RecorderStarted()),
    state(0, receiving=True),
    *(picture(10 * number, uid) for number in range(4) for uid in ("7", "8")),
    state(40, receiving=False),
    notice(events.SessionFailover("99"), 50),
    notice(events.Uploading(5_000), 60),
    notice(events.RecorderLeft(4), 70),
    notice(events.Uploaded(), 80),
    notice(events.OtherEvent(11), 81),
]


def told_to(catalog: Catalog) -> tuple[object, ...]:
    return shots_in(catalog), catalog.facts.of(SID, "lobby", ["7", "8"])


def take(
    catalog: Catalog | None,
    notices: Iterable[Notice],
    *,
    batch: int = BATCH,
    check: Callable[[], None] = lambda: None,
) -> NoticeReport:
    batches = Batches(Intake(catalog, Homes([HOME])), now=lambda: NOW, size=batch, check=check)
    for told in notices:
        batches.add(told)
    batches.write()
    return batches.report


def test_pictures_and_facts_are_in_the_catalog_at_once(catalog: Catalog) -> None:
    report = take(catalog, HISTORY)
    assert (report.notices, report.pictures_new, report.pictures_known) == (len(HISTORY), 8, 0)
    assert (report.facts_new, report.facts_known) == (6, 0)
    assert dict(report.events) == {40: 1, 44: 2, 45: 8, 12: 1, 33: 1, 41: 1, 31: 1, 11: 1}
    shots = shots_in(catalog)
    assert [shot.key for shot in shots] == sorted(key(10 * n, uid) for n in range(4) for uid in ("7", "8"))
    assert shots[0] == ListedObject(key(0), 0, "", to_ms(NOON) // 1000 + 1, ANNOUNCED)
    assert [fact.kind for fact in catalog.facts.of(SID, "lobby", ["7"])] == [
        FactKind.CAMERA_ON,
        FactKind.RECORDER_STARTED,
        FactKind.CAMERA_OFF,
        FactKind.FAILOVER,
        FactKind.RECORDER_LEFT,
        FactKind.UPLOADED,
    ]


def test_taking_in_the_same_again_changes_nothing(catalog: Catalog) -> None:
    take(catalog, HISTORY)
    before = told_to(catalog)
    report = take(catalog, map(again, HISTORY))
    assert (report.pictures_new, report.pictures_known, report.facts_new, report.facts_known) == (0, 8, 0, 6)
    assert told_to(catalog) == before


@pytest.fixture(scope="module")
def told_in_order(in_sqlite: Urls) -> tuple[object, ...]:
    with opened(in_sqlite) as catalog:
        take(catalog, HISTORY)
        return told_to(catalog)


repeated = st.lists(st.sampled_from(HISTORY).map(again), max_size=12)


@given(repeated.flatmap(lambda more: st.permutations([*HISTORY, *more])), st.integers(1, 7))
@settings(max_examples=5)
def test_order_and_repetition_make_no_difference(
    in_sqlite: Urls, told_in_order: tuple[object, ...], mixed: Sequence[Notice], batch: int
) -> None:
    with opened(in_sqlite) as catalog:
        report = take(catalog, mixed, batch=batch)
        assert told_to(catalog) == told_in_order
    assert (report.pictures_new, report.facts_new) == (8, 6)
    assert report.notices == len(mixed)


def test_a_notice_from_the_future_is_of_now(catalog: Catalog) -> None:
    early = replace(picture(0), sent_at=NOW + timedelta(days=400))
    take(catalog, [early])
    assert [shot.modified_s for shot in shots_in(catalog)] == [to_ms(NOW) // 1000]


def test_names_that_are_no_screenshots_are_counted_with_their_reason(catalog: Catalog) -> None:
    strange = ["dir/note.txt", "dir/x.jpg", "dir/y.jpg", key(0).replace(".jpg", ".ts")]
    report = take(catalog, [picture(0), *(notice(events.SnapshotFile(name)) for name in strange)])
    assert sum(strays.count for strays in report.strange.values()) == 4
    assert report.strange["recording"].samples == [strange[-1]]
    assert (report.pictures_new, report.outside.count) == (1, 0)


def test_pictures_of_no_source_are_outside(catalog: Catalog) -> None:
    others = [picture(number, directory="elsewhere/") for number in range(30)]
    report = take(catalog, [picture(0), *others])
    assert (report.pictures_new, report.outside.count, len(report.outside.samples)) == (1, 30, 20)
    assert report.outside.samples[0] == key(0, directory="elsewhere/")


def test_a_picture_belongs_to_the_longest_prefix() -> None:
    homes = Homes([Home("all", "", "s3://one/"), Home("deep", "dir/sub/", "s3://two/dir/sub/"), HOME])
    found = [homes.of(name) for name in ("dir/sub/x", "dir/x", "dirx")]
    assert [home.name if home else None for home in found] == ["deep", "a", "all"]


def test_one_prefix_in_two_buckets_is_ambiguous() -> None:
    same = [Home("b", "dir/", "s3://two/dir/"), Home("deep", "dir/sub/", "s3://three/dir/sub/"), HOME]
    with pytest.raises(ConfigError, match=r"'b' and 'a' have the same prefix 'dir/'.*--source"):
        Homes(same)


@pytest.mark.parametrize("url", ["s3://bucket/dir/", "s3://bucket", "memory://a/b/", "file:///shots/x y"])
def test_a_source_keeps_the_url_that_a_sync_gives_it(url: str) -> None:
    """Another one would have the next sync list everything anew."""
    location = Location.from_string(url)
    assert Home.of("a", location).url == f"{open_store(location).url}/{location.prefix}"


def test_a_source_behind_a_link_is_the_folder_that_a_sync_lists(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    location = Location.from_string(link.as_uri())
    store = open_store(location)
    store.put(key(0), b"jpeg", content_type="image/jpeg")
    sync(Access(store, ""), catalog, "a", watch=Watch(lambda: NOW))
    synced = dump(catalog)
    intake = Intake(catalog, Homes([Home.of("a", location)]))
    assert intake.take([picture(0)], now=NOW).pictures_known == 1
    assert dump(catalog) == synced


def test_without_a_catalog_notices_are_only_counted() -> None:
    report = take(None, HISTORY)
    assert (report.pictures, report.facts, report.pictures_new, report.facts_new) == (8, 6, 0, 0)


def test_reports_add_up(in_sqlite: Urls) -> None:
    notices = [*HISTORY, *(picture(n, directory="x/") for n in range(25)), notice(events.SnapshotFile("dir/x.jpg"))]
    with opened(in_sqlite) as one, opened(in_sqlite) as other:
        whole = take(one, notices)
        intake, parts = Intake(other, Homes([HOME])), NoticeReport()
        for told in notices:
            parts.merge(intake.take([told], now=NOW))
    assert parts == whole


def test_what_was_taken_before_an_interruption_stays(catalog: Catalog) -> None:
    checks = iter([None, KeyboardInterrupt()])

    def check() -> None:
        if (error := next(checks)) is not None:
            raise error

    with pytest.raises(KeyboardInterrupt):
        take(catalog, HISTORY, batch=4, check=check)
    assert len(shots_in(catalog)) == 6
    assert take(catalog, HISTORY).pictures_new == 2


def test_what_has_come_is_written_when_it_is_told_to_be(catalog: Catalog) -> None:
    batches = Batches(Intake(catalog, Homes([HOME])), now=lambda: NOW)
    for number in range(3):
        batches.add(picture(number))
        batches.write()
        batches.write()
        assert len(shots_in(catalog)) == batches.report.pictures_new == number + 1


# --- files ------------------------------------------------------------------------------------------------------------

BODIES = [events.format(told) for told in HISTORY]


def read(text: bytes) -> tuple[list[Notice], NoticesRead]:
    counted = NoticesRead()
    return list(read_notices(BytesIO(text), counted)), counted


def indented(body: bytes) -> bytes:
    return json.dumps(json.loads(body), indent=2).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"\n".join(BODIES),
        b"\r\n".join(BODIES) + b"\r\n",
        b"\xef\xbb\xbf\n\n" + b"\n\n".join(BODIES),
        b"[" + b",".join(BODIES) + b"]",
        b"\n [\n" + b",\n".join(map(indented, BODIES)) + b"\n]\n",
    ],
)
def test_lines_and_arrays_are_read_alike(text: bytes) -> None:
    notices, counted = read(text)
    assert notices == HISTORY
    assert (counted.pieces, counted.unreadable) == (len(HISTORY), 0)


@pytest.mark.parametrize("text", [BODIES[0], BODIES[0] + b"\n", b"\n" + indented(BODIES[0])])
def test_a_file_may_be_one_notice(text: bytes) -> None:
    assert read(text)[0] == HISTORY[:1]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"[]"])
def test_an_empty_file_has_no_notices(text: bytes) -> None:
    notices, counted = read(text)
    assert (notices, counted.pieces) == ([], 0)


def test_lines_that_are_no_notices_are_counted_and_placed() -> None:
    lines = [b'{"broken', BODIES[0], b"", b"what", b"x" * (LONGEST + 5), BODIES[1], b"\xff", b'{"noticeId": "x"}']
    notices, counted = read(b"\n".join(lines))
    assert notices == HISTORY[:2]
    assert (counted.pieces, counted.unreadable) == (7, 5)
    assert [sample.place for sample in counted.samples] == ["line 1", "line 4", "line 5", "line 7", "line 8"]
    assert counted.samples[2].reason == "longer than 1,048,576 bytes"
    assert counted.samples[4].reason == "eventType is missing"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n", b'{"broken\n'])
@pytest.mark.parametrize("mark", [b"x", b"{"])
@pytest.mark.parametrize("longer", [1, LONGEST * 2])
def test_a_line_that_is_too_long_is_one_wherever_it_stands(start: bytes, mark: bytes, longer: int) -> None:
    long = mark * (LONGEST + longer)
    notices, counted = read(start + long + b"\n" + BODIES[0] + b"\nbad\n")
    first = start.count(b"\n")
    broken = b"broken" in start
    assert notices == HISTORY[:1]
    assert (counted.pieces, counted.unreadable) == (3 + broken, 2 + broken)
    assert [sample.place for sample in counted.samples[-2:]] == [f"line {first + 1}", f"line {first + 3}"]


def test_elements_that_are_no_notices_are_counted_and_placed() -> None:
    notices, counted = read(b"[" + BODIES[0] + b", 7, {}]")
    assert notices == HISTORY[:1]
    assert [sample.place for sample in counted.samples] == ["element 2", "element 3"]


def test_a_broken_array_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the array is broken: it is not JSON"):
        read(b"[" + BODIES[0])


def test_an_array_longer_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_files, "LONGEST_ARRAY", 100)
    with pytest.raises(ConfigError, match="write one notice a line"):
        read(b"[" + b",".join(BODIES) + b"]")


def test_notices_of_other_products_are_no_mistake() -> None:
    other = json.loads(BODIES[0]) | {"productId": 1}
    notices, counted = read(json.dumps(other).encode() + b"\n" + BODIES[1])
    assert (notices, counted.other_products, counted.unreadable) == (HISTORY[1:2], 1, 0)


@given(st.lists(st.sampled_from([*BODIES, b"", b"{", b"nothing", b"}", b"[1]"]), max_size=8))
@settings(max_examples=30)
def test_every_line_is_read_or_counted(lines: list[bytes]) -> None:
    # A first line that begins an array, or an object over several lines, is another format.
    notices, counted = read(b"\n".join([BODIES[0], *lines]))
    assert len(notices) + counted.unreadable == counted.pieces == 1 + sum(bool(line) for line in lines)
