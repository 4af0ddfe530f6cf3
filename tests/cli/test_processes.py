"""What only a process of its own shows: signals, pipes, terminals, streams that are closed."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import PROGRAM, done, livestills, process
from tests.cli.worlds import configure, folder, memory, series

SHOTS = 30_000
SLOW = f"""
import signal, sys, time
from cli.livestills import main
from indexer.storage import memory
from tests.cli.worlds import NOON, series


class Slow(memory.MemoryStore):
    def list_page(self, *args, **options):
        sys.stderr.write("page\\n")
        sys.stderr.flush()
        time.sleep(0.02)
        return super().list_page(*args, **options)


signal.signal(signal.SIGINT, signal.default_int_handler)
store = memory._SHARED["slow"] = Slow("slow")
for session in range(10):
    for key in series(shots={SHOTS // 10}, session=session):
        store.put(key, b"x", content_type="", modified=NOON)
main()
"""
"""A sync of many pages, which says when each is asked for."""


@contextmanager
def _slow_sync(*arguments: str, stderr: int = subprocess.PIPE) -> Iterator["subprocess.Popen[str]"]:
    configure(slow="memory://slow/")
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments, "sync"],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "COLUMNS": "120"},
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sync_stops_when_it_is_told_to_and_the_next_one_goes_on(number: signal.Signals, status: int) -> None:
    with _slow_sync() as running:
        assert running.stderr is not None
        for _ in range(25):
            assert running.stderr.readline() == "page\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (status, "")
    message = f"livestills: stopped by {number.name}; what was written stays, the next run goes on\n"
    assert err.replace("page\n", "") == message
    assert done("db", "check").out == ""
    written = done("stats", "-o", "ndjson").records[0]["shots"]
    assert written < SHOTS  # perhaps nothing: that depends on which stretch was done first

    with _slow_sync("-o", "ndjson") as running:
        out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    report = json.loads(out)
    assert (report["added"], report["removed"]) == (SHOTS - written, 0)
    assert SHOTS - written <= report["objects"] <= SHOTS  # a unit of which only a part was done is listed whole
    assert done("db", "check").out == ""


def test_progress_on_a_terminal_is_a_bar_and_stdout_stays_pure() -> None:
    ours, theirs = pty.openpty()
    with _slow_sync("-o", "ndjson", stderr=theirs) as running:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 10_000):
                seen += part
        except OSError:  # what a closed terminal is to Linux
            pass
        out, _ = running.communicate(timeout=120)
    os.close(ours)
    assert running.returncode == 0
    assert json.loads(out)["added"] == SHOTS
    assert re.search(rb"[0-9],000 objects, [0-9,]+/s", seen)
    assert b"\x1b[2K" in seen  # the bar is drawn over itself, and wiped out at the end
    assert b"Traceback" not in seen


@pytest.fixture
def catalog() -> None:
    """Answers longer than what fits into a pipe."""
    configure(a=memory([*series(shots=1_500, every=5), *series("8", shots=1_500, session=1)])[0])
    done("-q", "sync")


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    "arguments",
    [
        ["timeline", "7", "--shots", "--limit", "1000", "-q"],
        ["timeline", "7", "-o", "ndjson"],
        ["timeline", "7", "-o", "csv"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, *PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_a_reader_that_leaves_does_not_end_the_sync(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder(tmp_path / name, series(session=ord(name)))
    configure(**{name: f"file://{tmp_path}/{name}" for name in ("a", "b")})
    for output in ("table", "ndjson", "json"):
        read, write = os.pipe()
        os.close(read)
        running = subprocess.run(
            [sys.executable, *PROGRAM, "-o", output, "sync"], stdout=write, stderr=subprocess.PIPE, check=False
        )
        os.close(write)
        assert (running.returncode, running.stderr) == (0, b"")
        assert [record["shots"] for record in done("stats", "-o", "ndjson").records] == [3, 3]
        Path("livestills.db").unlink()


@pytest.mark.usefixtures("catalog")
def test_an_answer_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("wb") as full:
        running = subprocess.run(
            [sys.executable, *PROGRAM, "timeline", "7", "-o", "csv"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    message = b"livestills: reading the input or writing the answer failed: No space left on device\n"
    assert (running.returncode, running.stderr) == (1, message)


def test_a_disk_without_space_ends_a_sync_in_one_line_and_the_next_one_goes_on() -> None:
    configure(slow="memory://slow/")
    limited = ["bash", "-c", 'ulimit -f 700 && exec "$0" "$@"']  # KiB of a file: as near to a full disk as tests get
    answer = process("sync", program=("-c", SLOW), under=limited, PYTHONPATH=str(Path(__file__).parents[2]))
    assert (answer.status, answer.out) == (1, "")
    (line,) = answer.err.replace("page\n", "").splitlines()
    assert re.match("livestills: catalog .*livestills.db cannot (grow|be read or written)", line)
    assert done("db", "check").out == ""
    with _slow_sync("-o", "ndjson") as running:
        running.communicate(timeout=120)
    assert [record["shots"] for record in done("stats", "-o", "ndjson").records] == [SHOTS]
    assert done("db", "check").out == ""


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    before = done("stats", "-o", "json").out
    for arguments in ("stats", "parse -"):
        script = f'exec "$0" -c "from cli.livestills import main; main()" {arguments} {closed}'
        ended = subprocess.run(["bash", "-c", script, sys.executable], input=b"", capture_output=True, check=False)
        assert ended.returncode == 0
        assert b"Traceback" not in ended.stderr
    assert done("stats", "-o", "json").out == before


def test_a_deleted_working_folder_is_said_to_be_deleted(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    answer = livestills("stats")
    os.chdir(tmp_path)
    assert (answer.status, answer.error) == (2, "the working folder has been deleted; change to another one")


def test_verbose_adds_the_trace_and_only_verbose() -> None:
    answer = livestills("-c", "missing.toml", "stats")
    assert len(answer.err.splitlines()) == 1
    lines = livestills("-v", "-c", "missing.toml", "stats").err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == answer.err.rstrip()


def test_the_module_can_be_run_too() -> None:
    assert process("--version", program=("-m", "cli.livestills")).out.startswith("livestills, version ")
