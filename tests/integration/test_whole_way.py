"""The whole documented way, with the commands: a start request, capture, storage, and what is made of it.

Agora is emulated in a process of its own, two hundred times as fast as it is; the storage and all catalogs are real.
Two users, one of whom stops and resumes; a failover; both cameras off; one who is alone, with the camera off.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from indexer.agora import names
from indexer.agora.names import ScreenshotName
from indexer.agora.request import read_json
from indexer.service.emulator import orders
from indexer.service.emulator.happening import ShotTaken, shot_key
from indexer.service.emulator.scenario import read_scenario
from indexer.service.emulator.simulation import happenings
from tests.cli.running import PROGRAM, done
from tests.emulators import until
from tests.servers import S3Server

# Pauses of a minute are more than ten pictures: of fewer, names alone cannot tell pictures that were lost.
SCENARIO: Final = """
length = "endless"
picture = "160x90"

[users.1001]
name = "Maya Lindqvist"
publishing = ["0s-280s", "340s-400s", "440s-"]

[users.1002]
name = "Ben Okafor"
publishing = ["0s-60s", "120s-280s", "340s-"]
leaves = "370s"

[[failovers]]
at = "180s"
takes = "45s"
"""
LAST_S: Final = 490
"""Seconds into the session; by then all that the scenario tells is over."""

DOCUMENTED: Final = re.compile(
    r"directory1/directory2/(bak\d+_)?[0-9a-f]{32}_httpClient463224__uid_s_(1001|1002)__uid_e_video_[0-9]{17}\.jpg"
)
"""As "Capture screenshots" has it, for the request below."""

SECRET: Final = "secret-of-the-console"


@dataclass(frozen=True)
class Way:
    """What the way left behind."""

    folder: Path
    weed: S3Server
    bucket: str
    sid: str
    started_at: datetime
    received: Path
    """Configuration of the catalog that `events serve` wrote."""

    @property
    def keys(self) -> list[str]:
        pages = self.weed.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def configuration(self, name: str) -> Path:
        """A source as the start request tells it, and a catalog of its own."""
        file = self.folder / f"{name}.toml"
        done("-c", str(file), "init", "--from-request", str(self.folder / "start.json"), "--name", "agora", "-q")
        text = file.read_text(encoding="utf-8").replace("livestills.db", f"{name}.db")
        derived = (self.folder / f"{name}-derived").as_uri()
        file.write_text(f'{text}\n[derivatives]\nurl = "{derived}"\n', encoding="utf-8")
        return file

    def records(self, file: Path, *arguments: str) -> list[dict[str, Any]]:
        return done("-c", str(file), "-o", "ndjson", *arguments).records

    def cause(self, gaps: list[dict[str, Any]], uid: str, second: int) -> tuple[str, str]:
        """What is told of a moment of the session, and by what."""
        moment = self.started_at + timedelta(seconds=second)
        (gap,) = (gap for gap in gaps if gap["uid"] == uid and _moment(gap["since"]) < moment < _moment(gap["until"]))
        return gap["cause"], gap["told_by"]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def environment(weed: S3Server) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AGORA_APP_ID": "0123456789abcdef0123456789abcdef",
            "AGORA_CUSTOMER_ID": "customer",
            "AGORA_CUSTOMER_SECRET": "secret-of-the-customer",
            "LIVESTILLS_NOTICE_SECRET": SECRET,
            "AWS_ACCESS_KEY_ID": weed.access_key,
            "AWS_SECRET_ACCESS_KEY": weed.secret_key,
        }.items():
            patch.setenv(name, value)
        patch.delenv("LIVESTILLS_CONFIG", raising=False)
        yield


@pytest.fixture(scope="module")
def way(weed: S3Server, tmp_path_factory: pytest.TempPathFactory, environment: None) -> Way:  # noqa: ARG001
    """Acquire, start, capture and stop, with callbacks received and kept."""
    folder, bucket = tmp_path_factory.mktemp("way"), weed.new_bucket()
    start, saved, kept = folder / "start.json", folder / "running.json", folder / "notices.ndjson"
    received = folder / "received.ndjson"
    start.write_text(json.dumps(_start_body(weed, bucket)), encoding="utf-8")
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    here = Way(folder, weed, bucket, "", datetime.now(UTC), folder / "received.toml")
    here.configuration("received")
    with ExitStack() as stack:
        receiving = stack.enter_context(
            _process("-c", str(here.received), "events", "serve", "--port", "0", "--log", str(received))
        )
        assert receiving.stderr is not None
        callback = re.search(r"http://\S+", receiving.stderr.readline())
        assert callback is not None
        emulating = stack.enter_context(
            _process(
                *("-o", "ndjson", "emulate", "--scenario", str(folder / "scenario.toml"), "--speed", "200"),
                *("--begin", "10d", "--callback", callback[0], "--notices", str(kept)),
            )
        )
        assert emulating.stdout is not None
        agora = ("--base-url", json.loads(emulating.stdout.readline())["base_url"])
        done("capture", "run", str(start), "--save", str(saved), "--no-check", *agora)
        asked: dict[str, Any] = {}
        while asked.get("state") != "in-progress":  # a moment later it is
            (asked,) = done("-o", "ndjson", "capture", "query", "--from", str(saved), *agora).records
        started_at = _moment(asked["started_at"])
        over = started_at + timedelta(seconds=LAST_S)
        until(lambda: any(at > over for at in _captured(here.keys)))
        (stopped,) = done("-o", "ndjson", "capture", "stop", "--from", str(saved), *agora).records
        assert stopped["upload"] == "uploaded"
        until(lambda: _last(kept) == _SESSION_EXIT and len(_lines(kept)) == len(_lines(received)))
        for process in (emulating, receiving):
            process.send_signal(signal.SIGTERM)
        for process in (emulating, receiving):
            process.wait(timeout=30)
        assert emulating.returncode == 0
        ended = json.loads(emulating.stdout.read())
        assert ended["posted"] == {"delivered": ended["notices"], "resent": 0, "failed": 0, "dropped": 0}
    return Way(folder, weed, bucket, asked["sid"], started_at, here.received)


_SESSION_EXIT: Final = 11
"""Nothing is told of a session behind it."""


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _last(file: Path) -> int:
    event_type: int = json.loads(_lines(file)[-1])["eventType"]
    return event_type


def _captured(keys: list[str]) -> list[datetime]:
    return [name.captured_at for name in map(names.parse, keys) if isinstance(name, ScreenshotName)]


def _start_body(weed: S3Server, bucket: str) -> dict[str, Any]:
    """The first example of the guides, with the storage of this machine."""
    access_key, secret_key = S3Server.WRITE_ONLY
    return {
        "cname": "httpClient463224",
        "uid": "527841",
        "clientRequest": {
            "recordingConfig": {"channelType": 1, "subscribeUidGroup": 0},
            "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
            "storageConfig": {
                "vendor": 11,
                "region": 0,
                "bucket": bucket,
                "accessKey": access_key,
                "secretKey": secret_key,
                "fileNamePrefix": ["directory1", "directory2"],
                "extensionParams": {"endpoint": weed.endpoint_url.removeprefix("http://")},
            },
        },
    }


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


# --- The bucket -----------------------------------------------------------------------------------------------------


def test_every_name_is_the_documented_one(way: Way) -> None:
    keys = way.keys
    assert len(keys) > 100
    for key in keys:
        assert DOCUMENTED.fullmatch(key), key
        name = names.parse(key)
        assert isinstance(name, ScreenshotName)
        assert names.format(name) == key
        assert name.head.sid == way.sid
    assert {key.split("/")[2].startswith("bak0_") for key in keys} == {True, False}


def test_the_bucket_holds_what_the_scenario_has_and_nothing_else(way: Way) -> None:
    """No picture is missing, twice, or of another moment than its name tells."""
    scenario, body = read_scenario(way.folder / "scenario.toml"), read_json(way.folder / "start.json")
    order = orders.order(body, mode="individual", sid=way.sid, uids=["1001", "1002"], now=way.started_at)
    until_the_stop = max(_captured(way.keys))
    expected = set()
    for each in happenings(scenario, order.plan, start=way.started_at, seed=0):
        if each.at > until_the_stop:
            break
        if isinstance(each, ShotTaken):
            expected.add(shot_key(order.plan, each))
    assert set(way.keys) == expected


# --- What is made of it ---------------------------------------------------------------------------------------------


def test_names_alone_tell_what_happened(way: Way) -> None:
    file = way.configuration("names")
    (synced,) = way.records(file, "sync")
    assert (synced["shots"], synced["added"], synced["unrecognised"]) == (len(way.keys), len(way.keys), 0)
    gaps = way.records(file, "gaps", "--session", way.sid)
    assert way.cause(gaps, "1002", 90) == ("camera-off", "names")
    assert way.cause(gaps, "1001", 200) == way.cause(gaps, "1002", 200) == ("failover", "names")
    assert way.cause(gaps, "1001", 310) == way.cause(gaps, "1002", 310) == ("session-silent", "names")
    assert way.cause(gaps, "1001", 420) == ("unknown", "names")
    assert {each["key"] for each in way.records(file, "timeline", "1001")} == {
        key for key in way.keys if "__uid_s_1001__" in key
    }


def test_thumbnails_and_a_sheet_are_made_of_the_pictures(way: Way) -> None:
    file = way.configuration("pictures")
    way.records(file, "sync")
    (made,) = way.records(file, "thumbs", "--workers", "1")
    assert (made["made"], made["failed"]) == (len(way.keys), {})
    to = way.folder / "sheets"
    done("-c", str(file), "sheet", "--session", way.sid, "--every", "30s", "--to", str(to))
    sheets = list(to.rglob("*.jpg"))
    assert len(sheets) == 2  # of each user
    assert all(sheet.read_bytes()[:2] == b"\xff\xd8" for sheet in sheets)


def test_callbacks_bring_shots_before_any_sync_and_better_causes(way: Way) -> None:
    file = way.received
    listed = way.records(file, "timeline", "1001", "--shots") + way.records(file, "timeline", "1002", "--shots")
    assert sorted(each["key"] for each in listed) == way.keys
    assert {(each["size"], each["etag"], each["stored"]) for each in listed} == {(None, None, "announced")}
    _tells_all_causes(way, way.records(file, "gaps", "--session", way.sid))
    (synced,) = way.records(file, "sync")
    counts = {name: synced[name] for name in ("confirmed", "announced_missing", "announced_dropped", "unannounced")}
    assert counts == {"confirmed": len(way.keys), "announced_missing": 0, "announced_dropped": 0, "unannounced": 0}
    assert synced["shots"] == len(way.keys)
    _tells_all_causes(way, way.records(file, "gaps", "--session", way.sid))
    (again,) = way.records(file, "sync")
    assert (again["added"], again["changed"], again["removed"]) == (0, 0, 0)


def _tells_all_causes(way: Way, gaps: list[dict[str, Any]]) -> None:
    assert way.cause(gaps, "1002", 90) == ("camera-off", "callbacks")
    assert way.cause(gaps, "1001", 200)[0] == way.cause(gaps, "1002", 200)[0] == "failover"
    assert way.cause(gaps, "1001", 310) == way.cause(gaps, "1002", 310) == ("camera-off", "callbacks")
    assert way.cause(gaps, "1001", 420) == ("camera-off", "callbacks")


def test_a_picture_that_never_came_is_told_from_a_camera_that_was_off(way: Way) -> None:
    """Callbacks from the file that the emulator kept; one picture that they announce is not in the bucket."""
    file = way.configuration("heard")
    (heard,) = way.records(file, "events", "ingest", str(way.folder / "notices.ndjson"))
    assert (heard["pictures_new"], heard["unreadable"]) == (len(way.keys), 0)
    of_one = [key for key in way.keys if "__uid_s_1001__" in key]
    lost = min(key for key in of_one if 30 <= _second(way, key) < 50)
    data = way.weed.client.get_object(Bucket=way.bucket, Key=lost)["Body"].read()
    way.weed.client.delete_object(Bucket=way.bucket, Key=lost)
    try:
        (synced,) = way.records(file, "sync")
        gaps = way.records(file, "gaps", "--session", way.sid)
    finally:
        way.weed.client.put_object(Bucket=way.bucket, Key=lost, Body=data)
    assert (synced["confirmed"], synced["announced_dropped"]) == (len(way.keys) - 1, 1)
    missing = next(gap for gap in gaps if gap["uid"] == "1001")
    assert (missing["missing"], missing["cause"], missing["told_by"]) == (1, "unknown", "callbacks")
    assert missing["camera_on"] is True
    assert "lost" in missing["evidence"]
    _tells_all_causes(way, gaps)


def _second(way: Way, key: str) -> int:
    """Of the session."""
    (captured_at,) = _captured([key])
    return int((captured_at - way.started_at).total_seconds())
