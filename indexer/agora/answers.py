"""What Agora's RESTful API answers, as values.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn

from indexer.agora.codes import Call
from indexer.agora.failures import AgoraError, code_in


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that no error is made of: its HTTP status and JSON object."""

    call: Call
    http_status: int
    body: Mapping[str, object]

    @property
    def code(self) -> int | None:
        """`code`, if it tells more than the HTTP status."""
        return code_in(self.body, self.http_status)


@dataclass(frozen=True, slots=True)
class Acquired:
    """A resource ID: good for one start within 5 minutes, better within 2 s."""

    resource_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """A recording that was started, and all that is needed to ask for it and to stop it."""

    sid: str
    resource_id: str
    cname: str
    uid: str
    """The recorder's."""


STATES: Final[Mapping[int, tuple[str, str]]] = {
    0: ("not-started", "the recording has not started"),
    1: ("initialized", "it is initialized"),
    2: ("starting", "its components are starting"),
    3: ("partly-ready", "some of its components are ready"),
    4: ("ready", "all of its components are ready: it has started"),
    5: ("in-progress", "it is in progress"),
    6: ("stopping", "it was asked to stop"),
    7: ("stopped", "all of its components have stopped"),
    8: ("exited", "it has ended"),
    20: ("exited-abnormally", "it has ended abnormally"),
}
"""`status` of the answer to a query: a name for programs, never renamed, and what it means.

SOURCE: "Query status" of the Cloud Recording RESTful API.
"""


@dataclass(frozen=True, slots=True)
class Status:
    """How a recording is.  With screenshots no file is named: only the bucket and callbacks tell of pictures."""

    number: int
    started_at: datetime | None
    """`sliceStartTime`: when what is recorded begins."""

    @property
    def name(self) -> str:
        """A word for programs; "unknown" for a number that no document has."""
        return STATES[self.number][0] if self.number in STATES else "unknown"

    @property
    def meaning(self) -> str:
        """A sentence for people."""
        return STATES[self.number][1] if self.number in STATES else "no document tells what this status means"

    @property
    def is_running(self) -> bool:
        """Whether it has started and goes on: 4 or 5, as "Best practice in integrating Cloud Recording" has it."""
        return self.number in {4, 5}


class Upload(StrEnum):
    """Where the files are when a recording was stopped.  The texts are told to programs: never rename one."""

    UPLOADED = "uploaded"
    BACKED_UP = "backed-up"
    UNKNOWN = "unknown"
    UNFINISHED = "unfinished"
    NOTHING = "nothing-recorded"

    @property
    def meaning(self) -> str:
        """A sentence for people."""
        return _UPLOADS[self]


_UPLOADS: Final[Mapping[Upload, str]] = {
    Upload.UPLOADED: "all files are in the storage",
    Upload.BACKED_UP: "some files could not be uploaded and are in Agora's backup cloud, which sends them later: look "
    "into the storage again after a few hours; it keeps them for up to 72 h",
    Upload.UNKNOWN: "Agora does not say where the files are: look into the storage",
    Upload.UNFINISHED: "the upload took longer than the 20 s that stop waits and goes on: look into the storage later",
    Upload.NOTHING: "nothing was recorded: nobody in the channel sent a stream; if somebody did, check cname, "
    "channelType and the subscriptions",
}

_UPLOAD_NAMES: Final[Mapping[str, Upload]] = {"uploaded": Upload.UPLOADED, "backuped": Upload.BACKED_UP}
"""As `uploadingStatus` spells them; "unknown", which one page spells "unknow", is all the rest."""

_UPLOAD_CODES: Final[Mapping[int, Upload]] = {50: Upload.UNFINISHED, 435: Upload.NOTHING}

ENDING: Final = 49
"""The code of a stop of what is ending already."""

STOPPED_CODES: Final = frozenset({ENDING, *_UPLOAD_CODES})
"""Codes behind which the recording is stopped none the less."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A recording that was stopped."""

    upload: Upload
    was_ending: bool = False
    """It had been stopped already, or ended by itself."""


def acquired(answer: Answer) -> Acquired:
    """Read the answer to `acquire`.  Raises `AgoraError`."""
    return Acquired(_text(answer, "resourceId"))


def started(answer: Answer, *, resource_id: str, cname: str, uid: str) -> Started:
    """Read the answer to `start`, of what was asked for.  Raises `AgoraError`."""
    return Started(_text(answer, "sid"), resource_id, cname, uid)


def status(answer: Answer) -> Status:
    """Read the answer to `query`.  Raises `AgoraError`."""
    server = _server_response(answer)
    number = server.get("status")
    if not isinstance(number, int) or isinstance(number, bool):
        _unreadable(answer, "serverResponse.status is no number")
    return Status(number, _moment(server.get("sliceStartTime")))


def stopped(answer: Answer) -> Stopped:
    """Read the answer to `stop`, or one of `STOPPED_CODES`."""
    code = answer.code
    if code is not None:
        return Stopped(_UPLOAD_CODES.get(code, Upload.UNKNOWN), was_ending=code == ENDING)
    server = answer.body.get("serverResponse")
    said = server.get("uploadingStatus") if isinstance(server, Mapping) else None
    return Stopped(_UPLOAD_NAMES.get(said, Upload.UNKNOWN) if isinstance(said, str) else Upload.UNKNOWN)


def _server_response(answer: Answer) -> Mapping[str, object]:
    server = answer.body.get("serverResponse")
    if not isinstance(server, Mapping):
        _unreadable(answer, "serverResponse is missing")
    return server


def _text(answer: Answer, field: str) -> str:
    found = answer.body.get(field)
    if not isinstance(found, str) or not found:
        _unreadable(answer, f"{field} is missing")
    return found


def _moment(value: object) -> datetime | None:
    """Unix time in milliseconds.  0 stands for not yet."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _unreadable(answer: Answer, what: str) -> NoReturn:
    raise AgoraError(
        f"{answer.call}: HTTP {answer.http_status}, but the answer is none of Agora's: {what}; check the base URL",
        call=answer.call,
        http_status=answer.http_status,
        lost=True,
    )
