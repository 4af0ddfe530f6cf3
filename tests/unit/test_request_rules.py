"""What Agora wants of bodies: every rule has some that keep it and some that break it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from indexer.agora.request import (
    RULES,
    Finding,
    Rule,
    Severity,
    check_acquire,
    check_pair,
    check_start,
    check_update,
)
from indexer.agora.vendors import VENDORS
from tests.bodies import (
    ACQUIRED,
    GONE,
    NOW,
    PARAMETER,
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

Checked = Callable[[Any], Sequence[Finding]]


@dataclass(frozen=True)
class Case:
    """Bodies that keep a rule, and bodies that break it."""

    good: Sequence[Any]
    bad: Sequence[Any]
    check: Checked = field(default=check_start)


def starts(good: Sequence[Body], bad: Sequence[Body], **known: Any) -> Case:
    return Case(good, bad, lambda body: check_start(body, **known))


def each(name: str, good: Sequence[object], bad: Sequence[object], **other: object) -> Case:
    """One key of a start with good and with bad values."""
    return Case(
        [start(**other, **{name: value}) for value in good],
        [start(**other, **{name: value}) for value in bad],
    )


def acquired(name: str, good: Sequence[object], bad: Sequence[object]) -> Case:
    return Case(
        [changed(ACQUIRED, **{name: value}) for value in good],
        [changed(ACQUIRED, **{name: value}) for value in bad],
        check_acquire,
    )


COMPATIBLE: Final = {"storage__vendor": 11, "storage__region": 0}
SALT: Final = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
UIDS: Final = [str(uid) for uid in range(1, 51)]
WRONG_TYPES: Final[dict[str, list[object]]] = {
    "uid": [527841, True, None, ["527841"]],
    "snapshots__captureInterval": ["5", 5.0, True, None, [5], {}],
    "snapshots__fileType": ["jpg", [1], {}, [["jpg"]]],
    "storage__secretKey": [5, None, ["s"]],
    "clientRequest": ["{}", [], 1, None],
    "request__storageConfig": ["{}", [], 1, None],
}


def check_both(bodies: tuple[Body, Body]) -> Sequence[Finding]:
    return check_pair(*bodies)


CASES: Final[dict[str, Case]] = {
    "body": Case([SCREENSHOTS], [[], "text", 5, None, True, [SCREENSHOTS]]),
    "type": Case(
        [SCREENSHOTS, WITH_RECORDING],
        [
            *(start(**{name: value}) for name, values in WRONG_TYPES.items() for value in values),
            changed(WITH_RECORDING, files__avFileType="hls"),
        ],
    ),
    "known-key": Case(
        [start(request__privateParams="x"), start(request__somethingNew=1), start(extension__tag="a=b")],
        [
            start(snapshots__captureIntervall=5),
            start(snapshots__filetype=["jpg"]),
            start(snapshots__file_type=["jpg"]),
            start(recording__subscribeAudioUid=["1"]),
            start(request__captureInterval=5),
            start(snapshotConfig={}),
            start(clientrequest={}),
        ],
    ),
    "client-request": Case([SCREENSHOTS], [start(clientRequest=GONE), {"cname": "a", "uid": "1"}]),
    "cname": each("cname", ["a", " "], ["", GONE]),
    "cname-characters": each(
        "cname",
        ["math-101", "a b", "!#$%&()+-:;<=.>?@[]^_{}|~,", "0"],
        ["a/b", "a\\b", 'a"b', "a'b", "a*b", "a`b", "комната", "a\nb", "a\0", "\ud800"],
    ),
    "cname-length": each("cname", ["a" * 63, "a" * 64], ["a" * 65, "é" * 33, "a" * 100_000]),
    "cname-64-bytes": each("cname", ["a" * 63, "a" * 65], ["a" * 64, "é" * 32]),
    "uid": each("uid", ["1"], ["", GONE]),
    "uid-range": each(
        "uid",
        ["1", "4294967295", "007"],
        ["0", "000", "4294967296", "abc", "-1", "1.0", " 1", "1 ", "١", "1e3", "9" * 5000],
    ),
    "uid-leading-zeros": each("uid", ["7", "70"], ["007", "0527841"]),
    "token": starts(
        [start(request__token="006x")], [start(request__token=""), start(request__token=GONE)], token_required=True
    ),
    "token-maybe": each("request__token", ["006x"], ["", GONE]),
    "mode": Case(
        ["individual", "raw"], ["mix", "web", "Individual", "", "composite"], lambda mode: check_start({}, mode=mode)
    ),
    "mode-raw": Case(["individual", "mix"], ["raw"], lambda mode: check_start({}, mode=mode)),
    "recording-config": each("request__recordingConfig", [{}, {"channelType": 0}], [GONE]),
    "channel-type": each("recording__channelType", [0, 1, GONE], [2, -1]),
    "stream-types": each("recording__streamTypes", [0, 1, 2], [3, -1, 10**400]),
    "stream-types-video": each("recording__streamTypes", [1, 2], [0]),
    "stream-mode": each("recording__streamMode", ["default", "standard", "original"], ["Default", "", "raw"]),
    "stream-mode-video": each("recording__streamMode", ["default", "standard"], ["original"]),
    "video-stream-type": each("recording__videoStreamType", [0, 1], [2, -1]),
    "max-idle-time": each("recording__maxIdleTime", [5, 30, 2_592_000], [4, 0, -1, 2_592_001, 10**5000]),
    "decryption": Case(
        [
            start(recording__decryptionMode=0),
            start(recording__decryptionMode=6, recording__secret="s"),
            start(recording__decryptionMode=8, recording__secret="s", recording__salt=SALT),
        ],
        [
            start(recording__decryptionMode=9),
            start(recording__decryptionMode=-1),
            start(recording__decryptionMode=1),
            start(recording__decryptionMode=1, recording__secret=""),
            start(recording__decryptionMode=7, recording__secret="s"),
            start(recording__decryptionMode=7, recording__secret="s", recording__salt="c2hvcnQ="),
            start(recording__decryptionMode=7, recording__secret="s", recording__salt="é"),
        ],
    ),
    "uid-list": each(
        "recording__subscribeVideoUids",
        [["1"], UIDS[:32], ["#allstream#"]],
        [[], UIDS[:33], ["0"], ["a"], ["#allstream#", "1"], ["4294967296"]],
    ),
    "uid-lists-either": Case(
        [start(recording__subscribeVideoUids=["1"]), start(recording__unsubscribeVideoUids=["1"])],
        [
            start(recording__subscribeVideoUids=["1"], recording__unsubscribeVideoUids=["2"]),
            start(recording__subscribeAudioUids=["1"], recording__unSubscribeAudioUids=["2"]),
        ],
    ),
    "unsubscribe-spelling": Case(
        [start(recording__subscribeVideoUids=["1"])],
        [start(recording__unsubscribeVideoUids=["1"]), start(recording__unSubscribeVideoUids=["1"])],
    ),
    "video-users": each("recording__subscribeVideoUids", [UIDS[:17]], [UIDS[:18], UIDS[:32]]),
    "audio-list-needs-video-list": Case(
        [
            start(recording__subscribeAudioUids=["1"], recording__subscribeVideoUids=["1"]),
            start(recording__subscribeVideoUids=["1"]),
        ],
        [
            start(recording__subscribeAudioUids=["1"]),
            start(recording__subscribeAudioUids=["#allstream#"]),
            changed(WITH_RECORDING, recording__subscribeAudioUids=["1"]),
        ],
    ),
    "audio-list-other": Case(
        [start(recording__subscribeAudioUids=["1"], recording__subscribeVideoUids=["1"])],
        [
            start(recording__unsubscribeAudioUids=["1"]),
            start(recording__subscribeAudioUids=["1"], recording__unsubscribeVideoUids=["2"]),
        ],
    ),
    "audio-list-video-only": each(
        "recording__streamTypes", [2], [1], recording__subscribeAudioUids=["1"], recording__subscribeVideoUids=["1"]
    ),
    "subscribe-uid-group": each("recording__subscribeUidGroup", [0, 5], [GONE]),
    "subscribe-uid-group-range": each("recording__subscribeUidGroup", [0, 5], [6, -1]),
    "snapshot-config": each("request__snapshotConfig", [{"fileType": ["jpg"]}], [GONE]),
    "capture-interval": each("snapshots__captureInterval", [1, 5, 3600, GONE], [0, -1, 3601, 10**20]),
    "capture-interval-below-5": each("snapshots__captureInterval", [5, GONE], [1, 4]),
    "file-type": each("snapshots__fileType", [["jpg"]], [[], ["png"], ["JPG"], ["jpg", "jpg"], ["jpg", "png"], GONE]),
    "recording-file-config": Case(
        [(SCREENSHOTS, False), (WITH_RECORDING, True), (WITH_RECORDING, None)],
        [(SCREENSHOTS, True), (WITH_RECORDING, False)],
        lambda wanted: check_start(wanted[0], records=wanted[1]),
    ),
    "recording-file-config-maybe": Case(
        [(SCREENSHOTS, None), (WITH_RECORDING, True)],
        [(WITH_RECORDING, None)],
        lambda wanted: check_start(wanted[0], records=wanted[1]),
    ),
    "av-file-type": each("files__avFileType", [["hls"]], [[], ["mp4"], ["hls", "mp4"], ["HLS"]]),
    "av-file-type-default": each("request__recordingFileConfig", [{"avFileType": ["hls"]}], [{}]),
    "storage": each("request__storageConfig", [SCREENSHOTS["clientRequest"]["storageConfig"]], [GONE]),
    "storage-complete": Case(
        [SCREENSHOTS],
        [
            start(**{f"storage__{name}": value})
            for name in ("vendor", "region", "bucket", "accessKey", "secretKey")
            for value in (GONE, "")
        ],
    ),
    "region-anyhow": Case(
        [start(storage__vendor=6, storage__region=0), start(storage__vendor=5, storage__region=7)],
        [start(storage__vendor=vendor, storage__region=GONE) for vendor in (5, 6, 11)],
    ),
    "vendor": each("storage__vendor", list(VENDORS), [9, 10, 12, -1, 10**400]),
    "vendor-removed": each("storage__vendor", list(VENDORS), [0, 4]),
    "vendor-azure": each("storage__vendor", [1, 2, 6, 11], [5]),
    "region": Case(
        [
            start(storage__vendor=number, storage__region=region)
            for number, vendor in VENDORS.items()
            for region in vendor.regions or (0, 99)
        ],
        [
            *(start(storage__vendor=vendor, storage__region=99) for vendor in (1, 2, 3, 7, 8)),
            start(storage__vendor=1, storage__region=-1),
            start(storage__vendor=2, storage__region=28),
            start(storage__vendor=3, storage__region=10**400),
        ],
    ),
    "region-zero": each("storage__region", [0, GONE], [7, -1, 10**400], storage__vendor=6),
    "region-doubtful": Case(
        [start(storage__vendor=1, storage__region=0), start(storage__vendor=2, storage__region=99)],
        [start(storage__vendor=vendor, storage__region=region) for vendor, region in ((1, 17), (1, 23), (2, 11))],
    ),
    "bucket-name": each("storage__bucket", ["ab", "Shots", "a" * 255], ["s3://x", "a/b", "a b", "é", "a" * 256]),
    "bucket": each(
        "storage__bucket", ["abc", "shots-1250000000", "a.b", "a/b"], ["ab", "Shots", "-abc", "a_b", "a" * 64]
    ),
    "bucket-appid": Case(
        [start(storage__bucket="shots"), start(storage__vendor=3, storage__bucket="shots-1250000000")],
        [start(storage__vendor=3, storage__bucket=name) for name in ("shots", "shots-", "shots-125000000O")],
    ),
    "endpoint": each("extension__endpoint", ["s3.example.com"], ["", GONE], **COMPATIBLE, extension__tag="x"),
    "endpoint-domain": each(
        "extension__endpoint",
        ["s3.example.com", "10.0.0.1:9000", "x", "a.b.c"],
        ["https://s3.example.com", "s3.example.com/bucket", "s3.example.com/", "a b", "key:secret@s3.example.com", "é"],
        **COMPATIBLE,
    ),
    "endpoint-elsewhere": each("storage__vendor", [11], [1, 2, 6], extension__endpoint="s3.example.com"),
    "sts-vendor": each("storage__vendor", [1, 2, 3], [5, 6, 7, 8, 11], storage__stsToken="t"),
    "sts-expiration": Case(
        [SCREENSHOTS, start(**TEMPORARY)],
        [start(storage__stsToken="t"), start(storage__stsExpiration=at(hours=5))],
    ),
    "sts-expiration-seconds": each("storage__stsExpiration", [at(hours=5)], [at(hours=5) * 1000, 10**400]),
    "sts-expired": starts(
        [start(**TEMPORARY), start(storage__stsExpiration=at(hours=1))],
        [start(storage__stsExpiration=at(hours=hours)) for hours in (-1, 0)],
        now=NOW,
    ),
    "sts-validity": starts(
        [start(**TEMPORARY), start(storage__stsExpiration=at(hours=4))],
        [start(storage__stsExpiration=at(hours=hours)) for hours in (0.1, 3.9)],
        now=NOW,
    ),
    "sse": each("extension__sse", ["kms", "aes256"], ["AES256", "", "none"], storage__vendor=1),
    "sse-vendor": each("storage__vendor", [1], [2, 6], extension__sse="kms"),
    "tag-vendor": each("storage__vendor", [1, 2], [3, 6], extension__tag="a=b"),
    "prefix": each(
        "storage__fileNamePrefix",
        [["a"], ["a", "B", "9"], [], ["a_b"], [""]],
        [["a/b"], ["/"], ["a-b"], ["a b"], ["é"], ["a", "b."], ["a\n"]],
    ),
    "prefix-underscore": each("storage__fileNamePrefix", [["a"], ["a-b"]], [["a_b"], ["a", "_"]]),
    "prefix-empty": each("storage__fileNamePrefix", [["a"], []], [[""], ["a", ""]]),
    "prefix-length": each(
        "storage__fileNamePrefix",
        [["a" * 127], ["a" * 63, "b" * 63]],
        [["a" * 128], ["a" * 63, "b" * 64], ["a"] * 65],
    ),
    "resource-expired-hour": acquired("request__resourceExpiredHour", [1, 24, 720, GONE], [0, -1, 721]),
    "scene": acquired("request__scene", [0, GONE], [1, 2, -1]),
    "acquire-region": acquired("request__region", ["CN", "AP", "EU", "NA"], ["eu", "US", ""]),
    "same-channel": Case(
        [paired(), (ACQUIRED, SCREENSHOTS)], [paired(cname="other"), paired(uid="1"), paired(uid="0527841")], check_both
    ),
    "start-parameter": Case(
        [paired(), (ACQUIRED, SCREENSHOTS)],
        [
            paired(parameter__snapshotConfig__captureInterval=10),
            paired(parameter__recordingConfig__channelType=True),
            paired(parameter__storageConfig__fileNamePrefix=["directory1"]),
            paired(parameter__storageConfig__fileNamePrefix=["directory1", "other"]),
            paired(parameter__storageConfig__secretKey="other"),
            paired(parameter__recordingFileConfig={}),
            paired(parameter__storageConfig=[]),
        ],
        check_both,
    ),
    "start-parameter-whole": Case(
        [paired(), (ACQUIRED, SCREENSHOTS)],
        [paired(parameter__token=GONE), paired(parameter__storageConfig__region=GONE)],
        check_both,
    ),
    "updates": Case(
        [UPDATED, changed(UPDATED, request__streamSubscribe=GONE, request__storageConfig=PARAMETER["storageConfig"])],
        [changed(UPDATED, request__streamSubscribe=GONE)],
        check_update,
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_has_bodies_that_keep_it_and_bodies_that_break_it(rule: Rule) -> None:
    case = CASES[rule.name]
    assert case.good
    assert case.bad
    for body in case.good:
        assert rule.name not in broken(case.check(body)), body
    for body in case.bad:
        assert rule.name in broken(case.check(body)), body


def test_there_are_no_cases_of_unknown_rules() -> None:
    assert set(CASES) == {rule.name for rule in RULES}


def test_rules_have_names_of_their_own_and_all_their_sentences() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert all([rule.requires, rule.otherwise, rule.source])
        assert rule.severity is Severity.ERROR or not rule.refused
