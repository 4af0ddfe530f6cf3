"""Trials by force rather than speed: files made to hurt through every product, and kills in the middle of thumbs.

`python -m benchmarks robustness`: a row for each count; anything that must not be ends the run with an assertion.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.children import OURS, ROOT, environment, tree
from benchmarks.measuring import Figure, Scale
from indexer.errors import ExitStatus
from tests.pictures import hostile, photo_jpeg

KILLS: Final = 20

_HOSTILE: Final = 1_000
_PICTURES: Final = 400
_SESSION: Final = "a" * 32
_ACCEPTED: Final = frozenset({ExitStatus.DONE, ExitStatus.PARTIAL})

_CONFIG: Final = """
[catalog]
url = "sqlite:///{folder}/catalog.db"
[sources.bench]
url = "file://{folder}/bucket"
[derivatives]
url = "file://{folder}/derived"
"""


def measure(scale: Scale) -> Iterator[Figure]:
    """Counts."""
    hurting, kills, pictures = (24, 2, 40) if scale.rounds == 1 else (_HOSTILE, KILLS, _PICTURES)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield from _mutants(Path(name) / "mutants", hurting)
        yield from _killed(Path(name) / "kills", kills, pictures)


# --- Hostile files --------------------------------------------------------------------------------------------------


def _mutants(folder: Path, count: int) -> Iterator[Figure]:
    """As a user meets them: a bucket of such files, and every command that looks into them."""
    _fill(folder, [data for _, data in hostile(count, seed=count)])
    made = folder / "made"
    sync = _run(folder, "sync")
    assert sync.returncode == ExitStatus.DONE, sync.stderr
    page = ("sheet", "--session", _SESSION, "--to", str(made))
    for what, arguments in (
        ("sheet, JPEG pages", (*page, "--format", "jpg")),
        ("sheet, PDF", (*page, "--format", "pdf")),
        ("sheet, HTML", (*page, "--format", "html")),
        ("storyboard", ("storyboard", "--session", _SESSION, "--to", str(made))),
        ("thumbs", ("thumbs",)),
    ):
        before = len(list(made.iterdir())) if made.is_dir() else 0
        start = time.monotonic()
        run = _run(folder, *arguments)
        took_s = time.monotonic() - start
        assert run.returncode in _ACCEPTED, (what, run.returncode, run.stderr)
        assert "Traceback" not in run.stderr, (what, run.stderr)
        if what == "thumbs":
            told = _told(run)
            failed = Counter(told["failed"])
            assert told["made"] + failed.total() == told["wanted"]
            assert not {"timed-out", "worker-died"} & set(failed), failed
            reasons = ", ".join(f"{number} {reason}" for reason, number in failed.most_common())
            yield Figure(f"{count:,} hostile files, thumbs: made", "", told["made"], None, f"refused: {reasons}")
            again = _told(_run(folder, "thumbs"))
            yield Figure(f"{count:,} hostile files, thumbs again: wanted", "", again["wanted"])
        else:
            files = len(list(made.iterdir())) - before
            assert files > 0, what
            yield Figure(
                f"{count:,} hostile files, {what}: files written, no crash", "", files, None, f"{took_s:.0f} s"
            )


# --- Kills ----------------------------------------------------------------------------------------------------------


def _killed(folder: Path, kills: int, pictures: int) -> Iterator[Figure]:
    """Each time the same synced catalog, one kill -9 at a random moment, then a run that nobody disturbs."""
    _fill(folder / "clean", [photo_jpeg(640, 360, number % 12) for number in range(pictures)])
    assert _run(folder / "clean", "sync").returncode == ExitStatus.DONE
    _copy(folder / "clean", folder / "calm")
    calm = _told(_run(folder / "calm", "thumbs"))
    assert calm["made"] == pictures
    expected = _files(folder / "calm" / "derived")
    chance = Random(20)
    count: Counter[str] = Counter()
    for number in range(kills):
        here = folder / str(number)
        _copy(folder / "clean", here)
        victim = ("coordinator", "worker")[number % 2]
        ended = _disturbed(here, victim, chance.randrange(pictures), chance)
        count[ended] += 1
        recorded = len(_recorded(here))
        stored = len(_files(here / "derived"))
        assert recorded <= stored <= pictures
        count["stored but not recorded"] += stored - recorded
        count["left to do"] += pictures - recorded
        next_run = _told(_run(here, "thumbs"))
        assert next_run["made"] == pictures - recorded, "the next run makes what is not recorded, and nothing else"
        assert not next_run["failed"]
        rows = _recorded(here)
        assert len(rows) == len(set(rows)) == pictures, "nothing twice, nothing missing"
        assert _files(here / "derived") == expected, "byte for byte what an undisturbed run makes"
        assert _told(_run(here, "thumbs"))["wanted"] == 0
        shutil.rmtree(here)
    told = ", ".join(f"{number} {what}" for what, number in sorted(count.items()))
    yield Figure(f"{kills} times kill -9 in {pictures} thumbnails: converged", "", kills, None, told)


def _disturbed(folder: Path, victim: str, stored: int, chance: Random) -> str:
    """Kill the coordinator or one of its workers a moment after so many thumbnails are stored; what came of it."""
    with subprocess.Popen(
        [*OURS, *_options(folder), "thumbs"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        while child.poll() is None and sum(1 for _ in (folder / "derived").rglob("*.jpg")) < stored:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.02))
        family = tree(child.pid)
        workers = [pid for pid in family[1:] if b"spawn_main" in _command(pid)]
        if child.poll() is not None:
            return "ended before its kill"
        if victim == "worker" and not workers:
            victim = "coordinator"
        os.kill(child.pid if victim == "coordinator" else chance.choice(workers), signal.SIGKILL)
        assert child.stderr is not None
        stderr = child.stderr.read()
        child.wait()
    assert "Traceback" not in stderr, stderr
    if victim == "worker":
        assert child.returncode == ExitStatus.DONE, (child.returncode, stderr)
        return "worker killed, the same run made all"
    deadline = time.monotonic() + 10
    while any(b"spawn_main" in _command(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers outlive their coordinator"
        time.sleep(0.05)
    return "coordinator killed"


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _recorded(folder: Path) -> list[tuple[Any, ...]]:  # rows as SQLite gives them
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        return connection.execute("SELECT stream_id, captured_ms, spec FROM derivative WHERE reason IS NULL").fetchall()


def _files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg") if path.is_file()}
    return {name: data for name, data in found.items() if not Path(name).name.startswith(".")}


# --- A bucket in a folder -------------------------------------------------------------------------------------------


def _fill(folder: Path, pictures: list[bytes]) -> None:
    bucket = folder / "bucket"
    bucket.mkdir(parents=True)
    (folder / "derived").mkdir()
    for number, data in enumerate(pictures):
        minute, second = divmod(number * 10, 60)
        hour, minute = divmod(minute, 60)
        name = f"{_SESSION}_room__uid_s_7__uid_e_video_20261105{hour + 8:02}{minute:02}{second:02}000.jpg"
        (bucket / name).write_bytes(data)
    _configure(folder)


def _copy(folder: Path, other: Path) -> None:
    """With a catalog that has been synced there; file times are kept, so that nothing seems new."""
    shutil.copytree(folder, other)
    _configure(other)


def _configure(folder: Path) -> None:
    (folder / "livestills.toml").write_text(_CONFIG.format(folder=folder))


def _options(folder: Path) -> tuple[str, ...]:
    return ("--config", str(folder / "livestills.toml"), "--output", "ndjson", "--progress", "off")


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*OURS, *_options(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def _told(run: "subprocess.CompletedProcess[str]") -> dict[str, Any]:  # as it stands in the JSON
    assert run.returncode in _ACCEPTED, (run.returncode, run.stderr)
    told: dict[str, Any] = json.loads(run.stdout)
    return told
