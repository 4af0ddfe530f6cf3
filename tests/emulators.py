"""Agora, emulated in this process, and bodies of requests to it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from indexer.agora.events import Notice
from indexer.service.emulator.clock import Clock
from indexer.service.emulator.scenario import Period, Scenario, User
from indexer.service.emulator.service import Access, application
from indexer.service.emulator.sessions import Sessions, World
from indexer.service.emulator.uploading import RETRY_S, Uploads
from indexer.service.serving import serving

BEGIN: Final = datetime(2026, 11, 5, 12, tzinfo=UTC)
TLS: Final = httpx.create_ssl_context(trust_env=False)
"""Made once: each client and each call without one makes its own otherwise, which takes 50 ms, for HTTP as well."""

APP: Final = "0123456789abcdef0123456789abcdef"
CUSTOMER: Final = ("customer", "secret of the customer")

TWO: Final = Scenario(users=(User("1001", "Maya Lindqvist"), User("1002", "Ben Okafor")), width=64, height=36)
"""Both are there for ever; their pictures are small."""

NOBODY: Final = Scenario(
    users=(User("1001", "Maya Lindqvist", joins=timedelta(days=1), publishing=(Period(timedelta()),)),)
)
"""Comes tomorrow."""


@dataclass
class Kept:
    """A taker that keeps its notices."""

    notices: list[Notice] = field(default_factory=list)
    closed: bool = False

    def take(self, notice: Notice) -> None:
        self.notices.append(notice)

    def close(self, *, within_s: float) -> None:  # noqa: ARG002  # as a taker
        self.closed = True


@dataclass
class Agora:
    """An emulator at work."""

    url: str
    sessions: Sessions
    client: httpx.Client
    app: str = APP

    def acquire(self, **changes: Any) -> httpx.Response:
        return self.client.post(f"/v1/apps/{self.app}/cloud_recording/acquire", json=acquire_body(**changes))

    def start(self, resource_id: str, body: object, mode: str = "individual") -> httpx.Response:
        path = f"/v1/apps/{self.app}/cloud_recording/resourceid/{resource_id}/mode/{mode}/start"
        return self.client.post(path, json=body)

    def started(self, body: Mapping[str, Any]) -> "Recording":
        """Acquire and start, which must succeed."""
        resource_id = self.acquire(cname=body["cname"], uid=body["uid"]).json()["resourceId"]
        answer = self.start(resource_id, body)
        assert answer.status_code == 200, answer.text
        return Recording(self, resource_id, answer.json()["sid"], body["cname"], body["uid"])


@dataclass(frozen=True)
class Recording:
    """One that was started."""

    agora: Agora
    resource_id: str
    sid: str
    cname: str
    uid: str

    def query(self) -> httpx.Response:
        return self.agora.client.get(self._path("query"))

    def stop(self, **changes: Any) -> httpx.Response:
        return self._post("stop", {"async_stop": False}, changes)

    def update(self, client_request: Mapping[str, Any], **changes: Any) -> httpx.Response:
        return self._post("update", client_request, changes)

    def _post(self, verb: str, client_request: Mapping[str, Any], changes: Mapping[str, Any]) -> httpx.Response:
        body = {"cname": self.cname, "uid": self.uid, "clientRequest": client_request, **changes}
        return self.agora.client.post(self._path(verb), json=body)

    def _path(self, verb: str) -> str:
        resource = f"/v1/apps/{self.agora.app}/cloud_recording/resourceid/{self.resource_id}"
        return f"{resource}/sid/{self.sid}/mode/individual/{verb}"


@contextmanager
def emulated(
    scenario: Scenario = TWO,
    *,
    speed: float = 1.0,
    s3_endpoint: str | None = None,
    taker: Any = None,
    access: Access | None = None,
    most_sessions: int = 50,
    monotonic: Callable[[], float] = time.monotonic,
    retry_s: float = RETRY_S,
) -> Iterator[Agora]:
    """An emulator whose time begins at `BEGIN`."""
    world = World(scenario, 7, Clock(speed=speed, start=BEGIN), s3_endpoint, most_sessions)
    sessions = Sessions(world, taker, monotonic=monotonic, uploads=Uploads(world.clock, retry_s=retry_s))
    try:
        with (
            serving(application(sessions, access or Access()), host="127.0.0.1", port=0) as url,
            httpx.Client(base_url=url, auth=CUSTOMER, trust_env=False, verify=TLS, timeout=60) as client,
        ):
            yield Agora(url, sessions, client)
    finally:
        sessions.close(within_s=10)


def until(condition: Callable[[], object]) -> None:
    """Wait for something that other threads and servers bring about."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def acquire_body(**changes: Any) -> dict[str, Any]:
    """One that is right, but for the changes."""
    return {"cname": "room", "uid": "527841", "clientRequest": {"scene": 0}, **changes}


def start_body(bucket: str = "bucket", *, keys: tuple[str, str] = ("key", "secret"), **changes: Any) -> dict[str, Any]:
    """One that is right, but for the changes in clientRequest; None removes a part."""
    request = {
        "recordingConfig": {"channelType": 0, "subscribeUidGroup": 0},
        "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
        "storageConfig": {
            "vendor": 2,
            "region": 3,
            "bucket": bucket,
            "accessKey": keys[0],
            "secretKey": keys[1],
            "fileNamePrefix": ["directory1", "directory2"],
        },
        **changes,
    }
    kept = {name: value for name, value in request.items() if value is not None}
    return {"cname": "room", "uid": "527841", "clientRequest": kept}
