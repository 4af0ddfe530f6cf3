"""Notification callbacks: exact inverses, one line for whatever is none, and what the sources disagree on."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.agora import events
from indexer.agora.events import BadDetailsError, BadNoticeError, Details, Notice, OtherProductError
from indexer.agora.facts import Fact, FactKind
from indexer.agora.stamps import MAX_MS
from indexer.errors import ExitStatus
from indexer.model import from_ms, to_ms

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
NOON_MS = to_ms(NOON)
SID = "1cd3d60b784382f12ce30fa615421852"
KEY = f"directory1/directory2/{SID}_lobby__uid_s_7__uid_e_video_20261105115959123.jpg"
PICTURE = Notice("n-1", NOON, "lobby", "527841", SID, 4, NOON, events.SnapshotFile(KEY))

# Published with Agora's page on signatures.
PUBLISHED = (
    b'{"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f","notifyMs":1560408533119,'
    b'"payload":{"a":"1","b":2},"productId":1}'
)
PUBLISHED_V2 = "de96da5acf03b0021ac3b4fa2225e7ae6f3533a30d50bb02c08ea4fa748bda24"
PUBLISHED_V1 = "5a3bb6a6d9fad2ea9ae3fb707a14c9d7f3136df1"

moments = st.integers(0, MAX_MS).map(from_ms)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
uids = st.one_of(st.integers(0, 2**32 - 1).map(str), texts)
statuses = st.integers(0, 2**31)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
details: st.SearchStrategy[Details] = st.one_of(
    texts.map(events.SnapshotFile),
    st.builds(events.StreamState, uids, st.booleans(), moments),
    uids.map(events.SessionFailover),
    statuses.map(events.UploaderStarted),
    statuses.map(events.Uploaded),
    statuses.map(events.BackedUp),
    st.integers(0, 10_000).map(events.Uploading),
    statuses.map(events.RecorderStarted),
    statuses.map(events.RecorderLeft),
    st.builds(
        events.OtherEvent,
        st.integers(0, 2000).filter(lambda number: number not in events.DETAILS),
        st.dictionaries(texts, json_values, max_size=3).map(lambda told: json.dumps(told, separators=(",", ":"))),
    ),
)
notices = st.builds(Notice, texts, moments, texts, uids, texts, st.integers(0, 2**40), moments, details)


def told(**changes: object) -> dict[str, Any]:
    """The callback of a picture, with other fields: `payload__sid="x"`; None leaves one out."""
    body: dict[str, Any] = json.loads(events.format(PICTURE))
    for path, value in changes.items():
        *above, name = path.split("__")
        place = body
        for step in above:
            place = place[step]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return body


def told_of(event_type: int, **fields: object) -> dict[str, Any]:
    return told(eventType=event_type, payload__details=fields)


@given(notices)
@settings(max_examples=100)
def test_what_is_written_is_read_back(notice: Notice) -> None:
    body = events.format(notice)
    assert events.parse(body) == notice
    assert events.format(events.parse(body)) == body


@given(st.one_of(st.binary(max_size=60), json_values.map(lambda value: json.dumps(value).encode())))
@example(b"[" * 100_000)
@example(b'{"noticeId":' + b"9" * 5000 + b"}")
@example(b'{"noticeId": NaN}')
@example(b"\xff")
@settings(max_examples=100)
def test_any_other_body_is_one_line(body: bytes) -> None:
    with pytest.raises(BadNoticeError) as raised:
        events.parse(body)
    assert "\n" not in str(raised.value)
    assert raised.value.status is ExitStatus.USAGE


@given(
    st.sampled_from(["noticeId", "productId", "eventType", "notifyMs", "payload", "payload__details__fileName"])
    | st.sampled_from(["payload__cname", "payload__uid", "payload__sid", "payload__sendts", "payload__details"]),
    json_values,
)
@settings(max_examples=100)
def test_a_field_of_another_kind_is_an_error_or_read_and_never_anything_else(path: str, value: object) -> None:
    body = json.dumps(told(**{path: 0 if value is None else value})).encode()
    try:
        notice = events.parse(body)
    except BadNoticeError:
        return
    assert events.parse(events.format(notice)) == notice


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"payload__sendts": MAX_MS + 1}, "payload.sendts is behind the end of the calendar"),
        ({"payload__sendts": -1}, "payload.sendts is not within 0 and"),
        ({"notifyMs": 10**30}, "notifyMs is not within 0 and"),
        ({"notifyMs": 1.5}, "notifyMs is a number, not a whole number"),
        ({"notifyMs": True}, "notifyMs is a truth value, not a whole number"),
        ({"payload__sid": None}, "payload.sid is missing"),
        ({"payload__sid": 7}, "payload.sid is a number, not a text"),
        ({"payload__sid": ""}, "payload.sid is empty"),
        ({"payload__sid": "x" * 256}, "payload.sid has 256 bytes, more than 255"),
        ({"payload__cname": "a\0b"}, "payload.cname holds a NUL"),
        ({"payload__cname": "\ud800"}, "payload.cname holds half of a character"),
        ({"payload": ["x"]}, "payload is an array, not an object"),
        ({"payload__details": None}, "payload.details is missing"),
        ({"payload__details__fileName": None}, "payload.details.fileName is missing"),
        ({"payload__details__fileName": "x" * 1025}, "payload.details.fileName has 1,025 bytes, more than 1,024"),
    ],
)
def test_what_is_used_is_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadNoticeError, match=re.escape(message)):
        events.parse(json.dumps(told(**changes)).encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (told_of(44, streamUid="7", state=2, UtcMs=NOON_MS), "payload.details.state is not within 0 and 1"),
        (told_of(44, streamUid="7", state=0), "payload.details.UtcMs is missing"),
        (told_of(44, streamUid="7", state=0, UtcMs=MAX_MS * 10), "UtcMs is behind the end of the calendar"),
        (told_of(33, progress=10_001), "payload.details.progress is not within 0 and 10000"),
        (told_of(12), "payload.details.newUid is missing"),
        (told_of(41, leaveCode="soon"), "payload.details.leaveCode is a text, not a whole number"),
    ],
)
def test_so_are_the_details_of_each_event(body: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDetailsError, match=re.escape(message)):
        events.parse(json.dumps(body).encode())


def test_a_wrong_value_is_not_repeated_in_the_message() -> None:
    with pytest.raises(BadNoticeError) as raised:
        events.parse(json.dumps(told(notifyMs="a-secret-of-somebody")).encode())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"payload__serviceType": 2},  # the Chinese table
        {"payload__serviceType": None},
        {"payload__serviceScene": "rtc_snapshot"},  # the Chinese page only
        {"sid": SID},  # as bodies that people have published
        {"payload__uid": 527841},
        {"payload__sequence": "4"},  # as in versions before 1.3.0
        {"payload__details": {"msgName": "recorder_snapshot_file", "filename": KEY, "more": [1, {}]}},
    ],
)
def test_what_the_sources_disagree_on_changes_nothing(changes: dict[str, object]) -> None:
    assert events.parse(json.dumps(told(**changes)).encode()) == PICTURE


def test_a_body_has_the_fields_of_the_english_page_and_no_others() -> None:
    body = told()
    assert set(body) == {"noticeId", "productId", "eventType", "notifyMs", "payload"}
    assert set(body["payload"]) == {"cname", "uid", "sid", "sequence", "sendts", "serviceType", "details"}


@pytest.mark.parametrize("name", ["UtcMs", "utcMs", "UTCMs", "utcms"])
@pytest.mark.parametrize("uid", ["7", 7])
def test_nor_does_the_spelling_of_a_stream_state(name: str, uid: object) -> None:
    body = told_of(44, streamUid=uid, state=1, **{name: NOON_MS})
    assert events.parse(json.dumps(body).encode()).details == events.StreamState("7", receiving=False, at=NOON)


def test_notices_of_other_products_are_told_apart() -> None:
    with pytest.raises(OtherProductError, match="product 1 is not Cloud Recording"):
        events.parse(PUBLISHED)


def test_an_event_that_we_make_nothing_of_is_kept_as_it_is() -> None:
    notice = events.parse(json.dumps(told_of(11, msgName="session_exit", exitStatus=0)).encode())
    assert notice.details == events.OtherEvent(11, '{"msgName":"session_exit","exitStatus":0}')
    assert (notice.event_type, events.facts(notice)) == (11, ())


@pytest.mark.parametrize(
    "notice",
    [
        replace(PICTURE, sid=""),
        replace(PICTURE, sent_at=NOON.replace(tzinfo=timezone(timedelta(hours=1)))),
        replace(PICTURE, sent_at=NOON + timedelta(microseconds=1)),
        replace(PICTURE, details=events.OtherEvent(45, '{"fileName":"x"}')),
        replace(PICTURE, details=events.OtherEvent(11, "{ }")),
        replace(PICTURE, sequence=-1),
    ],
)
def test_a_notice_that_no_body_tells_is_not_written(notice: Notice) -> None:
    with pytest.raises(ValueError, match=r"Notice|is not UTC"):
        events.format(notice)


@pytest.mark.parametrize(
    ("details", "fact"),
    [
        (events.StreamState("7", receiving=True, at=NOON), Fact(SID, "lobby", "7", NOON_MS, FactKind.CAMERA_ON)),
        (events.StreamState("7", receiving=False, at=NOON), Fact(SID, "lobby", "7", NOON_MS, FactKind.CAMERA_OFF)),
        (events.SessionFailover("99"), Fact(SID, "lobby", "", NOON_MS, FactKind.FAILOVER)),
        (events.RecorderStarted(), Fact(SID, "lobby", "", NOON_MS, FactKind.RECORDER_STARTED)),
        (events.RecorderLeft(4), Fact(SID, "lobby", "", NOON_MS, FactKind.RECORDER_LEFT)),
        (events.Uploaded(), Fact(SID, "lobby", "", NOON_MS, FactKind.UPLOADED)),
        (events.BackedUp(), Fact(SID, "lobby", "", NOON_MS, FactKind.BACKED_UP)),
        (events.SnapshotFile(KEY), None),
        (events.UploaderStarted(), None),
        (events.Uploading(10_000), None),
        # An abnormal status says that it did not happen.
        (events.Uploaded(1), None),
        (events.BackedUp(1), None),
        (events.RecorderStarted(1), None),
        # Everybody's combined picture is nobody's camera.
        (events.StreamState(events.EVERYBODY, receiving=True, at=NOON), None),
    ],
)
def test_each_event_tells_its_fact(details: Details, fact: Fact | None) -> None:
    again = replace(PICTURE, details=details, notified_at=NOON + timedelta(minutes=5), notice_id="n-2", sequence=9)
    for notice in (replace(PICTURE, details=details), again):
        assert events.facts(notice) == (() if fact is None else (fact,))


def test_why_a_recorder_left_is_a_set_of_bits() -> None:
    assert events.LeaveCode(6) == events.LeaveCode.SIGNAL | events.LeaveCode.NO_USERS


def test_the_published_signatures() -> None:
    assert events.signature(PUBLISHED, "secret") == PUBLISHED_V2
    assert events.signature_v1(PUBLISHED, "secret") == PUBLISHED_V1


@pytest.mark.parametrize(
    ("body", "v2", "v1", "signed"),
    [
        (PUBLISHED, PUBLISHED_V2, None, True),
        (PUBLISHED, PUBLISHED_V2.upper(), None, True),
        (PUBLISHED, None, PUBLISHED_V1, True),
        (PUBLISHED, PUBLISHED_V2, "anything", True),
        # V1 never makes a wrong V2 good.
        (PUBLISHED, "0" * 64, PUBLISHED_V1, False),
        (PUBLISHED, "", PUBLISHED_V1, False),
        (PUBLISHED, None, None, False),
        (PUBLISHED, PUBLISHED_V1, None, False),
        (PUBLISHED, "é" * 32, None, False),
        (PUBLISHED + b" ", PUBLISHED_V2, None, False),
        (json.dumps(json.loads(PUBLISHED)).encode(), PUBLISHED_V2, None, False),
    ],
)
def test_only_what_was_signed_with_the_secret_is_signed(
    body: bytes, v2: str | None, v1: str | None, *, signed: bool
) -> None:
    assert events.is_signed(body, "secret", v2=v2, v1=v1) is signed
    assert not events.is_signed(body, "Secret", v2=v2, v1=v1)
