"""Notification callbacks of Cloud Recording: `parse` and its inverse `format`, and the facts that they tell.

Source: Agora's page "Receive notifications" (event types and payloads of Cloud Recording), and its Chinese edition.
Where these disagree nothing depends on it: `serviceType` of 45 is 1 or 2, uids are texts or numbers, `UtcMs` and
`fileName` are written in other cases too, `serviceScene` and a second `sid` may stand there or not.  Agora may add
fields, so unknown ones are passed over.  What is used is checked: types, lengths, times.
"""

import json
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, NoReturn

from indexer.agora.facts import Fact, FactKind
from indexer.agora.fields import LONGEST_ID, BadDetailsError, BadNoticeError, Fields, OtherProductError, is_number
from indexer.agora.notices import (
    DETAILS,
    EVERYBODY,
    BackedUp,
    Details,
    LeaveCode,
    Notice,
    OtherEvent,
    RecorderLeft,
    RecorderStarted,
    SessionFailover,
    SnapshotFile,
    StreamState,
    Uploaded,
    UploaderStarted,
    Uploading,
)
from indexer.agora.signatures import HEADER_V1, HEADER_V2, is_signed, signature, signature_v1
from indexer.model import to_ms

__all__ = [
    "CLOUD_RECORDING",
    "DETAILS",
    "EVERYBODY",
    "HEADER_V1",
    "HEADER_V2",
    "BackedUp",
    "BadDetailsError",
    "BadNoticeError",
    "Details",
    "LeaveCode",
    "Notice",
    "OtherEvent",
    "OtherProductError",
    "RecorderLeft",
    "RecorderStarted",
    "SessionFailover",
    "SnapshotFile",
    "StreamState",
    "Uploaded",
    "UploaderStarted",
    "Uploading",
    "decode",
    "facts",
    "format",
    "is_signed",
    "parse",
    "read",
    "signature",
    "signature_v1",
]

CLOUD_RECORDING: Final = 3
"""The `productId` of Cloud Recording."""

# S3 keys have at most 1,024 bytes, and channel names too, in the longest of Agora's statements.
_LONGEST_KEY: Final = 1024
_LONGEST_CNAME: Final = 1024

# The highest documented number is 1001.  Counts are kept by number, so there must not be any number of numbers.
_LAST_EVENT: Final = 9_999


def parse(body: bytes) -> Notice:
    """The notice that a callback's body tells.  Raises BadNoticeError, in one line."""
    return read(decode(body))


def decode(body: bytes) -> object:
    """The JSON of a body, or of a file of them.  Raises BadNoticeError."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except RecursionError as exc:
        raise BadNoticeError("it is nested deeper than a notice is") from exc
    except ValueError as exc:
        raise BadNoticeError(f"it is not JSON: {exc}") from exc


def read(told: object) -> Notice:
    """`parse` of a body that is decoded already, as from an array of notices."""
    envelope = Fields(told, "", BadNoticeError)
    notice_id = envelope.text("noticeId", longest=LONGEST_ID)
    event_type = envelope.number("eventType", most=_LAST_EVENT)
    product = envelope.number("productId")
    if product != CLOUD_RECORDING:
        raise OtherProductError(f"product {product} is not Cloud Recording ({CLOUD_RECORDING})")
    notified_at = envelope.time("notifyMs")
    payload = Fields(envelope.value("payload"), "payload.", BadDetailsError)
    return Notice(
        notice_id=notice_id,
        notified_at=notified_at,
        cname=payload.text("cname", longest=_LONGEST_CNAME),
        recorder_uid=payload.uid("uid"),
        sid=payload.text("sid", longest=LONGEST_ID),
        sequence=payload.number("sequence", otherwise=0),
        sent_at=payload.time("sendts"),
        details=_read_details(event_type, payload),
    )


def format(notice: Notice) -> bytes:  # noqa: A001 - it is `events.format`, the other half of `parse`
    """The body that tells `notice`, as the English page writes it: without the `serviceScene` of the Chinese one.

    Raises ValueError for a value that no body is parsed to: an empty or overlong text, a time that is not UTC or finer
    than a millisecond, an `OtherEvent` with the number of a known one.
    """
    details = notice.details
    payload = {
        "cname": notice.cname,
        "uid": notice.recorder_uid,
        "sid": notice.sid,
        "sequence": notice.sequence,
        "sendts": _stamp(notice.sent_at),
        "serviceType": details.service_type,
        "details": _details_as_told(details),
    }
    body = _json(
        {
            "noticeId": notice.notice_id,
            "productId": CLOUD_RECORDING,
            "eventType": notice.event_type,
            "notifyMs": _stamp(notice.notified_at),
            "payload": payload,
        }
    ).encode()
    try:
        read_back = parse(body)
    except BadNoticeError as exc:
        raise ValueError(f"no callback tells {notice!r}: {exc}") from exc
    if read_back != notice:
        raise ValueError(f"{notice!r} would not be read back")
    return body


def facts(notice: Notice) -> tuple[Fact, ...]:
    """What the catalog keeps of it beside pictures.  The same for a notice that is sent again."""
    happened_ms = to_ms(notice.sent_at)
    match notice.details:
        case StreamState(uid, receiving, at) if uid != EVERYBODY:
            kind = FactKind.CAMERA_ON if receiving else FactKind.CAMERA_OFF
            return (Fact(notice.sid, notice.cname, uid, to_ms(at), kind),)
        case SessionFailover():
            kind = FactKind.FAILOVER
        case RecorderStarted(status=0):
            kind = FactKind.RECORDER_STARTED
        case RecorderLeft():
            kind = FactKind.RECORDER_LEFT
        case Uploaded(status=0):
            kind = FactKind.UPLOADED
        case BackedUp(status=0):
            kind = FactKind.BACKED_UP
        case _:
            return ()
    return (Fact(notice.sid, notice.cname, "", happened_ms, kind),)


def _read_details(event_type: int, payload: Fields) -> Details:
    if event_type not in DETAILS:
        return OtherEvent(event_type, _json(payload.value("details", otherwise={})))
    fields = Fields(payload.value("details"), "payload.details.", BadDetailsError)
    match event_type:
        case SnapshotFile.event_type:
            return SnapshotFile(fields.text("fileName", longest=_LONGEST_KEY))
        case StreamState.event_type:
            state = fields.number("state", most=1)
            return StreamState(fields.uid("streamUid"), state == 0, fields.time("UtcMs"))
        case SessionFailover.event_type:
            return SessionFailover(fields.uid("newUid"))
        case UploaderStarted.event_type:
            return UploaderStarted(fields.number("status", otherwise=0))
        case Uploaded.event_type:
            return Uploaded(fields.number("status", otherwise=0))
        case BackedUp.event_type:
            return BackedUp(fields.number("status", otherwise=0))
        case Uploading.event_type:
            return Uploading(fields.number("progress", most=10_000))
        case RecorderStarted.event_type:
            return RecorderStarted(fields.number("status", otherwise=0))
        case _:
            return RecorderLeft(fields.number("leaveCode"))


def _details_as_told(details: Details) -> object:
    """Inverse of `_read_details`."""
    match details:
        case SnapshotFile(file_name):
            fields: dict[str, object] = {"fileName": file_name}
        case StreamState(uid, receiving, at):
            fields = {"streamUid": uid, "state": 0 if receiving else 1, "UtcMs": _stamp(at)}
        case SessionFailover(new_uid):
            fields = {"newUid": int(new_uid) if is_number(new_uid) else new_uid}
        case Uploading(progress):
            fields = {"progress": progress}
        case RecorderLeft(code):
            fields = {"leaveCode": code}
        case OtherEvent(_, text):
            return json.loads(text)
        case _:
            fields = {"status": details.status}
    return {"msgName": details.name, **fields}


def _stamp(moment: datetime) -> int:
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{moment!r} is not UTC")
    return to_ms(moment)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no number")
