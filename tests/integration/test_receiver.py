"""The receiver of callbacks, over real HTTP into a real catalog."""

import errno
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import httpx
import pytest

from indexer.agora import events, names
from indexer.agora.events import Details, Notice
from indexer.agora.facts import FactKind
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.catalog.catalog import Catalog
from indexer.jobs.notice_files import LONGEST, NoticesRead, read_notices
from indexer.jobs.notices import Home, Homes, Intake
from indexer.service import receiver
from indexer.service.receiver import Answers, Trust, application
from indexer.service.serving import serving
from indexer.service.writing import MOST_WAITING, Writer
from tests.catalogs import MADE_AT, Urls, opened, shots_in
from tests.postgres import PostgresServer

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
SID = "1cd3d60b784382f12ce30fa615421852"
SECRET: Final = "the-secret-of-the-console"
HOME = Home("a", "dir/", "memory://a/dir/")


def key(seconds: int) -> str:
    return names.format(ScreenshotName(ShotHead("dir/", "", SID, "lobby", "7"), NOON + timedelta(seconds=seconds)))


def body_of(details: Details, seconds: int = 0) -> bytes:
    at = NOON + timedelta(seconds=seconds + 1)
    return events.format(Notice(f"n-{seconds}", at, "lobby", "527841", SID, seconds, at, details))


def picture(seconds: int) -> bytes:
    return body_of(events.SnapshotFile(key(seconds)), seconds)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {events.HEADER_V2: events.signature(body, secret), events.HEADER_V1: events.signature_v1(body, secret)}


@dataclass(frozen=True)
class Receiver:
    url: str
    catalog: Catalog
    writer: Writer
    answers: Answers
    client: httpx.Client

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.client.post(self.url, content=body, headers=signed(body) if headers is None else headers)


@contextmanager
def receiving(
    catalog: Catalog,
    *,
    trust: Trust = Trust(SECRET),  # noqa: B008  # frozen
    log: BinaryIO | None = None,
    within_s: float = 30,
    most_waiting: int = MOST_WAITING,
    path: str = "/",
) -> Iterator[Receiver]:
    answers = Answers()
    intake = Intake(catalog, Homes([HOME]))
    with (
        Writer(intake, now=lambda: datetime.now(UTC), log=log, most_waiting=most_waiting) as writer,
        serving(application(writer, trust, answers, path=path, within_s=within_s), host="127.0.0.1", port=0) as url,
        httpx.Client(timeout=60, trust_env=False) as client,
    ):
        yield Receiver(url + path, catalog, writer, answers, client)


@pytest.fixture
def catalog(in_sqlite: Urls) -> Iterator[Catalog]:
    with opened(in_sqlite) as made:
        yield made


@pytest.fixture
def here(catalog: Catalog) -> Iterator[Receiver]:
    with receiving(catalog) as started:
        yield started


@contextmanager
def locked(catalog: Catalog) -> Iterator[None]:
    """While another program writes into the database."""
    with closing(sqlite3.connect(catalog.name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def await_that(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_signed_picture_is_in_the_catalog_when_it_is_answered(here: Receiver) -> None:
    answer = here.post(picture(0))
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert [shot.key for shot in shots_in(here.catalog)] == [key(0)]
    answer = here.post(body_of(events.StreamState("7", receiving=False, at=NOON)))
    assert answer.status_code == 200
    assert [fact.kind for fact in here.catalog.facts.of(SID, "lobby", ["7"])] == [FactKind.CAMERA_OFF]


def test_what_is_sent_again_is_known(here: Receiver) -> None:
    for _ in range(3):
        assert here.post(picture(0)).status_code == 200
    assert len(shots_in(here.catalog)) == 1
    assert (here.writer.report.pictures_new, here.writer.report.pictures_known) == (1, 2)


def test_what_is_not_signed_is_refused_and_changes_nothing(here: Receiver) -> None:
    wrong = [
        {},
        {events.HEADER_V2: ""},
        signed(picture(0), "another-secret"),
        signed(picture(0) + b" "),
        {events.HEADER_V1: events.signature_v1(picture(0), SECRET)},
        {events.HEADER_V2: events.signature_v1(picture(0), SECRET)},
    ]
    for headers in wrong:
        answer = here.post(picture(0), headers)
        assert (answer.status_code, answer.json()["ok"]) == (401, False)
        assert SECRET not in answer.text
    assert (shots_in(here.catalog), here.answers.unsigned, here.answers.taken) == ([], len(wrong), 0)


def test_the_signature_comes_before_any_parsing(here: Receiver) -> None:
    assert here.post(b"no notice", {}).status_code == 401
    assert here.post(b"no notice").status_code == 400


def test_the_older_signature_counts_only_on_request_and_never_against_the_newer(catalog: Catalog) -> None:
    old = {events.HEADER_V1: events.signature_v1(picture(0), SECRET)}
    with receiving(catalog, trust=Trust(SECRET, accept_v1=True)) as here:
        assert here.post(picture(0), old).status_code == 200
        assert here.post(picture(0), {**old, events.HEADER_V2: "0" * 64}).status_code == 401


def test_without_a_secret_everything_is_taken(catalog: Catalog) -> None:
    with receiving(catalog, trust=Trust(None)) as here:
        assert here.post(picture(0), {}).status_code == 200


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(Trust(SECRET))


def test_only_what_is_no_notice_is_bad(here: Receiver) -> None:
    for body in (b"{}", b"\xff", b"[]", b'{"noticeId": "x", "productId": 3, "eventType": 45}'):
        answer = here.post(body)
        assert (answer.status_code, answer.json()["ok"]) == (400, False)
    assert here.post(body_of(events.OtherEvent(11))).json() == {"ok": True}
    # Agora's own, also to try the address: it must not send them again, nor refuse the configuration.
    for body in (
        picture(0).replace(b'"productId":3', b'"productId":1'),
        picture(0).replace(b"fileName", b"file"),
        b'{"noticeId":"x","productId":3,"eventType":45,"notifyMs":1,"payload":{"cname":"test_webhook"}}',
    ):
        answer = here.post(body)
        assert (answer.status_code, answer.json()["used"]) == (200, False)
    assert shots_in(here.catalog) == []
    assert (here.answers.unreadable, here.answers.taken, here.answers.unused) == (4, 4, 3)


def test_a_body_of_more_than_a_megabyte_is_too_long_whoever_signed_it(here: Receiver) -> None:
    assert here.post(b"x" * (LONGEST + 1)).status_code == 413
    assert here.post(b"x" * LONGEST).status_code == 400
    assert here.post(picture(0)).status_code == 200
    assert here.answers.too_long == 1


def test_a_body_that_does_not_arrive_is_given_up(here: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "BODY_WITHIN_S", 0.1)
    parts = urlsplit(here.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_a_busy_catalog_has_the_notice_sent_again(catalog: Catalog) -> None:
    with receiving(catalog, within_s=0.1) as here, locked(catalog):
        answer = here.post(picture(0))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert shots_in(catalog) == []
    with receiving(catalog) as here:
        assert here.post(picture(0)).status_code == 200
        assert here.writer.report.pictures_known == 1  # put off, it was written nevertheless
    assert len(shots_in(catalog)) == 1


def test_health_is_bad_while_callbacks_are_put_off(catalog: Catalog) -> None:
    with receiving(catalog, within_s=0.1) as here:

        def health() -> int:
            return here.client.get(here.url + "health").status_code

        with locked(catalog):
            assert here.post(picture(0)).json()["error"] == "the catalog is busy"
            await_that(lambda: health() == 503)
        await_that(lambda: health() == 200)


def test_notices_that_come_meanwhile_go_into_one_transaction(here: Receiver) -> None:
    count = 30
    with ThreadPoolExecutor(count) as posting:
        with locked(here.catalog):
            first = posting.submit(here.post, picture(0))
            others = [posting.submit(here.post, picture(number)) for number in range(1, count)]
            await_that(lambda: here.writer.waiting >= count - 5)
            assert not first.done()
        assert {answer.result().status_code for answer in [first, *others]} == {200}
    assert len(shots_in(here.catalog)) == count
    assert here.writer.groups <= 5


def test_more_than_can_wait_is_put_off_at_once(catalog: Catalog) -> None:
    with receiving(catalog, most_waiting=1) as here, ThreadPoolExecutor(2) as posting:
        with locked(catalog):
            taken = [posting.submit(here.post, picture(0))]
            await_that(lambda: here.writer.busy_s > 0)
            taken.append(posting.submit(here.post, picture(1)))
            await_that(lambda: here.writer.waiting == 1)
            assert here.post(picture(2)).status_code == 503
        assert [answer.result().status_code for answer in taken] == [200, 200]


def test_what_was_taken_is_written_also_when_nobody_waits_for_it(catalog: Catalog) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(picture(0)).items())
    with receiving(catalog) as here, locked(catalog):
        parts = urlsplit(here.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as leaving:
            head += f"Host: x\r\nContent-Length: {len(picture(0))}\r\n\r\n"
            leaving.sendall(b"POST / HTTP/1.1\r\n" + head.encode() + picture(0))
            await_that(lambda: here.writer.busy_s > 0)
    assert [shot.key for shot in shots_in(catalog)] == [key(0)]


def test_the_log_rebuilds_a_lost_catalog(catalog: Catalog, in_sqlite: Urls) -> None:
    written = BytesIO()
    over_lines = picture(1).replace(b",", b",\n")
    with receiving(catalog, log=written) as here:
        for body in (picture(0), over_lines, body_of(events.Uploaded(), 9), b"unreadable"):
            here.post(body)
        here.post(picture(2), {})
    assert written.getvalue().splitlines() == [picture(0), picture(1), body_of(events.Uploaded(), 9)]
    written.seek(0)
    with opened(in_sqlite) as anew:
        Intake(anew, Homes([HOME])).take(read_notices(written, NoticesRead()), now=datetime.now(UTC))
        assert shots_in(anew) == shots_in(catalog)
        assert anew.facts.of(SID, "lobby", []) == catalog.facts.of(SID, "lobby", [])


class Filling(BytesIO):
    """A log on a disk with room for so many bytes."""

    room = 0

    def write(self, data: Any, /) -> int:  # any buffer
        fits = data[: max(0, self.room - self.tell())]
        super().write(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(fits)


def test_a_log_that_cannot_be_written_has_the_notice_sent_again(catalog: Catalog) -> None:
    disk = Filling()
    disk.room = len(picture(0)) + 20
    with receiving(catalog, log=disk) as here:
        assert here.post(picture(0)).status_code == 200
        answer = here.post(picture(1))
        assert (answer.status_code, answer.json()["error"]) == (503, "the log cannot be written now")
        assert here.client.get(here.url + "health").status_code == 503
        disk.room = 10_000
        assert here.post(picture(1)).status_code == 200
        assert here.client.get(here.url + "health").status_code == 200
    first, half, last = disk.getvalue().splitlines()
    assert (first, last) == (picture(0), picture(1))
    assert picture(1).startswith(half)


def test_a_server_that_was_started_anew_costs_no_callback(in_postgres: Urls, postgres: PostgresServer) -> None:
    url = in_postgres()
    with Catalog.open_to_write(url, now=MADE_AT) as catalog, receiving(catalog) as here:
        assert here.post(picture(0)).status_code == 200
        postgres.disconnect(url.partition("@/")[2].partition("?")[0])
        assert here.post(picture(1)).status_code == 200
        assert len(shots_in(catalog)) == 2


def test_health_tells_that_it_lives_and_nothing_of_anybody(here: Receiver) -> None:
    here.post(picture(0))
    answer = here.client.get(here.url + "health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "taken": 1, "waiting": 0})


def test_callbacks_are_taken_at_their_path_only(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    with receiving(catalog, path="/agora/notices") as here:
        assert here.post(picture(0)).status_code == 200
        root = here.url.removesuffix("agora/notices")
        for other in (root, here.url + "/", root + "Agora/notices"):
            assert here.client.post(other, content=picture(0), headers=signed(picture(0))).status_code == 404
        assert here.client.get(here.url).status_code == 405
        assert here.client.get(root + "health").status_code == 200
        assert here.client.get(root + "favicon.ico").status_code == 404
        assert (here.answers.taken, here.answers.elsewhere) == (1, 3)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["a request was posted to '/', where no callbacks are taken, but at '/agora/notices'"]


def test_a_mistake_of_ours_ends_no_service(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    with receiving(catalog) as here:
        with closing(sqlite3.connect(catalog.name)) as other:
            other.execute("ALTER TABLE fact RENAME TO gone")
        assert here.post(body_of(events.Uploaded())).status_code == 503
        with closing(sqlite3.connect(catalog.name)) as other:
            other.execute("ALTER TABLE gone RENAME TO fact")
        assert here.post(body_of(events.Uploaded())).status_code == 200
    assert "notices could not be written" in caplog.text


def test_a_sync_may_run_meanwhile(here: Receiver) -> None:
    with Catalog.open_to_write(f"sqlite:///{here.catalog.name}", now=MADE_AT) as other, other.sync_lock("a"):
        assert here.post(picture(0)).status_code == 200
