"""What notification callbacks of Cloud Recording tell, as values.  Pure.

Source: Agora's page "Receive notifications", the events of Cloud Recording.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import ClassVar, Final

EVERYBODY: Final = "0"
"""No user's uid: that of the combined picture of all."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """45: a screenshot was taken and is in the bucket."""

    event_type: ClassVar[int] = 45
    name: ClassVar[str] = "recorder_snapshot_file"
    service_type: ClassVar[int] = 1
    """1 in the English table, 2 in the Chinese."""

    file_name: str
    """The whole key: `<fileNamePrefix>/<file name>`."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """44: the recorder receives a user's video from now on, or does not any more."""

    event_type: ClassVar[int] = 44
    name: ClassVar[str] = "recorder_video_stream_state_changed"
    service_type: ClassVar[int] = 1

    uid: str
    """`EVERYBODY` is the combined picture, which only composite recording has."""
    receiving: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionFailover:
    """12: another recorder takes over, under a uid of its own."""

    event_type: ClassVar[int] = 12
    name: ClassVar[str] = "session_failover"
    service_type: ClassVar[int] = 0

    new_uid: str


@dataclass(frozen=True, slots=True)
class UploaderStarted:
    """30: the upload service began."""

    event_type: ClassVar[int] = 30
    name: ClassVar[str] = "uploader_started"
    service_type: ClassVar[int] = 2

    status: int = 0
    """0 is normal."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """31: all files are in the bucket.  Its `fileList` names recordings, not screenshots, and is passed over."""

    event_type: ClassVar[int] = 31
    name: ClassVar[str] = "uploaded"
    service_type: ClassVar[int] = 2

    status: int = 0
    """0 is normal."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """32: at least one file is in Agora's backup cloud, and comes to the bucket later."""

    event_type: ClassVar[int] = 32
    name: ClassVar[str] = "backuped"
    service_type: ClassVar[int] = 2

    status: int = 0
    """0 is normal."""


@dataclass(frozen=True, slots=True)
class Uploading:
    """33: how far the upload is, every minute."""

    event_type: ClassVar[int] = 33
    name: ClassVar[str] = "uploading_progress"
    service_type: ClassVar[int] = 2

    progress: int
    """Of 10,000."""


@dataclass(frozen=True, slots=True)
class RecorderStarted:
    """40: a recorder began."""

    event_type: ClassVar[int] = 40
    name: ClassVar[str] = "recorder_started"
    service_type: ClassVar[int] = 1

    status: int = 0
    """0 is normal."""


class LeaveCode(IntFlag):
    """Why a recorder left, one bit a reason.  None: the initialisation failed."""

    SIGNAL = 2
    NO_USERS = 4
    TIMER = 8
    CLIENT_LEAVE = 16


@dataclass(frozen=True, slots=True)
class RecorderLeft:
    """41: the recorder left the channel."""

    event_type: ClassVar[int] = 41
    name: ClassVar[str] = "recorder_leave"
    service_type: ClassVar[int] = 1

    code: int
    """Bits of `LeaveCode`, and any that Agora adds."""


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Any other event: we make nothing of it."""

    name: ClassVar[str] = "…"
    service_type: ClassVar[int] = 0

    event_type: int
    details: str = "{}"
    """JSON, as `format` writes it."""


Details = (
    SnapshotFile
    | StreamState
    | SessionFailover
    | UploaderStarted
    | Uploaded
    | BackedUp
    | Uploading
    | RecorderStarted
    | RecorderLeft
    | OtherEvent
)

DETAILS: Final = {
    kind.event_type: kind
    for kind in (
        *(SnapshotFile, StreamState, SessionFailover, UploaderStarted),
        *(Uploaded, BackedUp, Uploading, RecorderStarted, RecorderLeft),
    )
}
"""The events that have a value of their own, by number."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification callback.  Times are aware UTC, whole milliseconds."""

    notice_id: str
    notified_at: datetime
    """When Agora sent it to us: another time whenever it is sent again."""
    cname: str
    recorder_uid: str
    """Of the recorder, not of who is seen."""
    sid: str
    sequence: int
    """Counts the notices of a session from 0; they come in any order."""
    sent_at: datetime
    """When it happened; the same however often it is sent."""
    details: Details

    @property
    def event_type(self) -> int:
        """The number of the event."""
        return self.details.event_type
