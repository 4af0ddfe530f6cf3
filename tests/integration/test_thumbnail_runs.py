"""Thumbnail runs among bad pictures, and runs that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.rows import shot_key
from indexer.catalog.verification import problems
from indexer.derived import thumbnail_key
from indexer.storage.local import LocalStore
from tests.pictures import hostile, photo_jpeg

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SIZE = "160x90"
ROOT = Path(__file__).parents[2]


def key(number: int) -> str:
    moment = START + timedelta(seconds=10 * number)
    return f"{'a' * 32}_room__uid_s_{number % 4}__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"


class Folder:
    """A bucket in a folder, with the command run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "bucket").mkdir()
        (path / "derived").mkdir()
        (path / "livestills.toml").write_text(
            "[sources.prod]\nurl = 'file:bucket'\n[derivatives]\nurl = 'file:derived'\n"
        )
        self.bucket = LocalStore(path / "bucket")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.livestills", "-o", "json", *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        process = self.start(*arguments)
        answer, errors = process.communicate(timeout=240)
        assert process.returncode == status, errors
        assert "Traceback" not in errors
        (report,) = json.loads(answer)
        assert isinstance(report, dict)
        return report

    def thumbnails(self) -> set[str]:
        return {path.name for path in (self.path / "derived").rglob("*.jpg")}

    def recorded(self) -> set[str]:
        """Keys of the thumbnails that the catalog has."""
        with Catalog.open_to_read(f"sqlite:///{self.path}/livestills.db") as catalog:
            assert list(problems(catalog)) == []
            with catalog.reading() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT key_head, captured_ms FROM derivative JOIN stream ON stream.id = stream_id"
                    " WHERE reason IS NULL"
                )
                return {thumbnail_key("prod", shot_key(*row), SIZE) for row in rows}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.timeout(600)
def test_bad_pictures_among_good_ones_are_each_recorded_and_all_good_ones_made(folder: Folder) -> None:
    good = [photo_jpeg(seed=seed) for seed in range(8)]
    for number in range(1000):
        folder.bucket.put(key(number), good[number % 8], content_type="image/jpeg")
    bad = list(hostile(200))
    for number, (_, data) in enumerate(bad, start=1000):
        folder.bucket.put(key(number), data, content_type="image/jpeg")
    folder.run("sync")
    report = folder.run("thumbs", "--size", SIZE, status=3)
    refused = sum(report["failed"].values())
    # A flaw within the compressed picture is no error of the format: such a picture has a thumbnail, with the flaw.
    assert report["made"] + refused == 1200
    assert report["made"] >= 1000
    assert refused >= 100
    assert len(folder.thumbnails()) == report["made"]
    assert {key(number) for number in range(1000)} <= folder.thumbnails()
    again = folder.run("thumbs", "--size", SIZE)
    assert (again["wanted"], again["made"]) == (0, 0)


def children(pid: int) -> list[int]:
    """Processes that were started by this one, the workers among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # "pid (name) state parent ...", and a name may hold anything
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def kill_coordinator(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)


def kill_worker(process: subprocess.Popen[str]) -> None:
    for pid in children(process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"spawn_main" in command:
            os.kill(pid, signal.SIGKILL)
            return


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kill", [kill_coordinator, kill_worker])
def test_a_killed_run_loses_nothing(folder: Folder, kill: Callable[[subprocess.Popen[str]], None]) -> None:
    for number in range(600):
        folder.bucket.put(key(number), photo_jpeg(1280, 720, seed=number % 4), content_type="image/jpeg")
    folder.run("sync")
    process = folder.start("thumbs", "--size", SIZE, "--workers", "2")
    deadline = time.monotonic() + 60
    while len(folder.thumbnails()) < 30 and time.monotonic() < deadline:
        time.sleep(0.02)
    kill(process)
    process.communicate(timeout=240)  # a worker may be killed where the pool is found stuck only after a while
    stored = {f".livestills/thumb/{SIZE}/prod/{name}" for name in folder.thumbnails()}
    assert folder.recorded() <= stored, "no row without its object"
    missing = 600 - len(folder.recorded())
    rest = folder.run("thumbs", "--size", SIZE)
    assert rest["made"] == missing
    assert len(folder.thumbnails()) == 600
    # Each user shows one picture, and every one of them was compared with the one before it.
    for uid in range(4):
        scene = folder.run("scenes", str(uid))
        assert (scene["kind"], scene["shots"]) == ("still", 150)
