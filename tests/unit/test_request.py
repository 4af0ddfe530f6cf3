"""Bodies of `acquire`, `start` and `update` as values, what is found in them, and what is never shown of them."""

import copy
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.request import (
    BadRequestError,
    Severity,
    check_acquire,
    check_pair,
    check_start,
    check_update,
    parse_accepted_start,
    parse_acquire,
    parse_json,
    parse_start,
    read_json,
)
from indexer.agora.request_shapes import ACQUIRE, SECRETS, START, UPDATE, Shape
from indexer.errors import ConfigError
from tests.bodies import (
    ACQUIRED,
    GONE,
    NOW,
    SCREENSHOTS,
    TEMPORARY,
    UPDATED,
    WITH_RECORDING,
    Body,
    at,
    broken,
    changed,
    paired,
    start,
)

# The examples of the guides.


def test_the_guides_example_of_screenshots_only_passes() -> None:
    assert check_start(SCREENSHOTS, token_required=True, records=False) == []
    made = parse_start(SCREENSHOTS)
    assert made.snapshot is not None
    assert (made.cname, made.uid, made.records) == ("httpClient463224", "527841", False)
    assert (made.storage.vendor, made.storage.region, made.storage.bucket) == (2, 3, "xxxxx")
    assert made.storage.file_name_prefix == ("directory1", "directory2")
    assert (made.snapshot.capture_interval, made.snapshot.file_type) == (5, ("jpg",))
    assert (made.recording.channel_type, made.recording.stream_types, made.recording.subscribe_uid_group) == (1, 2, 0)


def test_the_guides_example_of_screenshots_and_recording_has_no_error() -> None:
    assert broken(check_start(WITH_RECORDING, records=True)) == {"subscribe-uid-group"}
    made = parse_start(WITH_RECORDING)
    assert made.records
    assert (made.recording.stream_types, made.recording.max_idle_time) == (1, 30)


def test_the_guides_example_of_acquire_passes() -> None:
    assert check_acquire(ACQUIRED) == []
    assert parse_acquire(ACQUIRED).resource_expired_hour == 24
    assert check_pair(ACQUIRED, SCREENSHOTS) == []


def test_what_is_not_said_has_the_documented_default() -> None:
    made = parse_start(start(request__recordingConfig=GONE, snapshots__captureInterval=GONE))
    assert made.snapshot is not None
    assert (made.snapshot.capture_interval, made.recording.stream_types, made.recording.max_idle_time) == (10, 2, 30)
    assert parse_acquire({"cname": "a", "uid": "1", "clientRequest": {}}).resource_expired_hour == 72


def test_what_agora_starts_without_capturing_anything_is_an_error_that_it_does_not_refuse() -> None:
    for body in (start(request__snapshotConfig=GONE), start(recording__streamTypes=0)):
        with pytest.raises(BadRequestError):
            parse_start(body)
        assert parse_accepted_start(body).cname == "httpClient463224"
    assert parse_accepted_start(start(request__snapshotConfig=GONE)).snapshot is None
    with pytest.raises(BadRequestError):
        parse_accepted_start(start(snapshots__captureInterval=0))


def test_start_parameter_of_an_acquire_is_checked_as_a_start_is() -> None:
    (found,) = check_acquire(paired(parameter__snapshotConfig__captureInterval=0)[0])
    assert found.path == "clientRequest.startParameter.snapshotConfig.captureInterval"


def test_an_update_is_checked_for_its_lists_and_its_storage() -> None:
    body = changed(UPDATED, request__streamSubscribe={"audioUidList": {"subscribeAudioUids": ["1"]}}, storage__vendor=4)
    assert {"audio-list-needs-video-list", "vendor-removed", "storage-complete"} <= broken(check_update(body))
    assert check_update(UPDATED) == []


# Findings.


def test_findings_are_in_order_of_their_paths_and_name_what_is_there() -> None:
    body = start(
        uid=5, cname="a*b", snapshots__captureInterval="5", storage__fileNamePrefix=["a/b", "c", *["d"] * 8, "e-f"]
    )
    assert [f"{finding.path} {finding.message}" for finding in check_start(body, mode="mix")] == [
        ' the mode is "mix"',
        'clientRequest.snapshotConfig.captureInterval must be a whole number, is "5": write 5',
        'clientRequest.storageConfig.fileNamePrefix[0] is "a/b", with "/"',
        'clientRequest.storageConfig.fileNamePrefix[10] is "e-f", with "-"',
        'cname is "a*b", with "*"',
        'uid must be a text, is 5: write "5"',
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (start(snapshots__captureIntervall=5), "did you mean captureInterval?"),
        (start(snapshots__filetype=["jpg"]), "did you mean fileType?"),
        (start(storage__secretkey="s"), "did you mean secretKey?"),
        (start(request__captureInterval=5), "it belongs in clientRequest.snapshotConfig"),
        (start(storageConfig={}), "it belongs in clientRequest"),
        (start(request__scene=0), "it belongs in the body of another request"),
        (start(recording__token="t"), "it belongs in clientRequest"),
    ],
)
def test_a_misspelt_or_misplaced_key_is_told_how_it_is_right(body: Body, message: str) -> None:
    (found,) = [finding for finding in check_start(body) if finding.rule.name == "known-key"]
    assert message in found.message


def test_an_error_tells_the_first_finding_and_holds_all() -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_start(start(snapshots__captureInterval=0, uid="0"))
    assert str(caught.value) == (
        "clientRequest.snapshotConfig.captureInterval is 0; required: captureInterval is a whole number of seconds"
        " from 1 to 3600 (default 10) (and 1 more: see `livestills request check`)"
    )
    assert [finding.path for finding in caught.value.findings] == [
        "clientRequest.snapshotConfig.captureInterval",
        "uid",
    ]


# Anything.

ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "jpg", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def places(shape: Shape, path: str = "") -> list[str]:
    if isinstance(shape, str):
        return [path]
    inner = [place for name, kind in shape.items() for place in places(kind, f"{path}__{name}" if path else name)]
    return [path, *inner] if path else inner


PLACES: Final = sorted({place for shape in (START, ACQUIRE, UPDATE) for place in places(shape)})
NEARLY: Final = ["clientRequest__snapshotConfig__capture_interval", "clientRequest__storageConfig__secret_key"]
CHANGES: Final = st.dictionaries(st.sampled_from([*PLACES, *NEARLY]), ANY_JSON | st.just(GONE), max_size=4)


def distorted(body: Body, changes: dict[str, Any]) -> Any:
    made: Any = copy.deepcopy(body)
    for path, value in changes.items():
        *steps, key = path.split("__")
        place = made
        for step in steps:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            if value is GONE:
                place.pop(key, None)
            else:
                place[key] = value
    return made


@settings(max_examples=100)
@given(ANY_JSON | CHANGES.map(lambda changes: distorted(WITH_RECORDING, changes)))
def test_nothing_raises_and_a_body_is_parsed_exactly_when_no_error_is_found(body: Any) -> None:
    findings = check_start(body, now=NOW)
    check_pair(body, SCREENSHOTS)
    check_update(body)
    errors = [finding for finding in check_start(body) if finding.rule.severity is Severity.ERROR]
    assert len(findings) >= len(errors)
    if errors:
        with pytest.raises(BadRequestError) as caught:
            parse_start(body)
        assert list(caught.value.findings) == errors
    else:
        assert parse_start(body).records is ("recordingFileConfig" in body["clientRequest"])
    if any(finding.rule.refused for finding in errors):
        with pytest.raises(BadRequestError):
            parse_accepted_start(body)
    else:
        parse_accepted_start(body)


@settings(max_examples=50)
@given(ANY_JSON | CHANGES.map(lambda changes: distorted(paired()[0], changes)))
def test_an_acquire_is_parsed_exactly_when_no_error_is_found(body: Any) -> None:
    check_pair(SCREENSHOTS, body)
    if any(finding.rule.severity is Severity.ERROR for finding in check_acquire(body)):
        with pytest.raises(BadRequestError):
            parse_acquire(body)
    else:
        parse_acquire(body)


def test_depth_is_no_way_to_make_a_check_fail() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    body = start(request__storageConfig=deep)
    assert "type" in broken(check_start(body))
    acquire = changed(ACQUIRED, request__startParameter={"storageConfig": deep})
    assert "start-parameter" not in broken(check_pair(acquire, body))
    while deep:  # taken apart from the outside, because Python's own way is recursive
        deep = deep.pop()


# Secrets.

SECRET: Final = "vErY-s3cret"
HIDING: Final[list[dict[str, Any]]] = [
    *({f"clientRequest__storageConfig__{name}": SECRET} for name in ("accessKey", "secretKey", "stsToken")),
    *({f"clientRequest__storageConfig__{name}": [SECRET]} for name in ("accessKey", "secretKey", "stsToken")),
    {"clientRequest__token": SECRET},
    {"clientRequest__recordingConfig__secret": SECRET, "clientRequest__recordingConfig__decryptionMode": 7},
    {"clientRequest__recordingConfig__salt": SECRET, "clientRequest__recordingConfig__decryptionMode": 7},
    {"clientRequest__storageConfig__secretkey": SECRET},
    {"clientRequest__storageConfig__secret_key": SECRET},
    {"clientRequest__storageConfig__extensionParams": {"endpoint": f"https://key:{SECRET}@host", "sse": "kms"}},
    {"clientRequest__storageConfig__extensionParams": {"endpoint": [f"https://key:{SECRET}@host"]}},
    {"clientRequest__storageConfig": json.dumps({"secretKey": SECRET})},
    {"clientRequest": json.dumps({"token": SECRET})},
]


@pytest.mark.parametrize("hidden", HIDING, ids=[" ".join(hidden) for hidden in HIDING])
def test_no_secret_is_in_any_text(hidden: dict[str, Any]) -> None:
    body = distorted(SCREENSHOTS, hidden)
    acquire = changed(ACQUIRED, request__startParameter=body["clientRequest"])
    texts = [repr(check_start(body)), repr(check_acquire(acquire))]
    texts += [repr(check_pair(acquire, SCREENSHOTS)), repr(check_pair(paired()[0], body))]
    try:
        made = parse_start(body)
    except BadRequestError as exc:
        texts += [str(exc), repr(exc), repr(exc.findings)]
    else:
        texts += [repr(made), str(made), made.model_dump_json(), str(made.model_dump())]
    assert SECRET not in "".join(texts)


FULL: Final = changed(
    WITH_RECORDING,
    request__token=SECRET,
    recording__secret=SECRET,
    recording__salt=SECRET,
    storage__accessKey=SECRET,
    storage__secretKey=SECRET,
    storage__stsToken=SECRET,
)


@settings(max_examples=50)
@given(CHANGES, CHANGES)
def test_no_secret_is_in_any_finding_whatever_else_is_wrong(changes: dict[str, Any], others: dict[str, Any]) -> None:
    body, other = distorted(FULL, changes), distorted(FULL, others)
    acquire = {**ACQUIRED, "clientRequest": {"startParameter": other.get("clientRequest")}}
    found = [*check_start(body, now=NOW), *check_acquire(acquire), *check_update(body), *check_pair(acquire, body)]
    assert SECRET not in repr(found)


def test_the_documented_secrets_are_secrets_of_the_value() -> None:
    assert {"accessKey", "secretKey", "stsToken", "token", "secret", "salt"} == SECRETS
    made = parse_start(start(**TEMPORARY))
    assert made.token is not None
    assert made.token.get_secret_value() == "<token if any>"
    assert made.storage.secret_key.get_secret_value() == "xxxxx"
    assert made.storage.access_key.get_secret_value() == "xxxxxxf"
    assert made.storage.sts_token is not None
    assert made.storage.sts_expiration == at(hours=5)


# Files.


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.json is empty"),
        (b"\n \n", "x.json is empty"),
        (b"\xef\xbb\xbf", "x.json is empty"),
        (b"{", "x.json, line 1, column 2: not JSON: expecting property name enclosed in double quotes"),
        (b'{"a": 1,\n"b" 2}', "x.json, line 2, column 5: not JSON: expecting ':' delimiter"),
        (b"{} {}", "x.json, line 1, column 4: not JSON: extra data"),
        (
            b'{"a": 1, "b": {"secretKey": "s", "secretKey": "t"}}',
            'x.json: the key "secretKey" comes twice in one object',
        ),
        (b'{"a": NaN}', "x.json: NaN is no number of JSON"),
        (b"-Infinity", "x.json: -Infinity is no number of JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "x.json: a number of 5,000 digits is in no request"),
        (b"[" * 100_000, "x.json is nested too deeply to be a request"),
        (b"[" * 101 + b"]" * 101, "x.json is nested too deeply to be a request"),
        ('{"a": 1}'.encode("utf-16"), "x.json is not UTF-8 text"),
    ],
)
def test_what_is_no_json_is_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(data, "x.json")
    assert str(caught.value) == message


def test_a_hundred_levels_are_read() -> None:
    assert parse_json(b"[" * 99 + b"]" * 99, "x.json")


def test_a_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "start.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(SCREENSHOTS).encode())
    assert read_json(file) == SCREENSHOTS
    assert parse_json(b'{"a": 1e400, "b": -0.5}', "x.json") == {"a": float("inf"), "b": -0.5}


def test_a_file_that_is_not_there_or_is_a_folder_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_json(tmp_path / "start.json")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_json(tmp_path)
