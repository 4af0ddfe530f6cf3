"""Bodies of requests to Agora: the guides' examples, and others made of them."""

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from indexer.agora.request import Finding, read_json

BODIES: Final = Path(__file__).parents[1] / "sample_keys" / "requests"
NOW: Final = datetime(2026, 11, 5, 12, tzinfo=UTC)
Body = dict[str, Any]


def sample(name: str) -> Body:
    body = read_json(BODIES / f"{name}.json")
    assert isinstance(body, dict)
    return body


SCREENSHOTS: Final = sample("screenshots")
WITH_RECORDING: Final = sample("screenshots_and_recording")
ACQUIRED: Final = sample("acquire")
UPDATED: Final[Body] = {
    "cname": "httpClient463224",
    "uid": "527841",
    "clientRequest": {
        "streamSubscribe": {
            "audioUidList": {"subscribeAudioUids": ["#allstream#"]},
            "videoUidList": {"subscribeVideoUids": ["1", "2"]},
        }
    },
}
GONE: Final = object()
"""In place of a value: the key is taken away."""
SHORT: Final = {
    "recording": "clientRequest.recordingConfig",
    "snapshots": "clientRequest.snapshotConfig",
    "files": "clientRequest.recordingFileConfig",
    "storage": "clientRequest.storageConfig",
    "extension": "clientRequest.storageConfig.extensionParams",
    "request": "clientRequest",
    "parameter": "clientRequest.startParameter",
}


def changed(body: Body, **values: object) -> Body:
    """A copy with other values: `storage__vendor=1` is `clientRequest.storageConfig.vendor`."""
    made = copy.deepcopy(body)
    for name, value in values.items():
        first, *rest = name.split("__")
        *path, key = [*SHORT.get(first, first).split("."), *rest]
        place: Any = made
        for step in path:
            place = place.setdefault(step, {})
        if value is GONE:
            place.pop(key, None)
        else:
            place[key] = value
    return made


def start(**values: object) -> Body:
    return changed(SCREENSHOTS, **values)


def at(*, hours: float) -> int:
    return int((NOW + timedelta(hours=hours)).timestamp())


TEMPORARY: Final = {"storage__stsToken": "t", "storage__stsExpiration": at(hours=5)}
PARAMETER: Final = SCREENSHOTS["clientRequest"]


def paired(**values: object) -> tuple[Body, Body]:
    """An acquire that says beforehand what start says, changed, and the start."""
    return changed(changed(ACQUIRED, request__startParameter=PARAMETER), **values), SCREENSHOTS


def broken(findings: Sequence[Finding]) -> set[str]:
    return {finding.rule.name for finding in findings}
