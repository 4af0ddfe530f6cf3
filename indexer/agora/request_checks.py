"""Checks of the bodies of `acquire`, `start` and `update`: every problem, none raised.  Pure."""

import re
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from typing import Final

from indexer.agora import intervals
from indexer.agora import request_rules as rules
from indexer.agora.request_rules import RULES, Finding, Rule
from indexer.agora.request_shapes import (
    ACQUIRE,
    START,
    UPDATE,
    Part,
    in_quotes,
    may_be_shown,
    misshapen,
    shown_value,
    under,
)
from indexer.agora.request_storage import storage_findings
from indexer.agora.request_streams import is_uid, recording_findings, uid_list_findings
from indexer.agora.routes import INDIVIDUAL

CNAME_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !#$%&()+-:;<=.>?@[]^_{}|~,"
)
"""SOURCE: "Common errors", code 1013."""
LONGEST_CNAME: Final = 64


def check_start(
    body: object,
    *,
    mode: str = INDIVIDUAL,
    token_required: bool | None = None,
    records: bool | None = None,
    now: datetime | None = None,
) -> list[Finding]:
    """Every problem of a parsed `start` body, in order of path.

    `mode` is the one in the URL.  `token_required` is whether the project has an App Certificate, `records` whether a
    recording is wanted beside the screenshots; None is not known.  With `now`, times of `stsExpiration` are checked.
    """
    return _in_order([*_mode(mode), *_start(body, token_required=token_required, records=records, now=now)])


def check_acquire(body: object) -> list[Finding]:
    """Every problem of a parsed `acquire` body, in order of path."""
    return _in_order(_acquire(body))


def check_update(body: object, *, now: datetime | None = None) -> list[Finding]:
    """Every problem of a parsed `update` body, in order of path."""
    return _in_order(_update(body, now))


def check_pair(acquire: object, start: object) -> list[Finding]:
    """Where two parsed bodies do not belong together; the paths are those of `start`, but for `startParameter`."""
    if not (isinstance(acquire, dict) and isinstance(start, dict)):
        return []
    return _in_order(_pair(Part("", acquire), Part("", start)))


# In which order.


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By path, as the documentation orders rules where one path has several."""
    return sorted(findings, key=lambda finding: (_steps(finding.path), _RANKS[finding.rule]))


_RANKS: Final = {rule: rank for rank, rule in enumerate(RULES)}
_INDEX: Final = re.compile(r"\[([0-9]+)\]$")


def _steps(path: str) -> tuple[str, int]:
    index = _INDEX.search(path)
    return (path[: index.start()], int(index[1])) if index else (path, -1)


# The bodies.


def _mode(mode: str) -> Iterator[Finding]:
    if mode == "raw":
        yield Finding(rules.MODE_RAW, "", 'the mode is "raw"')
    elif mode != INDIVIDUAL:
        yield Finding(rules.MODE, "", f"the mode is {in_quotes(mode)}")


def _start(
    body: object, *, token_required: bool | None, records: bool | None, now: datetime | None
) -> Iterator[Finding]:
    yield from misshapen(body, START)
    if not isinstance(body, dict):
        return
    yield from _channel(Part("", body))
    request = yield from _client_request(Part("", body))
    if request is not None:
        if token_required is not False:
            yield from _token(request, required=token_required is True)
        yield from _recording_wanted(request, records)
        yield from _request(request, now)


def _acquire(body: object) -> Iterator[Finding]:
    yield from misshapen(body, ACQUIRE)
    if not isinstance(body, dict):
        return
    yield from _channel(Part("", body))
    request = yield from _client_request(Part("", body))
    if request is None:
        return
    hours = request.whole("resourceExpiredHour")
    if hours is not None and not 1 <= hours <= 720:
        yield Finding(rules.RESOURCE_EXPIRED_HOUR, request.at("resourceExpiredHour"), f"is {shown_value(hours)}")
    scene = request.whole("scene")
    if scene:
        yield Finding(rules.SCENE, request.at("scene"), f"is {shown_value(scene)}")
    region = request.text("region")
    if region is not None and region not in {"CN", "AP", "EU", "NA"}:
        yield Finding(rules.ACQUIRE_REGION, request.at("region"), f"is {in_quotes(region)}")
    parameter = request.part("startParameter")
    if parameter is not None:
        yield from _request(parameter, None)


def _update(body: object, now: datetime | None) -> Iterator[Finding]:
    yield from misshapen(body, UPDATE)
    if not isinstance(body, dict):
        return
    yield from _channel(Part("", body))
    request = yield from _client_request(Part("", body))
    if request is None:
        return
    if not request.has("streamSubscribe") and not request.has("storageConfig"):
        yield Finding(rules.UPDATES, request.path, "has neither streamSubscribe nor storageConfig")
    storage = request.part("storageConfig")
    if storage is not None:
        yield from storage_findings(storage, now=now)
    lists = request.part("streamSubscribe")
    if lists is not None:
        audio, video = (lists.part(name) or Part(lists.at(name), {}) for name in ("audioUidList", "videoUidList"))
        yield from uid_list_findings(audio, video)


def _client_request(body: Part) -> Generator[Finding, None, Part | None]:
    if not body.has("clientRequest"):
        yield Finding(rules.CLIENT_REQUEST, "clientRequest", "is missing")
    return body.part("clientRequest")


# Channel, uid and token.


def _channel(body: Part) -> Iterator[Finding]:
    cname = body.text("cname")
    if not body.has("cname") or cname == "":
        yield Finding(rules.CNAME, "cname", "is empty" if body.has("cname") else "is missing")
    elif cname is not None:
        strange = "".join(dict.fromkeys(char for char in cname if char not in CNAME_CHARACTERS))
        if strange:
            yield Finding(rules.CNAME_CHARACTERS, "cname", f"is {in_quotes(cname)}, with {in_quotes(strange)}")
        length = len(cname.encode("utf-8", "surrogatepass"))
        if length >= LONGEST_CNAME:
            rule = rules.CNAME_64 if length == LONGEST_CNAME else rules.CNAME_LENGTH
            yield Finding(rule, "cname", f"has {length} bytes")
    uid = body.text("uid")
    if not body.has("uid") or uid == "":
        yield Finding(rules.UID, "uid", "is empty" if body.has("uid") else "is missing")
    elif uid is not None and not is_uid(uid):
        yield Finding(rules.UID_RANGE, "uid", f"is {in_quotes(uid)}")
    elif uid is not None and uid.startswith("0"):
        yield Finding(rules.UID_ZEROS, "uid", f"is {in_quotes(uid)}")


def _token(request: Part, *, required: bool) -> Iterator[Finding]:
    if request.has("token") and request.text("token") != "":
        return
    lacks = "is empty" if request.has("token") else "is missing"
    if required:
        yield Finding(rules.TOKEN, request.at("token"), lacks)
    else:
        yield Finding(rules.TOKEN_MAYBE, request.at("token"), f"{lacks}: say --no-token if the project needs none")


# What clientRequest of start has.


def _request(request: Part, now: datetime | None) -> Iterator[Finding]:
    recording = request.part("recordingConfig")
    if not request.has("recordingConfig"):
        yield Finding(rules.RECORDING_CONFIG, request.at("recordingConfig"), "is missing")
    elif recording is not None:
        yield from recording_findings(recording)
    yield from _snapshots(request)
    files = request.part("recordingFileConfig")
    if files is not None:
        yield from _must_be(files, "avFileType", ["hls"], rules.AV_FILE_TYPE, missing=rules.AV_FILE_TYPE_DEFAULT)
    storage = request.part("storageConfig")
    if not request.has("storageConfig"):
        yield Finding(rules.STORAGE, request.at("storageConfig"), "is missing")
    elif storage is not None:
        yield from storage_findings(storage, now=now)


def _snapshots(request: Part) -> Iterator[Finding]:
    snapshots = request.part("snapshotConfig")
    if not request.has("snapshotConfig"):
        yield Finding(rules.SNAPSHOT_CONFIG, request.at("snapshotConfig"), "is missing: nothing is captured")
    if snapshots is None:
        return
    interval = snapshots.whole("captureInterval")
    if interval is not None and not 1 <= interval <= intervals.LONGEST_S:
        yield Finding(rules.CAPTURE_INTERVAL, snapshots.at("captureInterval"), f"is {shown_value(interval)}")
    elif interval is not None and interval < intervals.SURE_S:
        yield Finding(rules.CAPTURE_INTERVAL_5, snapshots.at("captureInterval"), f"is {interval}")
    yield from _must_be(snapshots, "fileType", ["jpg"], rules.FILE_TYPE, missing=rules.FILE_TYPE)


def _must_be(part: Part, name: str, wanted: list[str], rule: Rule, *, missing: Rule) -> Iterator[Finding]:
    found = part.texts(name)
    if not part.has(name):
        yield Finding(missing, part.at(name), f"is missing: write {shown_value(wanted)}")
    elif found is not None and found != wanted:
        yield Finding(rule, part.at(name), f"is {shown_value(found)}: write {shown_value(wanted)}")


def _recording_wanted(request: Part, records: bool | None) -> Iterator[Finding]:
    place = request.at("recordingFileConfig")
    present = request.has("recordingFileConfig")
    if records is None and present:
        yield Finding(rules.RECORDING_FILES_MAYBE, place, "is set, so there is a recording beside the screenshots")
    elif records is False and present:
        yield Finding(rules.RECORDING_FILES, place, "is set, though no recording is wanted")
    elif records is True and not present:
        yield Finding(rules.RECORDING_FILES, place, "is missing, though a recording is wanted")


# acquire and start together.


def _pair(acquire: Part, start: Part) -> Iterator[Finding]:
    for name in ("cname", "uid"):
        first, second = acquire.text(name), start.text(name)
        if first is not None and second is not None and first != second:
            yield Finding(rules.SAME_CHANNEL, name, f"is {in_quotes(second)}, in acquire {in_quotes(first)}")
    told, request = acquire.part("clientRequest"), start.part("clientRequest")
    parameter = told and told.part("startParameter")
    if parameter is not None and request is not None:
        yield from _differences(parameter, request)


def _differences(parameter: Part, request: Part) -> Iterator[Finding]:
    """Told for the deepest place that differs; without recursion, because nobody limits how deep a body is."""
    left: list[tuple[str, str, object, object]] = [(parameter.path, "", parameter.values, request.values)]
    while left:
        path, key, first, second = left.pop()
        if isinstance(first, dict) and isinstance(second, dict):
            for name in first.keys() - second.keys():
                yield Finding(rules.START_PARAMETER, under(path, name), "is not in start")
            for name in second.keys() - first.keys():
                yield Finding(rules.START_PARAMETER_WHOLE, under(path, name), "is missing, and start has it")
            left += [(under(path, name), name, first[name], second[name]) for name in first.keys() & second.keys()]
        elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
            pairs = enumerate(zip(first, second, strict=True))
            left += [(f"{path}[{index}]", key, one, other) for index, (one, other) in pairs]
        elif isinstance(first, dict | list) or type(first) is not type(second) or first != second:
            are_shown = may_be_shown(key, first) and may_be_shown(key, second)
            values = f"is {shown_value(first)}, in start {shown_value(second)}"
            yield Finding(rules.START_PARAMETER, path, values if are_shown else "is another one in start")
