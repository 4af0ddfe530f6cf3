"""What can happen in an emulated session, what Agora tells of it, and the names of what it leaves.  Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from indexer.agora import events, names
from indexer.agora.events import Details, LeaveCode
from indexer.agora.names import RecordingName, ScreenshotName, ShotHead
from indexer.model import EPOCH, to_ms

_JPG: Final = ".jpg"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for: a start request, as far as it matters here."""

    sid: str
    cname: str
    recorder_uid: str
    prefix: str
    """Empty, or with its trailing "/"."""
    interval: timedelta
    """From one shot of a user to the next."""
    records: bool = False
    """Recordings are made, too."""
    pictures: bool = True
    """Shots are taken: `snapshotConfig` is there, and `streamTypes` is not 0."""
    subscribed: frozenset[str] | None = None
    """Whose video is taken; None is everybody's."""
    tracks: tuple[str, ...] = ("audio", "video")
    """What is recorded, by `streamTypes`: 0 audio, 1 video, 2 both."""
    max_idle: timedelta | None = None
    """The recorder leaves when nobody has been in the channel for so long (`maxIdleTime`); None: it stays."""


@dataclass(frozen=True, slots=True)
class RecorderStarted:
    """The first recorder begins."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """The recorder receives a user's video from now on, or does not any more."""

    at: datetime
    uid: str
    receiving: bool


@dataclass(frozen=True, slots=True)
class ShotTaken:
    """A screenshot."""

    at: datetime
    """The capture time that its name tells."""
    uid: str
    bak: int | None
    """Number of the failover recorder; None for the first one."""
    uploaded_at: datetime | None
    """When its upload is due: `at` if it is not late; None if it is lost."""


@dataclass(frozen=True, slots=True)
class RecorderFailed:
    """The recorder captures nothing any more.  Nobody is told of it."""

    at: datetime
    bak: int | None
    """Its number."""


@dataclass(frozen=True, slots=True)
class FailedOver:
    """Another recorder has taken over."""

    at: datetime
    new_uid: str
    bak: int
    silent_since: datetime


@dataclass(frozen=True, slots=True)
class RecorderLost:
    """The recorder failed for the fourth time, and none takes over: the session is over."""

    at: datetime


@dataclass(frozen=True, slots=True)
class RecorderLeft:
    """The scenario is at its end, or nobody was there for too long: the session is over."""

    at: datetime
    idle: bool = False
    """Nobody was there."""


@dataclass(frozen=True, slots=True)
class SliceCut:
    """A slice of a recording is complete."""

    at: datetime
    uid: str
    track: str
    """`audio` or `video`."""
    bak: int | None
    started_at: datetime
    anew: bool
    """It does not go on where the slice before it ended."""

    @property
    def length(self) -> timedelta:
        """What it holds."""
        return self.at - self.started_at


Happening = (
    RecorderStarted | StreamChanged | ShotTaken | SliceCut | RecorderFailed | FailedOver | RecorderLost | RecorderLeft
)


def told_at_once(happening: Happening) -> Details | None:
    """What Agora tells of it when it happens.  None: nothing, or, of pictures and slices, nothing before the upload.

    Nothing says which reason Agora gives for a session that was stopped or ran its time: here it is the client's leave.
    """
    match happening:
        case RecorderStarted():
            return events.RecorderStarted()
        case StreamChanged(at, uid, receiving):
            return events.StreamState(uid, receiving, at)
        case FailedOver(_, new_uid):
            return events.SessionFailover(new_uid)
        case RecorderLeft(_, idle):
            return events.RecorderLeft(LeaveCode.NO_USERS if idle else LeaveCode.CLIENT_LEAVE)
        case ShotTaken() | SliceCut() | RecorderFailed() | RecorderLost():
            return None


def shot_key(plan: Plan, shot: ShotTaken) -> str:
    """The object key of a shot: `names.format`, which is asked once for each stream.

    Raises ValueError for a plan that no key tells.
    """
    front = _front(plan.prefix, shot.bak, plan.sid, plan.cname, shot.uid)
    return f"{front}{names.format_utc(to_ms(shot.at))}{_JPG}"


@lru_cache(maxsize=4096)
def _front(prefix: str, bak: int | None, sid: str, cname: str, uid: str) -> str:
    """The key of a screenshot up to its time."""
    head = ShotHead(prefix, bak_prefix(bak), sid, cname, uid)
    return names.format(ScreenshotName(head, EPOCH)).removesuffix(f"{names.format_utc(0)}{_JPG}")


def slice_key(plan: Plan, cut: SliceCut) -> str:
    """The object key of a slice."""
    stamp = names.format_utc(to_ms(cut.started_at))
    return names.format(
        RecordingName(plan.prefix, bak_prefix(cut.bak), plan.sid, plan.cname, "ts", cut.uid, cut.track, stamp)
    )


def playlist_key(plan: Plan, cut: SliceCut) -> str:
    """The object key of the playlist that lists a slice."""
    return names.format(
        RecordingName(plan.prefix, bak_prefix(cut.bak), plan.sid, plan.cname, "m3u8", cut.uid, cut.track)
    )


def bak_prefix(bak: int | None) -> str:
    """How the names of a failover recorder's objects begin."""
    return "" if bak is None else f"bak{bak}_"
