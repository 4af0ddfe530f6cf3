"""The emulated RESTful API over HTTP: what it refuses, what it does, and what it posts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.agora import events
from indexer.agora.answers import Upload
from indexer.agora.client import CaptureClient, Credentials
from indexer.agora.events import Notice, SnapshotFile, Uploaded
from indexer.agora.failures import (
    AgoraDeniedError,
    AgoraError,
    AgoraNotFoundError,
    AgoraRefusedError,
    AlreadyRunningError,
)
from indexer.agora.names import RecordingName, ScreenshotName, parse
from indexer.errors import ConfigError
from indexer.service.emulator import posting, sessions
from indexer.service.emulator.callbacks import Journal, Spoiler, Spoiling
from indexer.service.emulator.clock import Clock
from indexer.service.emulator.posting import Poster
from indexer.service.emulator.scenario import Failover, Scenario
from indexer.service.emulator.service import LONGEST_BODY, Access, Recordings, application
from indexer.service.serving import serving
from indexer.storage.base import ObjectStore
from indexer.storage.urls import Address, open_store
from tests.emulators import (
    APP,
    BEGIN,
    CUSTOMER,
    NOBODY,
    TLS,
    TWO,
    Agora,
    Kept,
    Recording,
    acquire_body,
    emulated,
    start_body,
    until,
)
from tests.servers import S3Server, free_ports

BASE: Final = f"/v1/apps/{APP}/cloud_recording"
NOT_FOUND: Final = {"code": 404, "reason": "failed to find worker"}


@pytest.fixture(scope="module")
def agora() -> Iterator[Agora]:
    """One that only refuses: no test starts anything in it that lasts."""
    with emulated() as running:
        yield running


def keys(weed: S3Server, bucket: str, prefix: str = "") -> list[str]:
    return [each["Key"] for each in weed.client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def body_for(bucket: str, **changes: Any) -> dict[str, Any]:
    return start_body(bucket, keys=S3Server.WRITE_ONLY, **changes)


# --- Who may ask, and what a request is -----------------------------------------------------------------------------


def test_nobody_is_let_in_without_credentials(agora: Agora) -> None:
    answer = httpx.post(f"{agora.url}{BASE}/acquire", json=acquire_body(), trust_env=False, verify=TLS)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("said", ["Bearer abc", "Basic", "Basic ???", "Basic bm8gY29sb24=", "Basic Og=="])
def test_credentials_that_are_none_are_refused(agora: Agora, said: str) -> None:
    headers = {"Authorization": said}
    answer = httpx.post(f"{agora.url}{BASE}/acquire", json=acquire_body(), headers=headers, trust_env=False, verify=TLS)
    assert (answer.status_code, answer.json()) == (401, {"message": "Invalid authentication credentials"})


def test_one_customer_may_be_the_only_one_let_in() -> None:
    with emulated(access=Access("me", "mine")) as agora:
        url = f"{agora.url}{BASE}/acquire"
        statuses = [
            httpx.post(url, json=acquire_body(), auth=pair, trust_env=False, verify=TLS).status_code
            for pair in (("me", "mine"), ("me", "yours"), ("you", "mine"))
        ]
        assert statuses == [200, 401, 401]
    assert "mine" not in repr(Access("me", "mine"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{BASE}/acquire"),
        ("POST", f"{BASE}/acquire/"),
        ("POST", "/v1/apps/x/recording/acquire"),
        ("GET", "/"),
        ("POST", f"{BASE}/resourceid/x/sid/x/mode/individual/query"),
    ],
)
def test_a_wrong_route_or_method_has_no_route(agora: Agora, method: str, path: str) -> None:
    # Asked before the credentials are.
    answer = httpx.request(method, f"{agora.url}{path}", trust_env=False, verify=TLS)
    assert (answer.status_code, answer.json()) == (404, {"message": "no Route matched with those values"})


def test_a_query_is_not_asked_for_its_head_alone(agora: Agora) -> None:
    path = f"{agora.url}{BASE}/resourceid/x/sid/x/mode/individual/query"
    statuses = [httpx.request(method, path, trust_env=False, verify=TLS).status_code for method in ("GET", "HEAD")]
    assert statuses == [401, 404]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "text/plain"),
        (b"[" * 99_999, "application/json"),
    ],
)
def test_what_is_no_json_is_code_8(agora: Agora, content: bytes, content_type: str) -> None:
    answer = agora.client.post(f"{BASE}/acquire", content=content, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (400, 8)


def test_a_body_without_end_is_not_read(agora: Agora) -> None:
    answer = agora.client.post(
        f"{BASE}/acquire", content=b" " * (LONGEST_BODY + 1), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ([], 2, "Acquire: "),
        ({}, 2, "clientRequest is missing"),
        (acquire_body(uid=527841), 2, "uid"),
        (acquire_body(uid="0"), 2, "uid"),
        (acquire_body(cname="a/b"), 401, "invalid_channel_name"),
        (acquire_body(cname="x" * 65), 401, "invalid_channel_name"),
        (acquire_body(clientRequest={"resourceExpiredHour": 721}), 2, "resourceExpiredHour"),
    ],
)
def test_acquire_refuses_what_agora_refuses(agora: Agora, body: object, code: int, reason: str) -> None:
    answer = agora.client.post(f"{BASE}/acquire", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert reason in answer.json()["reason"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"snapshotConfig": {"captureInterval": 0, "fileType": ["jpg"]}},
            "clientRequest.snapshotConfig.captureInterval",
        ),
        ({"snapshotConfig": {"captureInterval": 5, "fileType": ["png"]}}, "clientRequest.snapshotConfig.fileType"),
        ({"storageConfig": None}, "clientRequest.storageConfig"),
        ({"recordingConfig": {"streamTypes": 3, "subscribeUidGroup": 0}}, "clientRequest.recordingConfig.streamTypes"),
    ],
)
def test_start_refuses_what_agora_refuses_and_names_it(agora: Agora, changes: dict[str, Any], named: str) -> None:
    resource_id = agora.acquire().json()["resourceId"]
    answer = agora.start(resource_id, start_body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (400, 2)
    assert f"Start: {named} " in answer.json()["reason"]
    assert "secret" not in answer.text


def test_only_the_mode_of_screenshots_is_played(agora: Agora) -> None:
    answer = agora.start(agora.acquire().json()["resourceId"], start_body(), mode="mix")
    assert (answer.status_code, answer.json()["code"]) == (400, 2)


def test_a_storage_without_s3_cannot_be_written_to(agora: Agora) -> None:
    storage = {**start_body()["clientRequest"]["storageConfig"], "vendor": 5, "region": 0}
    answer = agora.start(agora.acquire().json()["resourceId"], start_body(storageConfig=storage))
    assert (answer.status_code, answer.json()["code"]) == (400, 2)
    assert "Azure" in answer.json()["reason"]


def test_a_resource_id_is_for_one_app_one_channel_and_one_recorder(agora: Agora) -> None:
    resource_id = agora.acquire().json()["resourceId"]
    assert agora.start("not-an-id", start_body()).json()["code"] == 1001
    assert agora.start(resource_id, {**start_body(), "cname": "other"}).json()["code"] == 432
    assert agora.start(resource_id, {**start_body(), "uid": "1"}).json()["code"] == 432
    foreign = Agora(agora.url, agora.sessions, agora.client, app="another")
    assert foreign.start(resource_id, start_body()).json()["code"] == 1003


def test_resource_ids_are_long_random_text(agora: Agora) -> None:
    ids = {agora.acquire().json()["resourceId"] for _ in range(20)}
    assert len(ids) == 20
    assert {len(each) for each in ids} == {160}


def test_a_resource_id_starts_for_five_minutes_and_answers_for_its_hours(weed: S3Server) -> None:
    now = 0.0
    with emulated(s3_endpoint=weed.endpoint_url, monotonic=lambda: now) as agora:
        body = body_for(weed.new_bucket())
        one, other = (agora.acquire(clientRequest={"resourceExpiredHour": 1}).json()["resourceId"] for _ in range(2))
        now = 300.0
        sid = agora.start(one, body).json()["sid"]
        now = 301.0
        late = agora.start(other, body)
        assert (late.status_code, late.json()["code"]) == (400, 433)
        path = f"{BASE}/resourceid/{one}/sid/{sid}/mode/individual/query"
        now = 3600.0
        assert agora.client.get(path).status_code == 200
        now = 3601.0
        assert agora.client.get(path).json()["code"] == 433


def test_what_runs_is_not_started_again(weed: S3Server) -> None:
    with emulated(s3_endpoint=weed.endpoint_url, most_sessions=2) as agora:
        body = body_for(weed.new_bucket())
        running = agora.started(body)
        again = agora.start(running.resource_id, body)
        assert (again.status_code, again.json()) == (201, {"code": 7, "reason": "already started"})
        conflict = agora.start(agora.acquire().json()["resourceId"], body)
        assert (conflict.status_code, conflict.json()) == (400, {"code": 53, "reason": "task conflict"})
        agora.started({**body, "uid": "2"})
        full = agora.acquire(uid="3")
        assert (full.status_code, full.json()) == (400, {"code": 406, "reason": "vendor_over_load"})
        assert running.stop().status_code in {200, 206}
        assert agora.acquire(uid="3").status_code == 200


def test_what_is_not_there_is_404_and_what_belongs_to_another_is_told(weed: S3Server) -> None:
    with emulated(s3_endpoint=weed.endpoint_url) as mine:
        running = mine.started(body_for(weed.new_bucket()))
        other = mine.acquire().json()["resourceId"]
        path = f"{BASE}/resourceid/{other}/sid"
        unknown = mine.client.get(f"{path}/{'0' * 32}/mode/individual/query")
        assert (unknown.status_code, unknown.json()) == (404, NOT_FOUND)
        assert mine.client.get(f"{path}/{running.sid}/mode/individual/query").json()["code"] == 1003
        assert running.stop(uid="1").json()["code"] == 432
        assert running.stop(cname=None).json()["code"] == 2
        assert running.stop(clientRequest={"async_stop": 1}).json()["code"] == 2
        assert running.update({"storageConfig": {"vendor": 99}}).json()["code"] == 2
        assert running.query().status_code == 200


# --- What is done ---------------------------------------------------------------------------------------------------


def test_query_and_stop_answer_as_documented_and_name_no_file(weed: S3Server) -> None:
    bucket = weed.new_bucket()
    with emulated(s3_endpoint=weed.endpoint_url, speed=20) as agora:
        running = agora.started(body_for(bucket))
        until(lambda: keys(weed, bucket))
        named = {"cname": "room", "uid": "527841", "resourceId": running.resource_id, "sid": running.sid}
        asked = running.query().json()
        since_ms = asked["serverResponse"]["sliceStartTime"]
        assert asked == {**named, "serverResponse": {"status": 5, "sliceStartTime": since_ms}}
        assert BEGIN.timestamp() * 1000 <= since_ms
        stopped = running.stop()
        assert stopped.status_code == 200
        assert stopped.json() == {**named, "serverResponse": {"uploadingStatus": "uploaded"}}
        for answer in (running.query(), running.stop()):
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
        totals = agora.sessions.totals()
        assert (totals.sessions, totals.running, totals.uploaded) == (1, 0, len(keys(weed, bucket)))


IN_VAIN: Final[tuple[dict[str, Any], ...]] = (
    {"snapshotConfig": None},
    {"recordingConfig": {"streamTypes": 0, "subscribeUidGroup": 0}},  # audio only
    {"recordingConfig": {"subscribeAudioUids": ["1001"], "subscribeUidGroup": 0}},  # a list of audio alone
)


def test_what_agora_takes_without_a_word_starts_and_captures_nothing(
    weed: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    bucket, kept = weed.new_bucket(), Kept()
    with emulated(s3_endpoint=weed.endpoint_url, speed=500, taker=kept) as agora:
        bodies = [{**body_for(bucket, **changes), "uid": str(number)} for number, changes in enumerate(IN_VAIN, 1)]
        running = [agora.started(body) for body in bodies]
        sids = {each.sid for each in running}
        until(lambda: {told.sid for told in kept.notices if told.event_type == 33} == sids)  # a minute passes there
        assert [each.query().json()["serverResponse"]["status"] for each in running] == [5, 5, 5]
        for each in running:
            stopped = each.stop()
            assert (stopped.status_code, stopped.json()) == (206, {"code": 435, "reason": "no recorded data"})
    assert keys(weed, bucket) == []
    assert caplog.text.count("no screenshots") == len(IN_VAIN)


@pytest.mark.parametrize("scene", [1, 2])
def test_a_resource_for_another_kind_of_recording_captures_nothing(
    agora: Agora, caplog: pytest.LogCaptureFixture, scene: int
) -> None:
    acquired = agora.acquire(clientRequest={"scene": scene})
    assert acquired.status_code == 200
    assert f"clientRequest.scene is {scene}: Agora gives a resource for another kind of recording" in caplog.text
    started = agora.start(acquired.json()["resourceId"], start_body(recordingFileConfig={"avFileType": ["hls"]}))
    running = Recording(agora, acquired.json()["resourceId"], started.json()["sid"], "room", "527841")
    until(lambda: running.query().json()["serverResponse"]["status"] == 5)
    assert (running.stop().status_code, running.stop().status_code) == (206, 404)
    assert agora.sessions.totals().taken == 0


class Broken:
    """Recordings with an error in them."""

    def __getattr__(self, _call: str) -> Any:
        return self._fail

    def _fail(self, *_arguments: object) -> None:
        raise ZeroDivisionError("of this program")


def test_an_error_of_the_program_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving(application(cast("Recordings", Broken()), Access()), host="127.0.0.1", port=0) as url:
        answer = httpx.post(f"{url}{BASE}/acquire", json=acquire_body(), auth=CUSTOMER, trust_env=False, verify=TLS)
    assert (answer.status_code, answer.json()) == (500, {"message": "An unexpected error occurred"})
    (record,) = caplog.records
    assert record.getMessage() == "the call of acquire is answered 500, by an error of this program"
    assert "ZeroDivisionError: of this program" in caplog.text


def test_the_client_explains_what_the_emulator_answers(weed: S3Server) -> None:
    body = body_for(weed.new_bucket())
    with emulated(NOBODY, s3_endpoint=weed.endpoint_url, access=Access(*CUSTOMER)) as agora:
        with (
            CaptureClient(agora.url, Credentials(APP, "customer", "wrong"), attempts=1) as stranger,
            pytest.raises(AgoraDeniedError, match="customer ID or customer secret are wrong"),
        ):
            stranger.acquire(acquire_body())
        with CaptureClient(agora.url, Credentials(APP, *CUSTOMER), attempts=1) as client:
            first, second = (client.acquire(acquire_body()).resource_id for _ in range(2))
            with pytest.raises(AgoraRefusedError, match=r"code 2 \(Start: clientRequest.storageConfig is missing\)"):
                client.start(first, start_body(storageConfig=None))
            with pytest.raises(AgoraError, match="code 1001"):
                client.start("none", body)
            started = client.start(first, body)
            with pytest.raises(AlreadyRunningError, match="code 53"):
                client.start(second, body)
            until(lambda: client.query(first, started.sid).is_running)
            with pytest.raises(AgoraRefusedError, match="code 432"):
                client.stop(first, started.sid, "room", "1")
            assert client.stop(first, started.sid, "room", "527841").upload is Upload.NOTHING
            with pytest.raises(AgoraNotFoundError, match="code 404"):
                client.query(first, started.sid)


def _failing(takes: timedelta) -> Scenario:
    return replace(TWO, failovers=(Failover(timedelta(), takes),))


def test_while_a_recorder_is_replaced_there_is_no_worker(weed: S3Server) -> None:
    bucket = weed.new_bucket()
    with emulated(_failing(timedelta(seconds=90)), s3_endpoint=weed.endpoint_url) as agora:
        running = agora.started(body_for(bucket))
        until(lambda: running.query().status_code == 404)
        assert running.query().json() == running.stop().json() == NOT_FOUND
        assert agora.sessions.totals().running == 1
    with emulated(_failing(timedelta(seconds=5)), s3_endpoint=weed.endpoint_url, speed=50) as agora:
        running = agora.started(body_for(bucket))
        until(lambda: keys(weed, bucket))
        assert running.query().status_code == 200
        assert running.stop().status_code == 200
    assert all(key.startswith("directory1/directory2/bak0_") for key in keys(weed, bucket))


def test_a_session_ends_when_nobody_is_there_for_max_idle_time(weed: S3Server) -> None:
    kept = Kept()
    with emulated(NOBODY, s3_endpoint=weed.endpoint_url, speed=1000, taker=kept) as agora:
        config = {"maxIdleTime": 60, "channelType": 0, "subscribeUidGroup": 0}
        running = agora.started(body_for(weed.new_bucket(), recordingConfig=config))
        until(lambda: running.query().status_code == 404)
        assert running.stop().status_code == 404
        assert agora.sessions.totals().running == 0
    (left,) = (notice for notice in kept.notices if notice.event_type == 41)
    assert left.sent_at - BEGIN >= timedelta(seconds=60)


def test_wrong_keys_end_a_session_as_agora_ends_one(weed: S3Server, caplog: pytest.LogCaptureFixture) -> None:
    bucket = weed.new_bucket()
    with emulated(s3_endpoint=weed.endpoint_url, speed=50) as agora:
        running = agora.started(start_body(bucket, keys=("nobody's key", "nobody's secret")))
        until(lambda: running.query().status_code == 404)
        assert agora.sessions.totals().refused == 1
    assert keys(weed, bucket) == []
    assert "refused" in caplog.text
    assert "nobody's secret" not in caplog.text


def _watched(agora: Agora, caplog: pytest.LogCaptureFixture) -> bool:
    agora.sessions.watch()
    return bool(caplog.records)


def test_a_storage_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    with emulated(s3_endpoint=f"http://127.0.0.1:{port}", speed=50, retry_s=0.1) as agora:
        running = agora.started(body_for("bucket"))
        until(lambda: _watched(agora, caplog))
        agora.sessions.watch()
        assert running.query().status_code == 200  # Agora goes on, and keeps them in its backup
        assert len(caplog.records) == 1
        assert str(port) in caplog.text


def test_update_moves_what_is_taken_from_then_on(weed: S3Server) -> None:
    bucket, other = weed.new_bucket(), weed.new_bucket()
    body = body_for(bucket)
    with emulated(s3_endpoint=weed.endpoint_url, speed=50) as agora:
        running = agora.started(body)
        until(lambda: keys(weed, bucket))
        storage = {**body["clientRequest"]["storageConfig"], "bucket": other, "fileNamePrefix": ["later"]}
        moved = running.update({"storageConfig": storage})
        named = {"cname": "room", "uid": "527841", "resourceId": running.resource_id, "sid": running.sid}
        assert (moved.status_code, moved.json()) == (200, named)
        until(lambda: keys(weed, other))
        assert running.stop().status_code == 200
    assert {key.rpartition("/")[0] for key in keys(weed, other)} == {"later"}
    assert max(_times(keys(weed, bucket))) < min(_times(keys(weed, other)))


def test_update_changes_whose_video_is_taken(weed: S3Server) -> None:
    bucket = weed.new_bucket()
    config = {"channelType": 0, "subscribeUidGroup": 0, "subscribeVideoUids": ["1001"]}
    with emulated(s3_endpoint=weed.endpoint_url, speed=50) as agora:
        running = agora.started(body_for(bucket, recordingConfig=config))
        until(lambda: len(keys(weed, bucket)) > 3)
        assert _uids(keys(weed, bucket)) == {"1001"}
        wanted = {"streamSubscribe": {"videoUidList": {"subscribeVideoUids": ["1002"]}}}
        assert running.update(wanted).status_code == 200
        until(lambda: "1002" in _uids(keys(weed, bucket)))
        assert running.stop().status_code == 200
    taken = {uid: _times(key for key in keys(weed, bucket) if f"__uid_s_{uid}__" in key) for uid in ("1001", "1002")}
    assert max(taken["1001"]) < min(taken["1002"])


def test_sessions_of_one_storage_and_its_keys_share_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Address] = []

    def opening(address: Address) -> ObjectStore:
        opened.append(address)
        return open_store(address.location, address.options)

    monkeypatch.setattr(sessions, "_open", opening)
    body = start_body()
    with emulated(NOBODY, s3_endpoint="http://127.0.0.1:9") as agora:
        for uid in ("1", "2"):
            agora.started({**body, "uid": uid}).update({"storageConfig": body["clientRequest"]["storageConfig"]})
        assert len(opened) == 1
        other = {**body["clientRequest"]["storageConfig"], "secretKey": "another"}
        agora.started({**start_body(storageConfig=other), "uid": "3"})
        assert len(opened) == 2
    assert "another" not in repr(opened)


def test_with_recording_file_config_playlists_and_slices_are_beside_the_pictures(weed: S3Server) -> None:
    bucket = weed.new_bucket()
    with emulated(s3_endpoint=weed.endpoint_url, speed=50) as agora:
        running = agora.started(body_for(bucket, recordingFileConfig={"avFileType": ["hls"]}))
        until(lambda: any(key.endswith(".ts") for key in keys(weed, bucket)))
        assert running.stop().json()["serverResponse"] == {"uploadingStatus": "uploaded"}
    named = [parse(key) for key in keys(weed, bucket)]
    assert all(isinstance(name, ScreenshotName | RecordingName) for name in named)
    assert {name.extension for name in named if isinstance(name, RecordingName)} == {"m3u8", "ts"}


def _uids(found: list[str]) -> set[str]:
    return {name.head.uid for name in map(parse, found) if isinstance(name, ScreenshotName)}


def _times(found: Any) -> list[Any]:
    return [name.captured_at for name in map(parse, found) if isinstance(name, ScreenshotName)]


# --- Notices --------------------------------------------------------------------------------------------------------


def test_notices_number_what_happened_and_tell_pictures_that_are_there(weed: S3Server) -> None:
    bucket, kept = weed.new_bucket(), Kept()
    with emulated(s3_endpoint=weed.endpoint_url, speed=50, taker=kept) as agora:
        running = agora.started(body_for(bucket))
        until(lambda: any(notice.event_type == 45 for notice in kept.notices))
        (told, *_) = (notice.details for notice in kept.notices if isinstance(notice.details, SnapshotFile))
        assert told.file_name in keys(weed, bucket)
        running.stop()
    assert [notice.sequence for notice in kept.notices] == list(range(len(kept.notices)))
    assert {(notice.sid, notice.cname) for notice in kept.notices} == {(running.sid, "room")}
    assert len({notice.notice_id for notice in kept.notices}) == len(kept.notices)
    names = {notice.details.file_name for notice in kept.notices if isinstance(notice.details, SnapshotFile)}
    assert names == set(keys(weed, bucket))
    assert kept.notices[-1].details == Uploaded() or kept.notices[-2].details == Uploaded()


def test_a_session_that_is_closed_has_told_its_end() -> None:
    kept = Kept()
    (port,) = free_ports(1)
    with emulated(s3_endpoint=f"http://127.0.0.1:{port}", speed=50, taker=kept) as agora:
        agora.started(body_for("bucket"))
        until(lambda: agora.sessions.totals().taken)
        agora.sessions.close(within_s=0)
        told = [notice.event_type for notice in kept.notices]
    assert told[-1] == 11  # session_exit
    assert len(kept.notices) == len(told)


SECRET: Final = "the secret of the console"


class Receiver:
    """Takes notices, and answers the first ones with what it was told to."""

    def __init__(self, *statuses: int) -> None:
        self.taken: list[tuple[bytes, dict[str, str]]] = []
        self._statuses = list(statuses)
        self.application = Starlette(routes=[Route("/ncs", self._take, methods=["POST"])])

    @property
    def notices(self) -> list[Notice]:
        return [events.parse(body) for body, _ in self.taken]

    async def _take(self, request: Request) -> Response:
        self.taken.append((await request.body(), dict(request.headers)))
        return JSONResponse({}, self._statuses.pop(0) if self._statuses else 200)


def notice(number: int) -> Notice:
    details = events.StreamState("1001", receiving=True, at=BEGIN)
    return Notice(f"notice-{number}", BEGIN, "room", "527841", "a" * 32, number, BEGIN, details)


def post(receiver: Receiver, *notices: Notice) -> Poster:
    clock = Clock(start=BEGIN + timedelta(seconds=1, microseconds=1))  # as one that runs: no whole milliseconds
    with serving(receiver.application, host="127.0.0.1", port=0) as url:
        poster = Poster(f"{url}/ncs", secret=SECRET, now=clock.now, pauses_s=(0, 0, 0))
        for each in notices:
            poster.take(each)
        poster.close(within_s=30)
    return poster


def test_a_posted_notice_is_signed_over_its_bytes() -> None:
    receiver = Receiver()
    assert post(receiver, notice(0)).counts.delivered == 1
    ((body, headers),) = receiver.taken
    assert headers["content-type"].startswith("application/json")
    assert headers["agora-signature-v2"] == events.signature(body, SECRET)
    assert headers["agora-signature"] == events.signature_v1(body, SECRET)
    assert SECRET.encode() not in body


def test_a_notice_that_is_not_taken_is_sent_again_at_another_time() -> None:
    receiver = Receiver(500, 302)
    counts = post(receiver, notice(0)).counts
    assert (counts.delivered, counts.resent, counts.failed) == (1, 2, 0)
    first, second, third = receiver.notices
    assert first.notified_at < second.notified_at
    assert (first.notice_id, first.sent_at) == (third.notice_id, third.sent_at)


def test_after_three_re_sends_a_notice_is_given_up() -> None:
    receiver = Receiver(*[500] * 4)
    counts = post(receiver, notice(0)).counts
    assert (counts.delivered, counts.resent, counts.failed) == (0, 3, 1)
    assert len(receiver.taken) == 4


def test_a_receiver_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    poster = Poster(f"http://127.0.0.1:{port}/", secret=SECRET, now=lambda: BEGIN, pauses_s=(0,))
    for number in range(5):
        poster.take(notice(number))
    poster.close(within_s=30)
    assert poster.counts.failed == 5
    assert len(caplog.records) == 1
    assert str(port) in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://host/", "http://", "http://host:port/", "no address"),
        # What only the look-up of a name would say.
        *("http://.a/", "http://a..b/", f"http://{'a' * 70}/", "http://xn--/", "http://xn--a/", "http://a\x01b/"),
    ],
)
def test_what_cannot_be_posted_to_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="no address to post to"):
        Poster(url, secret=SECRET, now=lambda: BEGIN)


def test_an_address_with_a_password_is_none_and_not_repeated() -> None:
    for url in ("http://me:password@host/", "http://me:password@host:port/"):
        with pytest.raises(ConfigError, match=r"\*\*\*@host") as raised:
            Poster(url, secret=SECRET, now=lambda: BEGIN)
        assert "password@" not in str(raised.value)


def test_a_name_that_cannot_be_looked_up_is_trouble_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_checked", str)  # as one that it lets through
    poster = Poster("http://a..b/", secret=SECRET, now=lambda: BEGIN, pauses_s=(0,))
    for number in range(8):  # more than there are threads
        poster.take(notice(number))
    poster.close(within_s=30)
    assert (poster.counts.failed, poster.counts.resent, poster.counts.dropped) == (8, 8, 0)


def test_spoiled_notices_are_lost_repeated_and_late_by_their_shares_and_the_seed() -> None:
    def spoiled(seed: int) -> tuple[list[int], Spoiler]:
        kept = Kept()
        spoiler = Spoiler([kept], Spoiling(lost=0.1, repeated=0.1, late=0.2), seed)
        for number in range(300):
            spoiler.take(notice(number))
        spoiler.close(within_s=1)
        assert kept.closed
        return [each.sequence for each in kept.notices], spoiler

    order, spoiler = spoiled(1)
    assert (order, spoiled(2)[0]) == (spoiled(1)[0], spoiled(2)[0])
    assert order != spoiled(2)[0]
    assert 10 < spoiler.lost < 60
    assert len(set(order)) == 300 - spoiler.lost
    assert len(order) - len(set(order)) == spoiler.repeated > 10
    assert sum(later < earlier for earlier, later in pairwise(order)) >= spoiler.late / 5 > 5
    whole, nothing = Kept(), Spoiler([], Spoiling(), 0)
    nothing.takers = [whole]
    for number in range(20):
        nothing.take(notice(number))
    assert [each.sequence for each in whole.notices] == list(range(20))


def test_a_journal_appends_a_line_for_each_notice(tmp_path: Path) -> None:
    for number in range(2):
        journal = Journal(tmp_path / "notices.ndjson")
        journal.take(notice(number))
        journal.close(within_s=1)
    lines = (tmp_path / "notices.ndjson").read_bytes().splitlines()
    assert [events.parse(line) for line in lines] == [notice(0), notice(1)]
    assert json.loads(lines[0])["productId"] == 3
    assert (tmp_path / "notices.ndjson").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="cannot be written to"):
        Journal(tmp_path / "missing" / "notices.ndjson")


def test_a_journal_goes_on_behind_a_line_that_was_not_ended(tmp_path: Path) -> None:
    (tmp_path / "notices.ndjson").write_bytes(b'{"half')
    journal = Journal(tmp_path / "notices.ndjson")
    journal.take(notice(0))
    journal.close(within_s=1)
    assert (tmp_path / "notices.ndjson").read_bytes().splitlines() == [b'{"half', events.format(notice(0))]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that takes nothing is Linux's")
def test_a_full_disk_ends_the_journal_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(Path("/dev/full"))
    for number in range(3):
        journal.take(notice(number))
    journal.close(within_s=1)
    journal.take(notice(3))
    assert journal.written == 0
    assert [record.getMessage() for record in caplog.records] == [
        "no more notices are written to /dev/full: No space left on device"
    ]


def test_a_port_that_is_taken_is_told() -> None:
    with emulated() as agora:
        port = int(agora.url.rpartition(":")[2])
        with (
            pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1:{port}"),
            serving(Starlette(), host="127.0.0.1", port=port),
        ):
            raise AssertionError("two servers at one port")
