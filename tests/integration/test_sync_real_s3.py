"""The main job against a real S3 server: 6,000 screenshots among recordings and foreign files."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from indexer.catalog.catalog import Catalog
from indexer.catalog.verification import problems
from indexer.model import ListedObject
from tests.catalogs import dump, shots_in
from tests.servers import S3Server

BUCKET = "shots"
PREFIX = "directory1/directory2/"
SESSIONS, SHOTS, RECORDINGS, FOREIGN = 12, 6_000, 600, 50
START = datetime(2026, 11, 5, 9, tzinfo=UTC)

# Independent of the code under test: the documented form, and nothing else is written here.
SCREENSHOT = re.compile(r"(?:.*/)?(?:bak[0-9]+_)?[0-9a-f]{32}_[^/]+__uid_s_[0-9]+__uid_e_video_[0-9]{17}\.jpg")


def utc(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"


def world() -> dict[str, bytes]:
    """Keys and bodies: 12 sessions of 500 shots by four users, three of them with a second recorder."""
    rng = Random(2)
    objects: dict[str, bytes] = {}
    for number in range(SESSIONS):
        sid, cname = rng.randbytes(16).hex(), f"room {number % 7}+%&<b>_{number}"
        for index in range(SHOTS // SESSIONS):
            uid, step = divmod(index, 125)
            bak = "bak0_" if number < 3 and step > 80 else ""
            moment = START + timedelta(minutes=number, seconds=10 * step, milliseconds=rng.randrange(900))
            key = f"{PREFIX}{bak}{sid}_{cname}__uid_s_{1000 + uid}__uid_e_video_{utc(moment)}.jpg"
            objects[key] = rng.randbytes(40)
        for index in range(RECORDINGS // SESSIONS):
            moment = START + timedelta(minutes=number, seconds=15 * index)
            objects[f"{PREFIX}{sid}_{cname}__uid_s_1000__uid_e_video_{utc(moment)}.ts"] = b"ts"
    for index in range(FOREIGN):
        objects[f"{PREFIX}report {index}.pdf"] = b"pdf"
    return objects


def put_all(client: S3Client, objects: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda item: client.put_object(Bucket=BUCKET, Key=item[0], Body=item[1]), objects.items()):
            pass


def listed_by_boto3(client: S3Client) -> list[ListedObject]:
    """The screenshots of the bucket, by boto3's own paginator."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX)
    return sorted(
        ListedObject(row["Key"], row["Size"], row["ETag"].strip('"'), int(row["LastModified"].timestamp()), None)
        for page in pages
        for row in page["Contents"]
        if SCREENSHOT.fullmatch(row["Key"])
    )


class Bench:
    """A bucket, a configuration beside it, and the command."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.folder = folder
        self.client = server.client
        self.client.create_bucket(Bucket=BUCKET)
        self.db = folder / "livestills.db"
        (folder / "livestills.toml").write_text(
            f"[sources.prod]\nurl = 's3://{BUCKET}/{PREFIX}'\n"
            f"endpoint_url = '{server.endpoint_url}'\nregion = 'us-east-1'\n"
        )
        keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        self.environment = {**os.environ, **keys}

    def start_sync(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.livestills", "-o", "json", "sync"],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sync(self) -> dict[str, Any]:
        process = self.start_sync()
        answer, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        (report,) = json.loads(answer)
        assert isinstance(report, dict)
        return report

    def catalog(self) -> Catalog:
        return Catalog.open_to_read(f"sqlite:///{self.db}")

    def assert_equals_listing(self) -> None:
        with self.catalog() as catalog:
            assert shots_in(catalog) == listed_by_boto3(self.client)
            assert list(problems(catalog)) == []
            assert catalog.overview.stats()[0].unfinished_units == 0


@pytest.fixture(scope="module")
def bench(weed: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(weed, tmp_path_factory.mktemp("real"))
    put_all(made.client, world())
    return made


@pytest.mark.timeout(600)
def test_the_catalog_follows_a_real_bucket(bench: Bench) -> None:
    first = bench.sync()
    assert (first["shots"], first["added"], first["recordings"], first["unrecognised"]) == (
        SHOTS,
        SHOTS,
        RECORDINGS,
        FOREIGN,
    )
    assert 7 <= first["requests"]["list"] <= 60, "one for 1,000 keys, and those by which threads divide the listing"
    bench.assert_equals_listing()

    with bench.catalog() as catalog:
        before = dump(catalog)
    second = bench.sync()
    assert (second["added"], second["changed"], second["removed"], second["unchanged"]) == (0, 0, 0, SHOTS)
    with bench.catalog() as catalog:
        after = dump(catalog)
    assert {name: rows for name, rows in after.items() if name != "unit"} == {
        name: rows for name, rows in before.items() if name != "unit"
    }

    keys = [listed.key for listed in listed_by_boto3(bench.client)]
    gone = Random(3).sample(keys, 100)
    for key in gone:
        bench.client.delete_object(Bucket=BUCKET, Key=key)
    template = keys[0]
    new = {template[:-21] + utc(START + timedelta(days=1, seconds=step)) + ".jpg": b"late" for step in range(100)}
    put_all(bench.client, new)
    third = bench.sync()
    assert (third["added"], third["changed"], third["removed"]) == (100, 0, 100)
    bench.assert_equals_listing()


@pytest.mark.timeout(600)
def test_a_killed_sync_is_finished_by_the_next_one(bench: Bench) -> None:
    """Killed at many moments, of a run that has everything to write each time."""
    began = time.monotonic()
    bench.db.unlink(missing_ok=True)
    bench.sync()
    whole_s = time.monotonic() - began
    rng = Random(4)
    died = 0
    for _ in range(4):
        for file in bench.folder.glob("livestills.db*"):
            file.unlink()
        process = bench.start_sync()
        time.sleep(whole_s * rng.uniform(0.4, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if bench.db.exists():
            # Opened like any reader would: what a killed run leaves must never be damaged.
            connection = sqlite3.connect(bench.db)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
        bench.sync()
        bench.assert_equals_listing()
        with bench.catalog() as catalog:
            died += any(run.outcome == "died" for run in catalog.overview.runs())
    assert died, "no kill hit a sync in its middle"
