"""`livestills events`."""

import io
import json
import os
import re
import signal
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from cli.commands.events import _secret
from cli.livestills import run
from cli.notices import ENV_SECRET, appending
from indexer.agora import events
from indexer.agora.facts import FactKind
from indexer.catalog.catalog import Catalog
from tests.cli.running import Answer, done, livestills
from tests.cli.worlds import NOON, configure, memory, series, sid

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample_keys" / "notices").glob("*.ndjson"))
SECRET = "the-secret-of-the-console"


def body_of(details: events.Details, number: int = 0) -> bytes:
    return events.format(events.Notice(f"n-{number}", NOON, "room", "527841", sid(), number, NOON, details))


def pictures(count: int = 3, *, directory: str = "") -> list[bytes]:
    keys = series(shots=count, directory=directory)
    return [body_of(events.SnapshotFile(key), number) for number, key in enumerate(keys)]


RECEIVING = re.compile(r"^receiving callbacks at (.*)$", re.MULTILINE)
CAMERA_OFF = body_of(events.StreamState("7", receiving=False, at=NOON), 9)


@pytest.fixture
def world() -> str:
    """The URL of an empty source, configured."""
    url, _ = memory()
    configure(a=url)
    return url


def lines(path: str, *bodies: bytes) -> Path:
    file = Path(path)
    file.write_bytes(b"".join(body + b"\n" for body in bodies))
    return file


def await_that(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def interrupted(number: int, play: Callable[[Callable[[], str]], None], *arguments: str) -> Answer:
    """Carry out a command line in this process, and end it by a signal when `play` is over.

    `play` is run meanwhile, and can ask for what was said on stderr so far.
    """
    out, err = io.StringIO(newline=""), io.StringIO(newline="")
    ended = threading.Event()

    def playing() -> None:
        try:
            play(err.getvalue)
        finally:
            if not ended.is_set():
                os.kill(os.getpid(), number)

    with redirect_stdout(out), redirect_stderr(err), ThreadPoolExecutor(1) as beside:
        played = beside.submit(playing)
        status = run(list(arguments))
        ended.set()
    played.result()
    return Answer(int(status), out.getvalue(), err.getvalue())


@pytest.mark.usefixtures("world")
def test_pictures_are_in_timelines_before_any_sync() -> None:
    lines("notices.ndjson", *pictures(), CAMERA_OFF)
    answer = done("events", "ingest", "notices.ndjson")
    assert answer.out == "4 notices: 3 new and 0 known pictures, 1 new and 0 known facts\n"
    assert [record["key"] for record in done("timeline", "7", "-o", "ndjson").records] == series(shots=3)
    (record,) = done("events", "ingest", "notices.ndjson", "-o", "ndjson").records
    assert (record["pictures_new"], record["pictures_known"]) == (0, 3)
    assert (record["facts_new"], record["facts_known"], record["events"]) == (0, 1, {"44": 1, "45": 3})
    done("db", "check")


@contextmanager
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """Writes what is standard input from now on."""
    read, written = os.pipe()
    with os.fdopen(read) as reading, os.fdopen(written, "wb", buffering=0) as writing:
        monkeypatch.setattr(sys, "stdin", reading)
        yield writing


@pytest.mark.usefixtures("world")
def test_standard_input_is_read_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(monkeypatch) as pipe:
        pipe.write(b"\n".join([*pictures(), b"?"]))
        pipe.close()
        answer = livestills("events", "ingest", "-", "-o", "ndjson")
    assert (answer.status, answer.records[0]["pictures_new"], answer.records[0]["unreadable"]) == (3, 3, 1)


def shots_there() -> int:
    if not Path("livestills.db").exists():
        return 0
    with closing(sqlite3.connect("livestills.db")) as database, suppress(sqlite3.OperationalError):
        (found,) = database.execute("SELECT count(*) FROM shot").fetchone()
        return int(found)
    return 0  # it is being made


@pytest.mark.usefixtures("world")
def test_what_comes_through_a_pipe_is_written_as_it_comes_and_a_signal_ends_the_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = pictures()

    with piped(monkeypatch) as pipe:

        def play(_said: Callable[[], str]) -> None:
            # Whoever writes blocks of a few kilobytes ends them within a line.
            pipe.write(first + b"\n" + second[:20])
            await_that(lambda: shots_there() == 1)
            pipe.write(second[20:] + b"\n" + third + b"\n" + first[:20])
            await_that(lambda: shots_there() == 3)

        answer = interrupted(signal.SIGINT, play, "events", "ingest", "-")
    assert (answer.status, answer.out) == (130, "")
    assert answer.error.startswith("stopped by SIGINT; what was written stays")


@pytest.mark.usefixtures("world")
def test_what_is_no_notice_is_shown_and_the_rest_is_taken() -> None:
    lines("notices.ndjson", pictures()[0], b"what is this", pictures()[1], b"{}")
    answer = livestills("events", "ingest", "notices.ndjson")
    assert (answer.status, answer.out) == (3, "2 notices: 2 new and 0 known pictures, 0 new and 0 known facts\n")
    assert answer.err.splitlines() == [
        "livestills: line 2: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        "livestills: line 4: noticeId is missing",
        "livestills: 2 of 4 were no notices",
    ]
    assert livestills("events", "ingest", "notices.ndjson", "--strict").status == 20
    answer = livestills("events", "ingest", "notices.ndjson", "-o", "json")
    assert answer.status == 3
    assert answer.document["unreadable"] == 2
    assert answer.document["unreadable_samples"][1] == {"place": "line 4", "reason": "noticeId is missing"}


@pytest.mark.usefixtures("world")
def test_of_several_files_each_is_named() -> None:
    lines("one.ndjson", *pictures(1))
    lines("two.ndjson", b"?")
    answer = livestills("events", "ingest", "one.ndjson", "two.ndjson")
    assert answer.err.startswith("livestills: two.ndjson, line 1: it is not JSON")


def test_what_belongs_nowhere_is_said() -> None:
    configure(a=memory()[0] + "dir/")
    note = body_of(events.SnapshotFile("dir/note.txt"))
    lines("notices.ndjson", *pictures(1, directory="dir/"), *pictures(5), note)
    answer = done("events", "ingest", "notices.ndjson")
    assert answer.out == (
        "7 notices: 1 new and 0 known pictures, 0 new and 0 known facts; "
        "5 outside of the sources; 1 of files that are no screenshots\n"
    )
    first, *_ = answer.err.splitlines()
    assert first == f"outside of every source: {series(shots=1)[0]}"
    assert "outside of every source: 2 more" in answer.err
    assert "no screenshot (not-agora): dir/note.txt" in answer.err


def test_two_buckets_of_one_prefix_need_source() -> None:
    configure(a=memory()[0], b=memory()[0])
    lines("notices.ndjson", *pictures())
    answer = livestills("events", "ingest", "notices.ndjson")
    assert answer.status == 2
    assert answer.error.startswith("the sources 'a' and 'b' have the same prefix ''")
    done("events", "ingest", "notices.ndjson", "--source", "b")
    assert {record["source"] for record in done("timeline", "7", "-o", "ndjson").records} == {"b"}
    assert livestills("events", "ingest", "notices.ndjson", "--source", "c").status == 2


@pytest.mark.usefixtures("world")
def test_a_dry_run_makes_no_catalog() -> None:
    lines("notices.ndjson", *pictures(), CAMERA_OFF)
    answer = done("events", "ingest", "notices.ndjson", "--dry-run")
    assert answer.out == "4 notices: would take in 3 pictures and 1 fact\n"
    assert not Path("livestills.db").exists()


@pytest.mark.usefixtures("world")
def test_a_sync_may_run_meanwhile() -> None:
    lines("notices.ndjson", *pictures())
    done("-q", "sync")
    with Catalog.open_to_read("sqlite:///livestills.db") as catalog, catalog.sync_lock("a"):
        done("events", "ingest", "notices.ndjson")
        assert livestills("sync").status == 11


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (["ingest", "nowhere.ndjson"], 2, "nowhere.ndjson cannot be read: No such file or directory"),
        (["ingest", "."], 2, ". cannot be read: Is a directory"),
        (["ingest", "-", "x"], 2, "- reads standard input"),
        (["ingest", "broken.json"], 2, "the array is broken"),
        (["serve"], 2, "callbacks are signed, and the secret is not known"),
        (["serve", "--secret-file", "nowhere"], 2, "--secret-file nowhere cannot be read: No such file"),
        (["serve", "--secret-file", "empty"], 2, "--secret-file empty holds no secret: it is empty"),
        (["serve", "--secret-file", "/dev/zero"], 2, "--secret-file /dev/zero holds no secret: it is too long"),
        (["serve", "--secret-file", "empty", "--unsigned"], 2, "--unsigned takes every callback"),
        (["serve", "--unsigned", "--path", "agora"], 2, "--path 'agora' is no path"),
        (["serve", "--unsigned", "--log", "no/folder"], 2, "--log no/folder: No such file"),
        (["serve", "--unsigned", "--host", "192.0.2.1"], 2, "cannot listen at 192.0.2.1:8090"),
        (["serve", "--unsigned", "--source", "b"], 2, "no source is called 'b'"),
    ],
)
@pytest.mark.usefixtures("world")
def test_what_is_wrong_is_one_line(arguments: list[str], status: int, error: str) -> None:
    Path("broken.json").write_text("[1,")
    Path("empty").write_text("\n")
    answer = livestills("events", *arguments)
    assert answer.status == status
    assert error in answer.error


@pytest.mark.usefixtures("world")
def test_without_the_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("receiver", "serving", "writing"):
        monkeypatch.delitem(sys.modules, f"indexer.service.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = livestills("events", "serve", "--unsigned")
    assert answer.status == 2
    assert answer.error.endswith("(uvicorn is not installed): pip install 'livestills[agora]'")


def test_the_secret_may_come_from_the_environment_and_a_file_is_stronger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_SECRET, "of-the-environment")
    assert _secret(None, unsigned=False) == "of-the-environment"
    Path("secret").write_text(f"{SECRET}\n")
    assert _secret(Path("secret"), unsigned=False) == SECRET
    assert _secret(None, unsigned=True) is None


# --- serving ----------------------------------------------------------------------------------------------------------


def serving(number: int, play: Callable[[str], None], *arguments: str) -> Answer:
    """A receiver in this process, ended by a signal; `play` is given its URL."""

    def posting(said: Callable[[], str]) -> None:
        await_that(lambda: RECEIVING.search(said()) is not None)
        (url,) = RECEIVING.findall(said())
        play(url)

    return interrupted(number, posting, "events", "serve", "--port", "0", *arguments)


def post(url: str, body: bytes = CAMERA_OFF, headers: dict[str, str] | None = None) -> int:
    return httpx.post(url, content=body, headers=headers, trust_env=False).status_code


@pytest.mark.usefixtures("world")
def test_a_receiver_takes_what_is_signed_and_ends_with_a_summary(caplog: pytest.LogCaptureFixture) -> None:
    Path("secret").write_text(f"{SECRET}\n")

    def play(url: str) -> None:
        assert url.endswith("/agora")
        for body in (*pictures(), CAMERA_OFF):
            assert post(url, body, {events.HEADER_V2: events.signature(body, SECRET)}) == 200
        assert post(url) == 401

    options = ("--secret-file", "secret", "--log", "callbacks.ndjson", "--path", "/agora")
    answer = serving(signal.SIGTERM, play, *options)
    assert answer.status == 0
    assert [line.partition(" at ")[0] for line in answer.err.splitlines()] == ["receiving callbacks"]
    assert answer.lines == [
        "4 notices: 3 new and 0 known pictures, 1 new and 0 known facts",
        "4 requests taken, 1 refused, 0 put off",
    ]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["a request without the right signature was refused"]
    assert SECRET not in answer.out + answer.err
    assert len(done("timeline", "7", "-o", "ndjson").records) == 3
    assert Path("callbacks.ndjson").read_bytes().splitlines() == [*pictures(), CAMERA_OFF]
    assert stat.S_IMODE(Path("callbacks.ndjson").stat().st_mode) == 0o600
    done("events", "ingest", "callbacks.ndjson", "--catalog", "sqlite:///anew.db")
    assert len(done("timeline", "7", "-o", "ndjson", "--catalog", "sqlite:///anew.db").records) == 3


@pytest.mark.usefixtures("world")
def test_an_open_door_is_warned_of_and_programs_get_a_record() -> None:
    def play(url: str) -> None:
        assert (post(url), post(f"{url}agora")) == (200, 404)

    answer = serving(signal.SIGINT, play, "--unsigned", "--host", "0.0.0.0", "-o", "json")  # noqa: S104
    assert answer.status == 0
    told = answer.document
    assert (told["facts_new"], told["taken"], told["unsigned"], told["elsewhere"]) == (1, 1, 0, 1)
    first, second, _ = answer.err.splitlines()
    assert first.startswith("livestills: whoever reaches 0.0.0.0 can post here, in clear; let a proxy")
    assert second.startswith("livestills: callbacks are taken unsigned: ")


@pytest.mark.parametrize("before", [b"", CAMERA_OFF + b"\n", CAMERA_OFF, b'{"half'])
def test_a_log_goes_on_behind_a_line_that_was_not_ended(before: bytes) -> None:
    Path("log").write_bytes(before)
    with appending(Path("log")) as log:
        log.write(pictures(1)[0] + b"\n")
    assert Path("log").read_bytes().splitlines() == [*before.splitlines(), *pictures(1)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is full")
@pytest.mark.usefixtures("world")
def test_a_log_that_cannot_be_written_spoils_no_summary() -> None:
    def play(url: str) -> None:
        assert post(url) == 503

    answer = serving(signal.SIGTERM, play, "--unsigned", "--log", "/dev/full")
    assert answer.status == 0
    assert answer.lines[-1] == "0 requests taken, 0 refused, 1 put off"
    assert "livestills: --log /dev/full lacks the last callbacks: No space left on device" in answer.err.splitlines()


# --- samples and documentation ----------------------------------------------------------------------------------------


def test_there_is_a_sample_of_every_event_that_is_known() -> None:
    found = {json.loads(line)["eventType"] for file in SAMPLES for line in file.read_bytes().splitlines()}
    assert found >= set(events.DETAILS)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_samples_are_taken_as_they_are(file: Path) -> None:
    configure(a=memory()[0] + "directory1/directory2/")
    (record,) = done("events", "ingest", str(file), "-o", "ndjson").records
    assert (record["unreadable"], record["outside"], record["no_screenshots"]) == (0, 0, {})
    assert record["notices"] == len(file.read_bytes().splitlines())


def test_the_page_lists_every_event_and_what_becomes_of_it() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `([a-z_]+)` \| (.*) \|$", page, re.MULTILINE)
    assert [(int(number), name) for number, name, _ in rows] == sorted(
        (number, kind.name) for number, kind in events.DETAILS.items()
    )
    facts = {int(number): set(re.findall(r"`([a-z-]+)`", becomes)) for number, _, becomes in rows}
    told: dict[int, set[str]] = {number: set() for number in events.DETAILS}
    for details in (
        events.StreamState("7", receiving=True, at=NOON),
        events.StreamState("7", receiving=False, at=NOON),
        events.SessionFailover("9"),
        events.UploaderStarted(),
        events.Uploaded(),
        events.BackedUp(),
        events.Uploading(1),
        events.RecorderStarted(),
        events.RecorderLeft(2),
        events.SnapshotFile("x"),
    ):
        told[details.event_type] |= {fact.kind for fact in events.facts(events.parse(body_of(details)))}
    assert facts == told
    assert set().union(*told.values()) == set(FactKind)
