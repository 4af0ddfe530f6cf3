"""What the body of an `acquire`, a `start` or an `update` wants, as it is carried out here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from indexer.agora import request_rules as rules
from indexer.agora.codes import Call
from indexer.agora.request import (
    INDIVIDUAL,
    AcquireRequest,
    RecordingConfig,
    StorageConfig,
    check_acquire,
    check_start,
    check_update,
    parse_accepted_acquire,
    parse_accepted_start,
)
from indexer.agora.request_rules import Finding, Severity
from indexer.agora.vendors import place, prefix_of
from indexer.service.emulator.answers import refusal
from indexer.service.emulator.happening import Plan
from indexer.storage.base import ObjectStore
from indexer.storage.urls import Address, Location, S3Options, open_store

_NO_CHANNEL: Final = frozenset({rules.CNAME_CHARACTERS, rules.CNAME_LENGTH})
"""Answered with a code of their own by `acquire`."""

_NOTHING_ARRIVES: Final = frozenset(
    {rules.BUCKET_NAME, rules.ENDPOINT_DOMAIN, rules.STS_VENDOR, rules.STS_SECONDS, rules.STS_EXPIRED}
)
"""Behind these no upload succeeds, so there are no recordings either."""

_PASSED_OVER: Final = frozenset({rules.AUDIO_LIST_VIDEO_ONLY})
"""Errors with which there are pictures none the less."""

_TRACKS: Final[Mapping[int, tuple[str, ...]]] = {0: ("audio",), 1: ("video",), 2: ("audio", "video")}
ATTEMPTS: Final = 2
"""Of a request to the storage.  What fails for now is tried again later, and told as Agora tells it."""

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 10.0
# What does not answer holds a thread that others wait for.

_EVERYBODY: Final = "#allstream#"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """An `acquire`."""

    wanted: AcquireRequest
    in_vain: tuple[Finding, ...]
    """Why what is started with it captures nothing, which Agora does not tell; empty if it does."""


@dataclass(frozen=True, slots=True)
class Order:
    """A `start`."""

    plan: Plan
    storage: StorageConfig
    in_vain: tuple[Finding, ...]
    """Why there will be no pictures, which Agora does not tell; empty if there will."""

    def fruitless(self) -> "Order":
        """The same with a resource ID that captures nothing."""
        return replace(self, plan=replace(self.plan, pictures=False, records=False))


@dataclass(frozen=True, slots=True)
class Changes:
    """An `update`.  None is left as it is."""

    storage: StorageConfig | None = None
    videos: "Videos | None" = None


@dataclass(frozen=True, slots=True)
class Videos:
    """Whose video is subscribed to."""

    only: tuple[str, ...] = ()
    """Empty for everybody."""
    but: tuple[str, ...] = ()

    def among(self, uids: Collection[str]) -> frozenset[str] | None:
        """Which of all users of a channel; None is everybody."""
        if self.only and _EVERYBODY not in self.only:
            return frozenset(self.only)
        if _EVERYBODY in self.but:
            return frozenset()
        return frozenset(uids) - set(self.but) if self.but else None


def refuse(findings: Sequence[Finding], call: Call) -> None:
    """Raise `RefusedError` for the first thing that Agora answers 400 to."""
    for finding in findings:
        if not finding.rule.refused:
            continue
        if call is Call.ACQUIRE and finding.rule in _NO_CHANNEL:
            raise refusal(401, call)
        text = f"{finding.path} {finding.message}".strip()
        raise refusal(2, call, f"{call.capitalize()}: {text}")


def acquisition(body: object) -> Acquisition:
    """What an `acquire` wants.  Raises `RefusedError` where Agora refuses it."""
    findings = check_acquire(body)
    refuse(findings, Call.ACQUIRE)
    return Acquisition(parse_accepted_acquire(body), _in_vain(findings))


def order(body: object, *, mode: str, sid: str, uids: Collection[str], now: datetime) -> Order:
    """What a `start` wants of the users of a channel.  Raises `RefusedError` where Agora refuses it.

    What Agora accepts without ever taking a picture is accepted.
    """
    if mode != INDIVIDUAL:
        raise refusal(2, Call.START, f"Start: mode {mode!r} is not emulated, only {INDIVIDUAL!r}")
    findings = check_start(body, mode=mode, now=now)
    refuse(findings, Call.START)
    start = parse_accepted_start(body)
    in_vain = _in_vain(findings)
    recording = start.recording
    plan = Plan(
        sid=sid,
        cname=start.cname,
        recorder_uid=start.uid,
        prefix=prefix_of(start.storage.file_name_prefix),
        interval=timedelta(seconds=start.snapshot.capture_interval if start.snapshot else 1),
        records=start.records and not any(finding.rule in _NOTHING_ARRIVES for finding in in_vain),
        pictures=start.snapshot is not None and not in_vain,
        subscribed=Videos(recording.subscribe_video_uids, recording.unsubscribe_video_uids).among(uids),
        tracks=_TRACKS[recording.stream_types],
        max_idle=timedelta(seconds=recording.max_idle_time),
    )
    return Order(plan, start.storage, in_vain)


def changes(body: object, *, now: datetime) -> Changes:
    """What an `update` wants.  Raises `RefusedError` where Agora refuses it."""
    findings = check_update(body, now=now)
    refuse(findings, Call.UPDATE)
    request = _object(_object(body)["clientRequest"])
    storage = request.get("storageConfig")
    lists = _object(request.get("streamSubscribe", {}))
    video = lists.get("videoUidList")
    return Changes(
        None if storage is None else StorageConfig.model_validate(storage, by_alias=True, by_name=False),
        None if video is None else _videos(_object(video)),
    )


def stops_at_once(body: object) -> bool:
    """Whether a `stop` wants its answer before all is uploaded."""
    wanted = _object(_object(body).get("clientRequest")).get("async_stop", False)
    if not isinstance(wanted, bool):
        raise refusal(2, Call.STOP, "Stop: clientRequest.async_stop is neither true nor false")
    return wanted


def channel(body: object, call: Call) -> tuple[str, str]:
    """cname and uid that a body names.  Raises `RefusedError` if it names none."""
    values = _object(body)
    cname, uid = values.get("cname"), values.get("uid")
    if not isinstance(cname, str) or not isinstance(uid, str):
        raise refusal(2, call, f"{call.capitalize()}: cname and uid must be there, as texts")
    return cname, uid


def _in_vain(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(
        finding for finding in findings if finding.rule.severity is Severity.ERROR and finding.rule not in _PASSED_OVER
    )


def _videos(lists: Mapping[str, object]) -> Videos:
    found = RecordingConfig.model_validate(lists, by_alias=True, by_name=False)
    return Videos(found.subscribe_video_uids, found.unsubscribe_video_uids)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def open_storage(storage: StorageConfig, *, s3_endpoint: str | None, attempts: int = ATTEMPTS) -> ObjectStore:
    """The bucket of a `storageConfig`, see `address_of`.  Nothing is sent yet.  Raises `ConfigError`."""
    address = address_of(storage, s3_endpoint=s3_endpoint, attempts=attempts)
    return open_store(address.location, address.options)


def address_of(storage: StorageConfig, *, s3_endpoint: str | None, attempts: int = ATTEMPTS) -> Address:
    """Where the bucket of a `storageConfig` is, with its keys; at `s3_endpoint` if there is one.

    Raises `ConfigError` for a storage that S3 clients cannot reach.
    """
    if s3_endpoint is not None:
        options = S3Options(endpoint_url=s3_endpoint, region="us-east-1", addressing_style="path")
    else:
        found = place(vendor=storage.vendor, region=storage.region, bucket=storage.bucket, endpoint=storage.endpoint)
        options = S3Options(
            endpoint_url=found.endpoint_url, region=found.region, addressing_style=found.addressing_style
        )
    token = storage.sts_token
    keyed = replace(
        options,
        access_key=storage.access_key.get_secret_value(),
        secret_key=storage.secret_key.get_secret_value(),
        session_token=None if token is None else token.get_secret_value(),
        max_attempts=attempts,
        connect_timeout_s=_CONNECT_S,
        read_timeout_s=_ANSWER_S,
    )
    return Address(Location("s3", storage.bucket), keyed)
